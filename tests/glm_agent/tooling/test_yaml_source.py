"""YAML is read with the place of every value, and nothing in a file can break the reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glm_agent.tooling.templates import Template
from glm_agent.tooling.yaml_source import MAX_BYTES, Source, read_yaml


def read(folder: Path, text: str | bytes) -> Source:
    path = folder / "file.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    return read_yaml(path)


def told(source: Source) -> list[str]:
    return [f"{found.line}:{found.column}: {found.message}" for found in source.problems]


SCALARS: list[tuple[str, Any]] = [
    ("no", "no"),
    ("on", "on"),
    ("12:30:45", "12:30:45"),
    ("2024-01-01", "2024-01-01"),
    ("true", True),
    ("False", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("42", 42),
    ("-7", -7),
    ("010", 10),
    ("0o17", 15),
    ("0xff", 255),
    ("1e3", 1000.0),
    (".5", 0.5),
    ("-.inf", float("-inf")),
    ("1_000", "1_000"),
    ('"42"', "42"),
    ("北京", "北京"),
    ("=", "="),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_follow_yaml_1_2(tmp_path: Path, text: str, value: Any) -> None:
    source = read(tmp_path, f"key: {text}\n")
    assert source.data == {"key": value}
    assert type(source.data["key"]) is type(value)
    assert not source.problems


MISTAKES: list[tuple[str | bytes, list[str]]] = [
    ("", ["1:1: the file is empty"]),
    ("# only a comment\n", ["1:1: the file is empty"]),
    ("~", ["1:1: the file is empty"]),
    ("a:\n\t- b\n", ["2:1: a tab; YAML is indented with spaces"]),
    ("a: {b: ${HOME}}", ["1:9: a brace in the middle of a text: put the text in quotes"]),
    ("a: 1\nb: 2\na: 3\n", ["3:1: duplicate key 'a', first on line 1"]),
    ("a: {x: 1, x: 2}", ["1:11: duplicate key 'x', first on line 1"]),
    ("a: 1\n3: x\n", ["2:1: the key 3 is no text: put it in quotes"]),
    ("? [a]\n: b\n", ["1:3: the key is no text: put it in quotes"]),
    ("a: !python/object:os.system x", ["1:4: the tag !python/object:os.system is not supported"]),
    ("a: !!set {x}", ["1:4: the tag !!set is not supported"]),
    ("a: &a [*a]", ["1:4: an anchor contains itself"]),
    ("a: b: c", ["1:5: mapping values are not allowed here"]),
    ("a: [1, 2\nb: 3", ["2:2: expected ',' or ']', but got ':' (while parsing a flow sequence)"]),
    (
        "a: 1\n---\nb: 2",
        ["2:1: but found another document (expected a single document in the stream)"],
    ),
    ("a: *nowhere", ["1:4: found undefined alias 'nowhere'"]),
    ("<<: 3", ["1:5: << takes a mapping or a list of mappings"]),
    (b"a: 1\nb: caf\xe9", ["2:7: not UTF-8: save the file as UTF-8"]),
    ("a: \x01", ["1:4: the character 1 is not allowed"]),
    ("[" * 50_000, ["1:1: nested too deeply"]),
    (b"#" * (MAX_BYTES + 1), ["1:1: larger than 1 MB"]),
    ("a: " + "9" * 5000, [f"1:4: not a number that can be read: {'9' * 40}"]),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=lambda value: str(value)[:25])
def test_a_mistake_has_its_line_and_column(
    tmp_path: Path, text: str | bytes, expected: list[str]
) -> None:
    source = read(tmp_path, text)
    assert told(source) == expected
    assert {found.file for found in source.problems} == {str(tmp_path / "file.yaml")}


def test_all_duplicate_keys_are_told(tmp_path: Path) -> None:
    assert len(read(tmp_path, "a: 1\na: 2\nb: {c: 1, c: 2}\n").problems) == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert told(read_yaml(tmp_path / "none.yaml")) == [
        "1:1: cannot be read: No such file or directory"
    ]
    assert told(read_yaml(tmp_path)) == ["1:1: cannot be read: Is a directory"]
    assert told(read_yaml("a\0b"))[0].startswith("1:1: cannot be read: ")


@pytest.mark.parametrize("shape", ["- &a{n} [{list}]", "- &a{n} {{<<: [{list}]}}"])
def test_anchors_cannot_multiply_a_file(tmp_path: Path, shape: str) -> None:
    first = "- &a0 [x, x]" if "<<" not in shape else "- &a0 {x: 1, y: 2}"
    lines = [first] + [shape.format(n=n, list=", ".join([f"*a{n - 1}"] * 10)) for n in range(1, 12)]
    source = read(tmp_path, "\n".join(lines))
    assert len(source.problems) == 1
    assert "50,000 values" in source.problems[0].message


def test_anchors_and_merges_work_within_reason(tmp_path: Path) -> None:
    source = read(
        tmp_path, "base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\nown: {<<: [*b, *m], x: 5}\n"
    )
    assert not source.problems
    assert source.data["own"] == {"x": 5, "y": 2, "z": 4}


VARIABLES: list[tuple[str, str]] = [
    ("${SET}", "value"),
    ("a ${SET} b ${SET}", "a value b value"),
    ("${EMPTY}", ""),
    ("${UNSET:-other}", "other"),
    ("${UNSET:-}", ""),
    ("${EMPTY:-other}", "other"),
    ("${SET:-other}", "value"),
    ("$${SET}", "${SET}"),
    ("$SET $ {SET}", "$SET $ {SET}"),
    ("${NESTED}", "${SET}"),
]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SET", "value")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("NESTED", "${SET}")
    monkeypatch.setenv("BRACES", "{city}")
    monkeypatch.delenv("UNSET", raising=False)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("text", "value"), VARIABLES)
def test_variables_are_replaced(tmp_path: Path, text: str, value: str) -> None:
    source = read(tmp_path, f"a: '{text}'")
    assert source.data == {"a": value}
    assert not source.problems


@pytest.mark.usefixtures("environment")
def test_a_variable_without_a_value_is_told_where_it_stands(tmp_path: Path) -> None:
    source = read(tmp_path, "a: 1\nb:\n  - x ${SET} ${UNSET}\nc: |\n  text\n  ${broken\n")
    assert told(source) == [
        "3:14: the environment variable UNSET is not set; give it a default with ${UNSET:-...}",
        "6:3: '${' starts no variable: write ${NAME}, or $${ for itself",
    ]


@pytest.mark.usefixtures("environment")
def test_what_comes_from_the_environment_is_no_template(tmp_path: Path) -> None:
    source = read(tmp_path, "a: '{city} ${BRACES} {${SET}}'")
    assert source.data == {"a": "{city} {city} {value}"}
    template = Template.parse(source.escaped[("a",)])
    assert template.text({"city": "Paris", "value": "!"}) == "Paris {city} !"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.sampled_from("ab:{}[]-&*!<>|'\"#%@`,? \n\t\\$\ufeff京0.~"), max_size=40)
    | st.binary(max_size=40)
)
def test_no_file_can_break_the_reader(tmp_path: Path, content: str | bytes) -> None:
    source = read(tmp_path, content)
    assert all(found.line >= 1 and found.column >= 1 for found in source.problems)
    assert source.problems or source.data is not None


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text("ab京 :-", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), plain, min_size=1, max_size=3))
def test_what_was_written_is_read(tmp_path: Path, value: dict[str, Any]) -> None:
    source = read(tmp_path, yaml.safe_dump(value, allow_unicode=True))
    assert not source.problems
    assert source.data == value
    assert set(source.values) >= {(key,) for key in value}
