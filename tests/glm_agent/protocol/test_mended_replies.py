"""Replies of glm-4-9b-chat that are not quite in the format, and text that only looks like calls.

"#" numbers the rows of the table of failure modes (facts on the protocol, §4.1), at the end.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from glm_agent.messages import Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import protocol_for
from glm_agent.protocol.arguments.repairs import REPAIRS

GLM4 = protocol_for("glm-4")
USER, OBSERVATION, END = "<|user|>", "<|observation|>", "<|endoftext|>"
SEGMENT = Control("<|assistant|>")
TOOLS = (
    ToolSpec("get_weather", parameters={"type": "object"}),
    ToolSpec("get_weather_history"),
    ToolSpec("python", kind="python"),
    ToolSpec("查询"),
    ToolSpec("math.gcd"),
)
Call = tuple[str, Any, tuple[str, ...]]
"""Name, arguments, repairs."""

JSON = '{"city": "北京"}'
CITY = {"city": "北京"}
CALL: Call = ("get_weather", CITY, ())


def call(*repairs: str) -> Call:
    return ("get_weather", CITY, repairs)


# The reply, and what it is, whether the stop token told of a call or nobody knows it.
MENDED: dict[str, tuple[str, list[str | Call]]] = {
    "leading newline": (f"\nget_weather\n{JSON}", [call("leading-newline")]),
    "leading newlines": (f"\n\n \n get_weather \r\n\n {JSON}\n", [call("leading-newline")]),
    "#1 GLM-4#474 glued to prose": (
        '获取温度数据。get_weather_history\n{"start_year": 2019}',
        ["获取温度数据。", ("get_weather_history", {"start_year": 2019}, ("after-text",))],
    ),
    "#1 on a line of its own": (f"好的。\nget_weather\n{JSON}", ["好的。", call("after-text")]),
    "#1 after a paragraph": (f"\n好的。\n\nget_weather\n\n{JSON}", ["好的。", call("after-text")]),
    "#1 after an English sentence": (
        f"I will look. get_weather\n{JSON}",
        ["I will look.", call("after-text")],
    ),
    "#1 two of them": (
        f"好的。get_weather\n{JSON}\nmath.gcd\n{{}}",
        ["好的。", call("after-text"), ("math.gcd", {}, ("after-call",))],
    ),
    "#2 on the name's line": (f"get_weather {JSON}", [call("same-line")]),
    "#2 right after the name": (f"get_weather{JSON}", [call("same-line")]),
    "#9 two calls, nothing between": (
        f"get_weather\n{JSON}查询\n{{}}",
        [call(), ("查询", {}, ("after-call",))],
    ),
    "#9 two calls, a newline between": (
        f"get_weather\n{JSON}\n\nget_weather_history\n{{}}\n",
        [call(), ("get_weather_history", {}, ("after-call",))],
    ),
    "#9 two calls, the token spelled out between": (
        f"get_weather\n{JSON}\n<|assistant|>\nmath.gcd\n{{}}",
        [call(), ("math.gcd", {}, ())],
    ),
    "a call, then prose": (f"get_weather\n{JSON}\n正在查询…", [call(), "正在查询…"]),
    "#11 GLM-4#511 a stop token spelled out, and more": (
        f"get_weather\n{JSON}\n<|observation|>\n{{}}",
        [call(), "{}"],
    ),
    "#11 after a call in text": (f"好。get_weather\n{JSON}<|user|>\n", ["好。", call("after-text")]),
    "#17 an envelope": (f'{{"name": "get_weather", "arguments": {JSON}}}', [call("envelope")]),
    "#17 a fenced envelope": (
        f'\n```json\n{{"name": "get_weather", "arguments": {JSON}}}\n```',
        [call("leading-newline", "envelope")],
    ),
    "#17 its arguments a string": (
        '{"name": "get_weather", "arguments": "{\\"city\\": \\"北京\\"}"}',
        [call("envelope", "double-encoded")],
    ),
    "#17 as Python writes it": (
        "{'name': 'get_weather', 'arguments': {'city': '北京'}}",
        [call("envelope", "single-quotes")],
    ),
    "#17 without arguments": ('{"name": "math.gcd"}', [("math.gcd", {}, ("envelope",))]),
    "#17 an array of them": (
        f'[{{"name": "get_weather", "arguments": {JSON}}}, {{"name": "查询", "arguments": {{}}}}]',
        [call("envelope"), ("查询", {}, ("after-call", "envelope"))],
    ),
    "a fence after the name": (f"get_weather\n```json\n{JSON}\n```", [call("fence")]),
    "a fence without a language": (f"get_weather\n```\n{JSON}\n```", [call("fence")]),
    "a fence that is only closed": (f"get_weather\n{JSON}\n```", [call()]),
    "a fence, then prose": (
        f"get_weather\n```json\n{JSON}\n```\n好",
        [call("fence", "trailing-text"), "好"],
    ),
    "a fence after a name in text": (
        f"好的。\nget_weather\n```json\n{JSON}\n```",
        ["好的。", call("after-text", "fence")],
    ),
    "#18 chatglm.cpp#345 ChatGLM3": (
        "get_weather\n```python\ntool_call(city='北京')\n```",
        [call("fence", "tool-call")],
    ),
    "#18 ChatGLM3 with a newline": (
        "\nget_weather\n ```python\ntool_call(city='北京')\n```",
        [call("leading-newline", "fence", "tool-call")],
    ),
    "#18, #28 single quotes": ("get_weather\n{'city': '北京'}", [call("single-quotes")]),
    "#26 encoded twice": (
        'get_weather\n"{\\"city\\": \\"北京\\"}"',
        [call("double-encoded")],
    ),
    "#26 quotes escaped": ('get_weather\n{\\"city\\": \\"北京\\"}', [call("escaped")]),
    "#26 newlines escaped": ('get_weather\n{\\n  "city": "北京"\\n}', [call("escaped")]),
    "#28 ms-swift#10169 Python literals": (
        "get_weather\n{'a': True, 'b': None, 'c': [False, 1.5]}",
        [("get_weather", {"a": True, "b": None, "c": [False, 1.5]}, ("single-quotes", "python"))],
    ),
    "#36 EchoBird#187 an empty object first": (f"get_weather\n{{}}{JSON}", [call("concatenated")]),
    "#36 the same object twice": (f"get_weather\n{JSON}\n{JSON}", [call()]),
    "#36 the same object twice, in single quotes": (
        "get_weather\n{'city': '北京'}{'city': '北京'}",
        [call("single-quotes", "concatenated")],
    ),
    "#36 an empty object after it": (f"get_weather\n{JSON}{{}}", [call()]),
    "#36 another object after it": (
        f'get_weather\n{JSON}{{"city": "上海"}}, {{"city": "广州"}}\n好',
        [call(), ("get_weather", None, ("after-call",)), ("get_weather", None, ("after-call",)), "好"],
    ),
    "#36 an envelope after it": (
        f'get_weather\n{JSON}\n{{"name": "查询", "arguments": {{}}}}',
        [call(), ("查询", {}, ("envelope",))],
    ),
    "a note in braces after it": (f"get_weather\n{JSON}\n{{note}} ok", [call(), "{note} ok"]),
    "a trailing comma": ('get_weather\n{"city": "北京",}', [call("trailing-comma")]),
    "a newline in a string": (
        'get_weather\n{"code": "a}\nb"}',
        [("get_weather", {"code": "a}\nb"}, ("raw-newline",))],
    ),
    "a bracket forgotten": ('get_weather\n{"city": "北京"', [call("unclosed")]),
    "a bracket too many": (f"get_weather\n{JSON}}}", [call()]),
    "brackets too many, then prose": (f"get_weather\n{JSON}}}]\n好", [call(), "好"]),
    "more in the line after a bracket": (f"get_weather\n{JSON}}} 1", [call(), "1"]),
    "a word right after a bracket": (f"get_weather\n{JSON}}}a", [call(), "}a"]),
    "no quotes at all": ("get_weather\n{city: 北京}", [call("json-repair")]),
    "names that begin with one another": (
        "好。get_weather_history\n{}",
        ["好。", ("get_weather_history", {}, ("after-text",))],
    ),
}  # fmt: skip

# What only the stop token <|observation|> makes a call. Else it is text, to the letter.
TOLD: dict[str, tuple[str, list[str | Call]]] = {
    "#1 glued to a word": (f"我来调用get_weather\n{JSON}", ["我来调用", call("after-text")]),
    "#1 after a blank": (f"Calling get_weather\n{JSON}", ["Calling", call("after-text")]),
    "#1 glued to an English sentence": (
        f"First get the data.get_weather\n{JSON}",
        ["First get the data.", call("after-text")],
    ),
    "after a colon, where examples stand": (f"例如：\nget_weather\n{JSON}", ["例如：", call("after-text")]),
    "prose after it": (f"好。get_weather\n{JSON}\n稍等。", ["好。", call("after-text"), "稍等。"]),
    "raw text after prose": (
        "我来算。\npython\nx = 1\nprint(x)\n",
        ["我来算。", ("python", None, ("after-text",))],
    ),
    "raw text after a newline": ("\npython\nx = 1", [("python", None, ("leading-newline",))]),
    "a name alone": ("\nget_weather", [("get_weather", {}, ("leading-newline",))]),
    "#17 an envelope after prose": (
        f'好的。\n```json\n{{"name": "get_weather", "arguments": {JSON}}}\n```',
        ["好的。", call("after-text", "envelope")],
    ),
    "#17 parameters for arguments": (
        f'{{"name": "get_weather", "parameters": {JSON}}}',
        [call("envelope")],
    ),
    "#9 a second call to an unknown tool": (
        f"get_weather\n{JSON}\nnope\n{{}}",
        [call(), ("nope", {}, ("after-call",))],
    ),
    "#9 a second call that is only a name": (
        f"get_weather\n{JSON}\nmath.gcd",
        [call(), ("math.gcd", {}, ("after-call",))],
    ),
    "arguments that nobody can read": ("好。get_weather\n{x}", ["好。", ("get_weather", None, ("after-text",))]),
    "a bracket forgotten, after prose": (
        '好。get_weather\n{"city": "北京"',
        ["好。", call("after-text", "unclosed")],
    ),
}  # fmt: skip

# Never calls, whatever the stop token was.
LOOK_ALIKES: dict[str, str] = {
    "prose whose second line is JSON": '示例配置\n{"a": 1}',
    "a sentence whose second line is JSON": 'Here it is.\n{"a": 1}\nIs that all?',
    "a code fence that shows a call": f"Write it so:\n```\nget_weather\n{JSON}\n```",
    "at the very start": f"```\nget_weather\n{JSON}\n```",
    "a fence that is not closed": f"So:\n```\nget_weather\n{JSON}",
    "a fence of tildes": f"So:\n~~~ text\nget_weather\n{JSON}\n~~~\nDone.",
    "a fence in a fence": f"So:\n````md\n```\nget_weather\n{JSON}\n```\nget_weather\n{JSON}\n````",
    "an undeclared name in prose": '好的。get_wind\n{"city": "A"}',
    "an undeclared name after a newline": '\nget_wind\n{"city": "A"}',
    "an undeclared name in an envelope": '{"name": "get_wind", "arguments": {}}',
    "the start of a name": f"好的。get_weath\n{JSON}",
    "a name and more": f"好的。get_weather_now\n{JSON}",
    "the end of a name": f"好的。my_get_weather\n{JSON}",
    "half of a dotted name": f"好的。other.get_weather\n{JSON}",
    "half of a path": f"a/get_weather\n{JSON}",
    "a Chinese name in a Chinese word": f"好的。我查询\n{JSON}",
    "a name in other case": f"好的。Get_Weather\n{JSON}",
    "a name and prose": "好的。get_weather\nis a tool.",
    "a name in backquotes": f"`get_weather`\n{JSON}",
    "a description of a tool": '{"name": "get_weather", "description": "Weather.", "parameters": {}}',
    "a name far above": "好的。get_weather" + "\n" * 100 + JSON,
    "an answer in JSON": '{"name": "Bonn", "arguments": ["for", "against"]}',
    "raw text in a sentence": "Use python\nprint(1)",
    "tokens in text": f"a<|assistant|>get_weather is <|observation|>{JSON}",
}


def shown(parts: tuple[str | ToolCall, ...]) -> list[str | Call]:
    return [p if isinstance(p, str) else (p.name, p.arguments, p.repairs) for p in parts]


@pytest.mark.parametrize("name", MENDED)
def test_it_is_mended_and_says_so(name: str) -> None:
    reply, expected = MENDED[name]
    for stop in (OBSERVATION, END, None):
        assert shown(GLM4.parse(reply, TOOLS, stop).parts) == expected


@pytest.mark.parametrize("name", TOLD)
def test_only_the_stop_token_tells(name: str) -> None:
    reply, expected = TOLD[name]
    parsed = GLM4.parse(reply, TOOLS, OBSERVATION)
    assert shown(parsed.parts) == expected
    for stop in (END, None, USER):
        first, *rest = GLM4.parse(reply, TOOLS, stop).parts
        if isinstance(first, ToolCall):
            assert f"{first.name}\n{first.payload}\n{rest[0]}" == reply
        else:
            assert (first, rest) == (reply.removeprefix("\n"), [])


@pytest.mark.parametrize("name", LOOK_ALIKES)
@pytest.mark.parametrize("stop", [USER, OBSERVATION, END, None])
def test_a_look_alike_is_text(name: str, stop: str | None) -> None:
    reply = LOOK_ALIKES[name]
    for first in ("", "\n"):
        text = (first + reply).removeprefix("\n")
        assert GLM4.parse(first + reply, TOOLS, stop).parts == (text,)


BEFORE_TEXT = [name for name, (_, parts) in MENDED.items() if not isinstance(parts[0], str)]


@pytest.mark.parametrize("name", [name for name in MENDED if name not in BEFORE_TEXT])
def test_what_follows_text_is_text_if_the_model_answered(name: str) -> None:
    reply, _ = MENDED[name]
    assert GLM4.parse(reply, TOOLS, USER).parts == (reply.removeprefix("\n"),)


@pytest.mark.parametrize("name", [*MENDED, *TOLD])
def test_strict_mends_nothing(name: str) -> None:
    reply, _ = (MENDED | TOLD)[name]
    for stop in (OBSERVATION, None):
        parsed = GLM4.parse(reply, TOOLS, stop, strict=True)
        assert not any(made.repairs for made in parsed.calls)
        assert all(made.error for made in parsed.calls)
        assert parsed.calls or parsed.text


@pytest.mark.parametrize("name", [*MENDED, *TOLD, *LOOK_ALIKES])
def test_it_is_the_same_in_any_split(name: str) -> None:
    """Law 4, at every place and in characters."""
    reply = LOOK_ALIKES[name] if name in LOOK_ALIKES else (MENDED | TOLD)[name][0]
    for stop in (OBSERVATION, None):
        whole = GLM4.parse(reply, TOOLS, stop)
        assert GLM4.parse(list(reply), TOOLS, stop) == whole
        for cut in range(1, len(reply)):
            assert GLM4.parse([reply[:cut], reply[cut:]], TOOLS, stop) == whole


def test_every_repair_of_the_table_is_seen_here_or_with_the_arguments() -> None:
    seen = {word for _, parts in [*MENDED.values(), *TOLD.values()] for p in parts if not isinstance(p, str) for word in p[2]}  # fmt: skip
    elsewhere = {"backslash", "full-width"}  # test_arguments.py
    xml = {word for word in REPAIRS if word not in seen | elsewhere}
    text = (Path(__file__).parent / "test_xml.py").read_text("utf-8")
    assert {word for word in xml if f'"{word}"' not in text} == set()


# --- cut replies, several segments --------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        '好的。get_weather\n{"city": "Bei',
        f"好的。get_weather\n{JSON}",
        f"\nget_weather\n{JSON}",
        '{"name": "get_weather", "arguments": {',
    ],
)
def test_where_a_cut_reply_only_might_call_it_is_text(reply: str) -> None:
    """#29: nobody knows what was to come."""
    parsed = GLM4.parse(reply, TOOLS, None, truncated=True)
    assert parsed.parts == (reply.removeprefix("\n"),)
    assert parsed.truncated


