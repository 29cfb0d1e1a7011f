"""The loop: model, calls, observations, model again, until an answer.

One `Turn` carries a transcript from the user's message to the answer. It is a coroutine that
hands its events to a callback, so that no task group or cancel scope ever spans a `yield`;
`stream_turn` turns it into an async generator.

A call begins when it is complete, while the model may still be writing the next one. Every call
that a caller has seen gets exactly one outcome, also when the run is cancelled, runs out of time or
loses its model (law 5): what was not finished is recorded as `cancelled`, and the transcript can be
continued from there.

Does not do: sessions and models (`agent.py`), validating and running one call
(`tooling.dispatch`), storing anything.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from .citations import Citation, citations
from .errors import GlmAgentError, LimitExceeded, ModelError, RunError
from .events import (
    Answer,
    CallReady,
    CallStarted,
    Event,
    Observed,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from .limits import Limits
from .messages import Assistant, ToolCall, Transcript, Usage
from .models.base import Model, Reply, Request, Settings
from .protocol.grammar import AUTO, NONE
from .tooling.base import Tool, ToolContext
from .tooling.in_flight import CallsInFlight

Emit = Callable[[Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended: the model's answer, what it cost, and what it cites."""

    answer: str
    usage: Usage
    citations: tuple[Citation, ...] = ()


class Turn:
    """One run of the loop over a transcript that ends with the user's message.

    Args:
        model: where replies come from.
        tools: what the model may call, by name.
        transcript: grows in place; never copied.
        context: what tools know of the session; each call gets a copy with its own id.
        settings: how to generate.
        limits: how far to go.
        tool_choice: what the first reply must be. `required` and a tool's name hold for that one
            alone, or no run would ever end; `none` holds for all.
    """

    def __init__(
        self,
        *,
        model: Model,
        tools: Mapping[str, Tool],
        transcript: Transcript,
        context: ToolContext,
        settings: Settings,
        limits: Limits,
        tool_choice: str = AUTO,
    ) -> None:
        self._model = model
        self._tools = tools
        self._specs = tuple(tool.spec for tool in tools.values())
        self._transcript = transcript
        self._context = context
        self._settings = settings
        self._limits = limits
        self._tool_choice = tool_choice
        self._usage = Usage()
        self._written = 0  # tokens of the last reply
        self._preparing = False
        self._emit: Emit = _ignore

    async def run(self, emit: Emit) -> Outcome:
        """Go on until the model answers.

        `emit` is awaited with each event. While the run is being cancelled it is still called, for
        the outcomes of calls in flight, and must not wait then.

        Raises:
            LimitExceeded: steps, tokens or seconds are used up, or the answer was cut.
            ModelError: the model failed.
        """
        self._emit = emit
        started = time.perf_counter()
        answer = ""
        try:
            with anyio.move_on_after(self._limits.seconds) as scope:
                answer = await self._with_background()
            if scope.cancelled_caught:
                raise LimitExceeded(
                    f"the run was stopped after its limit of {self._limits.seconds:g} seconds;"
                    " allow more with Limits(seconds=...) or --timeout"
                )
        except RunError as error:
            error.transcript = self._transcript
            raise
        usage = replace(self._usage, seconds=time.perf_counter() - started)
        cited = citations(answer, self._transcript)
        await emit(Answer(answer, cited))
        await emit(UsageReport(usage))
        return Outcome(answer, usage, cited)

    async def _with_background(self) -> str:
        """The steps; tools that still start up when they are done are not waited for."""
        answer = ""
        failures: list[Exception] = []
        async with anyio.create_task_group() as background:
            try:
                answer = await self._steps(background)
            except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                failures.append(error)
            # Calls have ended by now; cancelling for nothing costs as much as reading a reply.
            if self._preparing:
                background.cancel_scope.cancel()
        if failures:
            raise failures[0]
        return answer

    async def _steps(self, background: TaskGroup) -> str:
        while True:
            self._check_limits()
            flying = CallsInFlight(self._tools, self._context)
            message = await self._reply(background, flying)
            if calls := message.calls:
                await self._land(calls, flying)
                continue
            if message.truncated:
                raise LimitExceeded(self._cut_short())
            return message.text

    def _cut_short(self) -> str:
        written, limit = self._written, self._settings.max_tokens
        if written < limit:
            return (
                f"the answer was cut after {written} tokens, before max_tokens={limit}: the model's"
                " context is full, or its server has a limit of its own; shorten the conversation"
                " or the tools' output"
            )
        return (
            f"the answer was cut at max_tokens={limit};"
            " raise Settings(max_tokens=...) or --max-tokens"
        )

    def _check_limits(self) -> None:
        usage, limits = self._usage, self._limits
        if limits.steps is not None and usage.steps >= limits.steps:
            raise LimitExceeded(
                f"no answer after {limits.steps} steps;"
                " allow more with Limits(steps=...) or --max-steps"
            )
        used = usage.prompt_tokens + usage.completion_tokens
        if limits.tokens is not None and used >= limits.tokens:
            raise LimitExceeded(
                f"no answer after {used} of {limits.tokens} tokens;"
                " allow more with Limits(tokens=...)"
            )

    async def _reply(self, background: TaskGroup, flying: CallsInFlight) -> Assistant:
        """Stream one reply into the transcript, and begin its calls."""
        transcript = self._transcript
        request = Request(
            transcript,
            self._specs,
            self._settings,
            first_call=transcript.call_count + 1,
            tool_choice=self._tool_choice,
        )
        if self._tool_choice != NONE:
            self._tool_choice = AUTO
        seen: list[str | ToolCall] = []
        thoughts: list[str] = []
        stream = self._model.stream(request)
        try:
            while True:
                try:
                    item = await anext(stream)
                except GlmAgentError:
                    raise
                except Exception as error:
                    raise self._failed(error) from error
                if isinstance(item, Reply):
                    break
                if isinstance(item, TextDelta):
                    seen.append(item.text)
                elif isinstance(item, ThinkingDelta):
                    thoughts.append(item.text)
                elif isinstance(item, CallReady):
                    seen.append(item.call)
                elif isinstance(item, CallStarted):
                    self._prepare(item, background)
                await self._emit(item)
                # Not before the caller has seen it: whoever stops at a call stops it.
                if isinstance(item, CallReady):
                    flying.begin(item.call)
        except BaseException:
            await self._break_off(seen, "".join(thoughts), flying)
            raise
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        transcript.append(item.message)
        self._usage = _with(self._usage, item.usage)
        self._written = item.usage.completion_tokens
        return item.message

    def _failed(self, error: Exception) -> ModelError:
        """Whatever a model raises, as a typed error."""
        if isinstance(error, StopAsyncIteration):
            what = "stopped without finishing its reply"
            return ModelError(f"the model {self._model.name} {what}; try again")
        what = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        return ModelError(f"the model {self._model.name} failed: {what}")

    def _prepare(self, event: CallStarted, background: TaskGroup) -> None:
        """Let a tool start up (a kernel, a browser) while the model still writes the call."""
        tool = self._tools.get(event.name)
        if tool is not None and type(tool).prepare is not Tool.prepare:
            context = replace(self._context, call_id=event.call_id)
            background.start_soon(_prepare_quietly, tool, context)
            self._preparing = True

    async def _break_off(
        self, seen: Sequence[str | ToolCall], thinking: str, flying: CallsInFlight
    ) -> None:
        """Keep what came of a reply that will not be finished.

        Thinking alone is not kept: a reply without parts would be an empty answer to the model.
        """
        if not seen:
            return
        parts: list[str | ToolCall] = []
        for is_text, group in groupby(seen, lambda part: isinstance(part, str)):
            run = list(group)
            parts += ["".join(map(str, run))] if is_text else run
        message = Assistant(tuple(parts), truncated=True, thinking=thinking)
        self._transcript.append(message)
        await self._settle(message.calls, flying)

    async def _land(self, calls: Sequence[ToolCall], flying: CallsInFlight) -> None:
        """Wait for the calls; their observations come in the order of the calls."""
        try:
            observations = await flying.land(calls)
            # A cancellation may have reached the calls first; then no further reply is asked for.
            await anyio.lowlevel.checkpoint_if_cancelled()
        except BaseException:
            await self._settle(calls, flying)
            raise
        self._transcript.extend(observations)
        for observation in observations:
            await self._emit(Observed(observation))

    async def _settle(self, calls: Sequence[ToolCall], flying: CallsInFlight) -> None:
        """Record and tell the outcomes of calls while the run is coming down."""
        await flying.abort()
        settled = flying.outcomes(calls)
        self._transcript.extend(settled)
        # The callback may be what failed; the failure that is under way is the one to raise.
        with suppress(Exception), anyio.CancelScope(shield=True):
            for observation in settled:
                await self._emit(Observed(observation))


