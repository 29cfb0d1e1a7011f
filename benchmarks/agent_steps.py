"""Time to the first token at each step of an agent's run: does it grow with the run?

    python benchmarks/agent_steps.py [--small] [--layers 8] [--steps 30] [--observation 1000]
                                     [--every 1] [--device cpu] [--write]

The model is a GLM of 52 million random weights in 8 layers (`--layers 5`: 34 million; `--small`: 1
million, 6 steps of about 100 tokens), with the embedded model's tokenizer. Each step appends a
reply and an observation, and asks for the next reply, as an agent does. The same conversation is
put to

- glm-agent: `TransformersModel`, which keeps what it computed;
- plain generate: the whole history rendered, encoded and read at each step, as the GLM-4 demo's
  client does;
- smolagents' TransformersModel, where smolagents is installed.

It is about the time of a step, so what the random model says does not matter. Prompt lookup is off.

The others keep nothing from step to step, so a step costs them the same whatever went before:
`--every 5` asks them at steps 1, 5, 10, … alone. glm-agent takes all steps.

`--write` keeps the numbers in benchmarks/results/agent_steps.json and draws docs/agent_steps.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reporting.pictures import draw
from reporting.record import keep, machine, versions

from glm_agent import Assistant, Message, Observation, Settings, System, Transcript, Usage, User
from glm_agent.models import Reply, Request, TransformersModel
from glm_agent.models.base import Chunk, Finish
from glm_agent.models.load import embedded_folder
from glm_agent.protocol import Prompt
from glm_agent.protocol.prompt import Encoder
from glm_agent.protocol.rendering.glm4 import STOPS

REPLY = 16  # tokens of each reply


@dataclass
class Steps:
    """What one client took: seconds to the first token, and tokens computed, by step from 1."""

    name: str
    seconds: dict[int, float] = field(default_factory=dict[int, float])
    computed: dict[int, int] = field(default_factory=dict[int, int])


class Timed(TransformersModel):
    """Notes when the first token of a reply comes."""

    first = 0.0

    async def generate(
        self, prompt: Prompt, request: Request
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """What the model gives."""
        self.first = 0.0
        async for item in super().generate(prompt, request):
            self.first = self.first or time.perf_counter()
            yield item


def build(folder: Path, small: bool, layers: int) -> int:
    """Write a checkpoint; how many weights it has."""
    import torch
    from tokenizers import Tokenizer
    from transformers import GlmConfig, GlmForCausalLM

    width, layers, heads, inner = (128, 4, 4, 256) if small else (768, layers, 12, 2048)
    for file in embedded_folder().glob("*token*"):
        shutil.copy(file, folder)
    shutil.copy(embedded_folder() / "chat_template.jinja", folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    stops = [tokenizer.token_to_id(stop) for stop in STOPS]
    config = GlmConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=2,
        head_dim=width // heads,
        max_position_embeddings=131_072,
        pad_token_id=stops[0],
        eos_token_id=stops,
    )
    torch.manual_seed(0)
    model = GlmForCausalLM(config)
    model.generation_config.do_sample = False
    model.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def observation(encoder: Encoder, tokens: int, step: int) -> str:
    """Some text of about so many tokens that was not seen before."""
    source = random.Random(step)
    words = (
        "the",
        "weather",
        "in",
        "Berlin",
        "is",
        "sunny",
        "a",
        "page",
        "of",
        "result",
        "21",
        ".",
    )
    text = [source.choice(words) for _ in range(tokens)]
    count = len(encoder.text(" ".join(text)))
    return " ".join(text[: tokens * tokens // count])


async def ours(folder: Path, options: argparse.Namespace) -> tuple[Steps, list[list[Message]]]:
    """glm-agent's times, and the messages that each step was asked with."""
    model = Timed(folder, device=options.device, dtype="float32", protocol="glm-4", lookup=0)
    encoder = (await model.load()).encoder
    steps = Steps("glm-agent")
    asked: list[list[Message]] = []
    transcript = Transcript([System("You are an agent."), User("Find out about the weather.")])
    settings = Settings(max_tokens=REPLY, temperature=0)
    for step in range(1, options.steps + 1):
        asked.append(list(transcript))
        started = time.perf_counter()
        reply: Any = None
        async for item in model.stream(Request(transcript, (), settings)):
            reply = item
        if not isinstance(reply, Reply):
            raise TypeError("the model gave no reply")
        usage: Usage = reply.usage
        steps.seconds[step] = model.first - started
        steps.computed[step] = usage.computed_tokens - usage.completion_tokens + 1
        transcript.append(reply.message)
        transcript.append(Observation(observation(encoder, options.observation, step)))
    await model.aclose()
    return steps, asked


Asked = dict[int, list[Message]]
"""What the others are asked, by step."""


