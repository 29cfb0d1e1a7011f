"""The grammar of GLM-4's replies: what it admits, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import pytest

from glm_agent.errors import ConfigurationError, UnsupportedSchemaError
from glm_agent.messages import Assistant, ToolSpec
from glm_agent.protocol import Control, encoder_for
from glm_agent.protocol.grammar import check_choice, grammar_of

from .judging import ASSISTANT, END, OBSERVATION, USER, Judge

pytest.importorskip("llguidance")
jsonschema = pytest.importorskip("jsonschema")

PYTHON = ToolSpec("python", kind="python")
BROWSER = ToolSpec("simple_browser", kind="simple_browser")
WEATHER = ToolSpec(
    "get_weather",
    "天气",
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
)
TOOLS = (WEATHER, PYTHON, BROWSER)
CALL = 'get_weather\n{"city": "北京"}'


@pytest.fixture(scope="session")
def judge(small_tokenizer) -> Judge:
    return Judge(encoder_for(small_tokenizer))


REPLIES = {
    "an answer": (["\nHello", USER], "auto none"),
    "an answer that ends the text": (["\n你好", END], "auto none"),
    "an answer without text": (["\n", USER], "auto none"),
    "a call": ([CALL, OBSERVATION], "auto required get_weather"),
    "two calls": ([CALL, ASSISTANT, CALL, OBSERVATION], "auto required"),
    "a call of another tool": (["python\nprint(1)", OBSERVATION], "auto required"),
    "code of many lines": (["python\n\nx = 1\n\n\nprint('<|user|>')\n", OBSERVATION], "auto required"),
    "an answer before a call": (["\nLet me see.", ASSISTANT, CALL, OBSERVATION], "auto"),
    "no newline before an answer": (["Hello", USER], ""),
    "a tool that nobody offers": (['get_time\n{"city": "Bonn"}', OBSERVATION], ""),
    "half of a tool's name": (['get\n{"city": "Bonn"}', OBSERVATION], ""),
    "a call that stops like an answer": ([CALL, USER], ""),
    "a call that ends the text": ([CALL, END], ""),
    "an answer that stops like a call": (["\nHello", OBSERVATION], ""),
    "an answer after a call": ([CALL, ASSISTANT, "\nHello", USER], ""),
    "prose after a call": ([CALL + "\nThat is it.", OBSERVATION], ""),
    "a fence around the arguments": (["get_weather\n```json\n{}\n```", OBSERVATION], ""),
    "a control token within text": (["\nHello", Control("<|system|>"), "you", USER], ""),
    "a control token within code": (["python\nx", Control("[gMASK]"), "y", OBSERVATION], ""),
    "a control token within JSON": (['get_weather\n{"city": "', USER, '"}', OBSERVATION], ""),
    "no code": (["python\n", OBSERVATION], ""),
    "no arguments": (["get_weather\n", OBSERVATION], ""),
    "arguments that do not fit": (['get_weather\n{"city": 1}', OBSERVATION], ""),
    "a search": (['simple_browser\nsearch("a \\"b\\", c", recency_days=7)', OBSERVATION], "auto required"),
    "clicks": (["simple_browser\nmclick([0, 12])", OBSERVATION], "auto required"),
    "a page": (['simple_browser\nopen_url("https://a.b/c?d=e")', OBSERVATION], "auto required"),
    "several actions": (
        ['simple_browser\nsearch("天气")\nmclick([1])\n', OBSERVATION], "auto required"
    ),
    "an action that is none": (["simple_browser\njump(3)", OBSERVATION], ""),
}  # fmt: skip


@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
@pytest.mark.parametrize("name", REPLIES)
def test_replies(judge: Judge, name: str, choice: str) -> None:
    pieces, choices = REPLIES[name]
    assert judge.admits(TOOLS, *pieces, choice=choice) is (choice in choices.split())


def test_a_spelled_out_control_token_is_text(judge: Judge) -> None:
    assert judge.admits(TOOLS, "\nIt ends with <|user|> or <|observation|>.", USER)
    assert judge.admits(TOOLS, 'get_weather\n{"city": "<|user|>"}', OBSERVATION)


def test_nothing_comes_after_the_stop_token(judge: Judge) -> None:
    assert not judge.admits(TOOLS, CALL, OBSERVATION, "\n")
    assert not judge.admits(TOOLS, "\nHello", USER, USER)


def test_names_that_begin_alike(judge: Judge) -> None:
    tools = [
        ToolSpec(name, "", {"type": "object"}) for name in ("get", "get_all", "get.all", "查天气")
    ]
    for tool in tools:
        assert judge.admits(tools, f"{tool.name}\n{{}}", OBSERVATION)
    assert not judge.admits(tools, "get_\n{}", OBSERVATION)


@pytest.mark.parametrize(
    ("choice", "tools", "message"),
    [
        ("get_wether", TOOLS, "did you mean 'get_weather'"),
        ("requird", TOOLS, "did you mean 'required'"),
        ("Python", TOOLS, "did you mean 'python'"),
        ("xyz", TOOLS, "neither auto, none, required nor a tool's name (get_weather, python"),
        ("required", (), "needs tools"),
        ("python", (), "needs tools"),
    ],
)
def test_a_choice_that_nothing_can_follow(
    choice: str, tools: Sequence[ToolSpec], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_choice(choice, [tool.name for tool in tools])
    assert message in str(caught.value)


def test_a_family_without_a_grammar_has_none() -> None:
    assert grammar_of("no-such-family", TOOLS) is None


def obj(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


INTEGER, STRING = {"type": "integer"}, {"type": "string"}
NODE = {
    "type": "object",
    "properties": {"value": INTEGER, "next": {"$ref": "#/$defs/node"}},
    "required": ["value"],
}
# A schema; JSON that it admits; JSON that it does not.
SCHEMAS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "required": (
        obj("a", "c", a=INTEGER, b=INTEGER, c=INTEGER),
        ['{"a": 1, "b": 2, "c": 3}', '{"a": 1, "c": 3}'],
        ['{"a": 1}', "{}", '{"c": 1}'],
    ),
    "optional": (
        obj(a=INTEGER, b=INTEGER, c=INTEGER),
        ["{}", '{"a": 1}', '{"b": 2}', '{"a": 1, "c": 3}', '{"c": 3}'],
        ['{, "a": 1}', '{"a": 1,}', '{"a": 1 "b": 2}'],
    ),
    "order is the schema's": (
        obj(a=INTEGER, b=INTEGER), ['{"a": 1, "b": 2}'], ['{"b": 2, "a": 1}', '{"a": 1, "a": 2}']
    ),
    "closed unless it says otherwise": (obj(a=INTEGER), ["{}"], ['{"b": 1}', '{"a": 1, "b": 2}']),
    "closed": ({**obj(a=INTEGER), "additionalProperties": False}, ['{"a": 1}'], ['{"b": 1}']),
    "open": (
        {**obj("a", a=INTEGER), "additionalProperties": True},
        ['{"a": 1, "b": "x", "c": [null]}', '{"a": 1}'],
        ['{"b": 1}', '{"a": 1, "a": "x"}'],
    ),
    "others of one type": (
        {"type": "object", "additionalProperties": INTEGER},
        ["{}", '{"x": 1, "中": 2}'],
        ['{"x": "1"}'],
    ),
    "others beside optional ones": (
        {**obj(a=STRING), "additionalProperties": INTEGER},
        ['{"b": 1}', '{"a": "x", "b": 1}', "{}", '{"ab": 1}', '{"a": "x"}'],
        ['{"a": 1}', '{"b": "x"}'],
    ),
    "no parameters": ({"type": "object", "properties": {}}, ["{}", "{ }"], ['{"a": 1}']),
    "anything": ({"type": "object"}, ["{}", '{"a": [1, {"b": null}], "c": -1.5e3}'], ["[]", "1"]),
    "no schema": ({}, ["{}", '{"a": 1}'], ["[]"]),
    "a required name that is not described": (
        {"type": "object", "required": ["a"]}, ['{"a": "x"}', '{"a": 1, "b": 2}'], ["{}"]
    ),
    "strings": (
        obj(a=STRING),
        [r'{"a": ""}', r'{"a": "\"\\\/\b\f\n\r\t"}', r'{"a": "\u5317\ud83d\ude00"}', '{"a": "北😀\x7f"}'],
        ['{"a": "x\ny"}', r'{"a": "\x"}', r'{"a": "\ud83d"}', r'{"a": "\ude00"}', '{"a": x}'],
    ),
    "lengths": (
        obj(a={"type": "string", "minLength": 2, "maxLength": 3}),
        ['{"a": "北京"}', '{"a": "abc"}', r'{"a": "\n\u5317"}'],
        ['{"a": "x"}', '{"a": "abcd"}'],
    ),
    "pattern": (
        obj(a={"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"}),
        ['{"a": "AB-12"}'],
        ['{"a": "ab-12"}', '{"a": "AB-"}', '{"a": "xAB-1"}'],
    ),
    "a pattern within": (
        obj(a={"type": "string", "pattern": "[0-9]{3}"}), ['{"a": "x123y"}'], ['{"a": "12"}']
    ),
    "pattern and length": (
        obj(a={"type": "string", "pattern": "^x*$", "maxLength": 2}), ['{"a": "xx"}'], ['{"a": "xxx"}']
    ),
    "format": (
        obj(a={"type": "string", "format": "date"}), ['{"a": "2024-02-29"}'], ['{"a": "soon"}']
    ),
    "a format of one's own": (obj(a={"type": "string", "format": "city"}), ['{"a": "Bonn"}'], ['{"a": 1}']),
    "integers": (
        obj(a=INTEGER),
        ['{"a": 0}', '{"a": -12}', '{"a": 12345678901234567890}'],
        ['{"a": 1.5}', '{"a": 01}', '{"a": "1"}', '{"a": +1}', '{"a": 1e3}'],
    ),
    "numbers": (
        obj(a={"type": "number"}),
        ['{"a": 0}', '{"a": -0.25}', '{"a": 1.5E-3}', '{"a": 6.02e+23}'],
        ['{"a": 1e999}', '{"a": .5}', '{"a": 1.}', '{"a": NaN}'],
    ),
    "a range": (
        obj(a={"type": "integer", "minimum": -1, "maximum": 10}),
        ['{"a": -1}', '{"a": 10}'],
        ['{"a": -2}', '{"a": 11}'],
    ),
    "an open range": (
        obj(a={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
        ['{"a": 0.5}'],
        ['{"a": 0}', '{"a": 1}', '{"a": 1.5}'],
    ),
    "multiples": (obj(a={"type": "integer", "multipleOf": 5}), ['{"a": 10}'], ['{"a": 11}']),
    "booleans": (obj(a={"type": "boolean"}), ['{"a": true}'], ['{"a": True}', '{"a": 1}']),
    "null": (obj(a={"type": "null"}), ['{"a": null}'], ['{"a": None}', '{"a": 0}']),
    "several types": (
        obj(a={"type": ["integer", "null", "string"], "minimum": 3}),
        ['{"a": null}', '{"a": 3}', '{"a": "x"}'],
        ['{"a": 2}', '{"a": true}'],
    ),
    "integers among the numbers": (obj(a={"type": ["integer", "number"]}), ['{"a": 1.5}'], ['{"a": "x"}']),
    "nullable": (obj(a={"type": "string", "nullable": True}), ['{"a": null}', '{"a": "x"}'], ['{"a": 1}']),
    "nullable choice": (
        obj(a={"type": "string", "enum": ["x"], "nullable": True}), ['{"a": null}', '{"a": "x"}'], ['{"a": "y"}']
    ),
    "enum": (
        obj(a={"type": "string", "enum": ["c", '"f"', "摄氏"]}),
        ['{"a": "c"}', r'{"a": "\"f\""}', '{"a": "摄氏"}'],
        ['{"a": "k"}', '{"a": ""}'],
    ),
    "enum of many kinds": (
        obj(a={"enum": [1, 2.5, None, True, {"b": [1]}, "x"]}),
        ['{"a": 1}', '{"a": 2.5}', '{"a": null}', '{"a": true}', '{"a": {"b": [1]}}', '{"a":{"b":[ 1 ]}}'],
        ['{"a": 2}', '{"a": false}', '{"a": {}}'],
    ),
    "enum within a type": (obj(a={"type": "integer", "enum": [1, "x"]}), ['{"a": 1}'], ['{"a": "x"}']),
    "const": (obj(a={"const": "x y"}), ['{"a": "x y"}'], ['{"a": "x"}']),
    "arrays": (
        obj(a={"type": "array", "items": INTEGER}),
        ['{"a": []}', '{"a": [1, 2]}', '{"a": [1,2,3]}'],
        ['{"a": ["x"]}', '{"a": [1,]}', '{"a": 1}'],
    ),
    "arrays of anything": (obj(a={"type": "array"}), ['{"a": [1, "x", [null]]}'], ['{"a": {}}']),
    "lengths of arrays": (
        obj(a={"type": "array", "items": INTEGER, "minItems": 2, "maxItems": 3}),
        ['{"a": [1, 2]}', '{"a": [1, 2, 3]}'],
        ['{"a": [1]}', '{"a": [1, 2, 3, 4]}', '{"a": []}'],
    ),
    "an array with nothing": (obj(a={"type": "array", "maxItems": 0}), ['{"a": []}'], ['{"a": [1]}']),
    "one at most": (
        obj(a={"type": "array", "items": INTEGER, "maxItems": 1}), ['{"a": []}', '{"a": [1]}'], ['{"a": [1, 2]}']
    ),
    "tuples": (
        obj(a={"type": "array", "prefixItems": [INTEGER, STRING], "minItems": 2, "items": False}),
        ['{"a": [1, "x"]}'],
        ['{"a": ["x", 1]}', '{"a": [1, "x", 2]}', '{"a": [1]}'],
    ),
    "nested": (
        obj("a", a=obj("b", b={"type": "array", "items": obj("c", c=INTEGER)})),
        ['{"a": {"b": [{"c": 1}, {"c": 2}]}}'],
        ['{"a": {"b": [{}]}}', '{"a": {"b": [{"c": 1, "d": 2}]}}'],
    ),
    "alternatives": (
        obj(a={"anyOf": [INTEGER, obj("b", b=STRING)]}),
        ['{"a": 1}', '{"a": {"b": "x"}}'],
        ['{"a": "x"}', '{"a": {}}'],
    ),
    "a type beside alternatives": (
        obj(a={"type": "string", "anyOf": [{"enum": ["x"]}, {"minLength": 3}]}),
        ['{"a": "x"}', '{"a": "abc"}'],
        ['{"a": 1}', '{"a": "y"}'],
    ),
    "alternatives at the top": (
        {"anyOf": [obj("a", a=INTEGER), obj("b", b=INTEGER)]}, ['{"a": 1}', '{"b": 1}'], ["{}", "1"]
    ),
    "alternatives of which one holds": (
        obj(a={"oneOf": [obj("k", "n", k={"const": "n"}, n=INTEGER), obj("k", k={"const": "s"})]}),
        ['{"a": {"k": "n", "n": 1}}', '{"a": {"k": "s"}}'],
        ['{"a": {"k": "n"}}', '{"a": {"k": "x"}}'],
    ),
    "all of": (
        obj(a={"allOf": [{"type": "integer", "minimum": 2}, {"maximum": 4}]}), ['{"a": 3}'], ['{"a": 5}', '{"a": 1}']
    ),
    "references": (
        {**obj(a={"$ref": "#/$defs/n"}), "$defs": {"n": INTEGER}}, ['{"a": 1}'], ['{"a": "x"}']
    ),
    "references with an odd name": (
        {**obj(a={"$ref": "#/definitions/a~1b~0c"}), "definitions": {"a/b~c": INTEGER}}, ['{"a": 1}'], ['{"a": "x"}']
    ),
    "references with limits beside": (
        {**obj(a={"$ref": "#/$defs/n", "minimum": 3, "description": "x"}), "$defs": {"n": INTEGER}},
        ['{"a": 3}'],
        ['{"a": 2}'],
    ),
    "recursion": (
        {**obj("a", a={"$ref": "#/$defs/node"}), "$defs": {"node": NODE}},
        ['{"a": {"value": 1}}', '{"a": {"value": 1, "next": {"value": 2}}}'],
        ['{"a": {"next": {"value": 2}}}'],
    ),
    "a reference to the whole": (
        {**obj("v", v=INTEGER, sub={"$ref": "#"})}, ['{"v": 1, "sub": {"v": 2}}'], ['{"v": 1, "sub": {}}']
    ),
    "names by pattern": (
        {"type": "object", "patternProperties": {"^x": INTEGER}, "additionalProperties": False},
        ['{"x1": 1}'],
        ['{"y": 1}', '{"x1": "a"}'],
    ),
    "numbers of properties": (
        {"type": "object", "additionalProperties": INTEGER, "minProperties": 1, "maxProperties": 2},
        ['{"x": 1}', '{"x": 1, "y": 2}'],
        ["{}", '{"x": 1, "y": 2, "z": 3}'],
    ),
    "odd names": (
        obj("城市", **{"城市": STRING, 'a"b\\': INTEGER, "x.y-z": INTEGER}),
        ['{"城市": "北京", "a\\"b\\\\": 1, "x.y-z": 2}'],
        ['{"城": "北京"}'],
    ),
    "annotations": (
        obj(a={"type": "string", "title": "t", "default": "d", "examples": ["e"], "x-own": 1, "optional": True}),
        ['{"a": "x"}'],
        ['{"a": 1}'],
    ),
    "anything goes": (obj(a={}, b=True, c={"description": "x"}), ['{"a": 1, "b": [2], "c": {"x": null}}'], ['{"a": }']),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas(judge: Judge, name: str) -> None:
    schema, admitted, refused = SCHEMAS[name]
    tools = [ToolSpec("f", "", schema)]
    for text in admitted:
        jsonschema.validate(json.loads(text), _standard(schema))
        assert judge.admits(tools, f"f\n{text}", OBSERVATION), text
    for text in refused:
        assert not judge.admits(tools, f"f\n{text}", OBSERVATION), text


def _standard(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema for a validator that does not know OpenAPI's `nullable`."""
    text = json.dumps(schema)
    if "nullable" in text:
        return {"type": "object"}
    return json.loads(text)


