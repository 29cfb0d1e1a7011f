"""`tool_choice` of agents, runs, agent files and the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from glm_agent import Agent, ConfigurationError, RegistryError, ScriptedModel, tool
from glm_agent.cli.app import group
from glm_agent.cli.options import AgentOptions
from glm_agent.tooling import load_agent_file

from .scripts import calls, says


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@tool
def get_time() -> str:
    """The time."""
    return "noon"


def agent(*replies: str, **options: Any) -> tuple[Agent, ScriptedModel]:
    model = ScriptedModel(replies)
    return Agent(model, [get_weather, get_time], **options), model


def choices(model: ScriptedModel) -> list[str]:
    return [request.tool_choice for request in model.requests]


CALL = calls(("get_weather", {"city": "Bonn"}))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ("auto", ["auto", "auto"]),
        ("required", ["required", "auto"]),
        ("get_weather", ["get_weather", "auto"]),
    ],
)
async def test_a_call_is_required_of_the_first_reply_alone(choice: str, asked: list[str]) -> None:
    made, model = agent(CALL, says("Sunny."), tool_choice=choice)
    assert (await made.run("Hi")).answer == "Sunny."
    assert choices(model) == asked


@pytest.mark.anyio
async def test_none_holds_for_every_run_and_reply() -> None:
    made, model = agent(CALL, says("No."), tool_choice="none")
    async with made.session() as session:
        first = await session.run("Hi")
        await session.run("Hi again")
    assert first.calls == ()
    assert "get_weather" in first.answer
    assert choices(model) == ["none", "none"]


@pytest.mark.anyio
async def test_a_run_chooses_for_itself() -> None:
    made, model = agent(CALL, says("A."), says("B."), CALL, says("C."), tool_choice="required")
    async with made.session() as session:
        await session.run("Hi")
        await session.run("Hi", tool_choice="none")
        await session.run("Hi", tool_choice="get_weather")
    assert choices(model) == ["required", "auto", "none", "get_weather", "auto"]


@pytest.mark.anyio
async def test_streams_and_plain_runs_choose_too() -> None:
    made, model = agent(CALL, says("A."), CALL, says("B."))
    async for _ in made.stream("Hi", tool_choice="required"):
        pass
    await made.run("Hi", tool_choice="get_weather")
    assert choices(model) == ["required", "auto", "get_weather", "auto"]


def test_without_an_event_loop() -> None:
    made, model = agent(CALL, says("A."), CALL, says("B."), says("C."))
    made.run_sync("Hi", tool_choice="required")
    with made.session_sync() as session:
        session.run("Hi", tool_choice="get_weather")
        list(session.stream("Hi", tool_choice="none"))
    assert choices(model) == ["required", "auto", "get_weather", "auto", "none"]


def test_a_name_that_no_tool_has_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'get_weather'"):
        agent(tool_choice="get_wether")
    with pytest.raises(ConfigurationError, match="needs tools"):
        Agent(ScriptedModel([]), tool_choice="required")


@pytest.mark.anyio
async def test_and_so_is_a_run_of_that_choice_which_leaves_no_trace() -> None:
    made, model = agent(says("Hi."))
    async with made.session() as session:
        with pytest.raises(ConfigurationError, match="did you mean 'get_time'"):
            await session.run("Hi", tool_choice="get_tim")
        assert len(session.transcript) == 0
        assert (await session.run("Hi")).answer == "Hi."
    assert choices(model) == ["auto"]


def write(folder: Path, text: str) -> Path:
    (folder / "weather.py").write_text(
        'def get_weather(city: str) -> str:\n    """Weather."""\n    return city\n'
    )
    path = folder / "agent.yaml"
    path.write_text(text)
    return path


TOOLS = "tools:\n  - python: ./weather.py:get_weather\n"


def test_an_agent_file_chooses(tmp_path: Path) -> None:
    path = write(tmp_path, f"{TOOLS}tool_choice: get_weather\nsettings: {{constrain: false}}\n")
    assert load_agent_file(path).tool_choice == "get_weather"
    made = Agent.from_file(path, model=ScriptedModel([]))
    assert (made.tool_choice, made.settings.constrain) == ("get_weather", False)


def test_an_agent_file_names_a_tool_in_vain(tmp_path: Path) -> None:
    path = write(tmp_path, f"{TOOLS}tool_choice: get_wether\n")
    with pytest.raises(RegistryError) as caught:
        load_agent_file(path)
    (problem,) = caught.value.problems
    assert (problem.line, "did you mean 'get_weather'" in problem.message) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ("get_weather", True)),
        (["--tool-choice", "none", "--free"], ("none", False)),
    ],
)
def test_the_command_line_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], expected: Any
) -> None:
    path = write(tmp_path, f"{TOOLS}tool_choice: get_weather\n")
    seen: list[tuple[str, bool]] = []
    make = AgentOptions.agent

    def agent(self: AgentOptions) -> Agent:
        made = make(self)
        seen.append((made.tool_choice, made.settings.constrain))
        raise ConfigurationError("seen")

    monkeypatch.setattr(AgentOptions, "agent", agent)
    CliRunner().invoke(group, ["run", "Hi", "--agent", str(path), *arguments])
    assert seen == [expected]
