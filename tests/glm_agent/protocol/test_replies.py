"""What replies of glm-4-9b-chat mean. "§" and "#" refer to the sources of each case.

Replies that are not quite in the format are in test_mended_replies.py.

A reply is written as a string here, in which `‹assistant›`, `‹user›` and so on stand for the
control tokens; a spelled-out `<|user|>` is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from glm_agent.events import CallReady
from glm_agent.messages import Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import ParsedReply, protocol_for

GLM4 = protocol_for("glm-4")
USER, OBSERVATION, END = "<|user|>", "<|observation|>", "<|endoftext|>"
TOOLS = (
    ToolSpec("get_weather", parameters={"type": "object"}),
    ToolSpec("get_weather_history"),
    ToolSpec("python", kind="python"),
    ToolSpec("simple_browser", kind="simple_browser"),
    ToolSpec("cogview", kind="cogview"),
    ToolSpec("查询", parameters={"type": "object"}),
    ToolSpec("math.gcd"),
)


def pieces(reply: str) -> list[Piece]:
    """The pieces of a reply in this file's notation."""
    parts = re.split("‹(.*?)›", reply)
    return [Control(f"<|{part}|>") if i % 2 else part for i, part in enumerate(parts) if part]


def parse(reply: str, stop: str | None = None, truncated: bool = False) -> ParsedReply:
    return GLM4.parse(pieces(reply), TOOLS, stop, truncated)


# --- what a reply means ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Called:
    """A call as a case expects it; `arguments` None for raw text and what cannot be read."""

    name: str
    arguments: Mapping[str, object] | None
    payload: str | None = None
    error: str | None = None


BEIJING = {"city": "北京"}
JSON = '{"city": "北京"}'
LONDON = Called("get_weather", {"city": "London"})

