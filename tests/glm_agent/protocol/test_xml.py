"""What replies of GLM-4.5 and later mean, table by table, with the source of each case.

"#" is a number of the list of users' failures in the protocol's facts (§4.1), or an issue of the
project named before it. Replies are written with their tags spelled, as a text-only server gives
them; `split` takes those for the tokens that they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from glm_agent.events import CallDelta, CallReady, CallStarted, TextDelta
from glm_agent.messages import Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import ParsedReply, protocol_for
from glm_agent.protocol.arguments.ladder import CUT
from glm_agent.protocol.arguments.repairs import REPAIRS
from glm_agent.protocol.parsing.xml_stream import XmlParser45, XmlParser47

GLM45, GLM47 = protocol_for("glm-4.5"), protocol_for("glm-4.7")
USER, OBSERVATION = "<|user|>", "<|observation|>"
TOOLS = (
    ToolSpec(
        "get_weather",
        parameters={
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "unit": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "tasks": {"type": "array"},
                "exact": {"type": "boolean"},
            },
        },
    ),
    ToolSpec("get_weather_history", parameters={"properties": {"city": {"type": "string"}}}),
    ToolSpec("ask", parameters={"properties": {"question": {"type": "string"}}}),
    ToolSpec("ask_followup_question", parameters={"properties": {"question": {}}}),
    ToolSpec("now"),
    ToolSpec("python", kind="python"),
)


@dataclass(frozen=True)
class Called:
    """A call as a case expects it; `arguments` None for raw text and what cannot be read."""

    name: str
    arguments: Mapping[str, object] | None
    payload: str | None = None
    error: str = ""
    repairs: tuple[str, ...] = ()


def compare(parts: tuple[str | ToolCall, ...], expected: list[str | Called]) -> None:
    assert len(parts) == len(expected)
    for part, wanted in zip(parts, expected, strict=True):
        if isinstance(wanted, str):
            assert part == wanted
            continue
        assert isinstance(part, ToolCall)
        assert (part.name, part.arguments) == (wanted.name, wanted.arguments)
        assert wanted.error in (part.error or "")
        assert bool(part.error) == bool(wanted.error)
        assert part.repairs == wanted.repairs
        if wanted.payload is not None:
            assert part.payload == wanted.payload


def parse(
    reply: str, stop: str | None = None, truncated: bool = False, strict: bool = False
) -> ParsedReply:
    return GLM45.parse(GLM45.split(reply), TOOLS, stop, truncated, strict=strict)


def pair(key: str, value: str) -> str:
    """A key and its value as GLM-4.5 writes them."""
    return f"<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n"


def call(name: str, **values: str) -> str:
    """A call as GLM-4.5 writes it."""
    return f"<tool_call>{name}\n{''.join(pair(*item) for item in values.items())}</tool_call>"


BEIJING = Called("get_weather", {"city": "北京"})
NOW = Called("now", {}, "{}")

# --- the form itself, §3.9 -----------------------------------------------------------------------

FORM: dict[str, tuple[str, str | None, list[str | Called]]] = {
    "answer": ("\n你好！", USER, ["你好！"]),
    "answer over lines": ("\n a\n\nb \n", USER, ["a\n\nb"]),
    "nothing": ("", USER, []),
    "white space": (" \n\t", USER, []),
    "call": (
        call("get_weather", city="北京", days="3"),
        OBSERVATION,
        [Called("get_weather", {"city": "北京", "days": 3}, '{"city": "北京", "days": 3}')],
    ),
    "no arguments": (call("now"), OBSERVATION, [NOW]),
    "text, then a call": (f"\n看看。\n{call('now')}", OBSERVATION, ["看看。", NOW]),
    "text around calls": (
        f"a\n{call('now')}\nb\n{call('get_weather', city='北京')} c",
        OBSERVATION,
        ["a", NOW, "b", BEIJING, "c"],
    ),
    "an empty string": (call("get_weather", city=""), OBSERVATION, [Called("get_weather", {"city": ""})]),
    "a string that is long and odd": (
        call("get_weather", city='\n {"a": "\\n"}\t<b>&\n'),
        OBSERVATION,
        [Called("get_weather", {"city": '\n {"a": "\\n"}\t<b>&\n'})],
    ),
    "a call within a string belongs to it": (
        call("get_weather", city=f"write {call('now', x='1')} so"),
        OBSERVATION,
        [Called("get_weather", {"city": f"write {call('now', x='1')} so"})],
    ),
    "thinking tags within a string": (
        call("get_weather", city="a<think>b</think>"),
        OBSERVATION,
        [Called("get_weather", {"city": "a<think>b</think>"})],
    ),
    "tags of results in text": (
        "\n<tool_response>1</tool_response>",
        USER,
        ["<tool_response>1</tool_response>"],
    ),
    "raw text: code is the one argument": (
        call("python", code="print(1)\n"),
        OBSERVATION,
        [Called("python", None, "print(1)\n")],
    ),
    "two texts for a tool that takes one": (
        call("python", code="1", more="2"),
        OBSERVATION,
        [Called("python", None, "1", "takes one text")],
    ),
    "an unknown tool": (
        call("nope", a="1", b="x"),
        OBSERVATION,
        [Called("nope", {"a": 1, "b": "x"})],
    ),
    "prose that names the tag": (
        "\nWrite <tool_call> and then the name of it.",
        USER,
        ["Write <tool_call> and then the name of it."],
    ),
    "prose that shows keys": (
        "\n<arg_key>k</arg_key> is a key",
        USER,
        ["<arg_key>k</arg_key> is a key"],
    ),
    "the next segment": ("a<|assistant|>b", USER, ["a", "b"]),
    "text after the stop token, #12": ("\n好<|user|>\nand you?", None, ["好"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORM)
def test_the_form(name: str) -> None:
    reply, stop, expected = FORM[name]
    compare(parse(reply, stop).parts, expected)


@pytest.mark.parametrize("name", FORM)
def test_strict_mode_takes_what_is_in_form(name: str) -> None:
    """All cases above are; only white space at the edges of texts is nobody's business."""
    reply, stop, expected = FORM[name]
    compare(parse(reply, stop, strict=True).parts, expected)