@pytest.mark.parametrize(
    "written",
    [
        '{"a": 1, "b": [1, 2], "c": {"d": "x"}}',
        '{"a":1,"b":[1,2],"c":{"d":"x"}}',
        json.dumps({"a": 1, "b": [1, 2], "c": {"d": "x"}}, indent=4),
        json.dumps({"a": 1, "b": [1, 2], "c": {"d": "x"}}, indent="\t").replace("\n", "\r\n"),
        '{ "a" : 1 , "b" : [ 1 , 2 ] , "c" : { "d" : "x" } }',
        '\n{"a": 1, "b": [1, 2], "c": {"d": "x"}}\n',
        ' {"a": 1}',
    ],
)
def test_space_that_models_put_into_json(judge: Judge, written: str) -> None:
    schema = obj(a=INTEGER, b={"type": "array", "items": INTEGER}, c=obj(d=STRING))
    assert judge.admits([ToolSpec("f", "", schema)], f"f\n{written}", OBSERVATION)


def test_space_has_an_end(judge: Judge) -> None:
    """A model that is lost must not write blanks until its tokens are used up."""
    tools = [ToolSpec("f", "", obj(a=INTEGER))]
    assert not judge.admits(tools, 'f\n{"a":' + " " * 200 + "1}", OBSERVATION)
    assert not judge.admits(tools, "f\n{" + "\n" * 5 + "}", OBSERVATION)


