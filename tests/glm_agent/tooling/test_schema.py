"""What the model is shown of a function, and what becomes of what it sends."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import functools
import json
import math
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from typing_extensions import Doc, TypedDict

from glm_agent.errors import InvalidArguments, ToolDefinitionError
from glm_agent.messages import ToolCall
from glm_agent.tooling import ToolContext, tool


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


class Point(BaseModel):
    """A place on the map."""

    x: int = Field(description="East")
    title: str | None = None


class Node(BaseModel):
    value: int
    children: list[Node] = []


@dataclasses.dataclass
class Person:
    name: str
    age: int = 0


class Options(TypedDict, total=False):
    deep: bool


class Path2:
    """No type that JSON knows."""


def parameters(function: Any) -> dict[str, Any]:
    return dict(tool(function).spec.parameters)


def schema_of(annotation: Any, *default: Any) -> dict[str, Any]:
    """The schema of one parameter of this type."""

    def function(value=None):
        return value

    function.__annotations__ = {"value": annotation}
    function.__defaults__ = default or None
    return parameters(function)["properties"]["value"]


def arguments(made: Any, **values: Any) -> Any:
    return made.check(ToolCall("c1", made.name, json.dumps(values), values))


POINT = {
    "type": "object",
    "description": "A place on the map.",
    "properties": {"x": {"type": "integer", "description": "East"}, "title": {"type": "string"}},
    "required": ["x"],
}

TYPES: list[tuple[Any, dict[str, Any]]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (Any, {}),
    (list[int], {"type": "array", "items": {"type": "integer"}}),
    (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
    (dict[str, Any], {"type": "object"}),
    (
        tuple[int, str],
        {
            "type": "array",
            "maxItems": 2,
            "minItems": 2,
            "prefixItems": [{"type": "integer"}, {"type": "string"}],
        },
    ),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Unit, {"type": "string", "enum": ["celsius", "fahrenheit"]}),
    (datetime.datetime, {"type": "string", "format": "date-time"}),
    (uuid.UUID, {"type": "string", "format": "uuid"}),
    (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}),  # noqa: UP045
    (Annotated[str, "A city"], {"type": "string", "description": "A city"}),
    (Annotated[str, Doc("A city")], {"type": "string", "description": "A city"}),
    (
        Annotated[int, Field(ge=1, le=7, description="Days")],
        {"type": "integer", "description": "Days", "maximum": 7, "minimum": 1},
    ),
    (Point, POINT),
    (list[Point], {"type": "array", "items": POINT}),
    (
        Person,
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": "integer", "default": 0},
            },
            "required": ["name"],
        },
    ),
    (Options, {"type": "object", "properties": {"deep": {"type": "boolean"}}}),
]


@pytest.mark.parametrize(("annotation", "expected"), TYPES, ids=lambda value: str(value)[:40])
def test_a_type_becomes_a_lean_schema(annotation: Any, expected: dict[str, Any]) -> None:
    assert schema_of(annotation) == expected


DEFAULTS: list[tuple[Any, Any, dict[str, Any]]] = [
    (int, 3, {"type": "integer", "default": 3}),
    (Unit, Unit.F, {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "fahrenheit"}),
    (int | None, None, {"type": "integer"}),
    (int, None, {"type": "integer"}),  # a common sloppiness
    (int | str | None, None, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
    (int | None, 3, {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 3}),
    (Point | None, None, POINT),
    (str, "", {"type": "string", "default": ""}),
    (float, math.inf, {"type": "number"}),
    (Any, object(), {}),
    (
        str,
        Field("x", description="Said"),
        {"type": "string", "description": "Said", "default": "x"},
    ),
]


@pytest.mark.parametrize(("annotation", "default", "expected"), DEFAULTS, ids=str)
def test_a_default_is_shown_where_it_says_something(
    annotation: Any, default: Any, expected: dict[str, Any]
) -> None:
    assert schema_of(annotation, default) == expected


def test_no_parameters_are_an_empty_object() -> None:
    assert parameters(lambda_named()) == {"type": "object", "properties": {}}


def lambda_named() -> Any:
    def ping() -> str:
        return "pong"

    return ping


def test_keys_stand_in_a_fixed_order() -> None:
    def find(text: str, where: Annotated[Point, "Around here"]) -> None: ...

    text = json.dumps(parameters(find))
    assert text == (
        '{"type": "object", "properties": {"text": {"type": "string"}, "where": {"type": "object", '
        '"description": "Around here", "properties": {"x": {"type": "integer", "description": '
        '"East"}, "title": {"type": "string"}}, "required": ["x"]}}, "required": ["text", "where"]}'
    )


def test_only_recursive_types_keep_a_definition() -> None:
    def walk(node: Node, point: Point) -> None: ...

    shown = parameters(walk)
    assert shown["properties"]["node"] == {"$ref": "#/$defs/Node"}
    assert shown["properties"]["point"] == POINT
    assert list(shown["$defs"]) == ["Node"]
    assert shown["$defs"]["Node"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    checked = arguments(tool(walk), node={"value": 1, "children": [{"value": "2"}]}, point={"x": 1})
    assert checked["node"].children[0].value == 2


def test_parameters_may_have_any_name() -> None:
    def odd(schema: int, model_config: int, _private: int, title: int, json: int) -> int:
        return schema + model_config + _private + title + json

    names = {"schema": 1, "model_config": 2, "_private": 3, "title": 4, "json": 5}
    assert list(parameters(odd)["properties"]) == list(names)
    assert arguments(tool(odd), **names) == names


GOOGLE = """Looks up
    the weather.

    A second paragraph.

    Args:
        city: Name of the city,
            in full.
        days (int): How many days.

    Returns:
        A text.
    """
SLOPPY = """Looks up the weather.
    Args:
        city: Name of the city, in full.
        days: How many days.
    """
NUMPY = """Looks up the weather.

    Parameters
    ----------
    city : str
        Name of the city, in full.
    days : int, optional
        How many days.
    """
SPHINX = """Looks up the weather.

    :param city: Name of the city,
        in full.
    :param int days: How many days.
    :returns: A text.
    """


@pytest.mark.parametrize("docstring", [GOOGLE, SLOPPY, NUMPY, SPHINX], ids=str.split)
def test_docstrings_of_three_styles_describe(docstring: str) -> None:
    def weather(city: str, days: int = 1) -> str:
        return city * days

    weather.__doc__ = docstring
    spec = tool(weather).spec
    assert spec.description == "Looks up the weather."
    properties = spec.parameters["properties"]
    assert properties["city"]["description"] == "Name of the city, in full."
    assert properties["days"]["description"] == "How many days."


def test_a_chinese_docstring_is_joined_without_spaces() -> None:
    def 天气(city: str) -> str:  # noqa: PLC2401 - Python allows it, so people do it
        """查询
        天气。

        Args:
            city: 城市的
                名称
        """
        return city

    spec = tool(天气).spec
    assert (spec.name, spec.description) == ("天气", "查询天气。")
    assert spec.parameters["properties"]["city"]["description"] == "城市的名称"


def test_what_the_hint_says_wins_over_the_docstring() -> None:
    def weather(city: Annotated[str, "From the hint"]) -> str:
        """Weather.

        Args:
            city: From the docstring
        """
        return city

    assert parameters(weather)["properties"]["city"]["description"] == "From the hint"


def test_values_are_coerced() -> None:
    def everything(
        number: int, ratio: float, flag: bool, unit: Unit, day: datetime.date, zipcode: str
    ) -> None: ...

    made = tool(everything)
    assert arguments(
        made, number="3", ratio="0.5", flag="true", unit="celsius", day="2024-02-29", zipcode=123
    ) == {
        "number": 3,
        "ratio": 0.5,
        "flag": True,
        "unit": Unit.C,
        "day": datetime.date(2024, 2, 29),
        "zipcode": "123",
    }


def test_what_is_left_out_is_left_to_the_function() -> None:
    marker = object()

    def some(a: int, b: Any = marker, c: int = Field(7)) -> tuple[Any, ...]:
        return a, b, c

    made = tool(some)
    assert made(**arguments(made, a=1)) == (1, marker, 7)


def test_null_is_fine_where_the_default_is_none() -> None:
    def some(a: int = None) -> Any:  # type: ignore[assignment]  # noqa: RUF013
        return a

    assert arguments(tool(some), a=None) == {"a": None}


def get_weather(city: str, days: int = 1, unit: Unit = Unit.C, at: Point | None = None) -> None: ...


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({}, "city: field required"),
    ({"city": "x", "days": "x"}, 'days: should be a valid integer (got "x")'),
    ({"city": "x", "days": 1.5}, "days: should be a valid integer (got 1.5)"),
    ({"city": "x", "unit": "kelvin"}, "unit: should be 'celsius' or 'fahrenheit' (got \"kelvin\")"),
    ({"city": ["x"]}, 'city: should be a valid string (got ["x"])'),
    ({"city": "x", "at": {"x": "a"}}, 'at.x: should be a valid integer (got "a")'),
    ({"city": "x", "at": "here"}, 'at: should be an object (got "here")'),
    ({"days": []}, "city: field required; days: should be a valid integer (got [])"),
    (
        {"city": "x", "dais": 1},
        "dais: unknown argument (known: city, days, unit, at; did you mean days?)",
    ),
    ({"city": "x", "q": 1}, "q: unknown argument (known: city, days, unit, at)"),
    ({"city": {"名": "京" * 100}}, f'city: should be a valid string (got {{"名": "{"京" * 53}…)'),
]


@pytest.mark.parametrize(("values", "expected"), MISTAKES, ids=str)
def test_a_mistake_is_told_in_one_line(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidArguments) as caught:
        arguments(tool(get_weather), **values)
    assert str(caught.value) == f"Invalid arguments for get_weather: {expected}"


def test_an_argument_for_a_function_without_parameters() -> None:
    with pytest.raises(InvalidArguments, match=r"x: unknown argument \(it takes none\)"):
        arguments(tool(lambda_named()), x=1)


def test_many_mistakes_are_counted_not_listed() -> None:
    def total(values: list[int]) -> int:
        return sum(values)

    with pytest.raises(InvalidArguments) as caught:
        arguments(tool(total), values=["x"] * 1000)
    assert str(caught.value).endswith("; and 990 more")


def test_a_payload_that_is_no_object_is_a_mistake() -> None:
    with pytest.raises(InvalidArguments, match="should be a JSON object"):
        tool(get_weather).check(ToolCall("c1", "get_weather", "Beijing"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["city", "days", "unit", "at"]) | st.text(), json_values))
def test_any_arguments_are_either_right_or_an_explained_mistake(values: dict[str, Any]) -> None:
    told = ""
    checked: dict[str, Any] = {"city": ""}
    try:
        checked = tool(get_weather).check(ToolCall("c1", "get_weather", "", values))
    except InvalidArguments as error:
        told = str(error)
    assert "\n" not in told
    assert not told or told.startswith("Invalid arguments for get_weather: ")
    assert isinstance(checked["city"], str)
    assert isinstance(checked.get("days", 1), int)


REFUSED: list[tuple[Any, str]] = []


def refused(message: str) -> Any:
    def keep(function: Any) -> Any:
        REFUSED.append((function, message))
        return function

    return keep


@refused(r"\*names; take a list instead: names: list\[str\]")
def starred(*names: str) -> None: ...


@refused(r"\*\*options; write its parameters out, or take a dictionary")
def double_starred(**options: str) -> None: ...


@refused("'callback' has the type .*, which JSON cannot express")
def with_callback(city: str, callback: Callable[[], None]) -> None: ...


@refused("'where' has the type Path2, which JSON cannot express")
def with_foreign_class(where: Path2) -> None: ...


@refused("'value' cannot be read .*at run time")
def unknown_hint(value: NoSuchType) -> None: ...  # type: ignore[name-defined]  # noqa: F821


@refused("cannot yield; return a text or a list")
def yielding():
    yield 1


refused("'<lambda>' cannot be a tool's name.*name=")(lambda x: x)
refused("ToolContext is a class: pass a function")(ToolContext)
refused("from a function, not from int")(3)


@pytest.mark.parametrize(("function", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_a_model_cannot_call_is_refused_with_advice(function: Any, message: str) -> None:
    with pytest.raises(ToolDefinitionError, match=message) as caught:
        tool(function)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"name": "two words"}, {"name": ""}, {"name": "a\nb"}, {"timeout": 0}, {"max_chars": 0}],
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ToolDefinitionError):
        tool(get_weather, **options)


def test_what_partial_has_set_is_not_shown_to_the_model() -> None:
    def fetch(url: str, key: str, depth: int = 1) -> tuple[str, str, int]:
        """Fetch a page."""
        return url, key, depth

    made = tool(functools.partial(fetch, key="secret"))
    assert made.name == "fetch"
    assert made.spec.description == "Fetch a page."
    assert "secret" not in json.dumps(made.spec.function())
    assert list(made.spec.parameters["properties"]) == ["url", "depth"]
    assert made(**arguments(made, url="u")) == ("u", "secret", 1)


def test_types_local_to_the_caller_are_found() -> None:
    class Local(BaseModel):
        x: int

    @tool
    def one(value: Local) -> int:
        return value.x

    @tool(name="other")
    def two(value: list[Local]) -> int:
        return len(value)

    assert arguments(one, value={"x": 1})["value"] == Local(x=1)
    assert arguments(two, value=[{"x": 1}])["value"] == [Local(x=1)]

    class Holder:
        @tool
        def take(self, value: Local) -> int:
            return value.x

    assert arguments(Holder().take, value={"x": 1})["value"] == Local(x=1)


def test_names_of_the_caller_do_not_shadow_those_of_the_function() -> None:
    class Point:  # another one than the module's
        pass

    def made_here(where: Point) -> None: ...

    assert parameters(measured)["properties"]["where"] == POINT
    with pytest.raises(ToolDefinitionError, match="has the type Point"):
        tool(made_here)


def measured(where: Point) -> None: ...
