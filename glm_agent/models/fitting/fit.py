"""What a model takes in bytes, and whether that fits into a memory.

Weights and KV cache are exact; the working memory of a prefill is an estimate, and says so.

Does not do: finding out a model's shape (`shape.py`), how much memory there is (`memory.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ...errors import DoesNotFit
from .memory import Memory
from .shape import Shape

FORMATS = ("fp32", "bf16", "int8", "int4", "fp8")
_NAMES = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "float64": "fp64"}
_WIDTHS = {"fp64": 8, "fp32": 4, "bf16": 2, "fp16": 2}
# Bytes of one packed number. int8 and fp8 (torchao) add a float32 scale per row; int4 (NF4 of
# bitsandbytes) a float32 scale per 64 numbers.
_PACKED = {"int8": 1.0, "fp8": 1.0, "int4": 0.5 + 4 / 64}
_ROW_SCALE = {"int8": 4, "fp8": 4, "int4": 0}

AT_ONCE = 2048
"""Tokens of prompts that the engine computes at once."""

KV_FORMS = ("plain", "fp8", "offload")
"""How keys and values can be held: as computed, in a byte a number, or in the RAM beside a GPU."""

LEAST_CONTEXT = 1024
"""A model is not loaded if there is no room for this many tokens."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a model takes in one number format, in bytes.

    `working` is about what is in use while a prompt is computed, beside weights and KV cache.
    `longest` is how many tokens of context fit, for each of the `batch` sequences; None where it
    is not known.
    """

    format: str
    context: int
    batch: int
    weights: int
    kv: int
    working: int
    fits: bool
    longest: int | None

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.kv + self.working


@dataclass(frozen=True, slots=True)
class KvPlan:
    """What keys and values take in one of KV_FORMS, in bytes, beside weights in `format`.

    `on_device` is what stays there, `at_a_time` what a pass needs besides, for a layer or two, and
    `in_ram` what is in the RAM instead. `total` is all that is on the device, weights included.
    """

    form: str
    format: str
    on_device: int
    at_a_time: int
    in_ram: int
    total: int
    fits: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """What a model takes in each number format, beside what this machine has.

    `plans` are the ways to hold keys and values, beside the widest format whose weights fit.
    """

    context: int
    batch: int
    memory: Memory
    needs: tuple[Need, ...]
    plans: tuple[KvPlan, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """All fields by name, totals included."""
        return {
            "context": self.context,
            "batch": self.batch,
            "device": asdict(self.memory),
            "formats": [asdict(need) | {"total": need.total} for need in self.needs],
            "kv": [asdict(plan) for plan in self.plans],
        }


def weights_bytes(shape: Shape, form: str, rest: str = "bf16", *, experts: bool = True) -> int:
    """Bytes of the weights. `form` is one of FORMATS or fp16.

    A quantised form packs the matrices of the layers; embeddings, head, norms and biases stay in
    `rest`. `experts` says whether experts are packed too.
    """
    if form in _WIDTHS:
        return shape.parameters * _WIDTHS[form]
    packed = shape.matrices + (shape.experts if experts else 0)
    rows = shape.rows + (shape.expert_rows if experts else 0)
    scales = rows * _ROW_SCALE[form]
    return int(packed * _PACKED[form]) + scales + (shape.parameters - packed) * _WIDTHS[rest]


def kv_bytes(shape: Shape, tokens: int, form: str = "bf16", kv: str = "plain") -> int:
    """Bytes that the KV cache for `tokens` tokens takes on the device, passes included.

    `kv` is one of KV_FORMS. 0 where the shape does not tell.
    """
    stays, comes, _ = kv_parts(shape, tokens, form, kv)
    return stays + comes


def kv_parts(shape: Shape, tokens: int, form: str, kv: str) -> tuple[int, int, int]:
    """Bytes of the KV cache that stay on the device, that come there in a pass, that are in RAM."""
    numbers = (shape.cached or 0) * tokens
    plain = numbers * _WIDTHS[form]
    layer = plain // max(shape.layers, 1)
    if kv == "fp8":
        return numbers, 2 * layer, 0  # a layer as it is computed with, and on the way there
    if kv == "offload":
        return 0, 2 * layer, plain  # one layer's, and the next one's before that one has gone
    return plain, 0, 0


def working_bytes(shape: Shape, tokens: int, batch: int = 1, form: str = "bf16") -> int:
    """About what computing `tokens` tokens at once uses, and the logits of `batch` sequences."""
    logits = batch * shape.vocabulary * (_WIDTHS[form] + 2 * 4)  # and two copies in float32
    return (shape.working or 0) * tokens * _WIDTHS[form] + logits


def need_of(
    shape: Shape,
    form: str,
    memory: Memory,
    *,
    context: int,
    batch: int = 1,
    rest: str = "bf16",
    weights: int | None = None,
    at_once: int | None = AT_ONCE,
    kv: str = "plain",
) -> Need:
    """What `batch` sequences of `context` tokens take in `form`; `rest` is what is computed in.

    `weights` overrides the bytes of the weights, for checkpoints that were quantised before.
    `at_once` is how many tokens of a prompt are computed at once; None is all of them. `kv` is one
    of KV_FORMS.
    """
    computed = form if form in _WIDTHS else rest
    if weights is None:
        weights = weights_bytes(shape, form, computed)

    def working(tokens: int) -> int:
        part = tokens if at_once is None else min(tokens, at_once)
        return working_bytes(shape, part, batch, computed)

    def total(tokens: int) -> int:
        return weights + kv_bytes(shape, tokens * batch, computed, kv) + working(tokens)

    longest = None
    if shape.cached is not None and shape.working is not None:
        longest = _most(lambda tokens: total(tokens) <= memory.free, shape.context or 2**24)
    return Need(
        form,
        context,
        batch,
        weights,
        kv_bytes(shape, context * batch, computed, kv),
        working(context),
        total(context) <= memory.free,
        longest,
    )


def _most(fits: Callable[[int], bool], limit: int) -> int:
    """The largest number up to `limit` that `fits`, if smaller ones do; 0 if none does."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def fit_of(shape: Shape, memory: Memory, context: int, batch: int = 1) -> Fit:
    """What the model takes in each number format. float32 is shown where there is no GPU."""
    forms = FORMATS[1:] if memory.is_gpu else FORMATS
    needs = tuple(need_of(shape, form, memory, context=context, batch=batch) for form in forms)
    return Fit(context, batch, memory, needs, _plans(shape, memory, needs))


