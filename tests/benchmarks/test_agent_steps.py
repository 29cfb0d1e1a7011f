"""The benchmark of an agent's steps, in its small form: it runs, and its counts are right."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from glm_agent.models.load import EMBEDDED_FOLDER

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(
    not (EMBEDDED_FOLDER / "tokenizer.json").is_file(),
    reason="the embedded model's tokenizer is not in this checkout",
)


def test_a_step_reads_what_is_new_and_plain_generate_reads_everything(capsys, monkeypatch) -> None:
    spec = importlib.util.spec_from_file_location(
        "agent_steps", ROOT / "benchmarks" / "agent_steps.py"
    )
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "agent_steps", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "smolagents", None)  # as where it is not installed
    ours, plain = module.main(["--small", "--steps", "5", "--observation", "60", "--every", "3"])
    assert list(ours.computed) == [1, 2, 3, 4, 5]
    assert list(plain.computed) == list(plain.seconds) == [1, 3, 5]
    # Replies are fed back by their ids and rendered from text, so the counts may differ a little.
    assert ours.computed[1] == plain.computed[1]
    later = [ours.computed[step] for step in range(2, 6)]
    assert max(later) < 1.5 * min(later)
    assert plain.computed[5] > 2.5 * ours.computed[5]
    said = capsys.readouterr().out
    assert "smolagents is not installed" in said
    assert "at step 5, plain generate takes" in said
