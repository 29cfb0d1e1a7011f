"""Runs calls: every call gets exactly one outcome (law 5), and no tool can end a run.

    unknown name, unreadable or wrong arguments, `ToolError`, any exception  -> error
    `ToolRefused` -> refused      too slow -> timeout      stopped from inside -> cancelled

The model reads one line about a failure; the traceback goes to the logger `glm_agent.tools`.

Does not do: deciding what is called (the loop), or what a call may cost beyond its time limit.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import anyio

from ..errors import ToolError, ToolRefused
from ..messages import Image, Observation, Outcome, ToolCall
from .base import Tool, ToolContext, ToolOutput
from .outputs import cut, outputs_of, well_formed

MAX_OUTPUTS = 32
"""How many observations one call may bring."""

MAX_IMAGES = 16
"""How many pictures one observation may hold."""

MAX_IMAGE_BYTES = 20_000_000
"""How large a picture may be."""

MAX_METADATA = 500
"""How many characters an observation's metadata may have."""

_MAX_NAMES = 40

logger = logging.getLogger("glm_agent.tools")
# Without a handler, logging would print the traceback to the user's terminal.
logger.addHandler(logging.NullHandler())


async def dispatch(
    call: ToolCall,
    tools: Mapping[str, Tool],
    context: ToolContext,
    scope: anyio.CancelScope | None = None,
) -> list[Observation]:
    """Run one call; one observation at least, more where the tool brings several.

    Never raises, except for cancellation and Ctrl-C. `context.call_id` is set to the call's.
    `scope`, a fresh one, is what the call runs in: who cancels it has it recorded as cancelled.
    """
    tool = tools.get(call.name)
    if tool is None:
        return [_observe(call, _unknown(call.name, tools))]
    if call.error is not None:
        text = f"The call to {call.name} could not be read: {call.error}"
        return [_observe(call, text, tool.max_chars)]
    context = ToolContext(context.session_id, call.id, context.deps, context.resources)
    outputs: list[ToolOutput] = []
    scope = anyio.CancelScope() if scope is None else scope
    if tool.timeout is not None:
        scope.deadline = anyio.current_time() + tool.timeout
    with scope:
        outputs = await _outcome(tool, call, context)
    if scope.cancelled_caught:
        if anyio.current_time() < scope.deadline:
            return [cancelled(call)]
        seconds = f"{tool.timeout:g} second{'' if tool.timeout == 1 else 's'}"
        return [_observe(call, f"Timed out after {seconds}.", outcome="timeout")]
    return [_bounded(call, output, tool.max_chars) for output in outputs]


async def dispatch_all(
    calls: Sequence[ToolCall],
    tools: Mapping[str, Tool],
    context: ToolContext,
    done: Callable[[ToolCall, list[Observation]], None] | None = None,
) -> list[Observation]:
    """Run calls at the same time; their observations, in the order of the calls.

    `done` is told of each call when it has its outcome, in the order in which they end: whoever
    is cancelled in the middle knows by it which calls have run (`cancelled` makes the
    observation of those that have not).
    """
    results: list[list[Observation]] = [[] for _ in calls]

    async def run(index: int) -> None:
        results[index] = await dispatch(calls[index], tools, context)
        if done is not None:
            done(calls[index], results[index])

    if len(calls) == 1:
        await run(0)
    else:
        async with anyio.create_task_group() as group:
            for index in range(len(calls)):
                group.start_soon(run, index)
    return [observation for result in results for observation in result]


def cancelled(call: ToolCall) -> Observation:
    """The observation of a call that was stopped before it had an outcome."""
    return _observe(call, f"{call.name} was cancelled.", outcome="cancelled")


async def _outcome(tool: Tool, call: ToolCall, context: ToolContext) -> list[ToolOutput]:
    """Check and run; whatever goes wrong becomes an output."""
    try:
        returned: Any = await tool.run(tool.check(call), context)
        if isinstance(returned, list | tuple) and not returned:
            return [ToolOutput()]
        return _limited(outputs_of(returned))
    except ToolRefused as error:
        return [ToolOutput(_message(error) or f"{call.name} refused.", outcome="refused")]
    except ToolError as error:
        return [ToolOutput(_message(error) or f"{call.name} failed.", outcome="error")]
    except KeyboardInterrupt:
        raise
    except anyio.get_cancelled_exc_class():
        if _being_cancelled():
            raise
        return [ToolOutput(f"{call.name} was cancelled.", outcome="cancelled")]
    except BaseException as error:  # also SystemExit: a tool cannot end the program
        logger.error("%s failed", call.name, exc_info=error)
        message = _message(error)
        text = f"{call.name} failed: {type(error).__name__}{': ' if message else ''}{message}"
        return [ToolOutput(text, outcome="error")]


def _limited(outputs: list[ToolOutput]) -> list[ToolOutput]:
    """At most `MAX_OUTPUTS`; the last one says what was left out."""
    if len(outputs) <= MAX_OUTPUTS:
        return outputs
    note = f"[{len(outputs) - MAX_OUTPUTS + 1} more observations left out]"
    return [*outputs[: MAX_OUTPUTS - 1], ToolOutput(note)]


def _being_cancelled() -> bool:
    """Whether this task is being cancelled, rather than a tool having raised the like of it."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # another event loop than asyncio's, where only a real one can be raised
        return True
    return task is None or task.cancelling() > 0


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the failure
        return ""


def _unknown(name: str, tools: Mapping[str, Tool]) -> str:
    if not tools:
        return f"There is no tool named {name!r}; there are no tools at all."
    near = difflib.get_close_matches(name, tools, 1, 0.5)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(_first(sorted(tools), _MAX_NAMES))
    return f"There is no tool named {cut(name, 100)!r}.{guess} Available: {listed}."


def _first(names: Sequence[str], count: int) -> Iterable[str]:
    return names if len(names) <= count else [*names[:count], f"and {len(names) - count} more"]


def _bounded(call: ToolCall, output: ToolOutput, max_chars: int) -> Observation:
    kept, left_out = _images(output.images) if output.images else ((), 0)
    text = cut(output.text, max_chars)
    if left_out:
        text = f"{text}\n[{left_out} pictures left out: too many or too large]".lstrip("\n")
    return Observation(
        text=well_formed(text),
        call_id=call.id,
        name=call.name,
        outcome=output.outcome,
        # One line by the wire format; a role's metadata is never a page of text.
        metadata=well_formed(" ".join(output.metadata.splitlines()))[:MAX_METADATA],
        images=kept,
        sources=output.sources,
    )


def _images(images: tuple[Image, ...]) -> tuple[tuple[Image, ...], int]:
    kept = tuple(image for image in images if len(image.data) <= MAX_IMAGE_BYTES)[:MAX_IMAGES]
    return kept, len(images) - len(kept)


def _observe(
    call: ToolCall, text: str, max_chars: int = Tool.max_chars, outcome: Outcome = "error"
) -> Observation:
    return Observation(well_formed(cut(text, max_chars)), call.id, call.name, outcome)
