"""The round trip of the Berkeley set: every possible answer, written as calls and parsed back.

The data are those of the published leaderboard's first version (see facts on evaluation); they are
not part of the project, so the test skips where they are not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from glm_agent.events import CallReady
from glm_agent.messages import Assistant, Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import Protocol, protocol_for
from glm_agent.protocol.families import _FAMILIES

from .bfcl import PREFIX, choices, lines, spec_of, tool_of

# How many tasks have answers in each file, and how many of them want several calls.
TASKS = {
    "java": 100,
    "javascript": 50,
    "multiple_function": 200,
    "parallel_function": 200,
    "parallel_multiple_function": 200,
    "simple": 400,
}

KINDS = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "object"),
    (type(None), "null"),
)


@dataclass(frozen=True)
class Task:
    """One reply that a task wants: one choice of values for each of its calls."""

    name: str
    tools: tuple[ToolSpec, ...]
    calls: tuple[ToolCall, ...]


@pytest.fixture(scope="module")
def tasks(shared: Path) -> list[Task]:
    folder = shared / "bfcl" / "v1"
    if not folder.is_dir():
        pytest.skip("needs ../shared/bfcl")
    return [task for name in TASKS for task in read(folder, name)]


def read(folder: Path, name: str) -> Iterator[Task]:
    questions = lines(folder / f"{PREFIX}{name}.json")
    answers = lines(folder / "possible_answer" / f"{PREFIX}{name}.json")
    assert len(answers) == TASKS[name]
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True)):
        functions = question["function"]
        functions = functions if isinstance(functions, list) else [functions]
        tools = tuple(spec_of(function) for function in functions)
        calls = [list(ways(function, given, tools)) for function, given in answer.items()]
        calls = [way for way in calls if way]
        # The first reply has the first way of each call, and so on; a call with fewer repeats one.
        for row in zip_longest(*calls):
            chosen = tuple(call or way[0] for call, way in zip(row, calls, strict=True))
            yield Task(f"{name} {number}", declared(tools, chosen), chosen)


def declared(tools: tuple[ToolSpec, ...], calls: tuple[ToolCall, ...]) -> tuple[ToolSpec, ...]:
    """The tools so that the answers fit them, which some in the set do not.

    An answer may name another function than its task (simple 363), or have a value of another type
    than its parameter: those of Java and JavaScript are strings in the language's syntax. The XML
    formats write only values whose type the parameter has.
    """
    known = {tool.name: tool for tool in tools}
    changed: set[str] = set()
    for call in calls:
        tool = known.get(call.name, ToolSpec(call.name))
        properties = dict(tool.parameters.get("properties", {}))
        for key, value in (call.arguments or {}).items():
            named = properties.get(key, {}).get("type", [])
            types = [named] if isinstance(named, str) else named
            fitting = next(name for kind, name in KINDS if isinstance(value, kind))
            if not {fitting, "number" if fitting == "integer" else fitting} & {*types}:
                properties[key] = {"type": [*types, fitting] if key in changed else fitting}
                changed.add(key)
        known[call.name] = ToolSpec(call.name, tool.description, {"properties": properties})
    return tuple(known.values())


def ways(function: str, given: Any, tools: tuple[ToolSpec, ...]) -> Iterator[ToolCall]:
    """A call with each possible choice of values."""
    if not isinstance(given, dict):  # one answer has a parameter where a call should be
        return
    tool = tool_of(function, tools)
    for arguments in choices(given):
        payload = json.dumps(arguments, ensure_ascii=False)
        yield ToolCall("", tool.name if tool else function, payload, arguments)


def written(protocol: Protocol, task: Task) -> list[Piece]:
    """The calls as a reply in the family's format."""
    prompt = protocol.render([Assistant(task.calls)], task.tools, add_generation_prompt=False)
    pieces = list(prompt.flat())
    reply = pieces[pieces.index(Control("<|assistant|>")) + 1 :]
    # What Z1 thought is not in its prompts, but its replies begin with it.
    thought = ["I call it.\n</think>", Control("<|assistant|>")]
    return [*thought, *reply] if protocol.name == "glm-z1" else reply


def meant(calls: Iterable[ToolCall]) -> list[object]:
    return [(call.name, call.arguments) for call in calls]


def test_the_set_is_what_it_should_be(tasks: list[Task]) -> None:
    calls = [call for task in tasks for call in task.calls]
    assert len({task.name for task in tasks}) == sum(TASKS.values()) == 1150
    assert len({task.name for task in tasks if len(task.calls) > 1}) >= 380, "parallel calls"
    assert len({call.name for call in calls if "." in call.name}) > 300, "dotted names"
    assert len(calls) > 2800
    print(f"{len(tasks)} replies with {len(calls)} calls")


@pytest.mark.parametrize("strict", [False, True], ids=["mending", "strict"])
@pytest.mark.parametrize("family", [name for name in _FAMILIES if name != "glm-z1-rumination"])
def test_every_answer_comes_back_exactly(tasks: list[Task], family: str, strict: bool) -> None:
    """Z1-Rumination is left out: it has four fixed tools, and no others."""
    protocol = protocol_for(family)
    for task in tasks:
        parsed = protocol.parse(
            written(protocol, task), task.tools, "<|observation|>", strict=strict
        )
        assert meant(parsed.calls) == meant(task.calls), task.name
        assert not parsed.text, task.name
        assert not any(call.repairs or call.error for call in parsed.calls), task.name


def test_they_come_back_from_text_alone(tasks: list[Task]) -> None:
    """A server that gives one string, and no stop token: calls joined by a newline as well."""
    protocol = protocol_for("glm-4")
    for task in tasks:
        for joint in ("\n", "<|assistant|>"):
            text = joint.join(f"{call.name}\n{call.payload}" for call in task.calls)
            assert meant(protocol.parse(text, task.tools).calls) == meant(task.calls), task.name


def test_each_call_is_ready_before_the_stop_token(tasks: list[Task]) -> None:
    """But a last `{}`, after which the real object may come."""
    protocol = protocol_for("glm-4")
    for task in tasks:
        parser = protocol.stream_parser(task.tools)
        ready = 0
        for piece in written(protocol, task):
            ready += sum(isinstance(event, CallReady) for event in parser.feed(piece))
        assert ready == len(task.calls) - (task.calls[-1].arguments == {}), task.name