def test_a_string_is_text_whatever_it_spells() -> None:
    """Law 1: where tags are tokens, only these act."""
    spelled = call("get_weather", city="北京")
    assert GLM45.parse(spelled, TOOLS, OBSERVATION).parts == (spelled,)
    reply: list[Piece] = [Control("<tool_call>"), "get_weather\n", Control("<arg_key>"), "city"]
    reply += [Control("</arg_key>"), "\n", Control("<arg_value>"), spelled, Control("</arg_value>")]
    parsed = GLM45.parse([*reply, "\n", Control("</tool_call>")], TOOLS, OBSERVATION)
    assert [c.arguments for c in parsed.calls] == [{"city": spelled}]


# --- what models and servers do to it -------------------------------------------------------------

MENDED: dict[str, tuple[str, str | None, list[str | Called]]] = {
    "#23 vllm#32436 no arguments and no newline": ("<tool_call>now</tool_call>", OBSERVATION, [NOW]),
    "#23 GLM-4.7's form from GLM-4.5": (
        "<tool_call>get_weather<arg_key>city</arg_key><arg_value>北京</arg_value></tool_call>",
        OBSERVATION,
        [BEIJING],
    ),
    "#24 sglang#15754 one name begins another": (
        call("ask_followup_question", question="which?"),
        OBSERVATION,
        [Called("ask_followup_question", {"question": "which?"})],
    ),
    "#25 mlx-lm#1756 white space around the name": (
        "<tool_call>\n get_weather \n\n<arg_key> city\n</arg_key>\n\n<arg_value>北京</arg_value></tool_call>",
        OBSERVATION,
        [BEIJING],
    ),
    "#26 sglang#12456 newlines and quotes are escaped": (
        r"<tool_call>get_weather\n<arg_key>tasks</arg_key>\n<arg_value>[{\"id\": \"1\", \"task\": \"检查\"}]</arg_value>\n</tool_call>",
        OBSERVATION,
        [
            Called(
                "get_weather",
                {"tasks": [{"id": "1", "task": "检查"}]},
                '{"tasks": [{"id": "1", "task": "检查"}]}',
                repairs=("spelled-newline", "escaped"),
            )
        ],
    ),
    "#27 ds4#569 values have their types": (
        call("get_weather", city="1", days="10", tasks="[]", exact="true"),
        OBSERVATION,
        [Called("get_weather", {"city": "1", "days": 10, "tasks": [], "exact": True})],
    ),
    "#27 a number in quotes": (
        call("get_weather", days='"3"'),
        OBSERVATION,
        [Called("get_weather", {"days": 3}, '{"days": 3}', repairs=("double-encoded",))],
    ),
    "#27 vllm-ascend#12261 string or null": (
        call("get_weather", city="a", unit="null") + call("get_weather", city="a", unit="C"),
        OBSERVATION,
        [
            Called("get_weather", {"city": "a", "unit": None}),
            Called("get_weather", {"city": "a", "unit": "C"}, '{"city": "a", "unit": "C"}'),
        ],
    ),
    "sglang#30644 an id with underscores": (
        call("get_weather", city="123_456"),
        OBSERVATION,
        [Called("get_weather", {"city": "123_456"})],
    ),
    "#28 ms-swift#10169 Python's literals": (
        call("get_weather", exact="True", tasks="[None, 'a']"),
        OBSERVATION,
        [Called("get_weather", {"exact": True, "tasks": [None, "a"]}, repairs=("python", "single-quotes"))],
    ),
    "a value without its last bracket": (
        call("get_weather", tasks='[{"a": 1}'),
        OBSERVATION,
        [Called("get_weather", {"tasks": [{"a": 1}]}, repairs=("unclosed",))],
    ),
    "#29 exo#1344 no </tool_call> before the stop token": (
        call("get_weather", city="北京").removesuffix("</tool_call>"),
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, repairs=("unclosed-call",))],
    ),
    "#29 nor </arg_value>": (
        "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>北京",
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, repairs=("unclosed-call", "missing-tag"))],
    ),
    "#29 nothing but the name": (
        "<tool_call>now",
        OBSERVATION,
        [Called("now", {}, repairs=("unclosed-call",))],
    ),
    "#30 rtp-llm#694 calls back to back": (
        call("now") + call("get_weather", city="北京"),
        OBSERVATION,
        [NOW, BEIJING],
    ),
    "#30 rtp-llm#694 text between </think> and a call": (
        f"</think> x{call('now')}",
        OBSERVATION,
        ["x", NOW],
    ),
    "#33 lmstudio#1528 a second call without the first one's end": (
        f"<tool_call>now\n{call('get_weather', city='北京')}",
        OBSERVATION,
        [Called("now", {}, repairs=("unclosed-call",)), BEIJING],
    ),
    "THUDM/GLM#224 closing tags too many": (
        f"{call('now')}</tool_call></tool_call>",
        OBSERVATION,
        [NOW],
    ),
    "#32 name, > and JSON": (
        '<tool_call>get_weather>{"city": "北京"}</tool_call>',
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, '{"city": "北京"}', repairs=("json-body",))],
    ),
    "#32 mlx-lm#792 name and JSON": (
        '<tool_call>get_weather {"city": "北京"}</tool_call>',
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, repairs=("json-body",))],
    ),
    "name, newline and JSON": (
        '<tool_call>get_weather\n{"city": "北京"}\n</tool_call>',
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, '{"city": "北京"}', repairs=("json-body",))],
    ),
    "mlx-lm#792 an object with the name": (
        '<tool_call>{"name": "get_weather", "arguments": {"city": "北京"}}</tool_call>',
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, '{"city": "北京"}', repairs=("envelope",))],
    ),
    "the same, arguments as a string": (
        '<tool_call>\n{"name": "get_weather", "arguments": "{\\"city\\": \\"北京\\"}"}\n</tool_call>',
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, '{"city": "北京"}', repairs=("envelope",))],
    ),
    "#32 factory-droid-openai#74 the begin of the object is lost": (
        '<tool_call>get_weather","arguments":{"city":"北京"}}<tool_call>now',
        OBSERVATION,
        [
            Called("get_weather", {"city": "北京"}, repairs=("envelope",)),
            Called("now", {}, repairs=("unclosed-call",)),
        ],
    ),
    "#32 factory-droid-openai#78 name and key are one word": (
        '<tool_call>get_weathercity":"北京","days":2}</arg_value>',
        OBSERVATION,
        [
            Called(
                "get_weather",
                {"city": "北京", "days": 2},
                '{"city":"北京","days":2}',
                repairs=("fused-name", "stray-tag", "unclosed-call", "json-body"),
            )
        ],
    ),
    "vllm#47190 name and key are one word, in tags": (
        "<tool_call>get_weathercity</arg_key><arg_value>北京</arg_value></tool_call>",
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, repairs=("fused-name",))],
    ),
    "vllm#47190 with a blank": (
        "<tool_call>ask question</arg_key><arg_value>why?</arg_value></tool_call>",
        OBSERVATION,
        [Called("ask", {"question": "why?"}, repairs=("fused-name",))],
    ),
    "a key without its first tag": (
        "<tool_call>get_weather\ncity</arg_key>\n<arg_value>北京</arg_value>\n</tool_call>",
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, repairs=("missing-tag",))],
    ),
    "a value without its first tag": (
        "<tool_call>get_weather\n<arg_key>city</arg_key>北京</arg_value>\n</tool_call>",
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, repairs=("missing-tag",))],
    ),
    "a key that is not closed": (
        "<tool_call>get_weather\n<arg_key>city\n<arg_value>北京</arg_value>\n</tool_call>",
        OBSERVATION,
        [Called("get_weather", {"city": "北京"}, repairs=("missing-tag",))],
    ),
    "python-sdk#119 </arg_value> after the name": (
        "<tool_call>now</arg_value>",
        OBSERVATION,
        [Called("now", {}, repairs=("stray-tag", "unclosed-call"))],
    ),
    "raw text in GLM-4's manner": (
        "<tool_call>python\n  x = 1\nprint(x)\n</tool_call>",
        OBSERVATION,
        [Called("python", None, "  x = 1\nprint(x)", repairs=("text-body",))],
    ),
    "raw text in an object": (
        '<tool_call>python\n{"code": "print(1)"}</tool_call>',
        OBSERVATION,
        [Called("python", None, "print(1)", repairs=("json-body",))],
    ),
    "code that only looks like an object": (
        "<tool_call>python\n{1: 2}</tool_call>",
        OBSERVATION,
        [Called("python", None, "{1: 2}", repairs=("json-body",))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_what_is_nearly_in_form_is_mended(name: str) -> None:
    reply, stop, expected = MENDED[name]
    parsed = parse(reply, stop)
    compare(parsed.parts, expected)
    assert {repair for one in parsed.calls for repair in one.repairs} <= REPAIRS.keys()


# Well-formed JSON of another type is for whoever validates the arguments.
MENDED_FORM = [name for name in MENDED if name != "#27 a number in quotes"]


@pytest.mark.parametrize("name", MENDED_FORM)
def test_strict_mode_mends_nothing(name: str) -> None:
    """A call that would have been mended is no call, or has an error; no repair is recorded."""
    reply, stop, expected = MENDED[name]
    calls = [one for one in parse(reply, stop, strict=True).calls if one.error is None]
    assert all(one.repairs == () for one in calls)
    sound = [one for one in expected if isinstance(one, Called) and not one.repairs]
    assert len(calls) <= len(sound)


@pytest.mark.parametrize("name", MENDED)
def test_glm_47_is_mended_in_the_same_way(name: str) -> None:
    reply, stop, expected = MENDED[name]
    pieces = GLM47.split(f"</think>{reply.removeprefix('</think>')}")
    compare(GLM47.parse(pieces, TOOLS, stop).parts, expected)


# --- what cannot be mended -------------------------------------------------------------------------

BROKEN: dict[str, tuple[str, str]] = {
    "not JSON where no text may be": (call("get_weather", days="many"), "write an integer"),
    "neither of two types": (call("get_weather", tasks="a, b"), "'tasks' is not valid JSON"),
    "the same argument twice": (
        f"<tool_call>get_weather\n{pair('city', 'a')}{pair('city', 'b')}</tool_call>",
        "'city' is there twice",
    ),
    "a value without a key": (
        "<tool_call>get_weather\n<arg_value>北京</arg_value>\n</tool_call>",
        "has no name",
    ),
    "a key without a value": ("<tool_call>get_weather\n<arg_key>city</arg_key>\n</tool_call>", "'city' has no value"),
    "a key that is all": ("<tool_call>get_weather\n<arg_key>city</tool_call>", "'city' has no value"),
    "two keys": (f"<tool_call>get_weather\n<arg_key>days</arg_key>\n{pair('city', 'a')}</tool_call>", "'days' has no value"),
    "mlx-lm#792 key=value": ("<tool_call>get_weather city=北京</tool_call>", ""),
    "text between the tags": (f"<tool_call>get_weather\nso {pair('city', 'a')}</tool_call>", "text between its tags: 'so'"),
    "JSON that cannot be read": ("<tool_call>get_weather\n{city=北京)\n</tool_call>", "the arguments are"),
    "no name": (f"<tool_call>{pair('city', 'a')}</tool_call>", "has no name"),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in BROKEN if BROKEN[name][1]])
@pytest.mark.parametrize("strict", [False, True])
def test_what_cannot_be_mended_is_a_call_with_an_error(name: str, strict: bool) -> None:
    reply, why = BROKEN[name]
    (found,) = parse(reply, OBSERVATION, strict=strict).calls
    assert found.arguments is None
    assert found.error
    assert strict or why in found.error


@pytest.mark.parametrize(
    "reply",
    [
        "<tool_call>get_weather city=北京</tool_call>",
        "<tool_call>{1: 2}</tool_call>",
        '<tool_call>{"name": "now", "surprise": 1}</tool_call>',
        '<tool_call>{"name": 3}</tool_call>',
        "<tool_call>some words that are no name\n</tool_call>",
        f"<tool_call>{'x' * 300}</tool_call>",
        '<tool_call>no"such": 1}</tool_call>',
        "<tool_call>",
    ],
)
def test_what_is_no_call_is_text(reply: str) -> None:
    assert parse(reply, OBSERVATION).parts == (reply.removesuffix("</tool_call>").strip(),)


def test_an_empty_call_is_nothing() -> None:
    assert parse("a <tool_call></tool_call> b", USER).parts == ("a  b",)


def test_a_name_that_fits_two_tools_is_not_guessed_apart() -> None:
    """`get_weather_history` + `city` begins with `get_weather`, too, but `_historycity` is no key."""
    fused = "<tool_call>get_weather_historycity</arg_key><arg_value>a</arg_value></tool_call>"
    compare(
        parse(fused).parts, [Called("get_weather_history", {"city": "a"}, repairs=("fused-name",))]
    )
    (found,) = parse(fused.replace("city", "town")).calls
    assert found.name == "get_weather_historytown"
    assert found.error


# --- replies that were cut -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        "<tool_call>get_weather\n",
        "<tool_call>get_weather\n<arg_key>ci",
        "<tool_call>get_weather\n<arg_key>city</arg_key>",
        "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Bei",
        "<tool_call>get_weather\n<arg_key>days</arg_key>\n<arg_value>1",
        f"<tool_call>get_weather\n{pair('city', 'a')}",
        '<tool_call>get_weather\n{"city": "Bei',
        "<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>print(",
        "<tool_call>python\nprint(",
    ],
)
def test_a_cut_call_says_so(reply: str) -> None:
    """#29: there may have been more, whatever it looks like."""
    parsed = parse(reply, None, truncated=True)
    assert parsed.truncated
    assert [(one.arguments, one.error) for one in parsed.calls] == [(None, CUT)]


