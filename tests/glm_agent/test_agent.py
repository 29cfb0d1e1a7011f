"""Agents, sessions, and the synchronous edge."""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from glm_agent import (
    Agent,
    Answer,
    CallReady,
    ConfigurationError,
    Event,
    LimitExceeded,
    Limits,
    ModelLoadError,
    Observation,
    RunResult,
    ScriptedModel,
    Session,
    Settings,
    SyncSession,
    System,
    Tool,
    ToolCall,
    ToolContext,
    ToolOutput,
    ToolSpec,
    Transcript,
    UnknownToolError,
    User,
    models,
    tool,
)

from .scripts import calls, says


class Note:
    """Something that a tool keeps for a session."""

    open = 0

    def __init__(self) -> None:
        Note.open += 1
        self.lines: list[str] = []

    async def aclose(self) -> None:
        Note.open -= 1


class Notebook(Tool):
    """Keeps lines for the session, as the python tool keeps a kernel."""

    spec = ToolSpec("note", "Note a line.")

    def check(self, call: ToolCall) -> str:
        return call.payload

    async def run(self, arguments: str, context: ToolContext) -> ToolOutput:
        async def make() -> Note:
            return Note()

        note = await context.resource("note", make)
        note.lines.append(arguments)
        return ToolOutput(f"{len(note.lines)} in {context.session_id}")


def noting(*answers: str) -> Agent:
    script = [reply for answer in answers for reply in (calls(("note", {})), says(answer))]
    return Agent(ScriptedModel(script), [Notebook()])


@tool
async def rest() -> str:
    """Rest for ever."""
    await anyio.sleep_forever()
    return ""


# ── construction ──────────────────────────────────────────────────────────────────────────────


def test_making_an_agent_loads_no_model():
    agent = Agent("/nowhere/at/all")
    assert agent.model_name == "/nowhere/at/all"


def test_a_model_that_is_not_there_is_found_out_at_the_first_run():
    with pytest.raises(ModelLoadError):
        Agent("/nowhere/at/all").run_sync("Hi")


def test_a_tool_that_is_not_there_is_found_out_at_once():
    with pytest.raises(UnknownToolError, match="python"):
        Agent(ScriptedModel([]), tools=["pyhton"])


def test_two_tools_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="note"):
        Agent(ScriptedModel([]), tools=[Notebook(), Notebook()])


def test_tools_are_told_by_name_in_order():
    assert list(Agent(ScriptedModel([]), tools=[rest, Notebook()]).tools) == ["rest", "note"]


@pytest.mark.anyio
async def test_a_model_that_the_agent_loaded_is_closed_with_it(monkeypatch: pytest.MonkeyPatch):
    closed: list[str] = []

    class Loaded(ScriptedModel):
        async def aclose(self) -> None:
            closed.append(self.name)

    loads: list[str] = []

    def load(name: str) -> Loaded:
        loads.append(name)
        return Loaded([says("1"), says("2")])

    monkeypatch.setattr(models, "load_model", load)
    async with Agent("some/model") as agent:
        assert loads == []
        await agent.run("Hi")
        await agent.run("Hi")
    assert loads == ["some/model"]
    assert closed == ["scripted"]
    async with Agent(Loaded([], name="mine")):
        pass
    assert closed == ["scripted"]


def test_an_agent_can_be_written_in_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GLM_AGENT_MODEL", "http://127.0.0.1:1/v1")
    (tmp_path / "w.py").write_text('def f() -> str:\n    """Do f."""\n    return ""\n')
    path = tmp_path / "agent.yaml"
    path.write_text(
        "instructions: Be brief.\ntools:\n  - python: ./w.py:f\n"
        "limits: {steps: 3, seconds: 60}\nsettings: {temperature: 0}\n"
    )
    agent = Agent.from_file(path)
    assert agent.instructions == "Be brief."
    assert list(agent.tools) == ["f"]
    assert agent.limits == Limits(steps=3, seconds=60)
    assert agent.settings == Settings(temperature=0)
    assert agent.model_name == "http://127.0.0.1:1/v1"
    model = ScriptedModel([says("Hi.")])
    assert Agent.from_file(path, model=model).run_sync("Hi").answer == "Hi."


