"""Many agents, one model: tokens a second of all of them together, beside running them in turn.

    python benchmarks/many_agents.py [--agents 1 8 32] [--tokens 64] [--model embedded]
        [--device cpu] [--dtype float32]

Each agent asks a question of its own after instructions that are the same for all, and gets a greedy
reply of up to so many tokens. The same prompts, as ids, are put to

- glm-agent, all agents at once: `TransformersModel.stream`, tasks of one event loop;
- glm-agent, one agent after the other;
- transformers' continuous batching, all at once, its manager started once and kept alive;
- one padded `generate` of transformers, which no agent can join or leave: what batching can give.

Prompt lookup and grammars are off, as transformers has neither here, and caches of earlier replies are
emptied before each row. Each row is done `--repeat` times, and the best counts.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from glm_agent import Settings, System, User
from glm_agent.models import Reply, Request, load_model

HEAD = (
    "You are an assistant that helps people with their travels. You know towns, trains, hotels and "
    "the weather. Answer in a few sentences, be friendly, and say so when you do not know something."
)
TOWNS = ("Bonn", "Rotterdam", "New York", "Springfield", "Zürich", "北京", "São Paulo", "Oslo")
ASKED = (
    "What is the weather in {}?",
    "Tell me about the trains of {}.",
    "Which hotels are there in {}?",
    "Write a story about {}.",
)


def questions(count: int) -> list[str]:
    """So many different questions."""
    return [
        ASKED[i // len(TOWNS) % len(ASKED)].format(TOWNS[i % len(TOWNS)])
        + f" I am traveller number {i}."
        for i in range(count)
    ]


@dataclass
class Row:
    """What one client did: seconds, tokens, and the replies' ids."""

    name: str
    agents: int
    seconds: float
    said: list[tuple[int, ...]]
    cpu: float = 0.0  # seconds, of all threads of this process

    @property
    def tokens(self) -> int:
        """Tokens of all replies."""
        return sum(map(len, self.said))

    @property
    def rate(self) -> float:
        """Tokens a second, all agents together."""
        return self.tokens / self.seconds


def best_of(repeat: int, run: Callable[[], Row]) -> Row:
    """The quickest of several, with the least CPU time of any."""
    rows: list[Row] = []
    for _ in range(repeat):
        started = time.process_time()
        row = run()
        rows.append(replace(row, cpu=time.process_time() - started))
    return replace(min(rows, key=lambda row: row.seconds), cpu=min(row.cpu for row in rows))


# ── ours ──────────────────────────────────────────────────────────────────────────────────────


async def one(model: Any, question: str, tokens: int) -> tuple[int, ...]:
    """One agent's reply, as ids."""
    settings = Settings(max_tokens=tokens, temperature=0, constrain=False)
    reply: Any = None
    async for item in model.stream(Request([System(HEAD), User(question)], settings=settings)):
        reply = item
    if not isinstance(reply, Reply) or reply.message.generated is None:
        raise TypeError("the model gave no reply")
    return reply.message.generated.ids


async def at_once(model: Any, asked: Sequence[str], tokens: int) -> Row:
    """All agents in one event loop."""
    model.engine.caches.clear()
    started = time.perf_counter()
    said = await asyncio.gather(*(one(model, question, tokens) for question in asked))
    return Row("glm-agent, at once", len(asked), time.perf_counter() - started, list(said))


async def in_turn(model: Any, asked: Sequence[str], tokens: int) -> Row:
    """One after the other."""
    model.engine.caches.clear()
    started = time.perf_counter()
    said = [await one(model, question, tokens) for question in asked]
    return Row("glm-agent, in turn", len(asked), time.perf_counter() - started, said)


# ── transformers ──────────────────────────────────────────────────────────────────────────────


