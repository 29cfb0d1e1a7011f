"""What a caller sees while a run goes on, in order.

A model's reply arrives as `ThinkingDelta`, `TextDelta`, `CallStarted`, `CallDelta` and `CallReady`;
a call's outcome as `Observed`; the end of a run as one `Answer`, followed by one `UsageReport`.
Failures are raised, not reported as events (the command line's `--json` turns them into a last
`error` line).
"""

from __future__ import annotations

from dataclasses import dataclass

from .citations import Citation, as_markdown
from .messages import Observation, ToolCall, Usage


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next part of the model's plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """The next part of what the model thinks before it answers or calls; no part of its text."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The name of a call is known; its arguments follow."""

    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """The next part of a call's payload: `ToolCall.payload` is these put together."""

    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class CallReady:
    """A call is complete."""

    call: ToolCall


ReplyEvent = ThinkingDelta | TextDelta | CallStarted | CallDelta | CallReady
"""What a streaming parser gives out."""


@dataclass(frozen=True, slots=True)
class Observed:
    """An observation came back from a call."""

    observation: Observation


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's final answer, and what the marks in it cite, in order."""

    text: str
    citations: tuple[Citation, ...] = ()

    @property
    def markdown(self) -> str:
        """The text with its citations as links."""
        return as_markdown(self.text, self.citations)


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What the run cost, the last event."""

    usage: Usage


Event = ReplyEvent | Observed | Answer | UsageReport
