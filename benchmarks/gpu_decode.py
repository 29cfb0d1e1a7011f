"""Decode and prefill of GLM-4-9B's shape beside what the card can do, and beside plain generate.

    python benchmarks/gpu_decode.py [--batches 1 8 32] [--contexts 1K 8K 32K 128K] [--minutes 9]
    python benchmarks/gpu_decode.py --tiny [--ways graphs passes generate]

The model is GlmForCausalLM in exactly the shape of glm-4-9b-chat (9,399,951,360 parameters) with
random weights in bfloat16, made on the device; keys and values of the context are random too, since
speed does not depend on what they are. First the device's own rates are measured: copying memory, and
multiplying matrices. Then, for each context and batch, tokens a second of

- compiled: `StaticDecoder` as it is on CUDA, compiled steps in CUDA graphs;
- graphs: the same without compiling;
- passes: the engine's passes without either;
- generate: `model.generate`;

each with a token chosen and fetched at every step, beside the limit: the bytes that a step must read
(weights, keys and values) over the rate of copying, or its operations over the rate of multiplying,
whichever takes longer. And tokens a second of reading a prompt, in the engine's chunks and by
`generate`, beside operations over rate.

What does not fit or fails is said in its place, and the rest goes on. After `--minutes` no further
row is begun, so that the whole ends soon after; the shortest contexts come first, and `--contexts 1K
8K` takes about a third of the time. The table is written to benchmarks/results after each row.
`--tiny` is a model of a few thousand weights on the CPU, where compiling alone takes a minute, and
nothing is written.
"""

from __future__ import annotations

import argparse
import datetime
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_parts.device import (
    Rates,
    build,
    decode_limit,
    prefill_limit,
    rates_of,
    seconds_of,
    wait,
)

from glm_agent.models.engine import attention
from glm_agent.models.engine.kv_cache import KvCache
from glm_agent.models.engine.passes import Part, run
from glm_agent.models.engine.static import StaticDecoder
from glm_agent.models.fitting.fit import AT_ONCE

if TYPE_CHECKING:
    import torch

RESULTS = Path(__file__).parent / "results"
WAYS = ("compiled", "graphs", "passes", "generate")


@dataclass(frozen=True)
class Row:
    """One line of a table: tokens a second of each way, or why there are none."""

    what: str
    batch: int
    context: int
    limit: float
    found: dict[str, float | str]

    def rate(self, *ways: str) -> float | None:
        """Of the first of these ways that there is a rate of."""
        for way in ways:
            if isinstance(rate := self.found.get(way), float):
                return rate
        return None


# ── what is measured ──────────────────────────────────────────────────────────────────────────


def random_states(model: Any, rows: int, tokens: int) -> torch.Tensor:
    """Keys or values of a layer."""
    import torch

    config = model.config
    size = (rows, config.num_key_value_heads, tokens, config.head_dim)
    return torch.randn(size, device=model.device, dtype=model.dtype) * 0.1


def filled(model: Any, context: int) -> KvCache:
    """A cache that holds so many tokens, of which nothing is known."""
    cache = KvCache(model)
    for layer in cache.layers:
        states = random_states(model, 1, context)
        layer.update(states, states)
    cache.ids.extend([5] * context)
    return cache


def decode_ours(model: Any, batch: int, context: int, steps: int, way: str) -> float:
    """Tokens a second of the engine."""
    import torch

    with torch.inference_mode():
        caches = [filled(model, context - steps - 8) for _ in range(batch)]
        decoder = None
        if way != "passes":
            compiled = way == "compiled"
            decoder = StaticDecoder(model, limit=2**62, widest=1, compiled=compiled)
        last = [7] * batch

        def step() -> None:
            parts = [Part(cache, [id_], 1) for cache, id_ in zip(caches, last, strict=True)]
            logits = run(model, parts) if decoder is None else decoder.run(parts)
            if logits is None:
                raise RuntimeError("there are no seats")
            last[:] = logits.argmax(-1).tolist()

        # Those that are given up say why in a warning; here, that is what they have for a rate.
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message=".*are not used for this model")
            step()
        for _ in range(3):
            step()
        return batch / seconds_of(step, model.device, steps)


def decode_plain(model: Any, batch: int, context: int, steps: int) -> float:
    """Tokens a second of `generate`, from a cache that it is given."""
    import torch
    from transformers import DynamicCache

    def generate(count: int) -> float:
        with torch.inference_mode():
            cache = DynamicCache(config=model.config)
            for index in range(model.config.num_hidden_layers):
                states = random_states(model, batch, context - steps)
                cache.update(states, states.clone(), index)
            ids = torch.full((batch, context - steps + 1), 5, device=model.device)
            wait(model.device)
            started = time.perf_counter()
            model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                past_key_values=cache,
                min_new_tokens=count,
                max_new_tokens=count,
            )
            wait(model.device)
            return time.perf_counter() - started

    generate(2)
    return batch * (steps - 2) / (generate(steps) - generate(2))