def _plans(shape: Shape, memory: Memory, needs: tuple[Need, ...]) -> tuple[KvPlan, ...]:
    """The ways to hold keys and values; none where they are all the same to this machine."""
    if shape.cached is None or not shape.layers:
        return ()
    beside = [need for need in needs if need.weights + need.working <= memory.free] or [*needs]
    need = beside[0]
    computed = need.format if need.format in _WIDTHS else "bf16"
    plans: list[KvPlan] = []
    for form in KV_FORMS:
        if form == "offload" and not memory.is_gpu:
            continue  # it is all RAM
        parts = kv_parts(shape, need.context * need.batch, computed, form)
        total = need.weights + need.working + parts[0] + parts[1]
        plans.append(KvPlan(form, need.format, *parts, total, total <= memory.free))
    return tuple(plans)


def check_fit(
    name: str,
    shape: Shape,
    memory: Memory,
    *,
    dtype: str,
    quantize: str | None = None,
    context: int | None = None,
    weights: int | None = None,
    kv: str = "plain",
) -> None:
    """Raise `DoesNotFit` if a model is too large for `memory`, with what to do instead.

    `dtype` is torch's name. Asked for is room for weights, the KV cache of `context` tokens (of
    LEAST_CONTEXT without one), and LEAST_CONTEXT tokens computed at once: with less than that no
    run can do. `weights` and `kv` are as in `need_of`.
    """
    rest = _NAMES.get(dtype, dtype)
    tokens = context or min(LEAST_CONTEXT, shape.context or LEAST_CONTEXT)

    def need(form: str, kv: str = kv) -> Need:
        ready = weights if form == (quantize or rest) else None
        return need_of(
            shape,
            form,
            memory,
            context=tokens,
            rest=rest,
            weights=ready,
            at_once=LEAST_CONTEXT,
            kv=kv,
        )

    mine = need(quantize or rest)
    if mine.fits:
        return
    advice: list[str] = []
    if context is not None and mine.longest is not None and mine.longest >= LEAST_CONTEXT:
        advice.append(f"a context of at most {mine.longest:,} tokens")
    if kv == "plain":
        held = [form for form in KV_FORMS[1:] if mine.longest is not None and memory.is_gpu]
        advice += [f"kv={form!r}" for form in held if need(quantize or rest, form).fits]
    if rest in ("fp32", "fp64") and (half := need("bf16")).fits and quantize is None:
        advice.append(f"dtype='bfloat16' ({gigabytes(half.total)})")
    if quantize is None and weights is None and not shape.experts:
        smaller = (need("int8"), need("int4"))
        advice += [f"quantize='{n.format}' ({gigabytes(n.total)})" for n in smaller if n.fits]
    elif quantize in ("int8", "fp8") and need("int4").fits:
        advice.append("quantize='int4'")
    advice.append("another device" if memory.is_gpu else "a machine with more memory")
    advice.append("a server's URL")
    what = f"{gigabytes(mine.weights)} of weights as {quantize or dtype}"
    if mine.kv:
        what += f", {gigabytes(mine.kv)} of KV cache for {tokens:,} tokens"
    what += f" and about {gigabytes(mine.working)} to compute in"
    place = f"{memory.device} ({memory.name})" if memory.is_gpu else "the RAM"
    raise DoesNotFit(
        f"{name} needs {gigabytes(mine.total)}: {what}; {place} has {gigabytes(memory.free)} of "
        f"{gigabytes(memory.total)} free; take {' or '.join(advice)}",
        needed=mine.total,
        free=memory.free,
    )


def gigabytes(number: int) -> str:
    """Bytes for people: `18.8 GB`, `6.3 MB`, `960 bytes`; a GB is 10⁹ bytes."""
    for size, unit in ((1_000_000_000, "GB"), (1_000_000, "MB")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number:,} bytes"
