"""Which types a schema allows a value, and what a text is as one of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.protocol.parsing.xml_values import ANY, STRING, Value, allowed, read_value

DEFS = {
    "$defs": {
        "Unit": {"type": "string", "enum": ["C", "F"]},
        "a/b~c": {"type": "array"},
        "Loop": {"$ref": "#/$defs/Loop"},
        "Tree": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]},
    }
}


@pytest.mark.parametrize(
    ("schema", "types"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"type": "string", "nullable": True}, {"string", "null"}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"string", "null"}),
        ({"oneOf": [{"type": "integer"}, {"type": ["array", "null"]}]}, {"integer", "array", "null"}),
        ({"anyOf": [{"type": "string"}, {}]}, ANY),
        ({"anyOf": []}, ANY),
        ({"allOf": [{"type": ["string", "null"]}, {"type": "string"}]}, {"string"}),
        ({"allOf": [{"description": "x"}, {"type": "integer"}]}, {"integer"}),
        ({"enum": ["a", "b"]}, {"string"}),
        ({"enum": ["a", None, 1]}, {"string", "null", "integer"}),
        ({"type": ["string", "integer"], "enum": ["a"]}, {"string"}),
        ({"const": True}, {"boolean"}),
        ({"const": None}, {"null"}),
        ({"properties": {}}, {"object"}),
        ({"items": {}}, {"array"}),
        ({"$ref": "#/$defs/Unit"}, {"string"}),
        ({"$ref": "#/$defs/a~1b~0c"}, {"array"}),
        ({"$ref": "#/$defs/Nothing"}, ANY),
        ({"$ref": "elsewhere.json"}, ANY),
        ({"$ref": "#/$defs/Loop"}, ANY),
        ({"$ref": "#/$defs/Tree"}, ANY),
        ({"$ref": "#"}, {"object"}),
        ({}, ANY),
        (True, ANY),
        (None, ANY),
        ({"type": 3}, ANY),
        ({"type": ""}, ANY),
        ({"type": "str"}, ANY),
        ({"type": "string", "minLength": 1}, {"string"}),
    ],
)  # fmt: skip
def test_the_types_of_a_parameter(schema: Any, types: set[str]) -> None:
    parameters = {"type": "object", "properties": {"x": schema}, **DEFS}
    assert allowed(parameters, "x") == types


def test_a_parameter_that_is_not_declared() -> None:
    assert allowed({"properties": {}}, "x") == ANY
    assert allowed({"additionalProperties": {"type": "integer"}}, "x") == {"integer"}
    assert allowed({"additionalProperties": False}, "x") == ANY
    assert allowed(None, "x") == ANY
    assert allowed({"properties": []}, "x") == ANY


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "anyOf", "allOf", "$ref", "enum", "const", "properties", "x"]),
            inner,
            max_size=3,
        )
    ),
)


@given(schema=anything, text=st.text(max_size=8), strict=st.booleans())
def test_no_schema_and_no_text_is_too_odd(schema: Any, text: str, strict: bool) -> None:
    types = allowed({"properties": {"x": schema}}, "x")
    read = read_value(text, types, strict=strict)
    assert read.error is None or read.value is None


@pytest.mark.parametrize(
    ("text", "types", "value"),
    [
        # a string is the text, whatever it looks like
        ("北京", "string", "北京"),
        ("3", "string", "3"),
        ("null", "string", "null"),
        ('"a"', "string", '"a"'),
        ("", "string", ""),
        (" \n", "string", " \n"),
        (r"a\nb", "string", r"a\nb"),
        # other types are JSON
        ("3", "integer", 3),
        (" 3\n", "integer", 3),
        ("3.5", "number", 3.5),
        ("3", "number", 3),
        ("true", "boolean", True),
        ('["a"]', "array", ["a"]),
        ('{"a": {}}', "object", {"a": {}}),
        ("null", "null", None),
        # JSON of the wrong type is for whoever validates
        ("3.5", "integer", 3.5),
        ("[]", "object", []),
        # where a string is allowed too, it is the other type if it is that type's JSON
        ("null", "string null", None),
        ("None", "string null", "None"),
        ("nullable", "string null", "nullable"),
        ("3", "string null", "3"),
        ("3", "string integer", 3),
        ("3.5", "string integer", "3.5"),
        ('"3"', "string integer", '"3"'),
        ('{"a": 1}', "string object", {"a": 1}),
        ('{"a": 1', "string object", '{"a": 1'),
        ("", "string null", ""),
        # without a type, JSON if it is JSON
        ("3", "", 3),
        ('"3"', "", "3"),
        ("abc", "", "abc"),
        ("1, 2", "", "1, 2"),
        ('1, "x": 2', "", '1, "x": 2'),
        ("", "", ""),
        ("NaN", "", "NaN"),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_text_as_a_value(text: str, types: str, value: Any, strict: bool) -> None:
    read = read_value(text, frozenset(types.split()), strict=strict)
    assert read == Value(value)
    assert type(read.value) is type(value)


@pytest.mark.parametrize(
    ("text", "types", "value", "repair"),
    [
        ('"3"', "integer", 3, "double-encoded"),
        ('"[1, 2]"', "array", [1, 2], "double-encoded"),
        (r"[{\"a\": \"b\"}]", "array", [{"a": "b"}], "escaped"),
        ("True", "boolean", True, "python"),
        ("['a']", "array", ["a"], "single-quotes"),
        ("[1, 2,]", "array", [1, 2], "trailing-comma"),
        ("[1, 2", "array", [1, 2], "unclosed"),
    ],
)
def test_what_is_mended(text: str, types: str, value: Any, repair: str) -> None:
    read = read_value(text, frozenset({types}))
    assert read == Value(value, repairs=(repair,))
    strict = read_value(text, frozenset({types}), strict=True)
    assert strict.error is not None or isinstance(strict.value, str)


@pytest.mark.parametrize(
    ("text", "types", "wanted"),
    [
        ("many", "integer", "an integer"),
        ("", "integer", "an integer"),
        ("1, 2", "array", "an array"),
        ('1, "y": 2', "integer", "an integer"),
        ('1} {"value": 2', "integer", "an integer"),
        ("NaN", "number", "a number"),
        ('{"a": 1, "a": 2}', "object", "an object"),
        ("[" * 5000, "array null", "an array or a null"),
        ("9" * 5000, "integer", "an integer"),
    ],
)
def test_what_cannot_be_read_says_what_is_wanted(text: str, types: str, wanted: str) -> None:
    read = read_value(text, frozenset(types.split()))
    assert read.value is None
    assert read.error == f"not valid JSON; write {wanted}"


def test_only_a_string_streams() -> None:
    assert frozenset({"string"}) == STRING
