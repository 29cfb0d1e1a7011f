"""YAML registries: what they give, and what is said about a wrong one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from glm_agent.errors import RegistryError
from glm_agent.messages import ToolCall
from glm_agent.tooling import (
    HttpTool,
    ToolContext,
    check_registry,
    dispatch,
    load_registry,
    registry_schema,
)

WEATHER = '''
from __future__ import annotations
from dataclasses import dataclass
from glm_agent.tooling import tool

@dataclass
class Place:
    city: str

def forecast(place: Place, days: int = 1) -> str:
    """A forecast."""
    return f"{place.city} {days}"

@tool(timeout=3, max_chars=10)
async def alarm() -> str:
    """An alarm."""
    return "!" * 100

class Station:
    @tool
    def read(self) -> int:
        """Read it."""
        return 7

station = Station()
number = 3
'''

Check = Callable[[str], list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weather.py").write_text(WEATHER)
    (tmp_path / "broken.py").write_text("import glm_agent\ndef broken(:\n")
    (tmp_path / "exits.py").write_text("raise SystemExit(1)\n")
    return tmp_path


@pytest.fixture
def check(folder: Path) -> Check:
    def check(text: str) -> list[str]:
        path = folder / "tools.yaml"
        path.write_text(text)
        return [str(found).removeprefix(f"{path}:") for found in check_registry(path)]

    return check


def load(folder: Path, text: str) -> dict[str, Any]:
    path = folder / "tools.yaml"
    path.write_text(text)
    return {made.name: made for made in load_registry(path)}


def run(made: Any, **values: Any) -> str:
    call = ToolCall("c", made.name, "", values)
    [observation] = anyio.run(dispatch, call, {made.name: made}, ToolContext())
    return observation.text


def test_python_entries(folder: Path) -> None:
    tools = load(
        folder,
        """
defaults: {timeout: 9}
tools:
  - python: ./weather.py:forecast
    name: get_weather
    description: The weather
    max_chars: 500
  - python: ./weather.py:forecast
    timeout: null
  - python: weather.py:alarm
  - python: ./weather.py:station.read
  - python: base64:b64encode
    description: Base64
""",
    )
    assert list(tools) == ["get_weather", "forecast", "alarm", "read", "b64encode"]
    weather = tools["get_weather"]
    assert (weather.spec.description, weather.timeout, weather.max_chars) == ("The weather", 9, 500)
    assert run(weather, place={"city": "北京"}, days="2") == "北京 2"
    assert "get_weather" in run(weather)  # errors speak of the new name
    assert (tools["forecast"].timeout, tools["forecast"].max_chars) == (None, 50_000)
    assert tools["forecast"].spec.description == "A forecast."
    assert (tools["alarm"].timeout, tools["alarm"].max_chars) == (9, 10)
    assert run(tools["alarm"]) == "!" * 10
    assert run(tools["read"]) == "7"


def test_builtin_entries(folder: Path) -> None:
    text = """
defaults: {max_chars: 70}
tools:
  - simple_browser
  - builtin: python
    timeout: ${PYTHON_SECONDS:-30}
"""
    tools = load(folder, text)
    assert list(tools) == ["simple_browser", "python"]
    assert tools["simple_browser"].max_chars == 70
    assert {made.spec.kind for made in tools.values()} == {"simple_browser", "python"}


def test_http_entries(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "{city}")
    flat = """
tools:
  - http: https://x.org/{city}
    name: get
    description: Gets
    method: post
    parameters: {city: string}
    query: {q: "{city}"}
    headers: {X-Key: "${KEY}"}
    json: {a: "{city}"}
    timeout: 3
    pick: a.b
"""
    nested = """
tools:
  - http:
      url: https://x.org/{city}
      method: POST
      query: {q: "{city}"}
      headers: {X-Key: "${KEY}"}
      json: {a: "{city}"}
      pick: a.b
    name: get
    description: Gets
    parameters: {city: string}
    timeout: 3