class Transformers:
    """The same weights with transformers' own loops."""

    def __init__(self, folder: str, device: str, dtype: str, stops: Sequence[int]) -> None:
        import torch
        from transformers import AutoModelForCausalLM, ContinuousBatchingConfig, GenerationConfig

        self.model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="sdpa"
        )
        self.model.to(device).eval()
        self.stops = list(stops)
        config = GenerationConfig(
            do_sample=False, eos_token_id=self.stops, pad_token_id=self.stops[0], use_cache=True
        )
        started = time.perf_counter()
        # On a CPU it does not find out by itself how many blocks there may be.
        sizes: dict[str, Any] = (
            {} if device.startswith("cuda") else {"num_blocks": 256, "max_batch_tokens": 512}
        )
        self.manager = self.model.init_continuous_batching(
            generation_config=config,
            continuous_batching_config=ContinuousBatchingConfig(**sizes),
        )
        self.manager.start()
        self.paged([[1, 2, 3]], 2)
        self.started = time.perf_counter() - started

    def paged(self, prompts: Sequence[Sequence[int]], tokens: int) -> Row:
        """Through the manager."""
        started = time.perf_counter()
        names = [
            self.manager.add_request(list(ids), max_new_tokens=tokens, eos_token_id=self.stops)
            for ids in prompts
        ]
        done: dict[str, tuple[int, ...]] = {}
        while len(done) < len(names):
            result = self.manager.get_result(timeout=60)
            if result is None:
                raise RuntimeError("transformers' manager gave nothing for a minute")
            if result.error:
                raise RuntimeError(f"transformers' manager: {result.error}")
            if result.is_finished():
                done[result.request_id] = tuple(result.generated_tokens)
        seconds = time.perf_counter() - started
        said = [self.cut(done[name]) for name in names]
        return Row("transformers' manager", len(names), seconds, said)

    def padded(self, prompts: Sequence[Sequence[int]], tokens: int) -> Row:
        """One `generate` over all of them."""
        import torch

        width = max(map(len, prompts))
        rows = [[self.stops[0]] * (width - len(ids)) + list(ids) for ids in prompts]
        masks = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
        started = time.perf_counter()
        out = self.model.generate(
            input_ids=torch.tensor(rows, device=self.model.device),
            attention_mask=torch.tensor(masks, device=self.model.device),
            max_new_tokens=tokens,
            do_sample=False,
            eos_token_id=self.stops,
            pad_token_id=self.stops[0],
        )
        said = [self.cut(tuple(row)) for row in out[:, width:].tolist()]
        return Row("one padded generate", len(said), time.perf_counter() - started, said)

    def cut(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Up to the first stop token, which does not count."""
        for index, id_ in enumerate(ids):
            if id_ in self.stops:
                return ids[:index]
        return ids

    def close(self) -> None:
        """End the manager's thread."""
        self.manager.stop(block=True)


def run(options: argparse.Namespace) -> list[Row]:
    """All rows, printed as they come."""
    loop = asyncio.new_event_loop()
    model: Any = load_model(
        options.model,
        device=options.device,
        dtype=options.dtype,
        lookup=0,
        batch=max(options.agents),
    )
    engine = loop.run_until_complete(model.load())
    loop.run_until_complete(at_once(model, questions(2), 4))
    other = None
    if not options.ours_only:
        other = Transformers(str(engine.name), options.device, options.dtype, list(engine.stops))
        print(f"transformers' manager was ready after {other.started:.1f} s", flush=True)
    rows: list[Row] = []
    tokens: int = options.tokens
    print(f"{'':24}{'agents':>7}{'tokens':>8}{'seconds':>9}{'tokens/s':>10}{'CPU s':>8}")
    for count in options.agents:
        asked = questions(count)
        prompts = [
            engine.protocol.render([System(HEAD), User(question)]).encode(engine.encoder)
            for question in asked
        ]
        clients: list[Callable[[], Row]] = [
            lambda asked=asked: loop.run_until_complete(at_once(model, asked, tokens)),
            lambda asked=asked: loop.run_until_complete(in_turn(model, asked, tokens)),
        ]
        if other is not None:
            clients.append(lambda prompts=prompts, other=other: other.paged(prompts, tokens))
            clients.append(lambda prompts=prompts, other=other: other.padded(prompts, tokens))
        found = [best_of(options.repeat, client) for client in clients]
        for row in found:
            print(
                f"{row.name:24}{row.agents:7}{row.tokens:8,}{row.seconds:9.2f}{row.rate:10,.0f}"
                f"{row.cpu:8.2f}",
                flush=True,
            )
        ours = found[0]
        for row in found[1:]:
            same = sum(a == b for a, b in zip(ours.said, row.said, strict=True))
            print(
                f"  {ours.rate / row.rate:.2f} times {row.name}, with {ours.cpu / row.cpu:.2f} of"
                f" its CPU time; {same} of {count} replies the same"
            )
        rows += found
    if other is not None:
        other.close()
    loop.run_until_complete(model.aclose())
    loop.close()
    return rows


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--agents", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--ours-only", action="store_true", help="leave transformers out")
    return run(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
