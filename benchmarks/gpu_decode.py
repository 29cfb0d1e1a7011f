"""Decode and prefill of GLM-4-9B's shape beside what the card can do, and beside plain generate.

    python benchmarks/gpu_decode.py [--batches 1 8 32] [--contexts 1K 8K 32K 128K] [--save]
    python benchmarks/gpu_decode.py --small --device cpu

The model is GlmForCausalLM in exactly the shape of glm-4-9b-chat (9,399,951,360 parameters) with
random weights in bfloat16, made on the device; keys and values of the context are random too, since
speed does not depend on what they are. First the device's own rates are measured: copying memory, and
multiplying matrices. Then, for each batch and context:

- tokens a second of `StaticDecoder` (CUDA graphs), of the same passes without graphs, and of
  `model.generate`, each with a token chosen and fetched at every step;
- the limit: the bytes that a step must read (weights, keys and values) over the rate of copying, or
  its operations over the rate of multiplying, whichever takes longer.

And tokens a second of reading a prompt, in the engine's chunks and by `generate`, beside operations
over rate. What does not fit is said. `--small` is a model of a few thousand weights, for any device.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glm_agent.models.engine import attention
from glm_agent.models.engine.kv_cache import KvCache
from glm_agent.models.engine.passes import Part, run
from glm_agent.models.engine.static import StaticDecoder
from glm_agent.models.fitting.fit import AT_ONCE

if TYPE_CHECKING:
    import torch

RESULTS = Path(__file__).parent / "results"
PARAMETERS = 9_399_951_360  # of glm-4-9b-chat: shared facts, its safetensors index


@dataclass(frozen=True)
class Rates:
    """What the device does by itself: bytes copied a second, operations of matmul a second."""

    copy: float
    matmul: float


@dataclass(frozen=True)
class Row:
    """One line of a table: tokens a second; None where it does not fit."""

    what: str
    batch: int
    context: int
    limit: float
    ours: float | None
    without: float | None
    plain: float | None


def build(small: bool, device: str, dtype: torch.dtype) -> Any:
    """The model, on the device."""
    import torch
    from transformers import AutoModelForCausalLM, GlmConfig

    # GlmConfig's own rope_theta is 10,000.
    rope = {"rope_type": "default", "rope_theta": 5e6, "partial_rotary_factor": 0.5}
    sizes: dict[str, Any] = {"attention_bias": True, "rms_norm_eps": 1.5625e-07}
    if small:
        sizes |= {
            "vocab_size": 512,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
        }
    config = GlmConfig(
        rope_parameters=rope,
        max_position_embeddings=131_072,
        pad_token_id=0,
        eos_token_id=[1],
        **sizes,
    )
    torch.manual_seed(0)
    with torch.device(device):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=dtype)
    count = sum(weight.numel() for weight in model.parameters())
    if not small and count != PARAMETERS:
        raise RuntimeError(f"{count:,} parameters, not {PARAMETERS:,}")
    model.generation_config.do_sample = False
    return model.eval()


# ── measuring ─────────────────────────────────────────────────────────────────────────────────


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def seconds_of(work: Callable[[], object], device: torch.device, times: int) -> float:
    """What one of several runs takes, after one that does not count."""
    work()
    wait(device)
    started = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return (time.perf_counter() - started) / times


def rates_of(device: torch.device, dtype: torch.dtype, small: bool) -> Rates:
    """Copying a block much larger than any cache, and multiplying large matrices."""
    import torch

    size = 2**20 if small else 2**31
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copying = seconds_of(lambda: target.copy_(source), device, 10)
    side = 128 if small else 8192
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    multiplying = seconds_of(lambda: left @ right, device, 10)
    return Rates(2 * size / copying, 2 * side**3 / multiplying)


def decode_limit(model: Any, rates: Rates, batch: int, context: int) -> float:
    """Tokens a second that memory and arithmetic leave room for."""
    weights = multiplied(model)
    kv = token_bytes(model) * context * batch
    moved = weights * model.dtype.itemsize + kv
    operations = batch * (2 * weights + 4 * attended(model) * context)
    return batch / max(moved / rates.copy, operations / rates.matmul)


def prefill_limit(model: Any, rates: Rates, context: int) -> float:
    """Tokens of a prompt a second, by arithmetic; the head is needed for the last one alone."""
    head = model.lm_head.weight.numel()
    operations = 2 * (multiplied(model) - head) * context + 2 * attended(model) * context**2
    return context * rates.matmul / operations


def multiplied(model: Any) -> int:
    """Weights that a token is multiplied with: all but the table it is looked up in."""
    table = model.get_input_embeddings().weight.numel()
    return sum(weight.numel() for weight in model.parameters()) - table


def attended(model: Any) -> int:
    """Width of the queries, over all layers."""
    config = model.config
    return config.num_hidden_layers * config.num_attention_heads * config.head_dim


def token_bytes(model: Any) -> int:
    """What a token takes in a KV cache."""
    config = model.config
    numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    return numbers * model.dtype.itemsize


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


def decode_ours(model: Any, batch: int, context: int, steps: int, graphs: bool) -> float:
    """Tokens a second of the engine's passes."""
    import torch

    with torch.inference_mode():
        caches = [filled(model, context - steps - 8) for _ in range(batch)]
        decoder = StaticDecoder(model, limit=2**62, widest=1) if graphs else None
        last = [7] * batch

        def step() -> None:
            parts = [Part(cache, [id_], 1) for cache, id_ in zip(caches, last, strict=True)]
            logits = None if decoder is None else decoder.run(parts)
            if decoder is not None and (logits is None or decoder.broken):
                raise RuntimeError("CUDA graphs could not be used")
            if logits is None:
                logits = run(model, parts)
            last[:] = logits.argmax(-1).tolist()

        for _ in range(4):
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
        return context / seconds_of(read, model.device, 2)


