"""The benchmark of a GPU's decoding, in its small form on the CPU."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def module(monkeypatch):
    spec = importlib.util.spec_from_file_location(
        "gpu_decode", ROOT / "benchmarks" / "gpu_decode.py"
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gpu_decode", module)
    spec.loader.exec_module(module)
    return module


def test_the_small_form_measures_everything(module, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    options = ["--device", "cpu", "--batches", "1", "3", "--contexts", "64", "--steps", "4"]
    rows = module.main(["--small", "--save", *options])
    assert [(row.what, row.batch, row.context) for row in rows] == [
        ("decode", 1, 64),
        ("decode", 3, 64),
        ("prefill", 1, 64),
    ]
    for row in rows:
        assert row.limit > 0
        assert row.ours
        assert row.plain
    said = capsys.readouterr().out
    (file,) = (tmp_path / "results").glob("gpu_decode-*-cpu.md")
    assert file.read_text().splitlines()[-3:] == [module.line(row) for row in rows]
    assert "GB/s" in said


def test_limits_follow_from_bytes_and_operations(module) -> None:
    """GLM-4-9B on a card of 3 TB/s and 800 TFLOP/s."""
    from transformers import GlmConfig, GlmForCausalLM

    with torch.device("meta"):
        model = GlmForCausalLM(GlmConfig(pad_token_id=0)).to(torch.bfloat16)
    assert sum(weight.numel() for weight in model.parameters()) == module.PARAMETERS
    rates = module.Rates(3e12, 800e12)
    # 18.8 GB of weights less 1.24 GB of embeddings, and 40,960 bytes a token.
    moved = 18_799_902_720 - 2 * 620_756_992
    assert module.decode_limit(model, rates, 1, 0) == pytest.approx(3e12 / moved)
    context = 8192
    expected = 8 * 3e12 / (moved + 8 * context * 40_960)
    assert module.decode_limit(model, rates, 8, context) == pytest.approx(expected)
    # At 1,000 rows it is arithmetic that limits: two operations a weight.
    expected = 800e12 / (2 * (9_399_951_360 - 620_756_992))
    assert module.decode_limit(model, rates, 1000, 0) == pytest.approx(expected)
    expected = 800e12 / (2 * (9_399_951_360 - 2 * 620_756_992) + 2 * 40 * 4096 * 1024)
    assert module.prefill_limit(model, rates, 1024) == pytest.approx(expected)


def test_without_a_gpu_it_says_so(module, capsys) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(SystemExit):
        module.main([])
    assert "torch sees no GPU here" in capsys.readouterr().err