CASES: dict[str, tuple[str, str | None, list[str | Called]]] = {
    # the form itself, §1.1 and §3
    "answer": ("\n你好！", USER, ["你好！"]),
    "function": (f"get_weather\n{JSON}", OBSERVATION, [Called("get_weather", BEIJING, JSON)]),
    "dotted name": ('math.gcd\n{"a": 4}', OBSERVATION, [Called("math.gcd", {"a": 4})]),
    "Chinese name": (f"查询\n{JSON}", OBSERVATION, [Called("查询", BEIJING)]),
    "python": ("python\nx = 1\nx + 1", OBSERVATION, [Called("python", None, "x = 1\nx + 1")]),
    "indented code": ("python\n  x", OBSERVATION, [Called("python", None, "  x")]),
    "browser": (
        'simple_browser\nsearch("GLM", 30)',
        OBSERVATION,
        [Called("simple_browser", None, 'search("GLM", 30)')],
    ),
    "cogview": ("cogview\nA cat.", OBSERVATION, [Called("cogview", None, "A cat.")]),
    "code that looks like JSON": ("python\n{1: 2}", OBSERVATION, [Called("python", None, "{1: 2}")]),
    "several calls, §3.5": (
        f'get_weather\n{JSON}‹assistant›get_weather\n{{"city": "London"}}',
        OBSERVATION,
        [Called("get_weather", BEIJING), LONDON],
    ),
    "answer, then call": (
        f"\n我来查询。‹assistant›get_weather\n{JSON}",
        OBSERVATION,
        ["我来查询。", Called("get_weather", BEIJING)],
    ),
    "call, then answer": (f"get_weather\n{JSON}‹assistant›\n好", USER, [Called("get_weather", BEIJING), "好"]),
    "two answers": ("\na‹assistant›\nb", USER, ["a", "b"]),
    # answers that are none of it
    "nothing": ("", USER, []),
    "only the newline": ("\n", USER, []),
    "only markers": ("‹assistant›‹assistant›", USER, []),
    "no leading newline": ("你好！\n再见。", USER, ["你好！\n再见。"]),
    "one word": ("Hello", USER, ["Hello"]),
    "one word and a paragraph": ("Hello\n\nHow are you?", USER, ["Hello\n\nHow are you?"]),
    "two newlines": ("\n\na", USER, ["\na"]),
    "blank line": (" \na", USER, [" \na"]),
    "answer that is a name": ("\npython", USER, ["python"]),
    "a name, and the stop says answer": ("python", USER, ["python"]),
    "prose whose second line is JSON, §4": ('示例配置\n{"a": 1}', USER, ['示例配置\n{"a": 1}']),
    "a word whose second line is JSON": ('Example\n{"a": 1}', USER, ['Example\n{"a": 1}']),
    "the same, and the stop is unknown": ('Example\n{"a": 1}', None, ['Example\n{"a": 1}']),
    "a heading whose second line is JSON": ('# a\n{"a": 1}', OBSERVATION, ['# a\n{"a": 1}']),
    "a code fence that shows a call": (
        f"\n```\nget_weather\n{JSON}\n```",
        USER,
        [f"```\nget_weather\n{JSON}\n```"],
    ),
    "start of a name": (f"get_wea\n{JSON}", USER, [f"get_wea\n{JSON}"]),
    "a name and more": ("get_weather is a tool\n{}", USER, ["get_weather is a tool\n{}"]),
    "a name in other case": ("Python\nis a language.", USER, ["Python\nis a language."]),
    # §4.1, by number
    "#2 stop is unknown": (f"get_weather\n{JSON}", None, [Called("get_weather", BEIJING)]),
    "#2 stop is the end of text": (f"get_weather\n{JSON}", END, [Called("get_weather", BEIJING)]),
    "#3, #15 no such tool": ('query_train\n{"to": 1}', OBSERVATION, [Called("query_train", {"to": 1})]),
    "#3 no such tool, indented": ("now\n\n {}", OBSERVATION, [Called("now", {})]),
    "#4 not JSON": ('get_weather\n{"city": }', OBSERVATION, [Called("get_weather", None, '{"city": }', "not valid JSON")]),
    "#9, #33 a second call to an unknown tool": (
        'get_weather\n{"city": "London"}‹assistant›nope\n{}',
        OBSERVATION,
        [LONDON, Called("nope", {})],
    ),
    "#9 a first call to an unknown tool": (
        'nope\n{}‹assistant›get_weather\n{"city": "London"}',
        OBSERVATION,
        [Called("nope", {}), LONDON],
    ),
    "#11 spelled-out stop token": (f"get_weather\n{JSON}<|observation|>", None, [Called("get_weather", BEIJING, JSON)]),
    "#11 and a newline": (f"get_weather\n{JSON}\n<|observation|>\n", None, [Called("get_weather", BEIJING, JSON)]),
    "#11 after code": ("python\n1 + 1<|user|>", None, [Called("python", None, "1 + 1")]),
    "#11 in the middle of code it stays": (
        "python\nx = '<|user|>'",
        OBSERVATION,
        [Called("python", None, "x = '<|user|>'")],
    ),
    "#11 half of one stays": ("python\na <|us", OBSERVATION, [Called("python", None, "a <|us")]),
    "#12 text after the stop token": ("\n好‹user›\nand you?", None, ["好"]),
    "#23 no arguments": ("get_weather\n", OBSERVATION, [Called("get_weather", {}, "")]),
    "#23 nor a newline": ("get_weather", OBSERVATION, [Called("get_weather", {}, "")]),
    "#23 blanks": ("get_weather \n\n  ", OBSERVATION, [Called("get_weather", {}, "")]),
    "#24 one name starts another": (
        'get_weather_history\n{"year": 1}',
        OBSERVATION,
        [Called("get_weather_history", {"year": 1})],
    ),
    "#25 blanks around the name": (f" get_weather \t\r\n{JSON}", OBSERVATION, [Called("get_weather", BEIJING, JSON)]),
    "#28 neither Python nor JSON": ("get_weather\n{'a': set()}", OBSERVATION, [Called("get_weather", None, None, "not valid JSON")]),
    "#30 markers back to back": ("get_weather\n{}‹assistant›‹assistant›\n好", USER, [Called("get_weather", {}), "好"]),
    "#36 two objects": ('get_weather\n{"a": 1}{"a": 2}', OBSERVATION, [Called("get_weather", {"a": 1}, '{"a": 1}'), Called("get_weather", None, '{"a": 2}', "a second object")]),
    # the published parsers' failures, §4
    "indented JSON": (f"get_weather\n  {JSON}", OBSERVATION, [Called("get_weather", BEIJING, f"  {JSON}")]),
    "blank line before JSON": (f"get_weather\n\n{JSON}", OBSERVATION, [Called("get_weather", BEIJING)]),
    "JSON over several lines": ('get_weather\n{\n "a": {\n "b": 1\n}\n}', OBSERVATION, [Called("get_weather", {"a": {"b": 1}})]),
    "brace in a string": ('get_weather\n{"a": "x={}\\n}"}', OBSERVATION, [Called("get_weather", {"a": "x={}\n}"})]),
    "unicode escapes": ('get_weather\n{"city": "\\u5317\\u4eac"}', OBSERVATION, [Called("get_weather", BEIJING)]),
    "an array": ('get_weather\n["a"]', OBSERVATION, [Called("get_weather", None, '["a"]', "an array")]),
    # control tokens that have no place in a reply
    "other markers": ("\na‹system›b", USER, ["ab"]),
    "spelled-out markers in text": ("\na<|user|>b<|assistant|>", USER, ["a<|user|>b<|assistant|>"]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_reply(name: str) -> None:
    reply, stop, expected = CASES[name]
    parsed = parse(reply, stop)
    assert len(parsed.parts) == len(expected)
    for part, wanted in zip(parsed.parts, expected, strict=True):
        if isinstance(wanted, str):
            assert part == wanted
            continue
        assert isinstance(part, ToolCall)
        assert (part.name, part.arguments) == (wanted.name, wanted.arguments)
        assert wanted.payload in (None, part.payload)
        assert (wanted.error or "") in (part.error or "")
        assert bool(part.error) == bool(wanted.error)


@pytest.mark.parametrize("name", CASES)
def test_reply_means_the_same_in_any_split(name: str) -> None:
    """Law 4, and §4.1 #30: every case here, cut at every place and into characters."""
    reply, stop, _ = CASES[name]
    whole = GLM4.parse(pieces(reply), TOOLS, stop)
    characters = [c for p in pieces(reply) for c in ([p] if isinstance(p, Control) else p)]
    assert GLM4.parse(characters, TOOLS, stop) == whole
    for index, piece in enumerate(pieces(reply)):
        if isinstance(piece, Control):
            continue
        for cut in range(1, len(piece)):
            split = pieces(reply)
            split[index : index + 1] = [piece[:cut], piece[cut:]]
            assert GLM4.parse(split, TOOLS, stop) == whole


# --- replies that were cut --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "arguments"),
    [
        ('get_weather\n{"city": "Bei', None),
        ("get_weather\n", None),
        ("get_weather\n  ", None),
        ("python\nprint(1", None),
        (f"get_weather\n{JSON}", BEIJING),  # a whole object needs nothing more
    ],
)
def test_a_cut_call_says_so(reply: str, arguments: object) -> None:
    parsed = parse(reply, None, truncated=True)
    assert parsed.truncated
    assert parsed.calls[0].arguments == arguments
    assert ("cut by the token limit" in (parsed.calls[0].error or "")) == (arguments is None)


def test_only_the_last_call_is_cut() -> None:
    parsed = parse('get_weather\n{}‹assistant›get_weather\n{"a', None, truncated=True)
    assert [call.error is None for call in parsed.calls] == [True, False]


@pytest.mark.parametrize("reply", ["get_wea", "get_weather", "nope\n{}", "nope\n", "\nabc"])
def test_a_cut_reply_without_a_whole_name_line_is_text(reply: str) -> None:
    parsed = parse(reply, None, truncated=True)
    assert parsed.truncated
    assert parsed.parts == (reply.removeprefix("\n"),)


# --- calls are numbered, thinking is empty, texts are joined -------------------------------------------


def test_calls_are_numbered_on_from_the_transcript() -> None:
    parser = GLM4.stream_parser(TOOLS, first_call=7)
    for piece in pieces("get_weather\n{}‹assistant›\n和‹assistant›get_weather\n{}"):
        parser.feed(piece)
    parser.close(OBSERVATION)
    assert [part.id for part in parser.parts if isinstance(part, ToolCall)] == ["call_7", "call_8"]
    assert parser.thinking == ""
    assert parser.stop == OBSERVATION


def test_the_stop_token_may_come_in_the_stream() -> None:
    parser = GLM4.stream_parser(TOOLS)
    events = [
        event for piece in pieces("nope\n{}‹observation›rest") for event in parser.feed(piece)
    ]
    assert isinstance(events[-1], CallReady)
    assert parser.close(None, truncated=True) == []
    assert (parser.stop, parser.truncated) == (OBSERVATION, False)


def test_a_closed_parser_takes_no_more() -> None:
    parser = GLM4.stream_parser(TOOLS)
    parser.close(USER)
    assert parser.close(USER) == []
    with pytest.raises(ValueError, match="closed"):
        parser.feed("a")
