"""The tool parser for vLLM, whole and streamed, on vLLM's own classes where they are there."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given

from glm_agent import ConfigurationError

from .cases import BEIJING, CASES, TOOLS, Calls, cut, replies


class Tokenizer:
    """As much of a tokenizer as a tool parser asks for."""

    def get_vocab(self) -> dict[str, int]:
        return {}


def request(plugin: ModuleType, **more: Any) -> Any:
    """A chat request with our tools."""
    if not plugin.REAL:  # pyright: ignore[reportAttributeAccessIssue]
        made = {"tool_choice": "auto", "skip_special_tokens": True, **more}
        tools = [
            SimpleNamespace(type="function", function=SimpleNamespace(**tool["function"]))
            for tool in made.pop("tools", TOOLS) or []
        ]
        return SimpleNamespace(tools=tools, **made)
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest

    messages = [{"role": "user", "content": "Hi"}]
    return ChatCompletionRequest(**{"messages": messages, "tools": TOOLS, **more})


def parser(plugin: ModuleType, asked: Any) -> Any:
    return plugin.ToolParserManager.get_tool_parser("glm4")(Tokenizer(), asked.tools)


def whole(plugin: ModuleType, text: str, **more: Any) -> tuple[str, Calls]:
    asked = request(plugin, **more)
    found = parser(plugin, asked).extract_tool_calls(text, asked)
    assert found.tools_called == bool(found.tool_calls)
    assert len({call.id for call in found.tool_calls}) == len(found.tool_calls)
    calls = [(call.function.name, call.function.arguments) for call in found.tool_calls]
    return found.content or "", calls


def streamed(plugin: ModuleType, parts: Iterable[str], **more: Any) -> tuple[str, Calls]:
    """What a client puts together from the deltas, as OpenAI's own does."""
    asked = request(plugin, **more)
    one = parser(plugin, asked)
    content, calls, text = "", [], ""
    deltas = []
    for part in parts:
        before, text = text, text + part
        deltas.append(one.extract_tool_calls_streaming(before, text, part, [], [], [], asked))
    for delta in [*deltas, one.finish_streaming()]:
        if delta is None:
            continue
        assert delta.content or delta.tool_calls
        content += delta.content or ""
        for call in delta.tool_calls:
            if call.index == len(calls):
                assert call.id
                assert (call.type, call.function.arguments) == ("function", "")
                calls.append((call.function.name, ""))
            else:
                assert call.id is None
                name, arguments = calls[call.index]
                calls[call.index] = (name, arguments + call.function.arguments)
    return content, calls


@pytest.mark.parametrize("name", CASES)
def test_a_whole_reply(vllm_plugin: ModuleType, name: str):
    text, content, calls = CASES[name]
    assert whole(vllm_plugin, text) == (content, calls)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("name", CASES)
def test_a_streamed_reply(vllm_plugin: ModuleType, name: str, size: int):
    text, content, calls = CASES[name]
    assert streamed(vllm_plugin, cut(text, size)) == (content, calls)


@given(text=replies)
def test_delta_by_delta_equals_whole(vllm_plugin: ModuleType, text: str):
    assert streamed(vllm_plugin, text) == whole(vllm_plugin, text)


def test_a_name_is_given_on_before_its_arguments(vllm_plugin: ModuleType):
    asked = request(vllm_plugin)
    one = parser(vllm_plugin, asked)
    first = one.extract_tool_calls_streaming("", "", "get_weather\n", [], [], [], asked)
    assert [call.function.name for call in first.tool_calls] == ["get_weather"]
    assert one.extract_tool_calls_streaming("", "", '{"ci', [], [], [], asked) is None


def test_without_tools_everything_is_content(vllm_plugin: ModuleType):
    text = f"get_weather\n{BEIJING}"
    assert whole(vllm_plugin, text, tools=None) == (text, [])
    assert streamed(vllm_plugin, text, tools=None) == (text, [])


def test_tool_choice_none_makes_no_calls(vllm_plugin: ModuleType):
    text = f"get_weather\n{BEIJING}"
    assert whole(vllm_plugin, text, tool_choice="none") == (text, [])
    assert streamed(vllm_plugin, text, tool_choice="none") == (text, [])