@pytest.mark.parametrize(
    "payload",
    [
        '{"city": "Bei',
        '{"city": "北京"',
        "{'city': '北京'",
        "{'a': 1}{'b",
        '{"a": 1,',
        "```json\n{",
    ],
)
def test_a_cut_call_is_never_completed(payload: str) -> None:
    parsed = GLM4.parse(f"get_weather\n{payload}", TOOLS, None, truncated=True)
    (made,) = parsed.calls
    assert made.arguments is None
    assert "cut by the token limit" in (made.error or "")


def test_nothing_is_lost_after_a_call_to_an_unknown_tool() -> None:
    """#11: what it is comes out with the stop token, and what follows it then."""
    parser = GLM4.stream_parser(TOOLS)
    for piece in (f"nope\n{JSON} <|observation|>", Control(OBSERVATION)):
        parser.feed(piece)
    assert shown(parser.parts) == [("nope", CITY, ())]
    assert "".join(parser.dropped) == "\n <|observation|>"


def test_what_is_cut_after_a_call_is_text() -> None:
    """The call may be running by then."""
    parsed = GLM4.parse('get_weather\n{"a": 1}{"b', TOOLS, None, truncated=True)
    assert shown(parsed.parts) == [("get_weather", {"a": 1}, ()), '{"b']