def test_a_whole_object_was_not_cut() -> None:
    (found,) = parse('<tool_call>get_weather\n{"city": "a"}', None, truncated=True).calls
    assert (found.arguments, found.error) == ({"city": "a"}, None)


@pytest.mark.parametrize("reply", ["<tool_call>", "<tool_call>get_wea", "<tool_call>now", "a b"])
def test_half_a_name_is_text(reply: str) -> None:
    parsed = parse(reply, None, truncated=True)
    assert parsed.truncated
    assert parsed.parts == (reply,)


def test_only_the_last_call_is_cut() -> None:
    parsed = parse(call("now") + "<tool_call>get_weather\n<arg_key>c", None, truncated=True)
    assert [one.error for one in parsed.calls] == [None, CUT]


# --- while it streams ------------------------------------------------------------------------------


def test_events_come_as_early_as_they_can() -> None:
    parser = XmlParser47(TOOLS, first_call=7)
    assert parser.feed("Look") == [TextDelta("Look")]
    assert parser.feed(": ") == [TextDelta(":")]
    assert parser.feed(Control("<tool_call>")) == []
    assert parser.feed("get_") == []
    assert parser.feed("weather") == []
    assert parser.feed(Control("<arg_key>")) == [CallStarted("call_7", "get_weather")]
    assert parser.feed("city") == []
    assert parser.feed(Control("</arg_key>")) == []
    assert parser.feed(Control("<arg_value>")) == [
        CallDelta("call_7", '{"city": '),
        CallDelta("call_7", '"'),
    ]
    assert parser.feed('北"') == [CallDelta("call_7", '北\\"')]
    assert parser.feed(Control("</arg_value>")) == [CallDelta("call_7", '"')]
    parser.feed(Control("<arg_key>"))
    parser.feed("days")
    parser.feed(Control("</arg_key>"))
    assert parser.feed(Control("<arg_value>")) == [CallDelta("call_7", ', "days": ')]
    assert parser.feed("1") == []  # it may yet be 10
    assert parser.feed(Control("</arg_value>")) == [CallDelta("call_7", "1")]
    closing, ready = parser.feed(Control("</tool_call>"))
    assert closing == CallDelta("call_7", "}")
    assert isinstance(ready, CallReady)
    assert ready.call.payload == '{"city": "北\\"", "days": 1}'
    assert parser.close(OBSERVATION) == []


