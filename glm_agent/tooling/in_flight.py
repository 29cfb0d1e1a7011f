"""The calls of one reply, each begun as soon as it is complete, side by side.

A call runs while the model still writes those after it. What then becomes of the reply decides
what becomes of the call:

    the reply ends, or is cut at the token limit     the call's outcome goes into the transcript
    the model fails, or the run is cancelled         a call that has ended keeps its outcome; one
                                                     that is still running is cancelled

Either way there is exactly one outcome, and nothing is run twice (law 5). As with a call that is
cancelled later, what the tool has done by then is not undone.

Does not do: running one call (`dispatch.py`), writing outcomes into a transcript (the loop).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import anyio

from ..messages import Observation, ToolCall
from .base import Tool, ToolContext
from .dispatch import cancelled, dispatch


@dataclass(slots=True)
class _Flight:
    """A call that was begun. `observations` is empty until it has an outcome."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    observations: list[Observation] = field(default_factory=list[Observation])
    task: asyncio.Task[None] | None = None


class CallsInFlight:
    """Runs calls in tasks of their own. Calls are told apart by their ids.

    Whoever begins calls must `land` or `abort` them: no task group does it for them, as starting
    a task in one takes as long as all the rest of a quick call.
    """

    def __init__(self, tools: Mapping[str, Tool], context: ToolContext) -> None:
        self._tools = tools
        self._context = context
        self._flights: dict[str, _Flight] = {}

    def begin(self, call: ToolCall) -> None:
        """Run a call, unless it was begun before."""
        if call.id not in self._flights:
            flight = self._flights[call.id] = _Flight()
            flight.task = asyncio.create_task(self._run(call, flight), name=f"tool {call.name}")

    async def _run(self, call: ToolCall, flight: _Flight) -> None:
        try:
            flight.observations = await dispatch(call, self._tools, self._context, flight.scope)
        finally:
            flight.ended.set()

    async def land(self, calls: Iterable[ToolCall]) -> list[Observation]:
        """Wait for the outcomes of `calls`; their observations, in the order of the calls."""
        calls = tuple(calls)
        for call in calls:
            self.begin(call)
        for call in calls:
            await self._flights[call.id].ended.wait()
        return self.outcomes(calls)

    async def abort(self) -> None:
        """Cancel what is still running and wait until it is down; not to be cancelled itself."""
        for flight in self._flights.values():
            flight.scope.cancel()
        with anyio.CancelScope(shield=True):
            for flight in self._flights.values():
                await flight.ended.wait()

    def outcomes(self, calls: Iterable[ToolCall]) -> list[Observation]:
        """The observations of `calls`, in their order; one without an outcome was cancelled."""
        observed: list[Observation] = []
        for call in calls:
            flight = self._flights.get(call.id)
            observed += (flight.observations if flight else None) or [cancelled(call)]
        return observed