"""
    for text in (flat, nested):
        made = load(folder, text)["get"]
        assert isinstance(made, HttpTool)
        assert (made.spec.description, made.timeout) == ("Gets", 3)
        import httpx2

        request = made._request(httpx2.AsyncClient(), {"city": "Oslo"})
        assert (request.method, str(request.url)) == ("POST", "https://x.org/Oslo?q=Oslo")
        assert request.headers["X-Key"] == "{city}"
        assert json.loads(request.content) == {"a": "Oslo"}


def test_registries_may_name_others(folder: Path, check: Check) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "base.yaml").write_text("tools: [{python: ../weather.py:alarm}]\n")
    assert list(load(folder, "tools: [{registry: more/base.yaml}, python]")) == ["alarm", "python"]

    (folder / "more" / "base.yaml").write_text("tools: [{registry: ../tools.yaml}]\n")
    [found] = check_registry(folder / "tools.yaml")
    assert found.message == "../tools.yaml leads back to itself"
    assert found.file.endswith("base.yaml")
    assert check("tools: [{registry: none.yaml}]") == [
        "1:20: none.yaml: cannot be read: No such file or directory"
    ]


MISTAKES: list[tuple[str, list[str]]] = [
    ("", ["1:1: the file is empty"]),
    ("hello", ["1:1: a registry should be a mapping (key: value), not a single value"]),
    ("- python", ["1:1: a registry should be a mapping (key: value), not a list"]),
    ("defaults: {}", ["1:1: 'tools' is missing"]),
    ("tols: []", ["1:1: unknown key 'tols'; did you mean 'tools'?"]),
    ("tools: python", ["1:8: tools: should be a list of tools, each starting with '- '"]),
    ("tools:", ["1:7: tools: should be a list of tools, each starting with '- '"]),
    ("tools: [3]", ["1:9: an entry should be a mapping (key: value), not a single value"]),
    ("tools:\n  - pyton", ["2:5: no tool named 'pyton' is installed; did you mean 'python'?"]),
    ("tools:\n\t- python", ["2:1: a tab; YAML is indented with spaces"]),
    ("tools:\n- name: x", ["2:3: an entry needs one of the keys builtin, python, http, registry"]),
    ("tools:\n- biultin: x", ["2:3: unknown key 'biultin'; did you mean 'builtin'?"]),
    (
        "tools:\n- builtin: python\n  http: x",
        ["3:3: builtin and http in one entry: start the second one with '- '"],
    ),
    (
        "tools:\n- builtin: zzz",
        ["2:12: no tool named 'zzz' is installed; known: python, simple_browser"],
    ),
    (
        "tools:\n- builtin: python\n  timout: 3",
        ["3:3: python has no setting 'timout'; did you mean 'timeout'?"],
    ),
    (
        "tools:\n- builtin: python\n  timeout: soon",
        ['3:12: timeout: should be a valid number (got "soon")'],
    ),
    (
        "defaults: {timeout: -1, max_char: 3}\ntools: []",
        [
            "1:21: timeout: should be greater than 0 (got -1)",
            "1:25: unknown key 'max_char'; did you mean 'max_chars'?",
        ],
    ),
    (
        "tools:\n- python: ./weather.py:forcast\n- python: ./weather.py:number",
        [
            "2:11: ./weather.py has no 'forcast'; did you mean 'forecast'?",
            "3:11: 3 is no tool: pass a Tool, a function, a tool's name or a .yaml file",
        ],
    ),
    (
        "tools:\n- python: ./none.py:f\n- python: weather",
        [
            "2:11: ./none.py cannot be read: No such file or directory",
            "3:11: 'weather' should be package.module:function or ./file.py:function",
        ],
    ),
    (
        "tools:\n- python: weather:forecast",
        [
            (
                "2:11: weather cannot be imported: ModuleNotFoundError: No module named 'weather'; "
                "for the file beside this one write ./weather.py:forecast"
            )
        ],
    ),
    (
        "tools:\n- python: ./broken.py:f",
        [
            "2:11: ./broken.py cannot be run, line 2: SyntaxError: invalid syntax (broken.py, line 2)"
        ],
    ),
    ("tools:\n- python: ./exits.py:f", ["2:11: ./exits.py cannot be run: SystemExit: 1"]),
    (
        "tools:\n- python: ./weather.py:Station.read",
        ["2:11: read is a method: pass the tool of an object, object.read"],
    ),
    (
        "tools:\n- python: ./weather.py:alarm\n  name: 7\n  nmae: x",
        [
            "3:9: name: should be a valid string (got 7)",
            "4:3: unknown key 'nmae'; did you mean 'name'?",
        ],
    ),
    (
        "tools:\n- python: ./weather.py:alarm\n- python: ./weather.py:alarm",
        ["3:3: a second tool named 'alarm', first on line 2"],
    ),
    (
        "tools:\n- python: ./weather.py:alarm\n  name: two words",
        ["2:11: 'two words' cannot be a tool's name: use 1 to 64 letters, digits, '_', '-' or '.'"],
    ),
    (
        "tools:\n- http: ftp://x/\n  method: fetch\n  quer: {}",
        [
            "2:3: 'name' is missing: what the model calls the tool",
            "2:9: should start with http:// or https:// and a host",
            (
                "3:11: method: should be 'GET', 'POST', 'PUT', 'PATCH', 'DELETE' or 'HEAD' "
                '(got "FETCH")'
            ),
            "4:3: unknown key 'quer'; did you mean 'query'?",
        ],
    ),
    (
        "tools:\n- http:\n    url: http://x/{citty}\n    name: g\n  parameters: {city: strin}\n  name: h",
        [
            "3:10: no parameter 'citty'; did you mean 'city'?",
            "4:5: 'name' is given twice, here and beside http",
            "5:22: type: no type 'strin'; did you mean 'string'?",
        ],
    ),
    (
        "tools:\n- http:\n    url: http://x/{citty}\n    headers:\n      A: '{b}'\n  parameters: {city: string}\n  name: h",
        [
            "3:10: no parameter 'citty'; did you mean 'city'?",
            "5:10: no parameter 'b'; known: city",
        ],
    ),
    ("tools:\n- http: {query: {}}\n  name: h", ["2:9: 'url' is missing"]),
    (
        "tools:\n- http: http://x/${NOT_SET_ANYWHERE}\n  name: h\n  timeout: ${NOT_SET_ANYWHERE}",
        [
            (
                "2:18: the environment variable NOT_SET_ANYWHERE is not set; give it a default with "
                "${NOT_SET_ANYWHERE:-...}"
            ),
            (
                "4:12: the environment variable NOT_SET_ANYWHERE is not set; give it a default with "
                "${NOT_SET_ANYWHERE:-...}"
            ),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=lambda value: str(value)[:40])
def test_every_mistake_is_told_with_its_place(check: Check, text: str, expected: list[str]) -> None:
    assert check(text) == expected


def test_loading_raises_all_mistakes_at_once(folder: Path) -> None:
    with pytest.raises(RegistryError) as caught:
        load(folder, "tool: 1\ntools: [zzz, 3]")
    assert [found.line for found in caught.value.problems] == [1, 2, 2]
    assert re.match(r".*tools\.yaml:1:1: unknown key 'tool'", str(caught.value))


def test_a_secret_is_not_told(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    [found] = check("tools:\n- builtin: python\n  timeout: ${SECRET}")
    assert found == "3:12: timeout: should be a valid number"


def test_a_file_that_changed_is_read_again(folder: Path) -> None:
    import os

    text = "tools: [{python: ./weather.py:forecast}]"
    before = load(folder, text)["forecast"]
    source = folder / "weather.py"
    source.write_text(WEATHER.replace('f"{place.city}', 'f"new {place.city}'))
    os.utime(source, ns=(1, 1))
    after = load(folder, text)["forecast"]
    assert run(before, place={"city": "x"}) == "x 1"
    assert run(after, place={"city": "x"}) == "new x 1"


def test_the_schema_for_editors_knows_keys_and_settings() -> None:
    schema = registry_schema()
    json.dumps(schema)
    assert schema["required"] == ["tools"]
    members = schema["properties"]["tools"]["items"]["anyOf"]
    assert members[0]["enum"] == ["python", "simple_browser"]
    [python] = [
        member
        for member in members
        if member.get("properties", {}).get("builtin", {}).get("const") == "python"
    ]
    assert {"builtin", "timeout", "max_chars"} <= set(python["properties"])
    assert python["additionalProperties"] is False
    flat, nested = [member for member in members if "http" in member.get("properties", {})]
    assert flat["required"] == ["http", "name"]
    assert {"query", "json", "pick"} <= set(flat["properties"])
    assert {"url", "query", "json", "pick"} <= set(nested["properties"]["http"]["properties"])


@pytest.mark.parametrize(
    "text",
    [
        "tools: [simple_browser, {builtin: python, timeout: 5, kind: local, folder: null}]",
        "defaults: {timeout: '${T:-5}', max_chars: '${T:-50}'}\ntools: []",
        "defaults:\ntools: [{builtin: simple_browser, results: '${T:-3}', allow_private: ['a:80']}]",
        "tools: [{python: ./weather.py:forecast, name: ahead, timeout: null}]",
        "tools: [{http: 'http://x/{a}', name: get, parameters: {a: string}, method: POST}]",
        "tools: [{http: {url: http://x, allow_any_host: '${T:-true}'}, name: get}]",
        "tools:\n- http: http://x\n  name: put\n  method: PUT\n  json: {a: [1, null]}",
    ],
)
def test_the_schema_for_editors_takes_what_is_right(check: Check, text: str) -> None:
    assert check(text) == []
    schema = registry_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "tols: [python]",
        "tools: python",
        "tools: [{builtin: pyton}]",
        "tools: [{builtin: python, timeot: 3}]",
        "tools: [{builtin: python, timeout: soon}]",
        "tools: [{http: http://x}]",
    ],
)
def test_the_schema_for_editors_underlines_what_is_wrong(check: Check, text: str) -> None:
    assert check(text)
    assert not Draft202012Validator(registry_schema()).is_valid(yaml.safe_load(text))


words = st.sampled_from(
    [
        "tools",
        "builtin",
        "python",
        "http",
        "registry",
        "name",
        "timeout",
        "defaults",
        "url",
        "query",
        "./weather.py:alarm",
        "./tools.yaml",
        "http://x/{a}",
        "x",
    ]
)
trees = st.recursive(
    words | st.none() | st.integers() | st.booleans() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(
    max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.fixed_dictionaries({"tools": trees}, optional={"defaults": trees}))
def test_any_yaml_is_either_right_or_explained(folder: Path, data: dict[str, Any]) -> None:
    path = folder / "tools.yaml"
    path.write_text(json.dumps(data))
    problems = check_registry(path)
    assert all(found.message and "\n" not in found.message for found in problems)
    if not problems:
        assert len(load_registry(path)) >= 0
