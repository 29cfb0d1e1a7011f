"""Reading a function call's payload."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from glm_agent.protocol.arguments.ladder import CUT, read_arguments
from glm_agent.protocol.arguments.last_resort import repair_object
from glm_agent.protocol.arguments.lenient import LenientError, read_object
from glm_agent.protocol.arguments.repairs import REPAIRS

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


# What the lower rungs read: the payload, the object, and what is noted. The sources of the forms are
# in test_mended_replies.py.
MENDED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    '{"a": 1,}': ({"a": 1}, ("trailing-comma",)),
    '{"a": [1, 2,], "b": {"c": 3,},}': ({"a": [1, 2], "b": {"c": 3}}, ("trailing-comma",)),
    "{'a': 1}": ({"a": 1}, ("single-quotes",)),
    "{'a': 'it\\'s', \"b\": \"it's\"}": ({"a": "it's", "b": "it's"}, ("single-quotes",)),
    '{"a": "it\\\'s"}': ({"a": "it's"}, ("single-quotes",)),
    "{'a': '\"'}": ({"a": '"'}, ("single-quotes",)),
    '{"a": True, "b": None, "c": False}': ({"a": True, "b": None, "c": False}, ("python",)),
    '{"a": (1, 2), "b": (3,), "c": ()}': ({"a": [1, 2], "b": [3], "c": []}, ("python",)),
    "{'a': true, 'b': True}": ({"a": True, "b": True}, ("single-quotes", "python")),
    "{'a': '\\x41\\U0001f989'}": ({"a": "A🦉"}, ("single-quotes", "python")),
    '{"a": "x\ny\tz"}': ({"a": "x\ny\tz"}, ("raw-newline",)),
    '{"a": "\\d+\\.\\w"}': ({"a": "\\d+\\.\\w"}, ("backslash",)),
    '{"a"：1，"b"：2}': ({"a": 1, "b": 2}, ("full-width",)),
    '{"a": "x：y，z",}': ({"a": "x：y，z"}, ("trailing-comma",)),
    '{\\n  "a": 1,\\n  "b": "x\\ny"\\n}': ({"a": 1, "b": "x\ny"}, ("escaped",)),
    '{\\"a\\": \\"北京\\"}': ({"a": "北京"}, ("escaped",)),
    '"{\\"a\\": 1}"': ({"a": 1}, ("double-encoded",)),
    '"{}"': ({}, ("double-encoded",)),
    json.dumps(json.dumps(json.dumps({"a": "b"}))): ({"a": "b"}, ("double-encoded",)),
    '```json\n{"a": 1}\n```': ({"a": 1}, ("fence",)),
    '```{"a": 1}```': ({"a": 1}, ("fence",)),
    '```\n{"a": 1}': ({"a": 1}, ("fence",)),
    '```json\n{"a": "```"}\n```': ({"a": "```"}, ("fence",)),
    "```python\ntool_call(city='北京', days=3)\n```": (
        {"city": "北京", "days": 3},
        ("fence", "tool-call"),
    ),
    "tool_call()": ({}, ("tool-call",)),
    "tool_call(a={'b': True}, c=[1,])": (
        {"a": {"b": True}, "c": [1]},
        ("tool-call", "python", "trailing-comma"),
    ),
    '{}{"a": 1}{}': ({"a": 1}, ("concatenated",)),
    '{"a": 1}\n{"a": 1}': ({"a": 1}, ("concatenated",)),
    '{"a": {"b": [1, 2': ({"a": {"b": [1, 2]}}, ("unclosed",)),
    '{"a": "b", "c": null': ({"a": "b", "c": None}, ("unclosed",)),
    '{"a": "Beijing': ({"a": "Beijing"}, ("unclosed",)),
    "{a: 1}": ({"a": 1}, ("json-repair",)),
    "{city: 北京}": ({"city": "北京"}, ("json-repair",)),
    '{"a": 1 "b": 2}': ({"a": 1, "b": 2}, ("json-repair",)),
    '{"a": 1}}': ({"a": 1}, ("json-repair",)),
    '{"a": [1, 2}': ({"a": [1, 2]}, ("json-repair",)),
    "{'a': {1, 2}}": ({"a": [1, 2]}, ("json-repair",)),
    '{"city": "Beijing}': ({"city": "Beijing"}, ("json-repair",)),
    '{"a": "he said "hi" to me", "b": 1}': (
        {"a": 'he said "hi" to me', "b": 1},
        ("json-repair",),
    ),
    '{"a": "", "b" "x", "c": [], "d": {}}': (
        {"a": "", "b": "x", "c": [], "d": {}},
        ("json-repair",),
    ),
}


@pytest.mark.parametrize("payload", MENDED)
def test_what_is_nearly_json_is_read_and_noted(payload: str) -> None:
    value, repairs = MENDED[payload]
    read = read_arguments(payload)
    assert (read.value, read.error, read.repairs) == (value, None, repairs)
    assert set(repairs) <= REPAIRS.keys()
    assert json.dumps(read.value) == json.dumps(value), "1 is not True, and 1.0 is not 1"


@pytest.mark.parametrize("payload", MENDED)
def test_strict_reads_none_of_it(payload: str) -> None:
    read = read_arguments(payload, strict=True)
    assert read.value is None
    assert "write one JSON object" in (read.error or "")


@pytest.mark.parametrize(
    "payload",
    [
        # json-repair has a reading for each; it would lose or invent something.
        '{"a": 1, "b": }',
        '{"a" 1}',
        '{"a": "x", "y"}',
        '{"a": "b", c}',
        '{"a": "x"y"}',
        "{'a': 'it's'}",
        '{"a": "x" + "y"}',
        '{"a": "x", "b": "y" "z"}',
        '{"a": 1,, "b": 2}',
        '{"a": 007}',
        '{"a": 1/2}',
        '{"a": 1,000}',
        '{"a": f("x")}',
        '{"a": NaN}',
        '{"a": undefined()}',
        '{"a": 1 // one\n}',
        '{"a": 1, b: 2, "a": 3}',
        'Here: {"a": 1}',
        '{"a": 1} done',
        # Nobody can tell what was to come.
        "{",
        '{"a": 1,',
        '{"a": 1, "b"',
        '{"a": 1, "b":',
        '{"a": tru',
        '{"a": "b\\',
        '{"a": "\\u12',
        "tool_call(a=1",
        # These mean different things in different places.
        '{"a": 1}{"b": 2}',
        '{"a": 1}{"a": true}',
        '{"a": (1)}',
        "{'a': 'x' 'y'}",
        "{1: 2}",
        '{"a": "\\1"}',
        "get_weather(city='A')",
        "tool_call('A')",
        "tool_call(a=1, a=2)",
    ],
)
def test_what_would_be_a_guess_is_refused(payload: str) -> None:
    read = read_arguments(payload)
    assert read.value is None, read.value
    assert read.error is not None
    assert "write one JSON object" in read.error


@pytest.mark.parametrize("payload", [payload for payload in MENDED if payload[-1] not in '}`)"'])
def test_a_cut_payload_is_never_completed(payload: str) -> None:
    assert read_arguments(payload, cut=True).error == CUT


@pytest.mark.parametrize(
    ("payload", "read"),
    [('{"a": "Bei', False), ('{"a": 12', False), ('{"a": "b"', True), ('{"a": [12]', True)],
)
def test_half_a_value_counts_only_if_the_model_ended_there(payload: str, read: bool) -> None:
    assert read_arguments(payload).value is not None
    assert (read_arguments(payload, ended=False).value is not None) == read
    assert read_arguments(payload, cut=True).error == CUT


def test_a_whole_payload_counts_though_the_limit_cut_after_it() -> None:
    assert read_arguments('{"a": 1}', cut=True).value == {"a": 1}
    assert read_arguments("{'a': 1}", cut=True).value == {"a": 1}
    assert read_arguments("", cut=True).error == CUT


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("{", "line 1 column 2"),
        ('{"a": 1} done', "Extra data"),
        ("\ufeff{}", "BOM"),
        ("[1]", "an array"),
        ('"a"', "a string"),
        ('{"a": 1}{"a": 2}', "several objects"),
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


@given(value=st.dictionaries(st.text(), json_values, max_size=4))
def test_any_object_that_python_prints_is_read(value: dict[str, object]) -> None:
    payload = repr(value)
    assume("e+" not in payload and "inf" not in payload)
    read = read_arguments(payload)
    assert read.value == value == ast.literal_eval(payload)


@example(value={"a": -1.3438527177694108e16}, end=2, ended=True)  # cut within the exponent
@given(
    value=st.dictionaries(st.text(), json_values, max_size=3),
    end=st.integers(0, 100),
    ended=st.booleans(),
)
def test_an_object_that_was_cut_anywhere_gives_itself_or_an_error(
    value: dict[str, object], end: int, ended: bool
) -> None:
    """With all of it there but brackets, it is the whole; else a part of it, or nothing."""
    whole = json.dumps(value, ensure_ascii=False)
    payload = whole[: len(whole) - end % len(whole)]
    assert read_arguments(payload, cut=True).value in (None, value)
    read = read_arguments(payload, ended=ended).value
    if read is not None:
        assert is_start_of(read, value)


def is_start_of(part: Any, whole: Any) -> bool:
    """Whether `part` is `whole` up to some place: keys and values in order, strings cut."""
    if isinstance(part, dict) and isinstance(whole, dict):
        pairs = list(whole.items())[: len(part)]
        return list(part) == [key for key, _ in pairs] and all(
            is_start_of(part[key], value) for key, value in pairs
        )
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(is_start_of, part, whole))
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return part == whole or part in numbers_that_start(str(whole))


def numbers_that_start(written: str) -> set[float]:
    """What the beginnings of a number are worth: `-1.5e+1` for one that goes on to `-1.5e+16`."""
    found: set[float] = set()
    for end in range(1, len(written) + 1):
        with contextlib.suppress(ValueError):
            found.add(float(written[:end]))
    return found


@given(payload=st.text(st.sampled_from("{}[]\":,'ab1 ()=.-\\n"), max_size=40))
def test_the_last_rung_neither_loses_nor_invents(payload: str) -> None:
    value = repair_object(payload)
    if value is not None:
        leaves = sorted(re.sub(r"\W", "", json.dumps(value)))
        assert leaves == sorted(re.sub(r"\W", "", payload))
        assert json.dumps(value).count('""') <= payload.count('""') + payload.count("''")


def test_work_is_bounded() -> None:
    """Law 6: no payload takes more than a moment, and none fails."""
    for start, part, end in (
        ("{", '"', "}"),
        ("{", "{}", "}"),
        ('{"a":', "[", "}"),
        ("", "{}", ""),
        ('"', '\\"', '"'),
        ("```json\n", " ", "x"),
        ("{", "a ", "}"),
        ("{a: ", "(", "}"),
        ('{"a": "', "\\", '"}'),
        ("{'a': '", "it's ", "'}"),
        ("tool_call(", "a=(", ")"),
        ('{"a": "', '"', '"}'),
    ):
        payload = start + part * 60_000 + end
        read = read_arguments(payload)
        assert (read.value is None) == (read.error is not None)


def test_an_object_may_stand_in_a_text() -> None:
    read = read_object('xx {"a": 1} yy', 3)
    assert (read.value, read.end) == ({"a": 1}, 11)
    with pytest.raises(LenientError):
        read_object("[1]")


@given(payload=st.text(st.sampled_from('{}[]":,\\ue1-. \n北truefalsn'), max_size=40))
def test_nothing_raises(payload: str) -> None:
    read = read_arguments(payload)
    assert (read.value is None) == (read.error is not None)