def test_the_name_of_glm_45_is_complete_with_its_line() -> None:
    parser = XmlParser45(TOOLS)
    parser.feed(Control("<tool_call>"))
    assert parser.feed("ask") == []
    assert parser.feed("_followup_question") == []
    assert parser.feed("\n") == [CallStarted("call_1", "ask_followup_question")]


def test_code_flows_as_it_is() -> None:
    parser = XmlParser45(TOOLS)
    for piece in GLM45.split("<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>"):
        parser.feed(piece)
    assert parser.feed('print("a\n') == [CallDelta("call_1", 'print("a\n')]


def test_a_closed_parser_takes_nothing_more() -> None:
    parser = XmlParser45(TOOLS)
    parser.close(USER)
    with pytest.raises(ValueError, match="closed"):
        parser.feed("a")


def test_long_white_space_and_long_names_cost_little() -> None:
    """No recursion, and no text looked at twice for each character."""
    for text in ["\n" * 50_000, " " * 50_000, "\\n" * 50_000, "x" * 50_000]:
        parser = XmlParser45(TOOLS)
        parser.feed(Control("<tool_call>"))
        for character in text:
            parser.feed(character)
        parser.feed("now\n")
        parser.close(OBSERVATION)
        assert len(parser.parts) == 1


# --- the published templates' renderings -----------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "family"),
    [("GLM-4.6", "glm-4.5"), ("GLM-4.7-Flash", "glm-4.7"), ("GLM-5.1", "glm-5")],
)
@pytest.mark.parametrize("strict", [False, True])
def test_golden_renderings_are_parsed_back(
    shared: Path, template: str, family: str, strict: bool
) -> None:
    """What each template writes for a reply with thinking and two calls means just that."""
    golden: dict[str, Any] = json.loads(
        (shared / "glm4" / "golden" / "other_families.json").read_text("utf-8")
    )
    protocol = protocol_for(family)
    after = golden["rendered"][template].split("<|assistant|>")[1]
    reply = after.partition(OBSERVATION)[0]
    # From GLM-4.7 on, the prompt had begun the thinking.
    reply = reply if family == "glm-4.5" else reply.removeprefix("<think>")
    (declared,) = golden["tools"]
    tool = ToolSpec("get_weather", parameters=declared["function"]["parameters"])
    parsed = protocol.parse(protocol.split(reply), [tool], OBSERVATION, strict=strict)
    assert parsed.thinking == "think"
    assert parsed.text == ""
    made = [one["function"] for one in golden["conv"][2]["tool_calls"]]
    assert [(one.name, one.arguments) for one in parsed.calls] == [
        (one["name"], one["arguments"]) for one in made
    ]
    assert all(one.error is None and one.repairs == () for one in parsed.calls)
