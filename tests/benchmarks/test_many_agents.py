"""The benchmark of many agents, in its small form: it runs, and everybody says the same."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from glm_agent.models.load import EMBEDDED_FOLDER

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    not (EMBEDDED_FOLDER / "model.safetensors").is_file(),
    reason="the embedded model's weights are not in this checkout",
)


@pytest.mark.parametrize(
    "also", [["--ours-only"], pytest.param([], marks=pytest.mark.slow)], ids=["ours", "both"]
)
@pytest.mark.filterwarnings("default")  # of transformers' manager
def test_all_clients_say_the_same(capsys, monkeypatch, also: list[str]) -> None:
    spec = importlib.util.spec_from_file_location(
        "many_agents", ROOT / "benchmarks" / "many_agents.py"
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "many_agents", module)
    spec.loader.exec_module(module)
    rows = module.main(["--agents", "3", "--tokens", "12", "--repeat", "1", *also])
    assert len(rows) == (2 if also else 4)
    assert all(row.said == rows[0].said for row in rows)
    assert rows[0].tokens > 12
    assert "3 of 3 replies the same" in capsys.readouterr().out
