"""The end of a JSON object that comes in pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.models.servers.object_end import ObjectEnd

values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='ab"\\{}[]北\n', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), values, max_size=4), st.integers(1, 9), st.booleans())
def test_it_is_where_the_object_ends_and_nowhere_before(value, size: int, escaped: bool) -> None:
    text = json.dumps(value, ensure_ascii=escaped)
    end = ObjectEnd()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert [end.feed(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]


@pytest.mark.parametrize("text", ["", "  ", '{"a": 1', '{"a": "}', '{"a": "\\', '["', "17", "text"])
def test_what_is_not_whole_does_not_end(text: str) -> None:
    assert not ObjectEnd().feed(text)


def test_what_follows_may_end_again() -> None:
    end = ObjectEnd()
    assert end.feed("{}")
    assert not end.feed('{"a"')
    assert end.feed(": 1}")
