"""Reading a function call's payload."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.protocol.arguments import read_arguments

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(
    value=st.dictionaries(st.text(), json_values, max_size=4),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 2]),
)
def test_any_object_is_read(value: dict[str, object], ascii_only: bool, indent: int | None) -> None:
    payload = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    read = read_arguments(payload)
    assert (read.value, read.error, read.repairs) == (value, None, ())


@pytest.mark.parametrize("payload", ["", " ", "\n\t"])
def test_no_payload_means_no_arguments(payload: str) -> None:
    assert read_arguments(payload).value == {}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("{", "line 1 column 2"),
        ('{"a": 1,}', "not valid JSON"),
        ('{"a": 1} done', "Extra data"),
        ("{'a': 1}", "not valid JSON"),
        ('{"a": "x\ny"}', "Invalid control character"),
        ("\ufeff{}", "BOM"),
        ("[1]", "an array"),
        ('"{}"', "a string"),
        ("12", "a number"),
        ("1.5", "a number"),
        ("true", "a boolean"),
        ("null", "null"),
        ('{"a": 1, "a": 2}', "key 'a' is there twice"),
        ('{"b": {"a": 1, "a": 1}}', "key 'a' is there twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1e999}', "1e999 is too large"),
        ('{"a": ' + "9" * 5000 + "}", "too many digits"),
        ('{"a": "\\ud83d"}', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ('{"a": "\ud83d"}', "surrogate"),
        ('{"a": ' + "[" * 100_000, "too deeply"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "too deeply"),
    ],
    ids=lambda text: text[:20].encode("ascii", "backslashreplace").decode(),
)
def test_what_cannot_be_read_is_explained_to_the_model(payload: str, reason: str) -> None:
    read = read_arguments(payload)
    assert read.value is None
    assert read.error is not None
    assert reason in read.error
    assert "\n" not in read.error
    assert len(read.error) < 200


def test_a_surrogate_pair_is_a_character() -> None:
    assert read_arguments('{"a": "\\ud83e\\udd89"}').value == {"a": "🦉"}


@given(payload=st.text(st.sampled_from('{}[]":,\\ue1-. \n北truefalsn'), max_size=40))
def test_nothing_raises(payload: str) -> None:
    read = read_arguments(payload)
    assert (read.value is None) == (read.error is not None)
