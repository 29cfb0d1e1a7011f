"""What is saved at a step by working while the model still writes.

    python benchmarks/overlap.py [--rate 50] [--tool 0.5] [--rounds 5] [--write]

A call runs as soon as its arguments are closed, while the model writes the calls after it, and a
kernel starts up when the name `python` appears. Each step is timed twice with the same loop and the
same tools: as it is, and with a model that tells of its calls only when its reply is over, as a
client does that waits for whole replies. The time is that from the request to the last observation.

The model is a script at the speed of `--rate` tokens a second (about that of a 9B model on one
GPU); rendering, parsing, dispatch and kernels are real. `--tool` is how many seconds the slow
function takes, such as a request over a network; the quick one takes none.

`--write` keeps the numbers in benchmarks/results/overlap.json and draws docs/overlap.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
import warnings
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field
from typing import Any

from reporting.pictures import draw
from reporting.record import keep, machine

from glm_agent import Agent, CallReady, CallStarted, Observed, ScriptedModel, tool
from glm_agent.models import Reply, Request
from glm_agent.models.base import Chunk, Finish
from glm_agent.protocol import Prompt

CODE = """import math

def primes(limit):
    return [n for n in range(2, limit) if all(n % d for d in range(2, math.isqrt(n) + 1))]

found = primes(2000)
print(len(found), found[-1])"""


@dataclass
class Step:
    """One kind of step: seconds to the last observation, with the overlap and without."""

    name: str
    overlapped: list[float] = field(default_factory=list[float])
    waiting: list[float] = field(default_factory=list[float])

    @property
    def saved(self) -> float:
        return statistics.median(self.waiting) - statistics.median(self.overlapped)


class Paced(ScriptedModel):
    """A script at the speed of a model: four characters, about a token, at a time."""

    rate = 50.0
    holds = False

    async def generate(
        self, prompt: Prompt, request: Request
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """The script's chunks, each after its time."""
        due = time.perf_counter()
        async for item in super().generate(prompt, request):
            due += 1 / self.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            yield item

    async def stream(self, request: Request) -> AsyncGenerator[Any, None]:
        """The events; where `holds`, those of calls come together when the reply is over."""
        held: list[Any] = []
        async for event in super().stream(request):
            if self.holds and isinstance(event, CallStarted | CallReady):
                held.append(event)
                continue
            if isinstance(event, Reply):
                for late in held:
                    yield late
            yield event


async def seconds(said: str, tools: list[Any], rate: float, holds: bool) -> float:
    """One step: from the request to the last observation."""
    model = Paced([said, "\nDone."])
    model.rate, model.holds = rate, holds
    last = 0.0
    async with Agent(model, tools).session() as session:
        started = time.perf_counter()
        async for event in session.stream("Go on."):
            if isinstance(event, Observed):
                if event.observation.outcome != "ok":
                    raise RuntimeError(f"a call failed: {event.observation.text}")
                last = time.perf_counter() - started
    return last


LOOK_UP = 'look_up\n{"query": "opening hours of the museum of natural history on a public holiday"}'
NOTE = 'note\n{"text": "The museum of natural history: look for its opening hours, number %d."}'


def reply(notes: int) -> str:
    """A call of the slow function and so many of the quick one, each of some twenty tokens."""
    return "<|assistant|>".join([LOOK_UP, *(NOTE % number for number in range(notes))])


async def measure(options: argparse.Namespace) -> list[Step]:
    """All kinds of steps, in rounds."""

    @tool
    async def look_up(query: str) -> str:
        """Look something up."""
        await asyncio.sleep(options.tool)
        return f"found {query}"

    @tool
    async def note(text: str) -> str:
        """Take a note."""
        return f"noted {text}"

    steps = [
        (Step("one slow call"), reply(0), [look_up, note]),
        (Step("slow, quick"), reply(1), [look_up, note]),
        (Step("slow, 3 quick"), reply(3), [look_up, note]),
        (Step("first python call"), f"python\n{CODE}", ["python"]),
    ]
    for _ in range(options.rounds):
        for step, said, tools in steps:
            step.waiting.append(await seconds(said, tools, options.rate, holds=True))
            step.overlapped.append(await seconds(said, tools, options.rate, holds=False))
    return [step for step, _, _ in steps]


def main(arguments: list[str] | None = None) -> list[Step]:
    """Measure and print; what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=float, default=50.0, help="tokens a second")
    parser.add_argument(
        "--tool", type=float, default=0.5, help="seconds that the slow function takes"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="keep the numbers and draw them")
    options = parser.parse_args(arguments)
    # The kernel runs this file's own code, without isolation.
    warnings.filterwarnings("ignore", category=UserWarning, module="glm_tools|glm_sandbox")
    print(machine())
    print(f"{options.rate:g} tokens a second; the slow function takes {options.tool:g} s\n")
    steps = asyncio.run(measure(options))
    print(f"{'':20}{'after the reply':>17}{'overlapped':>13}{'saved':>10}{'ratio':>8}")
    for step in steps:
        late, early = statistics.median(step.waiting), statistics.median(step.overlapped)
        print(f"{step.name:20}{late:15.2f} s{early:11.2f} s{step.saved:8.2f} s{early / late:8.2f}")
    if options.write:
        shown = [{**asdict(step), "saved": step.saved} for step in steps]
        keep("overlap", {"rate": options.rate, "tool": options.tool, "steps": shown})
        draw("overlap")
    return steps


if __name__ == "__main__":
    main()