def prefill_plain(model: Any, context: int) -> float:
    """The same of `generate`, for one token."""
    import torch

    ids = torch.full((1, context), 5, device=model.device)

    def generate() -> None:
        model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=1)

    with torch.inference_mode():
        return context / seconds_of(generate, model.device, 2)


def tried(measure: Callable[[], float], device: torch.device) -> float | None:
    """A measurement, None where memory does not suffice."""
    import gc

    import torch

    try:
        return measure()
    except torch.OutOfMemoryError:
        return None
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def measure(model: Any, rates: Rates, options: argparse.Namespace) -> list[Row]:
    """All rows, printed as they come."""
    device, steps = model.device, options.steps
    rows: list[Row] = []
    for context in options.contexts:
        for batch in options.batches:
            attention.enable(model)
            ours, without = (
                tried(lambda g=g, b=batch, c=context: decode_ours(model, b, c, steps, g), device)
                for g in (True, False)
            )
            model.set_attn_implementation("sdpa")
            plain = tried(lambda b=batch, c=context: decode_plain(model, b, c, steps), device)
            limit = decode_limit(model, rates, batch, context)
            rows.append(Row("decode", batch, context, limit, ours, without, plain))
            print(line(rows[-1]), flush=True)
    for context in options.contexts:
        attention.enable(model)
        ours = tried(lambda c=context: prefill_ours(model, c), device)
        model.set_attn_implementation("sdpa")
        plain = tried(lambda c=context: prefill_plain(model, c), device)
        limit = prefill_limit(model, rates, context)
        rows.append(Row("prefill", 1, context, limit, ours, None, plain))
        print(line(rows[-1]), flush=True)
    return rows


# ── what is said ──────────────────────────────────────────────────────────────────────────────

HEAD = (
    "| | batch | context | limit | ours | of the limit | without graphs | generate | times generate |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def line(row: Row) -> str:
    """A row of the table, in tokens a second."""
    ours, plain = row.ours, row.plain
    cells = [
        row.what,
        f"{row.batch}",
        f"{row.context:,}",
        f"{row.limit:,.0f}",
        _rate(ours),
        f"{ours / row.limit:.0%}" if ours else "",
        _rate(row.without) if row.what == "decode" else "",
        _rate(plain),
        f"{ours / plain:.1f}" if ours and plain else "",
    ]
    return f"| {' | '.join(cells)} |"


def _rate(rate: float | None) -> str:
    return "does not fit" if rate is None else f"{rate:,.0f}"


def tokens_of(text: str) -> int:
    """`8K` as a number."""
    return int(text[:-1]) * 1024 if text[-1] in "kK" else int(text)


def main(arguments: Sequence[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--contexts", type=tokens_of, nargs="+")
    parser.add_argument("--steps", type=int, default=48)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--small", action="store_true", help="a tiny model, short contexts")
    parser.add_argument("--save", action="store_true", help="write the table to benchmarks/results")
    options = parser.parse_args(arguments)
    if options.contexts is None:
        short, full = [256, 512], [1024, 8192, 32_768, 131_072]
        options.contexts = short if options.small else full
    import torch

    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU here; --small --device cpu tries it out")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    rates = rates_of(device, dtype, options.small)
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    about = (
        f"{today}, {name}, torch {torch.__version__}, {dtype}:"
        f" copies {rates.copy / 1e9:,.0f} GB/s, multiplies {rates.matmul / 1e12:,.1f} TFLOP/s;"
        " tokens a second:"
    )
    said = [about, "", HEAD]
    print("\n".join(said), flush=True)
    rows = measure(build(options.small, options.device, dtype), rates, options)
    if options.save:
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / f"gpu_decode-{today}-{name.replace(' ', '-').lower()}.md"
        file.write_text("\n".join([*said, *map(line, rows)]) + "\n", "utf-8")
        print(f"\nwritten to {file}")
    return rows


if __name__ == "__main__":
    main()