def test_what_is_whole_before_the_cut_counts() -> None:
    parsed = GLM4.parse(f"get_weather\n{JSON}\nmath.gcd\n{{", TOOLS, None, truncated=True)
    first, second = parsed.calls
    assert (first.arguments, second.arguments) == (CITY, None)


@pytest.mark.parametrize(("stop", "arguments"), [(OBSERVATION, {"city": "Bei"}), (None, None)])
def test_an_open_string_is_closed_only_if_the_model_itself_ended_there(
    stop: str | None, arguments: object
) -> None:
    (made,) = GLM4.parse('get_weather\n{"city": "Bei', TOOLS, stop).calls
    assert made.arguments == arguments


@pytest.mark.parametrize("stop", [USER, OBSERVATION, None])
def test_the_stop_token_speaks_for_the_last_segment_alone(stop: str | None) -> None:
    """A segment before it is judged as if its end were unknown: it may be call or answer."""
    sure: list[Piece] = [f"好。get_weather\n{JSON}", SEGMENT, "\n完"]
    assert shown(GLM4.parse(sure, TOOLS, stop).parts) == ["好。", call("after-text"), "完"]
    unsure: list[Piece] = [f"用get_weather\n{JSON}", SEGMENT, "\n完"]
    assert GLM4.parse(unsure, TOOLS, stop).parts == (f"用get_weather\n{JSON}", "完")