# ── prompts ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("prompt", ["", " \n\t", "\u3000"])
def test_an_empty_prompt_is_refused(prompt: str):
    model = ScriptedModel([says("?")])
    with pytest.raises(ConfigurationError, match="say something"):
        Agent(model).run_sync(prompt)
    assert model.requests == []


def test_a_prompt_that_spells_control_tokens_stays_text():
    result = Agent(ScriptedModel([says("No.")])).run_sync("<|observation|>\nx<|user|>")
    assert result.transcript[0] == User("<|observation|>\nx<|user|>")


# ── sessions ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_a_session_keeps_transcript_and_resources_between_turns():
    async with noting("one", "two").session() as session:
        first = await session.run("Hi")
        second = await session.run("Again")
        assert Note.open == 1
    assert Note.open == 0
    assert first.observations[0].text == f"1 in {session.id}"
    assert second.observations[0].text == f"2 in {session.id}"
    assert second.transcript is session.transcript
    assert [message.role for message in second.messages] == [
        "user",
        "assistant",
        "observation",
        "assistant",
    ]


@pytest.mark.anyio
async def test_run_closes_what_tools_kept():
    await noting("one").run("Hi")
    assert Note.open == 0


@pytest.mark.anyio
async def test_a_run_that_fails_closes_what_tools_kept_too():
    agent = Agent(ScriptedModel([calls(("note", {}))]), [Notebook()], limits=Limits(steps=1))
    with pytest.raises(LimitExceeded):
        await agent.run("Hi")
    assert Note.open == 0


@pytest.mark.anyio
async def test_a_failing_clean_up_does_not_take_the_answer_away():
    class Stuck(Notebook):
        async def run(self, arguments: str, context: ToolContext) -> ToolOutput:
            class Broken:
                async def aclose(self) -> None:
                    raise OSError("will not close")

            async def make() -> Broken:
                return Broken()

            await context.resource("broken", make)
            return ToolOutput("ok")

    agent = Agent(ScriptedModel([calls(("note", {})), says("There.")]), [Stuck()])
    assert (await agent.run("Hi")).answer == "There."


@pytest.mark.anyio
async def test_a_session_goes_on_from_a_transcript_without_changing_it():
    past = Transcript([User("I am Ada.")])
    model = ScriptedModel([says("Ada.")])
    async with Agent(model, instructions="Be brief.").session(past) as session:
        await session.run("Who am I?")
    assert len(past) == 1
    assert [m.role for m in model.requests[0].messages][:2] == ["user", "user"]
    assert not any(isinstance(message, System) for message in session.transcript)


@pytest.mark.anyio
async def test_a_closed_session_says_so():
    async with Agent(ScriptedModel([says("?")])).session() as session:
        pass
    with pytest.raises(ConfigurationError, match="closed"):
        await session.run("Hi")
    await session.aclose()


@pytest.mark.anyio
async def test_a_session_takes_one_turn_at_a_time():
    agent = Agent(ScriptedModel([calls(("rest", {}))]), [rest])
    begun = anyio.Event()

    def called(event: Event) -> None:
        if isinstance(event, CallReady):
            begun.set()

    async with agent.session() as session, anyio.create_task_group() as group:
        group.start_soon(lambda: session.run("Hi", on_event=called))
        await begun.wait()
        with pytest.raises(ConfigurationError, match="another turn"):
            await session.run("Me too")
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_two_agents_in_one_process_do_not_meet():
    results: dict[str, RunResult] = {}

    async def go(name: str) -> None:
        results[name] = await noting(name).run("Hi")

    async with anyio.create_task_group() as group:
        group.start_soon(go, "left")
        group.start_soon(go, "right")
    assert {name: result.answer for name, result in results.items()} == {
        "left": "left",
        "right": "right",
    }
    texts = [result.observations[0].text for result in results.values()]
    assert all(text.startswith("1 in ") for text in texts)
    assert texts[0] != texts[1]


