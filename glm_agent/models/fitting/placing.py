"""Where a model runs and in which number format: `auto` made definite, and nonsense refused.

Does not do: whether it fits there (`fit.py`), packing weights (`quantize.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import ModelLoadError

if TYPE_CHECKING:
    import torch

_DTYPES = ("bfloat16", "float16", "float32", "float64")


def choose_device(wanted: str) -> torch.device:
    """`auto` is the first of cuda, mps and cpu that is there. Raises `ModelLoadError`."""
    import torch

    if wanted != "auto":
        try:
            device = torch.device(wanted)
        except RuntimeError as error:
            raise ModelLoadError(_no_device(wanted)) from error
        _check_device(wanted, device)
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _check_device(wanted: str, device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise ModelLoadError(
                f"device {wanted!r}: torch sees no GPU; use device='auto' or 'cpu'"
            )
        if (device.index or 0) >= (count := torch.cuda.device_count()):
            raise ModelLoadError(f"device {wanted!r}: there are {count} GPUs, counted from cuda:0")
    elif device.type == "mps":
        if not torch.backends.mps.is_available():
            raise ModelLoadError(f"device {wanted!r}: torch sees no Apple GPU; use device='auto'")
    elif device.type != "cpu":
        raise ModelLoadError(_no_device(wanted))


def _no_device(wanted: str) -> str:
    return f"device {wanted!r} is none of torch's for models; use auto, cuda, cuda:1, mps or cpu"


def choose_dtype(wanted: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 on GPUs that have it, float16 on other GPUs, float32 on the CPU.

    Raises `ModelLoadError` for what the device cannot compute in.
    """
    import torch

    if wanted == "auto":
        if device.type == "cuda":
            return torch.bfloat16 if _has_bfloat16(device) else torch.float16
        return torch.float16 if device.type == "mps" else torch.float32
    name = wanted.removeprefix("torch.")
    if name not in _DTYPES:
        hint = "use auto, bfloat16, float16 or float32"
        if name.startswith(("int", "uint", "float8", "fp8", "nf4")):
            hint += "; quantize='int8', 'int4' or 'fp8' packs the weights"
        raise ModelLoadError(f"dtype {wanted!r} cannot hold weights; {hint}")
    if name == "float64" and device.type == "mps":
        raise ModelLoadError("dtype 'float64': Apple's GPUs do not have it; use dtype='auto'")
    if name == "bfloat16" and device.type == "cuda" and not _has_bfloat16(device):
        raise ModelLoadError(
            f"dtype 'bfloat16': {torch.cuda.get_device_name(device)} does not have it; "
            "use dtype='float16'"
        )
    return getattr(torch, name)


def _has_bfloat16(device: torch.device) -> bool:
    """NVIDIA's from compute capability 8.0 on (CUDA C++ programming guide); older ones emulate it.

    Asked of the device itself, as `torch.cuda.is_bf16_supported` asks the current one.
    """
    import torch

    if torch.version.hip:
        return torch.cuda.is_bf16_supported()
    return torch.cuda.get_device_capability(device) >= (8, 0)
