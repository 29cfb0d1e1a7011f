"""Packs the weights of a dense GLM while it is loaded, through transformers' own integrations.

| name | library | what is packed, and how |
|---|---|---|
| `int8` | torchao | the layers' matrices to 8 bits, one scale a row |
| `int4` | bitsandbytes | the same to 4 bits (NF4), one scale per 64 numbers |
| `fp8` | torchao | the same to float8 e4m3, one scale a row |

Embeddings, head, norms and biases stay as they are, which is transformers' way too.

Does not do: experts, which neither library packs while loading; how many bytes it gives (`fit.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ...errors import ModelLoadError

if TYPE_CHECKING:
    import torch

QUANTIZATIONS = ("int8", "int4", "fp8")
_LIBRARIES = {"int8": "torchao", "int4": "bitsandbytes", "fp8": "torchao"}
# NVIDIA's GPUs multiply float8 from Ada (8.9) on: CUDA's documentation of cublasLtMatmul.
_FP8_CAPABILITY = (8, 9)


def check_quantize(name: str | None) -> None:
    """Raise `ModelLoadError` unless `name` is None or one of QUANTIZATIONS."""
    if name is not None and name not in QUANTIZATIONS:
        raise ModelLoadError(f"quantize {name!r} is not known; use int8, int4 or fp8")


def quantization(
    name: str | None,
    where: str,
    config: Mapping[str, Any],
    device: torch.device,
    dtype: torch.dtype,
) -> Any:
    """What `from_pretrained` takes as `quantization_config`; None where `name` is None.

    Args:
        name: One of QUANTIZATIONS.
        where: What to call the model in messages.
        config: Its config.json.
        device: Where it will run.
        dtype: What is computed in.

    Raises:
        ModelLoadError: The library is missing, or device or model cannot do it.
    """
    if name is None:
        return None
    if ready := config.get("quantization_config"):
        method = ready.get("quant_method") if isinstance(ready, Mapping) else None
        raise ModelLoadError(
            f"{where} is quantised already ({method or 'by its config.json'}); leave quantize out"
        )
    if config.get("n_routed_experts"):
        raise ModelLoadError(
            f"{where} has experts, which quantize={name!r} cannot pack; take a checkpoint that is "
            "quantised already, or serve it with vLLM or SGLang and use its URL"
        )
    _check_device(name, device, dtype)
    if name == "int4" and device.type == "cpu":
        _check_blocks(where, config)
    try:
        return _config(name, device, dtype)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelLoadError(
            f"quantize={name!r} needs {_LIBRARIES[name]} ({reason}); "
            "pip install 'glm-agent[quantize]'"
        ) from error


def _check_device(name: str, device: torch.device, dtype: torch.dtype) -> None:
    import torch

    if device.type not in ("cuda", "cpu"):
        raise ModelLoadError(
            f"quantize={name!r} runs on cuda and on the CPU, not on {device.type}; "
            "use device='cpu', or leave quantize out"
        )
    if dtype is torch.float64:
        raise ModelLoadError(f"quantize={name!r} does not go with dtype 'float64'; leave dtype out")
    if name != "fp8" or device.type != "cuda":
        return
    if torch.version.hip or torch.cuda.get_device_capability(device) < _FP8_CAPABILITY:
        raise ModelLoadError(
            f"quantize='fp8': {torch.cuda.get_device_name(device)} cannot multiply in float8 "
            "(NVIDIA's can from compute capability 8.9 on); use quantize='int8'"
        )
    if dtype is not torch.bfloat16:
        raise ModelLoadError("quantize='fp8' computes in bfloat16 on a GPU; use dtype='bfloat16'")


def _check_blocks(where: str, config: Mapping[str, Any]) -> None:
    """On a CPU, bitsandbytes 0.50 packs only matrices of whole blocks: 32 rows of 64 numbers."""
    hidden, inner, heads, groups = (
        config.get(key) or 0
        for key in (
            "hidden_size",
            "intermediate_size",
            "num_attention_heads",
            "num_key_value_heads",
        )
    )
    head = config.get("head_dim") or hidden // (heads or 1)
    if any(size % 64 for size in (hidden, inner, heads * head)) or groups * head % 32:
        raise ModelLoadError(
            f"quantize='int4': the matrices of {where} are not made of blocks of 32 x 64 numbers, "
            "as they must be on a CPU; use quantize='int8'"
        )


def _config(name: str, device: torch.device, dtype: torch.dtype) -> Any:
    if name == "int4":
        import_module("bitsandbytes")  # says why it cannot be loaded, if so
        from transformers import BitsAndBytesConfig

        return BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype
        )
    from torchao import quantization as ao
    from transformers import TorchAoConfig

    if name == "int8":
        return TorchAoConfig(ao.Int8WeightOnlyConfig())
    if device.type == "cuda":
        # Multiplies in float8; packing weights alone would unpack them at every step.
        return TorchAoConfig(ao.Float8DynamicActivationFloat8WeightConfig(granularity=ao.PerRow()))
    return TorchAoConfig(ao.Float8WeightOnlyConfig())