async def stream_turn(
    run: Callable[[Emit], Awaitable[object]],
) -> AsyncGenerator[Event, None]:
    """The events of `run(emit)` as an async generator.

    The run goes on only while the caller asks for the next event: a caller that stops at a call
    stops the run before the call is made. Closing the generator cancels the run and waits for it.
    The run is a task of its own, so the caller may ask from different tasks.
    """
    events: deque[Event] = deque()
    arrived, asked = asyncio.Event(), asyncio.Event()
    closing = False

    async def emit(event: Event) -> None:
        if closing:
            return
        events.append(event)
        asked.clear()
        arrived.set()
        await asked.wait()

    async def go() -> None:
        await run(emit)

    task = asyncio.create_task(go())
    task.add_done_callback(lambda _: arrived.set())
    try:
        while True:
            await arrived.wait()
            arrived.clear()
            while events:
                yield events.popleft()
            if task.done():
                break
            asked.set()
    finally:
        closing = True
        task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen, so that asyncio does not report it a second time
    task.result()


def _with(usage: Usage, reply: Usage) -> Usage:
    """One step more, without its seconds: a run's are counted by the clock, tools' included."""
    return Usage(
        usage.steps + 1,
        usage.prompt_tokens + reply.prompt_tokens,
        usage.cached_tokens + reply.cached_tokens,
        usage.completion_tokens + reply.completion_tokens,
        0.0,
        usage.computed_tokens + reply.computed_tokens,
        usage.passes + reply.passes,
    )


async def _ignore(_: Event) -> None:
    pass


async def _prepare_quietly(tool: Tool, context: ToolContext) -> None:
    # What keeps a tool from starting up is told to the model when the call is made.
    with suppress(Exception):
        await tool.prepare(context)
