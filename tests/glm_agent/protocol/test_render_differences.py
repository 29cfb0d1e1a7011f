"""Where a family's rendering is not its chat template's, and why: the table of docs/wire-format.md.

Each test names one row: what the template writes (`variant="jinja"`), and what is written instead,
because the loop would otherwise lose something or a rendered prefix would change.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from glm_agent.messages import Assistant, Message, Observation, System, ToolCall, ToolSpec, User
from glm_agent.protocol import protocol_for

from .conversations import FAMILIES, XML, Chance, template_of, template_text

PREFIX = "[gMASK]<sop>"
NEWLINE = ("glm-4-0414", "glm-z1", "glm-z1-rumination")


def write(family: str, *messages: Message, **options: Any) -> str:
    """A transcript that asks for nothing, without the prefix."""
    prompt = protocol_for(family).render(messages, add_generation_prompt=False, **options)
    return prompt.text.removeprefix(PREFIX)


def theirs(family: str, *messages: Message, **options: Any) -> str:
    """The same in the template's words."""
    return write(family, *messages, variant="jinja", **options)


@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_else_differs(shared: Path, family: str) -> None:
    """Where none of the differences below applies, the default is the template's text."""
    template = template_of(shared, family)
    for seed in range(120):
        chance = Chance(seed)
        messages = plain(chance, family)
        tools = [chance.tool() for _ in range(chance.count(2))]
        if family == "glm-z1-rumination":
            tools = []
        options = chance.options(family)
        if family == "glm-5":
            options["keep_thinking"] = False
        kind: dict[str, Any] = {"variant": "jinja"} if family == "glm-4" else {}
        ours = protocol_for(family, **kind).render(messages, tools, **options).text
        assert ours == template_text(template, family, messages, tools, **options)


def plain(chance: Chance, family: str) -> list[Message]:
    """A conversation in which no difference applies: as a chat with tools usually is."""

    def text() -> str:
        return chance.text().replace("</think>", "").strip() + "。"

    messages: list[Message] = [System(text()) for _ in range(chance.count(2))]
    if family == "glm-z1-rumination":
        messages = []
    for _ in range(chance.count(4)):
        messages.append(User(text()))
        for _ in range(chance.count(2)):
            texts = [text()] if chance.yes(0.5) else []
            calls = [_harmless(chance.call()) for _ in range(1 + chance.count(1))]
            thinking = text() if family in XML and chance.yes(0.5) else ""
            messages.append(Assistant((*texts, *calls), thinking=thinking))
            messages += [Observation(text()) for _ in calls]
        messages.append(Assistant((text(),)))
    return messages


def _harmless(call: ToolCall) -> ToolCall:
    arguments = dict.fromkeys(call.arguments or {}, "好")
    payload = call.payload.replace("</think>", "")
    return ToolCall(call.id, call.name, payload, arguments)


# --- glm-4 ---------------------------------------------------------------------------------------


def test_glm_4_keeps_an_empty_observation() -> None:
    assert write("glm-4", Observation("")) == "<|observation|>\n"
    assert theirs("glm-4", Observation(""), keep_empty=False) == ""


def test_glm_4_lists_tools_as_the_code_that_it_was_trained_with() -> None:
    tool = ToolSpec("f")
    assert "# 可用工具\n\n## f" in protocol_for("glm-4").render([], [tool]).text
    assert "# 可用工具\n## f" in protocol_for("glm-4").render([], [tool], variant="jinja").text


# --- GLM-4-0414 and Z1 -----------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["glm-4-0414", "glm-z1"])
def test_a_late_system_message_stays_where_it_is(family: str) -> None:
    messages = [User("1"), System("2")]
    assert write(family, *messages) == "<|user|>\n1<|system|>\n2"
    assert theirs(family, *messages) == "<|system|>\n2<|user|>\n1"


@pytest.mark.parametrize("family", NEWLINE)
def test_an_observation_keeps_its_metadata(family: str) -> None:
    page = Observation("页", metadata="quote_result [7†source]")
    assert write(family, page).endswith("<|observation|>quote_result [7†source]\n页")
    assert theirs(family, page).endswith("<|observation|>\n页")


@pytest.mark.parametrize("family", ["glm-z1", "glm-z1-rumination"])
def test_only_a_reply_can_end_its_thinking(family: str) -> None:
    for role, message in [("user", User("a</think>b")), ("observation", Observation("a</think>b"))]:
        assert write(family, message).endswith(f"<|{role}|>\na</think>b")
        assert theirs(family, message).endswith(f"<|{role}|>\nb")


@pytest.mark.parametrize("family", ["glm-z1", "glm-z1-rumination"])
def test_the_first_line_keeps_its_indent(family: str) -> None:
    table = Observation("\n \n   a  b\n0  1  2\n\n")
    assert write(family, table).endswith("<|observation|>\n   a  b\n0  1  2")
    assert theirs(family, table).endswith("<|observation|>\na  b\n0  1  2")


@pytest.mark.parametrize("family", ["glm-z1", "glm-z1-rumination"])
def test_a_reply_of_which_nothing_is_left_is_an_empty_answer(family: str) -> None:
    cut = Assistant((), truncated=True, thinking="hm")
    assert write(family, cut).endswith("<|assistant|>\n")
    assert not theirs(family, cut).endswith("<|assistant|>\n")


def test_rumination_keeps_the_callers_system_message() -> None:
    assert write("glm-z1-rumination", System("简短")).endswith("]<|system|>\n简短")
    assert theirs("glm-z1-rumination", System("简短")).endswith("]")


