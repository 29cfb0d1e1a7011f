"""GLM-4-9B's shape on a device, what the device does by itself, and the limits that follow.

Does not do: running the model (`gpu_decode.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

PARAMETERS = 9_399_951_360
"""Of glm-4-9b-chat, as its safetensors index has them."""


@dataclass(frozen=True)
class Rates:
    """What the device does by itself: bytes copied a second, operations of matmul a second."""

    copy: float
    matmul: float


def build(tiny: bool, device: str, dtype: torch.dtype) -> Any:
    """The model, on the device."""
    import torch
    from transformers import AutoModelForCausalLM, GlmConfig

    # GlmConfig's own rope_theta is 10,000.
    rope = {"rope_type": "default", "rope_theta": 5e6, "partial_rotary_factor": 0.5}
    sizes: dict[str, Any] = {"attention_bias": True, "rms_norm_eps": 1.5625e-07}
    if tiny:
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
    if not tiny and count != PARAMETERS:
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


def seconds_of(
    work: Callable[[], object], device: torch.device, times: int, *, warm: bool = True
) -> float:
    """What one of several runs takes, after one that does not count."""
    if warm:
        work()
    wait(device)
    started = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return (time.perf_counter() - started) / times


def rates_of(device: torch.device, dtype: torch.dtype, tiny: bool) -> Rates:
    """Copying a block much larger than any cache, and multiplying large matrices."""
    import torch

    size = 2**20 if tiny else 2**31
    source = torch.ones(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copying = seconds_of(lambda: target.copy_(source), device, 10)
    side = 128 if tiny else 8192
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
