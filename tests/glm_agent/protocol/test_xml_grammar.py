"""The grammars of the families after glm-4: replies, thinking, and values in tags."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from glm_agent.errors import UnsupportedSchemaError
from glm_agent.messages import Control, Piece, ToolSpec
from glm_agent.protocol import encoder_for, protocol_for
from glm_agent.protocol.grammar import FAMILIES, grammar_of
from glm_agent.protocol.grammar.raw_text import whole
from glm_agent.protocol.grammar.schema_check import FORMATS
from glm_agent.protocol.grammar.text_formats import PATTERNS
from glm_agent.protocol.reply import split_controls

from .judging import ASSISTANT, END, OBSERVATION, USER, Judge

pytest.importorskip("llguidance")

TAGS = protocol_for("glm-4.5").markers
THINK, SILENT = (Control("<think>"),), (Control("</think>"),)
WEATHER = ToolSpec(
    "get_weather",
    "",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
)
PYTHON = ToolSpec("python", kind="python")
BROWSER = ToolSpec("simple_browser", kind="simple_browser")
TOOLS = (WEATHER, PYTHON, BROWSER)
ONE = "<tool_call>get_weather<arg_key>city</arg_key><arg_value>北京</arg_value></tool_call>"
RUN = "<tool_call>python<arg_key>code</arg_key><arg_value>print(1)\n</arg_value></tool_call>"


@pytest.fixture(scope="module")
def judge(small_tokenizer: Tokenizer) -> Judge:
    tokenizer = Tokenizer.from_str(small_tokenizer.to_str())
    tokenizer.add_tokens([AddedToken(token, special=False) for token in (*TAGS, "/nothink")])
    return Judge(encoder_for(tokenizer))


def tagged(text: str) -> list[Piece]:
    """The tags and stop tokens that a text spells, as tokens."""
    return split_controls(text, (*TAGS, *(str(one) for one in (USER, OBSERVATION, ASSISTANT, END))))


# Replies after a prompt that ended the thinking, and the choices under which they are admitted.
REPLIES = {
    "Hello<|user|>": "auto none",
    "Hello<|endoftext|>": "auto none",
    "<|user|>": "auto none",
    f"{ONE}<|observation|>": "auto required get_weather",
    f"{ONE}{ONE}<|observation|>": "auto required",
    f"{ONE}{RUN}<|observation|>": "auto required",
    f"{RUN}<|observation|>": "auto required",
    f"Let me see.{ONE}<|observation|>": "auto",
    f"{ONE}Done.<|observation|>": "",
    f"{ONE}Done.{ONE}<|observation|>": "",
    f"{ONE}\n{ONE}<|observation|>": "",
    f"{ONE}<|user|>": "",
    f"{ONE}<|endoftext|>": "",
    f"{ONE}<|assistant|>{ONE}<|observation|>": "",
    "Hello<|observation|>": "",
    "Hello<tool_call><|user|>": "",
    "a</think>b<|user|>": "",
    "<tool_call>get_weather</tool_call><|observation|>": "",
    "<tool_call>get_time<arg_key>city</arg_key><arg_value>x</arg_value></tool_call><|observation|>": "",
    ONE.replace("city", "town") + "<|observation|>": "",
    ONE.replace("city", " city") + "<|observation|>": "",
    ONE.replace("get_weather", "get_weather\n") + "<|observation|>": "",
    ONE.replace("</arg_value>", "") + "<|observation|>": "",
    "<tool_call>python<arg_key>code</arg_key><arg_value></arg_value></tool_call><|observation|>": "",
    '<tool_call>simple_browser<arg_key>actions</arg_key><arg_value>search("a")\nmclick([1, 2])'
    "</arg_value></tool_call><|observation|>": "auto required",
    "<tool_call>simple_browser<arg_key>actions</arg_key><arg_value>jump(1)"
    "</arg_value></tool_call><|observation|>": "",
}


@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("family", ["glm-4.7", "glm-5"])
def test_replies(judge: Judge, family: str, reply: str, choice: str) -> None:
    admitted = judge.admits(TOOLS, *tagged(reply), choice=choice, family=family, opening=SILENT)
    assert admitted is (choice in REPLIES[reply].split())


@pytest.mark.parametrize(
    ("family", "opening", "thinking", "admitted"),
    [
        ("glm-4.7", THINK, "Hm.</think>", True),
        ("glm-4.7", THINK, "</think>", True),
        ("glm-4.7", THINK, "", False),
        ("glm-4.7", THINK, "<think>Hm.</think>", False),
        ("glm-4.7", SILENT, "", True),
        ("glm-4.7", SILENT, "Hm.</think>", False),
        ("glm-4.5", (), "<think>Hm.</think>", True),
        ("glm-4.5", (), "\n<think></think>", True),
        ("glm-4.5", (), "", True),
        ("glm-4.5", (), "Hm.</think>", False),
        ("glm-4.5", (), "Hello<think>Hm.</think>", False),
        ("glm-4.5", (), "<think>a</think><think>b</think>", False),
        ("glm-4.5", ("\n", *THINK, *SILENT), "", True),
        ("glm-4.5", ("\n", *THINK, *SILENT), "<think></think>", False),
    ],
)
@pytest.mark.parametrize("choice", ["auto", "none", "required", "python"])
def test_thinking(
    judge: Judge, family: str, opening: Sequence[Piece], thinking: str, admitted: bool, choice: str
) -> None:
    line = "\n" if family == "glm-4.5" else ""
    call = f"{line}{RUN}".replace("python", f"python{line}").replace(
        "</arg_key>", f"</arg_key>{line}"
    )
    call = call.replace("</arg_value>", f"</arg_value>{line}") + "<|observation|>"
    answer = f"{line}Hello<|user|>"
    reply = tagged(thinking + (answer if choice == "none" else call))
    where: dict[str, Any] = {"choice": choice, "family": family, "opening": opening}
    assert judge.admits(TOOLS, *reply, **where) is admitted
    if choice in ("none", "auto"):
        assert judge.admits(TOOLS, *tagged(thinking + answer), **where) is admitted


def test_text_is_never_a_tag(judge: Judge) -> None:
    spelled = f"So <think> and </think> and {ONE} are words.".replace("</arg_value>", "…")
    for reply in (
        [spelled, USER],
        [
            *tagged(ONE)[:-2],
            "<tool_call> is a word",
            Control("</arg_value>"),
            Control("</tool_call>"),
            OBSERVATION,
        ],
    ):
        assert judge.admits(TOOLS, *reply, family="glm-4.7", opening=SILENT)


def test_what_ends_a_value_cannot_be_spelled_in_it(judge: Judge) -> None:
    """A model that writes it as text means the token; it would never come to an end."""
    ends = (Control("</arg_value>"), Control("</tool_call>"), OBSERVATION)
    for text, admitted in (
        ("a </arg_value> b", False),
        ("a </arg_value", True),
        ("</arg_ value>", True),
    ):
        reply = [*tagged(ONE.partition("北京")[0]), text, *ends]
        assert judge.admits(TOOLS, *reply, family="glm-4.7", opening=SILENT) is admitted


@pytest.mark.parametrize("family", ["glm-4.5", "glm-4.7"])
def test_the_lines_between_the_tags(judge: Judge, family: str) -> None:
    lined = ONE.replace("weather", "weather\n").replace("</arg_key>", "</arg_key>\n").replace("</arg_value>", "</arg_value>\n")  # fmt: skip
    for reply, admitted in ((lined, family == "glm-4.5"), (ONE, family == "glm-4.7")):
        pieces = tagged(f"{reply}<|observation|>")
        opening = SILENT
        assert judge.admits(TOOLS, *pieces, family=family, opening=opening) is admitted
        pieces = tagged(f"{reply}\n{reply}<|observation|>")
        assert judge.admits(TOOLS, *pieces, family=family, opening=opening) is (
            admitted and family == "glm-4.5"
        )


# A parameter's schema; texts that are admitted; texts that are not.
VALUES: dict[str, tuple[Any, list[str], list[str]]] = {
    "text": ({"type": "string"}, ["", "42", " null\n", '"quoted"', "{", "北京 🦉"], []),
    "lengths": ({"type": "string", "minLength": 2, "maxLength": 3}, ["北京", "a\nb"], ["", "a", "abcd"]),
    "pattern": ({"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}, ["AB-1"], ["ab-1", "xAB-1", "AB-1\n"]),
    "a pattern within": ({"type": "string", "pattern": "[0-9]{3}"}, ["a\n123\n", "555"], ["12"]),
    "patterns with slashes": ({"type": "string", "pattern": r"^/a\/[/b]$"}, ["/a//", "/a/b"], ["/a/c"]),
    "pattern and length": ({"type": "string", "pattern": "^x*$", "maxLength": 2}, ["", "xx"], ["xxx"]),
    "format": ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29", "soon"]),
    "a format of one's own": ({"type": "string", "format": "city"}, ["Bonn"], []),
    "enum": ({"type": "string", "enum": ["a b", "</arg_value>"]}, ["a b", "</arg_value>"], ["a", '"a b"', ""]),
    "const": ({"const": "x"}, ["x"], ["y", ""]),
    "enum of many kinds": ({"enum": ["a", 1, None, {"b": [2]}]}, ["a", "1", "null", '{"b": [2]}'], ["2", '"a"', "b"]),
    "texts that read as a number": ({"enum": ["1", 2]}, ["2"], ["1"]),
    "integer": ({"type": "integer"}, ["0", "-12"], ["1.5", "01", '"1"', "x", ""]),
    "a range": ({"type": "integer", "minimum": 3}, ["3", "44"], ["2"]),
    "number": ({"type": "number"}, ["1", "1.5", "-2e3"], ["NaN", ".5"]),
    "boolean": ({"type": "boolean"}, ["true"], ["True", "1"]),
    "null or text": ({"type": ["string", "null"]}, ["null", "none", ""], []),
    "number or text": (
        {"type": ["integer", "string"], "minimum": 3}, ["3", "three", "1.5", "2 apples"], ["2", " 2 "]
    ),
    "number or a long text": ({"type": ["number", "string"], "minLength": 3}, ["abc", "1"], ["ab"]),
    "optional, as pydantic writes it": ({"anyOf": [{"type": "string"}, {"type": "null"}]}, ["x", "null"], []),
    "list or text": (
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]},
        ["[1, 2]", "[]", "[draft] x", "x"],
        ['["a"]', "[1"],
    ),
    "list of anything or text": ({"type": ["array", "string"]}, ["[1, null]", "[1", "x"], []),
    "object or text": (
        {"anyOf": [{"type": "string", "minLength": 1}, {"type": "object", "properties": {"a": {"type": "integer"}}}]},
        ['{"a": 1}', "{}", "{x}", "x"],
        ['{"a": "x"}', '{"b": 1}', ""],
    ),
    "list": ({"type": "array", "items": {"type": "string"}}, ['["a", "</arg_value>"]', "[]"], ["[1]", "x"]),
    "object": (
        {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        ['{"a": 1}'],
        ["{}", '{"a": 1, "b": 2}'],
    ),
    "all of": ({"allOf": [{"type": "string", "minLength": 2}, {"maxLength": 3}]}, ["abc"], ["a", "abcd"]),
    "all of, with null": (
        {"allOf": [{"type": ["string", "null"]}, {"minLength": 2}]}, ["ab", "null"], ["a"]
    ),
    "a reference": ({"$ref": "#/$defs/unit"}, ["C", "F"], ["K"]),
    "a reference with a limit beside": ({"$ref": "#/$defs/long", "maxLength": 6}, ["abcde"], ["abcd", "abcdefg"]),
    "what refers to itself": ({"$ref": "#/$defs/tree"}, ["[]", "[[], []]", "leaf"], ["[1]"]),
    "anything": ({}, ["", "x", "1", "[1", "{}", "null"], []),
    "nothing said": (True, ["x", "1"], []),
    "a limit beside alternatives": (
        {"anyOf": [{"type": "string"}, {"type": "integer"}], "minLength": 2}, ["ab", "7"], ["a"]
    ),
    "nullable": ({"type": "string", "enum": ["a"], "nullable": True}, ["a", "null"], ["b"]),
}  # fmt: skip
DEFS = {
    "unit": {"enum": ["C", "F"]},
    "long": {"type": "string", "minLength": 5},
    "tree": {"anyOf": [{"const": "leaf"}, {"type": "array", "items": {"$ref": "#/$defs/tree"}}]},
}


@pytest.mark.parametrize("name", VALUES)
def test_values(judge: Judge, name: str) -> None:
    schema, admitted, refused = VALUES[name]
    tool = ToolSpec("f", "", {"type": "object", "properties": {"a": schema}, "$defs": DEFS})
    for text, right in [*((one, True) for one in admitted), *((one, False) for one in refused)]:
        begin = tagged("<tool_call>f<arg_key>a</arg_key><arg_value>")
        ends = tagged("</arg_value></tool_call><|observation|>")
        found = judge.admits([tool], *begin, text, *ends, family="glm-4.7", opening=SILENT)
        assert found is right, text


INTEGER = {"type": "integer"}
# A tool's schema; names of arguments (all are 1) that are admitted; names that are not.
ARGUMENTS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "optional": ({"properties": {"a": INTEGER, "b": INTEGER}}, ["", "a", "b", "a b"], ["b a", "a a", "c"]),
    "required": (
        {"properties": {"a": INTEGER, "b": INTEGER, "c": INTEGER}, "required": ["a", "c"]},
        ["a c", "a b c"],
        ["", "a", "a b", "c"],
    ),
    "no arguments": ({"properties": {}}, [""], ["a"]),
    "any": ({"type": "object"}, ["", "a", "b a"], [" "]),
    "no schema": ({}, ["", "x"], []),
    "others": (
        {"properties": {"a": INTEGER}, "additionalProperties": INTEGER}, ["", "a", "a x", "x y"], ["x a", "a a"]
    ),
    "by pattern": (
        {"patternProperties": {"^x": INTEGER}, "additionalProperties": False}, ["", "x1 x2"], ["y", "x1 y"]
    ),
    "a number of them": (
        {"properties": {"a": INTEGER, "b": INTEGER, "c": INTEGER}, "minProperties": 1, "maxProperties": 2},
        ["a", "c", "a c"],
        ["", "a b c"],
    ),
    "a number of others": ({"additionalProperties": INTEGER, "minProperties": 2}, ["a b", "a b c"], ["", "a"]),
    "a reference": (
        {"$ref": "#/$defs/x", "$defs": {"x": {"properties": {"a": INTEGER}, "required": ["a"]}}}, ["a"], ["", "b"]
    ),
    "alternatives": (
        {"anyOf": [{"properties": {"a": INTEGER}, "required": ["a"]}, {"properties": {"b": INTEGER}}]},
        ["a", "b", ""],
        ["a b"],
    ),
    "alternatives beside": (
        {"properties": {"a": INTEGER, "b": INTEGER}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        ["a", "b", "a b"],
        ["", "c"],
    ),
    "all of": (
        {"allOf": [{"properties": {"a": INTEGER}, "required": ["a"]}, {"properties": {"b": INTEGER}}]},
        ["a", "a b"],
        ["b", ""],
    ),
    "all of, closed": (
        {"allOf": [{"properties": {"a": INTEGER}, "additionalProperties": False}, {"properties": {"b": INTEGER}}]},
        ["", "a"],
        ["b", "a b"],
    ),
    "required and not described": ({"properties": {"a": INTEGER}, "required": ["b"]}, ["b", "a b"], ["a"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(judge: Judge, name: str) -> None:
    schema, admitted, refused = ARGUMENTS[name]
    tool = ToolSpec("f", "", schema)
    for keys, right in [*((one, True) for one in admitted), *((one, False) for one in refused)]:
        names = [" "] if keys == " " else keys.split()
        given = "".join(f"<arg_key>{key}</arg_key><arg_value>1</arg_value>" for key in names)
        reply = tagged(f"<tool_call>f{given}</tool_call><|observation|>")
        assert judge.admits([tool], *reply, family="glm-4.7", opening=SILENT) is right, keys


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {" a": INTEGER}}, "the name ' a' cannot be written"),
        ({"properties": {"": INTEGER}}, "the name '' cannot be written"),
        ({"properties": {"a": {"type": "string", "pattern": "x$y"}}}, "'^' and '$' can be held"),
        ({"properties": {"a": INTEGER}, "minProperties": 2}, "no arguments satisfy them"),
        (
            {"properties": {"a": {"enum": ["x"], "type": "integer"}}, "required": ["a"]},
            "'a' has to be there, and no value satisfies it",
        ),
        ({"allOf": [{"anyOf": [{}] * 9}, {"anyOf": [{}] * 9}]}, "more than 64 ways"),
    ],
)
def test_what_this_format_cannot_hold(schema: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedSchemaError) as caught:
        grammar_of("glm-4.7", [ToolSpec("f", "", schema)])
    assert str(caught.value).startswith("tool 'f': parameters: ")
    assert message in str(caught.value)
    assert "constrain=False" in str(caught.value)


# --- GLM-4-0414 and GLM-Z1 ----------------------------------------------------------------------------

CALL = 'get_weather\n{"city": "北京"}'
CODE = 'python\n{"code": "print(1)\\n"}'
DONE = "Hm.</think>"


@pytest.mark.parametrize("family", sorted(FAMILIES - {"glm-4", "glm-4.5", "glm-4.7", "glm-5"}))
@pytest.mark.parametrize(
    ("text", "admitted"),
    [
        ("{NAME}\n{CODE}", True),
        ('{NAME}\n{{"code": ""}}', False),
        ("{NAME}\nprint(1)", False),
        ('simple_browser{GAP}\n{{"actions": "search(\\"a\\")\\nmclick([1])"}}', True),
        ('simple_browser{GAP}\n{{"actions": "jump(1)"}}', False),
        ("simple_browser{GAP}\nmclick([1])", False),
    ],
)
def test_raw_tools_are_functions(judge: Judge, family: str, text: str, admitted: bool) -> None:
    gap = " " if family == "glm-z1-rumination" else ""
    name, _, code = CODE.partition("\n")
    text = text.format(NAME=f"{name}{gap}", CODE=code, GAP=gap)
    opening = protocol_for(family).render([]).opening
    begin: list[Piece] = [DONE, ASSISTANT] if opening else []
    assert (
        judge.admits(TOOLS, *begin, text, OBSERVATION, family=family, opening=opening) is admitted
    )


# Replies of GLM-Z1, and the choices under which they are admitted.
THOUGHTS: dict[str, str] = {
    f"{DONE}\nHello<|user|>": "auto none",
    f"{DONE}Hello<|endoftext|>": "auto none",
    f"{DONE}<|assistant|>{CALL}<|observation|>": "auto required get_weather",
    f"{DONE}\n<|assistant|>{CALL}<|assistant|>{CALL}<|observation|>": "auto required",
    f"{DONE}\nLet me see.<|assistant|>{CALL}<|observation|>": "auto",
    f"{DONE}\n\n{CALL}<|observation|>": "auto",
    f"{DONE}{CALL}<|assistant|>{CODE}<|observation|>": "auto",
    f"{DONE}\n{CALL}<|user|>": "none",
    f"{DONE}\nget_weather is a tool.<|user|>": "auto none",
    f"{DONE}\nget_weather<|user|>": "none",
    f'{DONE}\nget_weather\n{{"town": "Bonn"}}<|observation|>': "",
    "Hm.<|user|>": "",
    f"{CALL}<|observation|>": "",
    "Hm.</think<|user|>": "",
}


@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
@pytest.mark.parametrize("reply", THOUGHTS)
def test_replies_of_z1(judge: Judge, reply: str, choice: str) -> None:
    pieces = split_controls(
        reply, ("<|user|>", "<|observation|>", "<|assistant|>", "<|endoftext|>")
    )
    for opening in (("\n<think>",), ()):
        family = "glm-z1" if opening else "glm-z1-rumination"
        given = [
            one.replace("\n{", " \n{") if isinstance(one, str) and not opening else one
            for one in pieces
        ]
        given = given if opening else ["\n<think>", *given]
        admitted = judge.admits(TOOLS, *given, choice=choice, family=family, opening=opening)
        assert admitted is (choice in THOUGHTS[reply].split()), family


def test_rumination_may_leave_its_thinking_out(judge: Judge) -> None:
    call = CALL.replace("\n", " \n")
    for reply, admitted in (
        (["\nHello", USER], True),
        ([call, OBSERVATION], True),
        (["\nLet me see.", ASSISTANT, call, OBSERVATION], True),
        (["\n<think>Hm.", USER], False),
        (["Hello", USER], False),
    ):
        assert judge.admits(TOOLS, *reply, family="glm-z1-rumination") is admitted, reply


# --- texts -------------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_formats_are_what_the_standard_library_takes(data: st.DataObject) -> None:
    """Random texts of each format, some of them with one character changed."""
    made = {
        "date": st.dates().map(str),
        "ipv4": st.ip_addresses(v=4).map(str),
        "ipv6": st.ip_addresses(v=6).map(str)
        | st.from_regex(f"(?:{PATTERNS['ipv6']})", fullmatch=True),
        "uuid": st.uuids().map(str),
    }
    assert set(made) == set(PATTERNS) == FORMATS
    kind = data.draw(st.sampled_from(sorted(made)))
    text = data.draw(made[kind])
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.sampled_from([*"0239:.-af", ""])) + text[at + 1 :]
    right = False
    with suppress(ValueError):
        if kind == "date":
            right = str(datetime.date.fromisoformat(text)) == text
        elif kind == "uuid":
            right = (
                re.fullmatch("[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", text) is not None
            )
        else:
            right = ipaddress.ip_address(text).version == int(kind[-1])
    assert (re.fullmatch(PATTERNS[kind], text) is not None) is right, text


@pytest.mark.parametrize("year", [1, 4, 96, 100, 400, 1900, 2000, 2023, 2024, 9999])
def test_leap_years(year: int) -> None:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    assert bool(re.fullmatch(PATTERNS["date"], f"{year:04}-02-29")) is leap


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(
        [
            "a",
            "^a",
            "a$",
            "^a$",
            "^a|b$",
            "(^a|b$)",
            "^(?:a|b)$",
            "(a)(b)",
            "a[$^|]b",
            r"a\$",
            "^$",
            "",
            r"[]|]^?"[:4],
        ]
    ),
    st.text("ab$^|]x", max_size=4),
)
def test_a_pattern_for_whole_texts_finds_what_the_pattern_finds(pattern: str, text: str) -> None:
    assert bool(re.fullmatch(whole(pattern), text)) is bool(re.search(pattern, text))