def test_rumination_lists_the_callers_tools() -> None:
    protocol = protocol_for("glm-z1-rumination")
    tool = ToolSpec("查天气", "Weather.", {"type": "object", "properties": {}})
    listed = (
        '<可调用的工具列表>\n\n[{"name": "查天气", "description": "Weather.", '
        '"parameters": {"type": "object", "properties": {}}}]'
    )
    assert listed in protocol.render([], [tool]).text
    its_own = protocol.render([], [tool], variant="jinja").text
    assert '[{"name": "search", "description":' in its_own
    assert its_own == protocol.render([]).text


# --- GLM-4.5 and later -----------------------------------------------------------------------------


def by_family(texts: Sequence[str]) -> Any:
    return pytest.mark.parametrize(
        ("family", "ours", "template"),
        [("glm-4.5", *texts[:2]), ("glm-4.7", *texts[2:]), ("glm-5", *texts[2:])],
    )


@by_family(
    [
        "<|observation|>\n<tool_response>\nquote_result [7†source]\n页\n</tool_response>",
        "<|observation|>\n<tool_response>\n页\n</tool_response>",
        "<|observation|><tool_response>quote_result [7†source]\n页</tool_response>",
        "<|observation|><tool_response>页</tool_response>",
    ]
)
def test_a_tool_response_keeps_its_metadata(family: str, ours: str, template: str) -> None:
    page = Observation("页", metadata="quote_result [7†source]")
    assert write(family, page) == ours
    assert theirs(family, page) == template


@by_family(
    [
        "\n<think></think>\na\n<tool_call>f\n</tool_call>\nb",
        "\n<think></think>\na\nb\n<tool_call>f\n</tool_call>",
        "</think>a<tool_call>f</tool_call>b",
        "</think>a\nb<tool_call>f</tool_call>",
    ]
)
def test_a_text_after_a_call_stays_after_it(family: str, ours: str, template: str) -> None:
    reply = Assistant(("a", ToolCall("c", "f", "{}", {}), "b"))
    assert write(family, reply, User("x")).partition("<|user|>")[0] == f"<|assistant|>{ours}"
    assert theirs(family, reply, User("x")).partition("<|user|>")[0] == f"<|assistant|>{template}"


@by_family(
    [
        "\n<think></think>\na</think>b",
        "\n<think></think>\nb",
        "</think>a</think>b",
        "</think>b",
    ]
)
def test_a_text_that_spells_the_end_of_thinking(family: str, ours: str, template: str) -> None:
    reply = Assistant(("a</think>b",))
    assert write(family, reply, User("x")).partition("<|user|>")[0] == f"<|assistant|>{ours}"
    assert theirs(family, reply, User("x")).partition("<|user|>")[0] == f"<|assistant|>{template}"


def test_glm_5_writes_a_reply_without_thinking_in_one_way() -> None:
    """Where thinking is kept; the template decides by what came later."""
    reply, thoughtful = Assistant(("a",)), Assistant(("b",), thinking="hm")
    for enable, mark in ((True, "<think></think>"), (False, "</think>")):
        options = {"keep_thinking": True, "enable_thinking": enable}
        for later in ([], [User("x")], [thoughtful, User("x")]):
            text = write("glm-5", User("1"), reply, *later, **options)
            assert text.startswith(f"<|user|>1<|assistant|>{mark}a")
    found = {
        theirs("glm-5", User("1"), reply, *later, keep_thinking=True)[9:].partition("a<|")[0]
        for later in ([], [User("x")], [thoughtful, User("x")])
    }
    assert len(found) > 1


def test_glm_45_turns_thinking_off_by_a_token_also_where_the_user_typed_it() -> None:
    """The text is the template's; the switch is a control token and not what the user typed."""
    prompt = protocol_for("glm-4.5", enable_thinking=False).render([User("hi/nothink")])
    assert prompt.text.endswith("<|user|>\nhi/nothink<|assistant|>\n<think></think>")
    assert [str(piece) for piece in prompt.pieces[3:5]] == ["\nhi", "/nothink"]
    typed = protocol_for("glm-4.5").render([User("hi/nothink")])
    assert "\nhi/nothink" in typed.pieces


def test_glm_45_can_keep_thinking_which_its_template_cannot() -> None:
    reply = Assistant(("a",), thinking="hm")
    assert "hm" not in write("glm-4.5", reply, User("x"))
    assert "<think>hm</think>" in write("glm-4.5", reply, User("x"), keep_thinking=True)


# --- calls that are not one JSON object ----------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("glm-4", "f\n{broken"),
        ("glm-4-0414", "f\n{broken"),
        ("glm-z1", "f\n{broken"),
        ("glm-z1-rumination", "f \n{broken"),
        ("glm-4.5", "<tool_call>f\n{broken\n</tool_call>"),
        ("glm-4.7", "<tool_call>f\n{broken\n</tool_call>"),
        ("glm-5", "<tool_call>f\n{broken\n</tool_call>"),
    ],
)
def test_a_payload_that_cannot_be_read_is_shown_as_it_was_written(
    family: str, expected: str
) -> None:
    call = ToolCall("c", "f", "{broken", error="not valid JSON")
    assert write(family, Assistant((call,))).endswith(expected)


@pytest.mark.parametrize("family", XML)
def test_arguments_are_read_from_the_payload_where_nobody_has(family: str) -> None:
    call = ToolCall("c", "f", '{"a": "x", "b": [1, "好"]}')
    told = write(family, Assistant((call,))).replace("\n", "")
    assert told.endswith(
        "<tool_call>f<arg_key>a</arg_key><arg_value>x</arg_value>"
        '<arg_key>b</arg_key><arg_value>[1, "好"]</arg_value></tool_call>'
    )
