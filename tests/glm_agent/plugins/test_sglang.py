"""The detector for SGLang, whole and streamed, on SGLang's own classes where they are there."""

from __future__ import annotations

import importlib
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given

from glm_agent import ConfigurationError

from .cases import BEIJING, CASES, TOOLS, Calls, cut, replies

ROOT = Path(__file__).resolve().parents[3]


def parser(plugin: ModuleType, tools: list[dict[str, Any]] = TOOLS) -> Any:
    """SGLang's parser of a server started with `--tool-call-parser glm4`."""
    if plugin.REAL:  # pyright: ignore[reportAttributeAccessIssue]
        from sglang.srt.entrypoints.openai.protocol import Tool

        made: list[Any] = [Tool(**tool) for tool in tools]
    else:
        made = [SimpleNamespace(function=SimpleNamespace(**tool["function"])) for tool in tools]
    return plugin.FunctionCallParser(tools=made, tool_call_parser="glm4")


def whole(plugin: ModuleType, text: str) -> tuple[str, Calls]:
    one = parser(plugin)
    found = one.detector.detect_and_parse(text, one.tools)
    return found.normal_text, [(call.name, call.parameters) for call in found.calls]


def streamed(plugin: ModuleType, parts: Iterable[str]) -> tuple[str, Calls]:
    """What a client puts together; each call's name comes once, and first."""
    one = parser(plugin)
    content, calls = "", []
    for text, items in [*map(one.parse_stream_chunk, parts), one.parse_stream_end()]:
        content += text
        for item in items:
            if item.name is not None:
                assert item.tool_index == len(calls)
                calls.append((item.name, item.parameters))
            else:
                name, arguments = calls[item.tool_index]
                calls[item.tool_index] = (name, arguments + item.parameters)
    return content, calls


@pytest.mark.parametrize("name", CASES)
def test_a_whole_reply(sglang_plugin: ModuleType, name: str):
    text, content, calls = CASES[name]
    assert whole(sglang_plugin, text) == (content, calls)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("name", CASES)
def test_a_streamed_reply(sglang_plugin: ModuleType, name: str, size: int):
    text, content, calls = CASES[name]
    assert streamed(sglang_plugin, cut(text, size)) == (content, calls)


@given(text=replies)
def test_delta_by_delta_equals_whole(sglang_plugin: ModuleType, text: str):
    assert streamed(sglang_plugin, text) == whole(sglang_plugin, text)


@given(text=replies)
@example(text="<|assistant|>get_weather")
def test_a_call_is_never_overlooked_before_it_is_parsed(sglang_plugin: ModuleType, text: str):
    """SGLang parses a whole reply only if this says that there may be a call."""
    if whole(sglang_plugin, text)[1]:
        assert parser(sglang_plugin).has_tool_call(text)


@pytest.mark.parametrize("text", ["\nHello there.", "", "\nTwo lines\nof text, no more"])
def test_prose_is_not_taken_for_a_call(sglang_plugin: ModuleType, text: str):
    assert not parser(sglang_plugin).has_tool_call(text)


def test_whole_calls_are_numbered_by_their_tools(sglang_plugin: ModuleType):
    one = parser(sglang_plugin)
    text = f"now\n{{}}<|assistant|>get_weather\n{BEIJING}"
    assert [call.tool_index for call in one.parse_non_stream(text)[1]] == [1, 0]


def test_a_tool_without_parameters(sglang_plugin: ModuleType):
    bare = [{"type": "function", "function": {"name": "now"}}]
    if not sglang_plugin.REAL:  # pyright: ignore[reportAttributeAccessIssue]
        bare[0]["function"] |= {"description": None, "parameters": None}  # pyright: ignore
    assert parser(sglang_plugin, bare).parse_non_stream("now\n{}")[1][0].name == "now"


def test_its_form_has_no_structural_tag(sglang_plugin: ModuleType):
    detector = parser(sglang_plugin).detector
    assert detector.supports_structural_tag() is False
    with pytest.raises(NotImplementedError):
        detector.structure_info()


def test_sglang_finds_it_by_its_entry_point(sglang_plugin: ModuleType):
    """The group `sglang.srt.plugins` names a function; SGLang calls it when it starts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    entry = project["entry-points"]["sglang.srt.plugins"]["glm-agent"]
    assert entry == "glm_agent.plugins.sglang_detector:register"
    registered = sglang_plugin.FunctionCallParser.ToolCallParserEnum
    registered.pop("glm4")
    sglang_plugin.register()
    assert registered["glm4"] is sglang_plugin.Glm4Detector


def test_without_sglang_it_says_what_it_needs(monkeypatch: pytest.MonkeyPatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "sglang"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sglang", None)
    monkeypatch.delitem(sys.modules, "glm_agent.plugins.sglang_detector", raising=False)
    with pytest.raises(ConfigurationError, match=r"needs SGLang .* 0\.5\.23"):
        importlib.import_module("glm_agent.plugins.sglang_detector")


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_sglang_asks_for_no_grammar_that_we_cannot_give(sglang_plugin: ModuleType, choice: str):
    """Its own code decides: nothing for `auto`, a JSON array for `required`."""
    if not sglang_plugin.REAL:  # pyright: ignore[reportAttributeAccessIssue]
        pytest.skip("needs SGLang's own classes")
    constraint = parser(sglang_plugin).get_structure_constraint(choice)
    assert (constraint and constraint[0]) == (None if choice == "auto" else "json_schema")