def prefill_ours(model: Any, context: int) -> float:
    """Tokens a second of reading a prompt in chunks."""
    import torch

    def read() -> None:
        cache = KvCache(model)
        for start in range(0, context, AT_ONCE):
            count = min(AT_ONCE, context - start)
            run(model, [Part(cache, [5] * count, int(start + count == context))])

    with torch.inference_mode():
        return context / seconds_of(read, model.device, often(context), warm=context < 131_072)


def often(context: int) -> int:
    """How often a prompt is read: the longest ones take half a minute."""
    return 2 if context < 32_768 else 1


def prefill_plain(model: Any, context: int) -> float:
    """The same of `generate`, for one token."""
    import torch

    ids = torch.full((1, context), 5, device=model.device)

    def generate() -> None:
        model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=1)

    with torch.inference_mode():
        return context / seconds_of(generate, model.device, often(context), warm=context < 131_072)


def tried(measure: Callable[[], float], device: torch.device) -> float | str:
    """A measurement, or why there is none."""
    import gc

    import torch

    try:
        return measure()
    except torch.OutOfMemoryError:
        return "does not fit"
    except (RuntimeError, RuntimeWarning, MemoryError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return "failed"
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def measure(
    model: Any, rates: Rates, options: argparse.Namespace, show: Callable[[Row], None]
) -> list[Row]:
    """All rows that there is time for; each is shown as it comes."""
    device, steps = model.device, options.steps
    until = time.monotonic() + 60 * options.minutes
    rows: list[Row] = []

    def take(what: str, batch: int, context: int, limit: float, ways: dict[str, Any]) -> None:
        if time.monotonic() > until:
            print(f"no time for {what}, {batch} of {context:,}", file=sys.stderr)
            return
        found: dict[str, float | str] = {}
        for way in (way for way in options.ways if way in ways):
            if way == "generate":
                model.set_attn_implementation("sdpa")
            else:
                attention.enable(model)
            found[way] = tried(ways[way], device)
        rows.append(Row(what, batch, context, limit, found))
        show(rows[-1])

    for context in options.contexts:
        for batch in options.batches:
            take(
                "decode",
                batch,
                context,
                decode_limit(model, rates, batch, context),
                {
                    **{
                        way: partial(decode_ours, model, batch, context, steps, way)
                        for way in WAYS[:3]
                    },
                    "generate": partial(decode_plain, model, batch, context, steps),
                },
            )
        take(
            "prefill",
            1,
            context,
            prefill_limit(model, rates, context),
            {
                "passes": partial(prefill_ours, model, context),
                "generate": partial(prefill_plain, model, context),
            },
        )
    return rows


# ── what is said ──────────────────────────────────────────────────────────────────────────────

HEAD = (
    "| | batch | context | limit | compiled | graphs | passes | generate | of the limit |"
    " times generate |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def line(row: Row) -> str:
    """A row of the table, in tokens a second; the ratios are those of the best way of ours."""
    ours, plain = row.rate(*WAYS[:3]), row.rate("generate")
    cells = [
        row.what,
        f"{row.batch}",
        f"{row.context:,}",
        f"{row.limit:,.0f}",
        *(_rate(row.found.get(way, "")) for way in WAYS),
        f"{ours / row.limit:.0%}" if ours else "",
        f"{ours / plain:.1f}" if ours and plain else "",
    ]
    return f"| {' | '.join(cells)} |"


def _rate(rate: float | str) -> str:
    return rate if isinstance(rate, str) else f"{rate:,.0f}"


def tokens_of(text: str) -> int:
    """`8K` as a number."""
    return int(text[:-1]) * 1024 if text[-1] in "kK" else int(text)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--contexts", type=tokens_of, nargs="+")
    parser.add_argument("--ways", choices=WAYS, nargs="+", default=WAYS)
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--minutes", type=float, default=9, help="begin no row after them")
    parser.add_argument("--device", default=None, help="cuda, or with --tiny the CPU")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, short contexts")
    options = parser.parse_args(arguments)
    tiny = options.tiny
    options.contexts = options.contexts or ([256] if tiny else [1024, 8192, 32_768, 131_072])
    import torch

    device = torch.device(options.device or ("cpu" if tiny else "cuda"))
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; --tiny tries it out")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    rates = rates_of(device, dtype, tiny)
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    about = (
        f"{today}, {name}, torch {torch.__version__}, {dtype}: copies {rates.copy / 1e9:,.0f} GB/s,"
        f" multiplies {rates.matmul / 1e12:,.1f} TFLOP/s; tokens a second:"
    )
    said = [about, "", HEAD]
    print("\n".join(said), flush=True)
    file = RESULTS / f"gpu_decode-{today}-{name.replace(' ', '-').lower()}.md"

    def show(row: Row) -> None:
        print(line(row), flush=True)
        said.append(line(row))
        if not tiny:
            RESULTS.mkdir(exist_ok=True)
            file.write_text("\n".join(said) + "\n", "utf-8")

    rows = measure(build(tiny, str(device), dtype), rates, options, show)
    if not tiny:
        print(f"\nwritten to {file}")
    return rows


if __name__ == "__main__":
    main()