def plain(folder: Path, asked: Asked, options: argparse.Namespace) -> Steps:
    """Everything rendered, encoded and read again at each step, with transformers' generate."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.generation.streamers import BaseStreamer

    class First(BaseStreamer):
        """Notes when the first token comes, which is the second thing that it is given."""

        def __init__(self) -> None:
            self.times: list[float] = []

        def put(self, value: object) -> None:
            self.times.append(time.perf_counter())

        def end(self) -> None:
            pass

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    loaded: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = loaded.to(options.device)
    steps = Steps("plain generate")
    for step, messages in asked.items():
        first = First()
        started = time.perf_counter()
        inputs = tokenizer.apply_chat_template(
            [as_dict(message) for message in messages],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        ).to(options.device)
        model.generate(**inputs, max_new_tokens=REPLY, do_sample=False, streamer=first)
        steps.seconds[step] = first.times[1] - started
        steps.computed[step] = inputs["input_ids"].shape[1]
    return steps


def smolagents(folder: Path, asked: Asked, options: argparse.Namespace) -> Steps:
    """The same through smolagents' TransformersModel; ImportError where it is not installed."""
    import smolagents.models as theirs  # type: ignore[import-not-found]

    model: Any = theirs.TransformersModel(
        model_id=str(folder), device_map=options.device, torch_dtype="float32", max_new_tokens=REPLY
    )
    steps = Steps("smolagents")
    for step, messages in asked.items():
        started = time.perf_counter()
        given = [
            theirs.ChatMessage(
                role=theirs.MessageRole(said["role"].replace("tool", "tool-response")),
                content=[{"type": "text", "text": said["content"]}],
            )
            for said in map(as_dict, messages)
        ]
        stream = model.generate_stream(given, do_sample=False)
        first = next(stream)
        steps.seconds[step] = time.perf_counter() - started
        for _ in stream:
            pass
        steps.computed[step] = first.token_usage.input_tokens
    return steps


def as_dict(message: Message) -> dict[str, str]:
    """A message as chat templates take it."""
    if isinstance(message, Observation):
        return {"role": "tool", "content": message.text}
    if isinstance(message, Assistant):
        return {"role": "assistant", "content": message.text}
    return {"role": message.role, "content": message.content}


def show(clients: list[Steps]) -> None:
    """The table, and the ratios at the last step."""
    print("        " + "".join(f"{client.name:>28}" for client in clients))
    print("  step  " + f"{'tokens read':>14}{'first token':>14}" * len(clients))
    first, *others = clients
    count = len(first.seconds)
    for step in sorted({1, count, *range(5, count, 5)}):
        cells = [
            f"{c.computed[step]:>14,}{c.seconds[step] * 1000:>11,.1f} ms"
            if step in c.seconds
            else " " * 28
            for c in clients
        ]
        print(f"{step:6}  " + "".join(cells))
    for client in others:
        ratio = client.seconds[count] / first.seconds[count]
        print(f"at step {count}, {client.name} takes {ratio:.1f} times as long as {first.name}")
    if count > 2:
        # The first step also reads the instructions.
        growth = first.seconds[count] / first.seconds[2]
        print(f"{first.name}'s step {count} takes {growth:.1f} times as long as its step 2", end="")
        print(
            "".join(
                f"; {c.name}'s {c.seconds[count] / c.seconds[1]:.0f} times its first"
                for c in others
            )
        )


def main(arguments: list[str] | None = None) -> list[Steps]:
    """Measure and print; what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--small", action="store_true", help="1 M weights, 6 steps of 100 tokens")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--observation", type=int, help="tokens of an observation")
    parser.add_argument("--every", type=int, default=1, help="which steps the others are asked")
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--write", action="store_true", help="keep the numbers and draw them")
    options = parser.parse_args(arguments)
    options.steps = options.steps or (6 if options.small else 30)
    options.observation = options.observation or (100 if options.small else 1000)
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = build(folder, options.small, options.layers)
        print(
            f"{weights / 1e6:.1f} M weights in float32 on {options.device}, {options.steps} steps"
        )
        steps, all_asked = asyncio.run(ours(folder, options))
        last = len(all_asked)
        asked = {
            step: messages
            for step, messages in enumerate(all_asked, 1)
            if step in (1, last) or step % options.every == 0
        }
        clients = [steps]
        others: tuple[Callable[..., Steps], ...] = (plain, smolagents)
        for client in others:
            try:
                clients.append(client(folder, asked, options))
            except ImportError as error:
                print(f"{client.__name__} is not installed ({error}); left out")
                continue
            # Said at once: on a slow machine the next client may take long.
            show(clients)
    if options.write:
        keep(
            "agent_steps",
            {
                "versions": versions("glm-agent", "torch", "transformers", "smolagents"),
                "weights": weights,
                "clients": [asdict(client) for client in clients],
            },
        )
        draw("agent_steps")
    return clients


if __name__ == "__main__":
    main()
