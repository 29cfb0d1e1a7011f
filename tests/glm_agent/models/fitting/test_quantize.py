"""Weights packed while loading, through torchao and bitsandbytes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from glm_agent.errors import ModelLoadError
from glm_agent.models import TransformersModel, load_model
from glm_agent.models.fitting.fit import weights_bytes
from glm_agent.models.fitting.quantize import QUANTIZATIONS, quantization
from glm_agent.models.fitting.shape import shape_of

from ..conftest import WEATHER, reply_of
from ..tiny import build_checkpoint

torch = pytest.importorskip("torch")
LIBRARIES = {"int8": "torchao", "int4": "bitsandbytes", "fp8": "torchao"}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A checkpoint with matrices of whole blocks, as those of real models are."""
    return build_checkpoint(tmp_path_factory.mktemp("models") / "small", hidden=64)


def stored_bytes(model) -> int:
    """What the weights really take, packed tensors taken apart."""
    total = 0
    for parameter in model.parameters():
        state = getattr(parameter, "quant_state", None)
        if state is not None:  # bitsandbytes
            total += parameter.numel() * parameter.element_size()
            total += state.absmax.numel() * state.absmax.element_size()
        elif hasattr(parameter, "qdata"):  # torchao
            for part in (parameter.qdata, parameter.scale):
                total += part.numel() * part.element_size()
        else:
            total += parameter.numel() * parameter.element_size()
    return total


@pytest.mark.anyio
@pytest.mark.parametrize("name", QUANTIZATIONS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
async def test_a_packed_model_takes_what_was_said_and_replies(
    small, capfd, name: str, dtype: str
) -> None:
    pytest.importorskip(LIBRARIES[name])
    model = TransformersModel(small, device="cpu", dtype=dtype, quantize=name)
    engine = await model.load()
    shape = shape_of(json.loads((small / "config.json").read_text()))
    assert shape is not None
    rest = {"float32": "fp32", "bfloat16": "bf16"}[dtype]
    assert stored_bytes(engine.model) == weights_bytes(shape, name, rest)
    assert engine.model.lm_head.weight.dtype == engine.dtype == getattr(torch, dtype)
    replied = await reply_of(model, tools=(WEATHER,), max_tokens=8)
    assert replied.reply.usage.completion_tokens > 0
    await model.aclose()
    assert capfd.readouterr() == ("", "")


@pytest.mark.anyio
@pytest.mark.parametrize(("name", "most"), [("int8", 0.02), ("fp8", 0.1), ("int4", 0.25)])
async def test_a_packed_model_computes_nearly_the_same(small, name: str, most: float) -> None:
    pytest.importorskip(LIBRARIES[name])
    ids = torch.arange(40)[None]
    logits = {}
    for quantize in (None, name):
        model = TransformersModel(small, device="cpu", quantize=quantize)
        engine = await model.load()
        with torch.inference_mode():
            logits[quantize] = engine.model(input_ids=ids).logits
        await model.aclose()
    difference = (logits[name] - logits[None]).norm() / logits[None].norm()
    assert 0 < difference < most


@pytest.mark.anyio
async def test_matrices_that_the_cpu_cannot_pack(tiny) -> None:
    model = TransformersModel(tiny, device="cpu", quantize="int4")
    with pytest.raises(ModelLoadError, match=r"blocks of 32 x 64 numbers.* use quantize='int8'"):
        await model.load()
    await model.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("name", QUANTIZATIONS)
async def test_without_the_library(small, monkeypatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, LIBRARIES[name], None)
    model = TransformersModel(small, device="cpu", quantize=name)
    with pytest.raises(ModelLoadError) as caught:
        await model.load()
    await model.aclose()
    assert f"quantize={name!r} needs {LIBRARIES[name]}" in str(caught.value)
    assert "pip install 'glm-agent[quantize]'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.anyio
async def test_a_format_that_is_none(tiny) -> None:
    model = TransformersModel(tiny, quantize="int3")
    with pytest.raises(ModelLoadError, match="quantize 'int3' is not known; use int8, int4 or fp8"):
        await model.load()
    await model.aclose()


@pytest.mark.anyio
async def test_a_checkpoint_that_is_packed_already(tiny, tmp_path) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "packed"))
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "compressed-tensors"}
    (folder / "config.json").write_text(json.dumps(config))
    model = TransformersModel(folder, quantize="int8")
    with pytest.raises(ModelLoadError, match=r"quantised already \(compressed-tensors\)"):
        await model.load()
    await model.aclose()


def test_experts_are_not_packed() -> None:
    with pytest.raises(ModelLoadError, match="has experts, which quantize='int8' cannot pack"):
        quantization("int8", "air", {"n_routed_experts": 128}, torch.device("cpu"), torch.bfloat16)


@pytest.mark.parametrize(
    ("name", "device", "capability", "dtype", "said"),
    [
        ("fp8", "cuda", (8, 0), "bfloat16", "cannot multiply in float8"),
        ("fp8", "cuda", (8, 9), "float16", "computes in bfloat16 on a GPU"),
        ("int8", "mps", None, "float16", "not on mps"),
        ("int4", "cpu", None, "float64", "does not go with dtype 'float64'"),
    ],
)
def test_devices_that_cannot(monkeypatch, name, device, capability, dtype, said: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "A Card")
    with pytest.raises(ModelLoadError, match=said):
        quantization(name, "glm", {}, torch.device(device), getattr(torch, dtype))


def test_a_gpu_multiplies_in_float8(monkeypatch) -> None:
    pytest.importorskip("torchao")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    packing = quantization("fp8", "glm", {}, torch.device("cuda"), torch.bfloat16)
    assert type(packing.quant_type).__name__ == "Float8DynamicActivationFloat8WeightConfig"
    assert quantization(None, "glm", {}, torch.device("cuda"), torch.bfloat16) is None


@pytest.mark.parametrize("option", ["quantize", "context"])
def test_a_server_packs_its_model_itself(option: str) -> None:
    with pytest.raises(ModelLoadError, match=f"leave {option} out"):
        load_model("http://127.0.0.1:1/v1", **{option: "int8"})
