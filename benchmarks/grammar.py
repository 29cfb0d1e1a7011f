"""Which engine holds a model to its tools' schemas: llguidance or xgrammar.

    pip install 'glm-agent[local]' xgrammar
    python benchmarks/grammar.py --schemas ../shared/bfcl/v1 --tokenizer ../shared/glm4/tokenizer

Over the tasks of the Berkeley set, each engine compiles the grammar of a reply (an answer, or a
call of one of the task's functions) and then makes the token mask at every token of a call that
satisfies the schema, with the model's own tokenizer and its whole vocabulary. llguidance is given
the grammar that glm-agent uses; xgrammar its own form of it, a structural tag, without the control
tokens, which it leaves to the server's list of stop tokens. Both on one thread.

`--seconds` stops an engine that is slow after so long; the numbers are those of what it got done.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from glm_agent.messages import ToolSpec
from glm_agent.models.engine.constraint import Constrainer
from glm_agent.protocol import TokenizerEncoder, encoder_for
from glm_agent.protocol.grammar import grammar_of
from glm_agent.protocol.grammar.structural_tag import structural_tag

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.glm_agent.protocol import bfcl

WIDTH = 151_552

Mask = Callable[[int], None]
"""Makes the mask for the next token, then goes on after that token."""


class Llguidance:
    """glm-agent's own way."""

    name = "llguidance"

    def __init__(self, encoder: TokenizerEncoder) -> None:
        self.constrainer = Constrainer(encoder, WIDTH, "<|endoftext|>")

    def start(self, tools: Sequence[ToolSpec]) -> Mask:
        grammar = grammar_of("glm-4", tools)
        assert grammar is not None
        matcher: Any = self.constrainer.constraint(grammar)._matcher

        def step(token: int) -> None:
            matcher.compute_bitmask()
            if not matcher.consume_token(token):
                raise ValueError(matcher.get_error())

        return step


class Xgrammar:
    """The other engine."""

    name = "xgrammar"

    def __init__(self, encoder: TokenizerEncoder) -> None:
        import xgrammar

        words = [
            encoder.controls[id_].encode() if id_ in encoder.controls else encoder.bytes_of(id_)
            for id_ in range(WIDTH)
        ]
        stops = [
            encoder.control(token) for token in ("<|endoftext|>", "<|user|>", "<|observation|>")
        ]
        vocabulary = xgrammar.TokenizerInfo(
            words, vocab_type=xgrammar.VocabType.RAW, vocab_size=WIDTH, stop_token_ids=stops
        )
        self.library = xgrammar
        self.compiler = xgrammar.GrammarCompiler(vocabulary, max_threads=1, cache_enabled=False)
        self.bits = xgrammar.allocate_token_bitmask(1, WIDTH)

    def start(self, tools: Sequence[ToolSpec]) -> Mask:
        compiled = self.compiler.compile_structural_tag(structural_tag("glm-4", tools))
        matcher = self.library.GrammarMatcher(compiled)

        def step(token: int) -> None:
            matcher.fill_next_token_bitmask(self.bits)
            if not matcher.accept_token(token):
                raise ValueError("refused")

        return step


def value_for(schema: Any, rng: random.Random) -> Any:
    """A plausible value of a schema of this set."""
    if not isinstance(schema, dict):
        return "x"
    if schema.get("enum"):
        return rng.choice(schema["enum"])
    kind = schema.get("type", "string")
    if kind == "object":
        properties = schema.get("properties", {})
        named = [
            *properties,
            *(name for name in schema.get("required", ()) if name not in properties),
        ]
        return {name: value_for(properties.get(name), rng) for name in named}
    if kind == "array":
        return [value_for(schema.get("items", {}), rng) for _ in range(2)]
    if kind == "string" and schema.get("format") == "date":
        return "2024-05-01"
    plain = {"integer": 42, "number": 3.5, "boolean": True, "null": None}
    return plain.get(kind, "a city in the north, 北京")


def call_for(tool: ToolSpec, rng: random.Random) -> str:
    """A call that satisfies the tool's schema."""
    arguments = value_for(dict(tool.parameters) | {"type": "object"}, rng)
    return f"{tool.name}\n{json.dumps(arguments, ensure_ascii=False)}"


def measure(
    engine: Any, tasks: Sequence[list[ToolSpec]], encoder: TokenizerEncoder, seconds: float
) -> None:
    rng = random.Random(0)
    compiles: list[float] = []
    masks: list[float] = []
    refused: list[str] = []
    unfollowed = 0
    begun = time.perf_counter()
    for tools in tasks:
        if time.perf_counter() - begun > seconds:
            break
        tokens = encoder.text(call_for(rng.choice(tools), rng))
        start = time.perf_counter()
        try:
            step = engine.start(tools)
        except Exception as error:  # noqa: BLE001 - each engine has errors of its own
            refused.append(str(error).splitlines()[0])
            continue
        compiles.append(time.perf_counter() - start)
        for token in tokens:
            start = time.perf_counter()
            try:
                step(token)
            except ValueError:
                unfollowed += 1
                break
            masks.append(time.perf_counter() - start)
    print(f"\n{engine.name} {version(engine.name)}: {len(compiles)} of {len(tasks)} grammars")
    print(f"  refused            {len(refused)}" + (f", such as: {refused[0]}" if refused else ""))
    print(f"  forbade a call     {unfollowed}")
    for what, times, unit, scale in (
        ("compile", compiles, "ms", 1e3),
        ("mask, token", masks, "µs", 1e6),
    ):
        ordered = sorted(times)
        print(
            f"  {what:12}       median {statistics.median(ordered) * scale:8.2f} {unit}"
            f"   mean {statistics.fmean(ordered) * scale:8.2f}"
            f"   99 % {ordered[int(len(ordered) * 0.99)] * scale:8.2f}"
            f"   most {ordered[-1] * scale:8.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--schemas", type=Path, required=True, help="the folder of the Berkeley set, v1"
    )
    parser.add_argument(
        "--tokenizer", type=Path, required=True, help="a folder with tokenizer.json"
    )
    parser.add_argument("--tasks", type=int, default=1700)
    parser.add_argument("--seconds", type=float, default=240.0, help="for each engine")
    args = parser.parse_args()
    encoder = encoder_for(Tokenizer.from_file(str(args.tokenizer / "tokenizer.json")))
    tasks = [tools for _, _, tools in bfcl.tools(args.schemas)]
    # Spread over all files, so that fewer tasks are still of all kinds.
    random.Random(1).shuffle(tasks)
    for make in (Llguidance, Xgrammar):
        start = time.perf_counter()
        engine = make(encoder)
        print(f"{make.name}: vocabulary of {WIDTH} read in {time.perf_counter() - start:.2f} s")
        measure(engine, tasks[: args.tasks], encoder, args.seconds)


if __name__ == "__main__":
    main()
