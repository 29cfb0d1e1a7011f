"""The benchmark of a GPU's decoding, in its small form on the CPU."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    spec = importlib.util.spec_from_file_location(
        "gpu_decode", ROOT / "benchmarks" / "gpu_decode.py"
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "gpu_decode", module)
    spec.loader.exec_module(module)
    return module


TINY = ["--tiny", "--batches", "1", "3", "--contexts", "64", "--steps", "4"]


def test_the_tiny_form_measures_everything(module, capsys) -> None:
    rows = module.main([*TINY, "--ways", "graphs", "passes", "generate"])
    assert [(row.what, row.batch, row.context) for row in rows] == [
        ("decode", 1, 64),
        ("decode", 3, 64),
        ("prefill", 1, 64),
    ]
    for row in rows:
        assert row.limit > 0
        assert row.rate("passes")
        assert row.rate("generate")
        assert row.what == "prefill" or row.rate("graphs")
    said = capsys.readouterr().out
    assert said.splitlines()[-3:] == [module.line(row) for row in rows]
    assert "GB/s" in said


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compiled_steps_are_measured_too(module) -> None:
    (row, _) = module.main(["--tiny", "--batches", "1", "--ways", "compiled", "--steps", "4"])
    assert row.rate("compiled")


def test_what_does_not_fit_or_fails_takes_no_other_row_with_it(module, monkeypatch, capsys) -> None:
    real = module.decode_ours

    def decode(model, batch: int, context: int, steps: int, way: str) -> float:
        if batch == 1:
            raise torch.OutOfMemoryError if way == "passes" else RuntimeError("no such kernel")
        return real(model, batch, context, steps, way)

    monkeypatch.setattr(module, "decode_ours", decode)
    first, second, _ = module.main([*TINY, "--ways", "graphs", "passes"])
    assert first.found == {"graphs": "failed", "passes": "does not fit"}
    assert second.rate("graphs")
    assert "| failed | does not fit |" in module.line(first)
    assert "no such kernel" in capsys.readouterr().err


def test_no_row_is_begun_when_time_is_up(module, capsys) -> None:
    assert module.main([*TINY, "--ways", "passes", "--minutes", "0"]) == []
    assert "no time for decode, 1 of 64" in capsys.readouterr().err


def test_the_table_is_written_row_by_row(module, monkeypatch, tmp_path) -> None:
    """As on a GPU, with the tiny model in the place of the large one."""
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    build = module.build
    monkeypatch.setattr(module, "build", lambda _, device, dtype: build(True, device, dtype))
    monkeypatch.setattr(module, "rates_of", lambda *_: module.Rates(3e12, 800e12))
    options = ["--device", "cpu", *TINY[1:], "--ways", "passes"]
    rows = module.main(options)
    (file,) = (tmp_path / "results").glob("gpu_decode-*-cpu.md")
    assert file.read_text().splitlines()[-3:] == [module.line(row) for row in rows]


def test_limits_follow_from_bytes_and_operations(module) -> None:
    """GLM-4-9B on a card of 3 TB/s and 800 TFLOP/s."""
    from transformers import GlmConfig, GlmForCausalLM

    with torch.device("meta"):
        model = GlmForCausalLM(GlmConfig(pad_token_id=0)).to(torch.bfloat16)
    assert sum(weight.numel() for weight in model.parameters()) == 9_399_951_360
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
