"""Devices and number formats: `auto` made definite, and nonsense refused."""

from __future__ import annotations

import pytest

from glm_agent.errors import ModelLoadError
from glm_agent.models.fitting.placing import choose_device, choose_dtype

torch = pytest.importorskip("torch")


@pytest.fixture
def gpus(monkeypatch):
    """Two GPUs of a compute capability."""

    def see(capability: tuple[int, int]) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _=None: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _=None: "A Card")

    return see


@pytest.mark.parametrize("name", ["gpu", "meta", "xla", "cuda:x", "", "cpu:-1"])
def test_devices_that_are_none(name: str) -> None:
    with pytest.raises(ModelLoadError, match="none of torch's for models; use auto, cuda"):
        choose_device(name)


def test_a_gpu_beyond_the_last(gpus) -> None:
    gpus((8, 0))
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ModelLoadError, match="device 'cuda:2': there are 2 GPUs"):
        choose_device("cuda:2")


@pytest.mark.parametrize(
    ("capability", "dtype"), [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float16")]
)
def test_the_dtype_of_a_gpu_is_what_it_computes_in(gpus, capability, dtype: str) -> None:
    gpus(capability)
    assert choose_dtype("auto", torch.device("cuda")) == getattr(torch, dtype)


def test_bfloat16_on_a_gpu_without_it(gpus) -> None:
    gpus((7, 5))
    with pytest.raises(ModelLoadError, match="A Card does not have it; use dtype='float16'"):
        choose_dtype("bfloat16", torch.device("cuda"))


def test_float64_on_an_apple_gpu() -> None:
    with pytest.raises(ModelLoadError, match="Apple's GPUs do not have it"):
        choose_dtype("float64", torch.device("mps"))
    assert choose_dtype("auto", torch.device("mps")) is torch.float16


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float32", "float64", "torch.float32"])
def test_dtypes_of_the_cpu(name: str) -> None:
    assert str(choose_dtype(name, torch.device("cpu"))).endswith(name.removeprefix("torch."))


@pytest.mark.parametrize("name", ["int8", "float8_e4m3fn", "nf4"])
def test_packed_formats_are_no_dtypes(name: str) -> None:
    with pytest.raises(ModelLoadError, match="quantize='int8', 'int4' or 'fp8' packs the weights"):
        choose_dtype(name, torch.device("cpu"))


@pytest.mark.parametrize("name", ["dtype", "float", "complex64", "__name__", ""])
def test_names_that_are_no_dtypes(name: str) -> None:
    with pytest.raises(ModelLoadError, match="cannot hold weights; use auto"):
        choose_dtype(name, torch.device("cpu"))