def test_control_tokens_stay_in_the_text(vllm_plugin: ModuleType):
    """vLLM drops them otherwise, and with them the border between two calls."""
    asked = request(vllm_plugin)
    assert parser(vllm_plugin, asked).adjust_request(asked).skip_special_tokens is False
    silent = request(vllm_plugin, tool_choice="none")
    assert parser(vllm_plugin, silent).adjust_request(silent).skip_special_tokens is not False


def test_an_unused_parser_has_nothing_to_finish(vllm_plugin: ModuleType):
    assert parser(vllm_plugin, request(vllm_plugin)).finish_streaming() is None


def test_two_replies_at_once_do_not_meet(vllm_plugin: ModuleType):
    asked = request(vllm_plugin)
    one, two = parser(vllm_plugin, asked), parser(vllm_plugin, asked)
    one.extract_tool_calls_streaming("", "", "get_wea", [], [], [], asked)
    delta = two.extract_tool_calls_streaming("", "", "\nther", [], [], [], asked)
    assert delta.content == "ther"


def test_it_can_be_loaded_by_its_path(vllm_plugin: ModuleType):
    """`--tool-parser-plugin` takes a path too, and loads the file outside of its package."""
    path = Path(str(vllm_plugin.__file__))
    spec = importlib.util.spec_from_file_location("vllm_tool_parser", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert vllm_plugin.ToolParserManager.get_tool_parser("glm4") is module.Glm4ToolParser


def test_without_vllm_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "vllm", None)
    monkeypatch.delitem(sys.modules, "glm_agent.plugins.vllm_tool_parser", raising=False)
    with pytest.raises(ConfigurationError, match=r"needs vLLM .* 0\.33\.0"):
        importlib.import_module("glm_agent.plugins.vllm_tool_parser")


# --- through vLLM's own serving layer -------------------------------------------------------------


@pytest.fixture
def serving(vllm_plugin: ModuleType) -> Any:
    """vLLM's parser class for a server started with `--tool-call-parser glm4`."""
    if not vllm_plugin.REAL:  # pyright: ignore[reportAttributeAccessIssue]
        pytest.skip("needs vLLM's own classes")
    from vllm.parser.parser_manager import ParserManager

    # What `vllm serve` does with its options before it starts.
    vllm_plugin.ToolParserManager.import_tool_parser("glm_agent.plugins.vllm_tool_parser")
    assert "glm4" in vllm_plugin.ToolParserManager.list_registered()
    return ParserManager.get_parser(
        tool_parser_name="glm4", enable_auto_tools=True, tokenizer=Tokenizer()
    )


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("name", CASES)
def test_vllm_streams_it(vllm_plugin: ModuleType, serving: Any, name: str, size: int):
    from vllm.entrypoints.openai.chat_completion.stream_processor import ChatStreamProcessor

    text, content, calls = CASES[name]
    asked = request(vllm_plugin)
    one = serving(Tokenizer(), asked.tools)
    asked = one.adjust_request(asked)
    stream = ChatStreamProcessor(asked, one, enable_auto_tools=True, parser_cls=serving)
    seen, made, reason = "", {}, None
    parts = cut(text, size) or [""]
    for number, part in enumerate(parts):
        last = "stop" if number == len(parts) - 1 else None
        delta, reason = stream.step(part, [number], last, [1])
        if delta is None:
            continue
        seen += delta.content or ""
        for call in delta.tool_calls:
            name_, arguments = made.get(call.index, ("", ""))
            function = call.function
            made[call.index] = (
                name_ + (function.name or ""),
                arguments + (function.arguments or ""),
            )
    assert (seen, list(made.values())) == (content, calls)
    assert reason == ("tool_calls" if calls else "stop")


@pytest.mark.parametrize("name", CASES)
def test_vllm_reads_it_whole(vllm_plugin: ModuleType, serving: Any, name: str):
    text, content, calls = CASES[name]
    asked = request(vllm_plugin)
    one = serving(Tokenizer(), asked.tools)
    reasoning, seen, made = one.parse(text, one.adjust_request(asked), enable_auto_tools=True)
    assert reasoning is None
    assert (seen or "", [(call.name, call.arguments) for call in made or []]) == (content, calls)
