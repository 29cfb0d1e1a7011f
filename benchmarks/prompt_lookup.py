"""Tokens a pass with guesses from the conversation, on tool-calling transcripts; same replies.

    python benchmarks/prompt_lookup.py [--conversations 12] [--model embedded]

Each conversation asks about something, calls a function, reads a result and answers, three times.
The replies are greedy and held to the grammar. They are compared token by token with those that
are made without guesses, and any difference ends the benchmark with an error.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from dataclasses import dataclass
from typing import Any

from glm_agent import Observation, Settings, System, ToolSpec, Transcript, Usage, User
from glm_agent.models import Reply, Request, load_model

TOOLS = (
    ToolSpec(
        "find_orders",
        "Find the orders of a customer",
        {
            "type": "object",
            "properties": {"customer": {"type": "string"}, "status": {"type": "string"}},
            "required": ["customer"],
        },
    ),
    ToolSpec(
        "get_weather",
        "The weather of a city",
        {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    ),
)
ASKED = (
    ("What is the weather in {}?", "It is {} degrees and sunny in {}."),
    ("Find the orders of customer {}.", "Order 4{}1 of {}: 3 lamps, shipped."),
    ("Are there open orders of {}?", "Order 7{}5 of {}: 1 table, open."),
)
NAMES = ("Springfield", "Rotterdam", "北京", "Wilhelmina Baker", "São Paulo", "New Hampshire")


@dataclass
class Result:
    """What replies cost, and their ids."""

    usage: Usage
    said: list[tuple[int, ...]]


async def converse(model: Any, count: int) -> Result:
    """Hold the conversations; each is decided by its number and what the model says."""
    result = Result(Usage(), [])
    for seed in range(count):
        source = random.Random(seed)
        transcript = Transcript([System("You help with orders and the weather.")])
        for _ in range(3):
            ask, answer = source.choice(ASKED)
            name = source.choice(NAMES)
            transcript.append(User(ask.format(name)))
            for _ in range(3):
                first = transcript.call_count + 1
                settings = Settings(max_tokens=64, temperature=0)
                request = Request(transcript, TOOLS, settings, first)
                reply: Any = None
                async for item in model.stream(request):
                    reply = item
                if not isinstance(reply, Reply) or reply.message.generated is None:
                    raise TypeError("the model gave no reply")
                result.usage += reply.usage
                result.said.append(reply.message.generated.ids)
                transcript.append(reply.message)
                if not reply.message.calls:
                    break
                for call in reply.message.calls:
                    text = answer.format(source.randrange(10, 40), name)
                    transcript.append(Observation(text, call.id, call.name))
    return result


async def measure(options: argparse.Namespace) -> None:
    results: dict[int, Result] = {}
    for most in (0, 16):
        model = load_model(options.model, lookup=most)
        await converse(model, 1)  # loads, and compiles the grammar
        results[most] = await converse(model, options.conversations)
        await model.aclose()
    plain, looking = results[0], results[16]
    if plain.said != looking.said:
        raise RuntimeError("the replies differ")
    for name, result in (("without guesses", plain), ("with guesses", looking)):
        usage = result.usage
        print(
            f"{name:16} {usage.completion_tokens:6,} tokens in {usage.passes:6,} passes:"
            f" {usage.completion_tokens / usage.passes:.2f} a pass, {usage.seconds:.1f} s"
        )
    print(
        f"with guesses {looking.usage.passes / plain.usage.passes:.2f} of the passes and"
        f" {looking.usage.seconds / plain.usage.seconds:.2f} of the time; all"
        f" {len(plain.said)} replies the same"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--conversations", type=int, default=12)
    parser.add_argument("--model", default="embedded")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