@pytest.mark.anyio
async def test_one_agent_serves_two_runs_at_once():
    agent = Agent(ScriptedModel([says("one"), says("two")]))
    answers: list[str] = []

    async def go() -> None:
        answers.append((await agent.run("Hi")).answer)

    async with anyio.create_task_group() as group:
        group.start_soon(go)
        group.start_soon(go)
    assert sorted(answers) == ["one", "two"]


# ── the synchronous edge ──────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_both_edges_answer_alike():
    awaited = await noting("one").run("Hi")
    waited = await anyio.to_thread.run_sync(lambda: noting("one").run_sync("Hi"))

    def facts(result: RunResult) -> Any:
        counts = (result.usage.steps, result.usage.completion_tokens)
        return result.answer, len(result.transcript), result.calls, counts

    assert facts(awaited) == facts(waited)


def test_a_synchronous_session_keeps_transcript_and_resources_between_turns():
    with noting("one", "two").session_sync() as session:
        assert session.run("Hi").answer == "one"
        events = list(session.stream("Again"))
        assert Answer("two") in events
        assert Note.open == 1
        seen = [m.text for m in session.transcript if isinstance(m, Observation)]
    assert Note.open == 0
    assert seen == [f"1 in {session.id}", f"2 in {session.id}"]


def test_a_synchronous_stream_can_be_left_in_the_middle():
    with Agent(
        ScriptedModel([calls(("rest", {})), says("Yes.")]), [rest]
    ).session_sync() as session:
        for event in session.stream("Hi"):
            if isinstance(event, CallReady):
                break
        assert session.run("Are you there?").answer == "Yes."


@pytest.mark.anyio
@pytest.mark.parametrize(
    "call", [lambda agent: agent.run_sync("Hi"), lambda a: a.session_sync().__enter__()]
)
async def test_synchronous_calls_inside_an_event_loop_say_what_to_do(call: Callable[[Agent], Any]):
    with pytest.raises(ConfigurationError, match="await"):
        call(Agent(ScriptedModel([])))


def test_agents_run_in_several_threads():
    answers: list[str] = []

    def go(name: str) -> None:
        answers.append(noting(name).run_sync("Hi").answer)

    threads = [threading.Thread(target=go, args=(str(n),)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["0", "1", "2"]


def test_ctrl_c_comes_down_cleanly_and_the_session_goes_on():
    model = ScriptedModel([calls(("note", {}), ("rest", {})), says("Back.")])

    def interrupt(event: Event) -> None:
        if isinstance(event, CallReady) and event.call.name == "rest":
            os.kill(os.getpid(), signal.SIGINT)

    with Agent(model, [Notebook(), rest]).session_sync() as session:
        with pytest.raises(KeyboardInterrupt):
            session.run("Hi", on_event=interrupt)
        outcomes = {m.call_id: m.outcome for m in session.transcript if isinstance(m, Observation)}
        assert outcomes["call_2"] == "cancelled"
        assert session.run("Are you there?").answer == "Back."
    assert Note.open == 0


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    return [
        (name, parameter.kind, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    ]


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


def test_both_edges_have_the_same_surface():
    assert parameters(Agent.run) == parameters(Agent.run_sync)
    assert parameters(Agent.session) == parameters(Agent.session_sync)
    for name in ("run", "stream"):
        assert parameters(getattr(Session, name)) == parameters(getattr(SyncSession, name))
        assert parameters(getattr(Session, name)) == parameters(getattr(Agent, name))
    attributes = {"id", "transcript"}  # of the instance there, properties here
    assert public(SyncSession) == (public(Session) | attributes) - {"aclose"}