# --- the table of failure modes ------------------------------------------------------------------------

HERE, REPLIES, XML = "test_mended_replies.py", "test_replies.py", "test_xml.py"
TRANSPORT = "no text that a parser could read: the chat and completions models' tests"
RENDERING = "about the prompt: the renderers' tests"
# Number: the file that has a case marked with it, or why it does not concern a parser.
FAILURE_MODES: dict[int, str] = {
    1: HERE,
    2: REPLIES,
    3: REPLIES,
    4: REPLIES,
    5: "call ids in a server's chunks: the tests of serving; ours are numbered once (test_stream.py)",
    6: "test_stream.py",
    7: RENDERING,
    8: "a forced tool_choice: the grammar's tests",
    9: REPLIES,
    10: "stop ids of the sampler: the models' tests",
    11: HERE,
    12: REPLIES,
    13: RENDERING,
    14: RENDERING,
    15: REPLIES,
    16: "the wrong format for a model: the tests of families",
    17: HERE,
    18: HERE,
    19: TRANSPORT,
    20: "a tokenizer's call in transformers; we pad nothing",
    21: RENDERING,
    22: RENDERING,
    23: REPLIES,
    24: REPLIES,
    25: REPLIES,
    26: HERE,
    27: XML,
    28: HERE,
    29: HERE,
    30: REPLIES,
    31: "test_thinking.py",
    32: XML,
    33: REPLIES,
    34: "a grammar that never ends: the grammar's tests",
    35: RENDERING,
    36: HERE,
    37: "a model that repeats itself: the loop's limits",
}


def test_every_failure_mode_is_tested_or_does_not_concern_a_parser() -> None:
    assert list(FAILURE_MODES) == list(range(1, 38))
    for number, where in FAILURE_MODES.items():
        if where.endswith(".py"):
            text = (Path(__file__).parent / where).read_text("utf-8")
            assert re.search(rf"#{number}\b", text), number