UNSUPPORTED: dict[str, tuple[dict[str, Any], str]] = {
    "not": (obj(a={"not": STRING}), "parameters.properties.a.not: 'not' cannot be held"),
    "if": ({"type": "object", "if": {}, "then": {}}, "parameters.if"),
    "contains": (obj(a={"type": "array", "contains": STRING}), "a.contains"),
    "propertyNames": ({"type": "object", "propertyNames": {"minLength": 2}}, "propertyNames"),
    "dependentRequired": ({**obj(a=STRING), "dependentRequired": {}}, "dependentRequired"),
    "deep within": (obj(a={"anyOf": [{"type": "array", "items": {"not": {}}}]}), "a.anyOf.0.items.not"),
    "in a definition": ({**obj(), "$defs": {"n": {"else": {}}}}, "$defs.n.else"),
    "an unknown type": (obj(a={"type": "dict"}), "'dict' is no type of JSON Schema"),
    "no type at all": (obj(a={"type": []}), "is no type"),
    "arguments that are no object": ({"type": "array"}, "the type must be 'object'"),
    "a reference to nothing": (obj(a={"$ref": "#/$defs/x"}), "there is no '#/$defs/x'"),
    "a reference elsewhere": (obj(a={"$ref": "other.json"}), "there is no 'other.json'"),
    "a reference to itself": (
        {**obj(a={"$ref": "#/$defs/x"}), "$defs": {"x": {"$ref": "#/$defs/x"}}}, "refers to itself"
    ),
    "what contains itself without end": (obj("a", a={"$ref": "#"}), "contains itself without end"),
    "lists of themselves without end": (
        {**obj(a={"$ref": "#/$defs/l"}), "$defs": {"l": {"type": "array", "items": {"$ref": "#/$defs/l"}, "minItems": 1}}},
        "contains itself without end",
    ),
    "looking ahead": (obj(a={"type": "string", "pattern": "^(?=a)b"}), "'(?='"),
    "looking back": (obj(a={"type": "string", "pattern": r"(a)\1"}), r"'\\1'"),
    "a broken pattern": (obj(a={"type": "string", "pattern": "("}), "is no regular expression"),
    "alternatives that overlap": (obj(a={"oneOf": [INTEGER, {"type": "number"}]}), "overlap"),
    "an empty choice": (obj(a={"enum": []}), "should be a list of values"),
    "an empty range": (obj(a={"type": "integer", "minimum": 3, "maximum": 1}), "at least 3 and at most 1"),
    "an empty length": (obj(a={"type": "string", "minLength": 3, "maxLength": 1}), "at least 3"),
    "what nothing satisfies": (obj(a=False), "nothing satisfies"),
    "what is no schema": (obj(a="string"), "is not a schema"),
    "a list for properties": ({"type": "object", "properties": []}, "should be an object"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_cannot_be_held_is_named_with_its_place(name: str) -> None:
    schema, message = UNSUPPORTED[name]
    with pytest.raises(UnsupportedSchemaError) as caught:
        grammar_of("glm-4", [PYTHON, ToolSpec("search", "", schema)])
    text = str(caught.value)
    assert message in text
    assert text.startswith("tool 'search': parameters")
    assert "constrain=False" in text
    assert "\n" not in text


@pytest.mark.parametrize("choice", ["none", "python"])
def test_tools_that_cannot_be_called_are_not_checked(choice: str) -> None:
    odd = ToolSpec("odd", "", {"type": "object", "not": {}})
    assert grammar_of("glm-4", [PYTHON, odd], choice) is not None


def test_two_hundred_tools(judge: Judge) -> None:
    tools = [ToolSpec(f"tool_{i}", "", obj("a", a=STRING, b=obj(c=INTEGER))) for i in range(200)]
    assert judge.admits(tools, 'tool_199\n{"a": "x", "b": {"c": 1}}', OBSERVATION)
    assert not judge.admits(tools, 'tool_200\n{"a": "x"}', OBSERVATION)


def test_every_reply_of_the_training_data_is_admitted(judge: Judge) -> None:
    """What the embedded model is taught must be what it may write."""
    from training.conversations import stream

    seen = {"call": 0, "answer": 0}
    for made in islice(stream(5), 250):
        grammar = grammar_of("glm-4", made.tools)
        assert grammar is not None
        for message in made.messages():
            if not isinstance(message, Assistant):
                continue
            stop = Control(message.stop or "")
            for part in message.parts:
                text = f"\n{part}" if isinstance(part, str) else f"{part.name}\n{part.payload}"
                seen["answer" if isinstance(part, str) else "call"] += 1
                pieces = [text, stop]
                assert judge.taken(grammar, pieces) == len(judge.ids(pieces)), text
    assert min(seen.values()) > 300
