"""Agents in YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from glm_agent.errors import RegistryError
from glm_agent.limits import Limits
from glm_agent.models.base import Settings
from glm_agent.tooling import AgentConfig, agent_schema, check_registry, load_agent_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weather.py").write_text(
        'def forecast(city: str) -> str:\n    """F."""\n    return city\n'
    )
    (tmp_path / "tools.yaml").write_text("tools: [{python: ./weather.py:forecast}]\n")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "agent.yaml"
    path.write_text(text)
    return path


def test_a_whole_agent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPS", "6")
    config = load_agent_file(
        write(
            folder,
            """
model: embedded
instructions: |
  Answer briefly.
tools:
  - python
  - python: ./weather.py:forecast
    name: get_weather
limits: {steps: "${STEPS}", seconds: 120, tokens: null}
settings: {temperature: 0, max_tokens: 512, seed: 1}
""",
        )
    )
    assert config.model == "embedded"
    assert config.instructions == "Answer briefly.\n"
    assert [made.name for made in config.tools] == ["python", "get_weather"]
    assert config.limits == Limits(steps=6, seconds=120.0, tokens=None)
    assert config.settings == Settings(temperature=0.0, max_tokens=512, seed=1)


@pytest.mark.parametrize("tools", ["{registry: tools.yaml}", "[{registry: tools.yaml}]"])
def test_tools_from_a_registry(folder: Path, tools: str) -> None:
    config = load_agent_file(write(folder, f"tools: {tools}"))
    assert [made.name for made in config.tools] == ["forecast"]


def test_everything_may_be_left_out(folder: Path) -> None:
    assert load_agent_file(write(folder, "instructions:\ntools:\n")) == AgentConfig()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("zai-org/glm-4-9b-chat-hf", "zai-org/glm-4-9b-chat-hf"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("./weights", "{folder}/weights"),
        ("../weights", "{folder}/../weights"),
    ],
)
def test_a_model_path_starts_at_the_file(folder: Path, model: str, expected: str) -> None:
    config = load_agent_file(write(folder, f"model: {model}"))
    assert config.model == expected.format(folder=folder)


MISTAKES: list[tuple[str, list[str]]] = [
    ("modle: x\nlimits: {}", ["1:1: unknown key 'modle'; did you mean 'model'?"]),
    ("model: [x]", ["1:8: model: should be a text"]),
    ('model: " "', ["1:8: model: is empty; leave the key out for the default model"]),
    ("model: x\ntools: 3", ["2:8: tools: should be a list of tools, each starting with '- '"]),
    (
        "model: x\ntools: {registri: t.yaml}",
        ["2:9: unknown key 'registri'; did you mean 'registry'?"],
    ),
    (
        "model: x\ntools: [zzz]",
        ["2:9: no tool named 'zzz' is installed; known: python, simple_browser"],
    ),
    ("limits: 3", ["1:9: limits should be a mapping (key: value), not a single value"]),
    ("limits: {stps: 3}", ["1:10: unknown key 'stps'; did you mean 'steps'?"]),
    ("limits: {steps: many}", ['1:17: steps: should be a valid integer (got "many")']),
    ("limits: {steps: 0}", ["1:9: limit steps=0: a run needs at least one step"]),
    ("settings: {temprature: 1}", ["1:12: unknown key 'temprature'; did you mean 'temperature'?"]),
    ("settings: {max_tokens: 1.5}", ["1:24: max_tokens: should be a valid integer (got 1.5)"]),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=lambda value: str(value)[:40])
def test_every_mistake_is_told_with_its_place(folder: Path, text: str, expected: list[str]) -> None:
    path = write(folder, text)
    with pytest.raises(RegistryError) as caught:
        load_agent_file(path)
    told = [str(found).removeprefix(f"{path}:") for found in caught.value.problems]
    assert told == expected


def test_checking_a_file_tells_agents_from_registries(folder: Path) -> None:
    assert check_registry(write(folder, "model: embedded\ntools: [python]")) == []
    assert check_registry(folder / "tools.yaml") == []
    [found] = check_registry(write(folder, "settings: {temprature: 1}"))
    assert "temperature" in found.message


def test_a_mistake_in_a_named_registry_is_told_with_its_own_file(folder: Path) -> None:
    (folder / "tools.yaml").write_text("tools:\n  - zzz\n")
    [found] = check_registry(write(folder, "model: x\ntools: {registry: tools.yaml}"))
    assert (Path(found.file).name, found.line) == ("tools.yaml", 2)


def test_the_schema_for_editors() -> None:
    schema: dict[str, Any] = agent_schema()
    json.dumps(schema)
    assert set(schema["properties"]) == {
        *("model", "instructions", "tools", "tool_choice", "defaults", "limits", "settings")
    }
    assert set(schema["properties"]["limits"]["properties"]) == {"steps", "seconds", "tokens"}
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    "text",
    [
        "model:\ninstructions:\ntools:\nlimits:\nsettings:",
        "model: x\ntools: {registry: tools.yaml}",
        "limits: {steps: '${T:-3}', seconds: null}\nsettings: {temperature: 0, seed: '${T:-1}'}",
    ],
)
def test_the_schema_for_editors_takes_what_is_right(folder: Path, text: str) -> None:
    (folder / "tools.yaml").write_text("tools: [python]")
    assert check_registry(write(folder, text)) == []
    Draft202012Validator(agent_schema()).validate(yaml.safe_load(text))
