"""How thinking is shown: folded above the answer, and as lines of its own for programs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from glm_agent.cli.jsonl import JsonLines
from glm_agent.cli.render import LiveOutput, PlainScreen, Screen
from glm_agent.cli.terminal import RichScreen
from glm_agent.events import (
    Answer,
    CallReady,
    CallStarted,
    Event,
    Observed,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from glm_agent.messages import Observation, ToolCall, Usage

RUN: list[Event] = [
    ThinkingDelta("\nI sh"),
    ThinkingDelta("ould look.\nYes\x1b[2"),
    ThinkingDelta("J."),
    CallStarted("call_1", "f"),
    CallReady(ToolCall("call_1", "f", "{}", {})),
    Observed(Observation("ok", "call_1", "f")),
    ThinkingDelta("so"),
    TextDelta("It "),
    TextDelta("is."),
    Answer("It is."),
    UsageReport(Usage()),
]


def plain(events: list[Event]) -> str:
    file = io.StringIO()
    show(PlainScreen(file), events)
    return file.getvalue()


def show(screen: Screen, events: list[Event]) -> None:
    with LiveOutput(screen) as output:
        for event in events:
            output.show(event)


def test_thoughts_stand_above_what_follows_them():
    assert plain(RUN).splitlines()[:10] == [
        "  ~ I should look.",
        "  ~ Yes.",
        "",
        "> f()",
        "  < ok",
        "",
        "  ~ so",
        "",
        "It is.",
        "",
    ]


def test_long_thinking_is_folded():
    lines = plain([ThinkingDelta("so\n" * 30), TextDelta("4"), Answer("4")]).splitlines()
    assert lines == ["  ~ so"] * 10 + ["  ~ … 20 more lines", "", "4"]


def test_a_thought_is_shown_while_it_goes_on():
    file = io.StringIO()
    with LiveOutput(PlainScreen(file)) as output:
        output.show(ThinkingDelta("one\ntw"))
        assert file.getvalue() == "  ~ one\n"


def test_a_thought_that_is_cut_is_shown_to_its_end():
    assert plain([ThinkingDelta("one\ntw")]) == "  ~ one\n  ~ tw\n"


@pytest.mark.parametrize("thought", ["", "\n", " \n \n"])
def test_nothing_thought_is_nothing_shown(thought: str):
    assert plain([ThinkingDelta(thought), TextDelta("4"), Answer("4")]) == "4\n"


def test_on_a_terminal_thoughts_are_dim():
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="standard", width=80)
    show(RichScreen(file, console), RUN)
    (line,) = [line for line in file.getvalue().split("\n") if "I should look." in line]
    assert "\x1b[2;3m" in line


def test_programs_get_thoughts_as_they_come():
    file = io.StringIO()
    lines = JsonLines(file)
    for event in [ThinkingDelta("你\n"), ThinkingDelta("好"), TextDelta("4")]:
        lines.show(event)
    assert file.getvalue().splitlines() == [
        '{"type":"thinking","text":"你\\n"}',
        '{"type":"thinking","text":"好"}',
        '{"type":"text","text":"4"}',
    ]
