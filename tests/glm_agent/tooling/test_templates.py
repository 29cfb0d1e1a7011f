"""Templates fill `{name}` and leave every other brace alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.tooling.templates import MISSING, Template, escape, fill, parse_tree

VALUES = {"city": "北京", "days": 3, "tags": ["a", 2], "on": True, "nothing": None}

CASES: list[tuple[Any, Any]] = [
    ("{city}", "北京"),
    ("{days}", 3),
    ("{tags}", ["a", 2]),
    ("{on}", True),
    ("in {city}, {days} days", "in 北京, 3 days"),
    ("{tags} {on}", "a,2 true"),
    ("{{city}}", "{city}"),
    ("query { user { id } }", "query { user { id } }"),
    ("{ city } {} {", "{ city } {} {"),
    ("", ""),
    ("{absent}", MISSING),
    ("q={absent}", MISSING),
    ("{city}{absent}", "北京"),
    (
        {"a": "{city}", "b": {"c": ["{days}", "{absent}", 5]}, "d": "{absent}"},
        {"a": "北京", "b": {"c": [3, 5]}},
    ),
    (None, None),
    (7, 7),
]


@pytest.mark.parametrize(("tree", "expected"), CASES, ids=str)
def test_trees_are_filled(tree: Any, expected: Any) -> None:
    assert fill(parse_tree(tree), VALUES) == expected


@given(st.text("ab1 }"), st.text("{}ab1 "), st.text("ab1 {"))
def test_escaped_text_is_itself(before: str, inner: str, after: str) -> None:
    template = Template.parse(before + escape(inner) + after)
    assert not template.placeholders
    assert template.text({"a": "VALUE"}) == before + inner + after
