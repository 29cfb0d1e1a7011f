"""What the framework costs with the model taken out: CPU time of a turn of K function calls.

    python benchmarks/loop.py

One turn is a user's message, K calls of `add(a, b)` one after another, each really executed, and an
answer. The model is a script in the real wire format, so rendering is not measured, parsing is.
"""

from __future__ import annotations

import asyncio
import statistics
import time

from glm_agent import Agent, Limits, ScriptedModel, tool


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def turn(steps: int) -> float:
    """CPU milliseconds of one turn."""
    model = ScriptedModel(['add\n{"a": 1, "b": 2}'] * steps + ["\nThe sum is 3."])
    agent = Agent(model, [add], limits=Limits(steps=steps + 1))
    started = time.process_time()
    result = await agent.run("What is 1 + 2?")
    spent = (time.process_time() - started) * 1000
    if len(result.calls) != steps or result.answer != "The sum is 3.":
        raise RuntimeError("the turn did not do its work")
    return spent


async def measure(steps: int, turns: int) -> list[float]:
    await turn(steps)
    return [await turn(steps) for _ in range(turns)]


def main() -> None:
    per_step: dict[int, float] = {}
    for steps, turns in ((1, 200), (20, 40), (200, 5)):
        spent = asyncio.run(measure(steps, turns))
        per_step[steps] = min(spent) / (steps + 1)
        print(
            f"K = {steps:3}: {min(spent):8.2f} ms CPU a turn (minimum), {statistics.median(spent):8.2f} (median), {per_step[steps]:.3f} a reply"
        )
    print(f"cost of a reply at K = 200 against K = 20: {per_step[200] / per_step[20]:.2f} times")


if __name__ == "__main__":
    main()
