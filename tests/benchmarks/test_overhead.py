"""The benchmark of overhead: it runs, it notices left-out work, and memory stays small."""

from __future__ import annotations

import importlib
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def overhead(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.delitem(sys.modules, "overhead", raising=False)
    return importlib.import_module("overhead")


def test_glm_agent_does_its_work_in_little_memory(overhead, capsys) -> None:
    results = overhead.main(
        ["--clients", "glm-agent", "--modes", "http", "--turns", "2", "--rounds", "1"]
    )
    assert [(r.mode, r.calls, len(r.spent)) for r in results] == [("http", 1, 2), ("http", 20, 2)]
    # Issue 4, point 8: with a remote model, at most.
    assert all(0 < r.memory < 60 for r in results)
    assert "http: glm-agent's request at K = 20 costs" in capsys.readouterr().out


def test_whoever_does_not_send_a_result_is_told(overhead) -> None:
    body = {
        "model": "k1",
        "messages": [
            {"role": "user", "content": "What is 1 + 2?"},
            {"role": "assistant", "content": None},
            {"role": "tool", "content": "42"},
        ],
    }
    with overhead.serving() as url:
        request = urllib.request.Request(f"{url}/chat/completions", json.dumps(body).encode())
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=10)
        assert "no result of call 1" in caught.value.read().decode()
        caught.value.close()
        assert overhead.checked(url) == {"requests": 1, "sums": 0}
        assert overhead.checked(url) == {"requests": 0, "sums": 0}


def test_ratios_are_to_the_best_peer(overhead) -> None:
    def result(client: str, *spent: float):
        return overhead.Result(client, "process", 1, list(spent))

    (line,) = overhead.ratios([result("glm-agent", 1, 2), result("a", 4, 9), result("b", 5, 6)])
    assert "takes 0.25 of the CPU time of a, the best peer" in line


def test_like_is_compared_with_like(overhead) -> None:
    """What glm-agent's script does besides, rendering and parsing, is left out of the bare one."""

    def result(client: str, *spent: float):
        return overhead.Result(client, "process", 20, list(spent))

    script, bare = overhead.ratios(
        [result("glm-agent", 6), result(overhead.BARE, 2), result("a", 8)]
    )
    assert "glm-agent takes 0.75" in script
    assert f"{overhead.BARE} takes 0.25" in bare


def test_the_bare_model_does_the_same_work(overhead) -> None:
    results = overhead.main(
        ["--clients", overhead.BARE, "--modes", "http,process", "--turns", "2", "--rounds", "1"]
    )
    assert [(r.mode, r.calls, len(r.spent)) for r in results] == [
        ("process", 1, 2),
        ("process", 20, 2),
    ]
