"""What a framework costs with the model taken out: CPU time of a turn, memory, turns a second.

    python benchmarks/overhead.py [--turns 40] [--rounds 3] [--clients glm-agent,...]
                                  [--modes http,streamed,process] [--write]

One turn is a user's message, K calls of `add(a, b)` one after another, each executed, and an answer:
K + 1 requests. It is put to glm-agent, pydantic-ai, openai-agents and smolagents, and to raw httpx
as the floor; over HTTP against a deterministic chat-completions server in a process of its own, and
in process with each framework's test model; for K = 1 and K = 20. In process, the peers' models hand
over finished messages, and glm-agent's writes in the wire format, which is rendered and parsed;
"glm-agent (bare)" has a model like the peers'. Each of these has fresh processes
of its own, in turns with the others, `--rounds` times. The peers come with `pip install -e
'.[bench]'`; one that is not installed is left out.

Whoever leaves work out fails: the server looks for the sum of each call in the next request, and the
tool counts how often it ran. "streamed" is each framework's way of giving its events as they come;
glm-agent's ordinary run streams, too.

`--write` keeps the numbers in benchmarks/results/overhead.json and draws docs/overhead.svg.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reporting.pictures import draw
from reporting.record import keep, machine, versions

PARTS = Path(__file__).resolve().parent / "overhead_parts"
PACKAGES = {
    "glm-agent": "glm_agent",
    "glm-agent (bare)": "glm_agent",
    "raw httpx": "httpx",
    "openai-agents": "agents",
    "smolagents": "smolagents",
    "pydantic-ai": "pydantic_ai",
}
FLOOR = "raw httpx"
BARE = "glm-agent (bare)"
ONLY = {FLOOR: "http", BARE: "process"}
"""Clients that there is one mode for."""
MODES = ("http", "streamed", "process")
CALLS = (1, 20)
WARMUP = 3
MB = 1e6


@dataclass
class Result:
    """What one client took for turns of K calls. Times are CPU milliseconds of a whole turn."""

    client: str
    mode: str
    calls: int
    spent: list[float] = field(default_factory=list[float])
    memory: float = 0.0  # MB at most, turns one after another
    memory_concurrent: float = 0.0  # MB at most, with 50 at once
    per_second: float = 0.0  # the best round, 50 at once

    @property
    def least(self) -> float:
        return min(self.spent)

    @property
    def median(self) -> float:
        return statistics.median(self.spent)

    def add(self, told: dict[str, Any]) -> None:
        self.spent += told["spent"]
        self.memory = max(self.memory, told["memory"])
        self.memory_concurrent = max(self.memory_concurrent, told["memory_concurrent"])
        self.per_second = max(self.per_second, told["per_second"])


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server in a process of its own."""
    command = [sys.executable, str(PARTS / "server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise RuntimeError("the server has no output")
        port = int(process.stdout.readline())
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()


def checked(url: str) -> dict[str, int]:
    """How many requests and sums the server has seen since this was last asked."""
    with urllib.request.urlopen(f"{url}/checked", timeout=10) as answer:
        return json.load(answer)


def run(client: str, mode: str, calls: int, turns: int, url: str) -> dict[str, Any]:
    """One process of a client; RuntimeError if it did not do its work."""
    command = [sys.executable, str(PARTS / "worker.py"), client, mode, str(calls), str(turns), url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{client}, {mode}: {done.stderr.strip()[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    work = told["turns"] * calls
    if told["executed"] != work:
        raise RuntimeError(f"{client}, {mode}: {told['executed']} of {work} calls were executed")
    seen, expected = checked(url), {"requests": 0, "sums": 0}
    if mode != "process":
        expected = {"requests": told["turns"] * (calls + 1), "sums": work}
    if seen != expected:
        raise RuntimeError(f"{client}, {mode}: the server has seen {seen}, not {expected}")
    return told


def measure(options: argparse.Namespace) -> list[Result]:
    """All clients in all modes, in rounds, so that a busy minute hits all alike."""
    clients = [name for name in options.clients if importlib.util.find_spec(PACKAGES[name])]
    for name in sorted(set(options.clients) - set(clients)):
        print(f"{name} is not installed; left out")
    results = {
        (client, mode, calls): Result(client, mode, calls)
        for mode in options.modes
        for calls in CALLS
        for client in clients
        if ONLY.get(client, mode) == mode
    }
    with serving() as url:
        for _ in range(options.rounds):
            for (client, mode, calls), result in results.items():
                turns = options.turns if calls == 1 else max(2, options.turns // 5)
                result.add(run(client, mode, calls, turns, url))
                print(".", end="", flush=True, file=sys.stderr)
    print(file=sys.stderr)
    return list(results.values())


def show(results: list[Result]) -> None:
    """The tables, and then the ratios."""
    head = f"{'':16}{'K':>4}{'CPU ms a turn':>16}{'median':>9}{'a request':>11}{'peak MB':>9}{'50 at once: turns/s':>22}{'peak MB':>9}"
    titles = {
        "http": "over HTTP",
        "streamed": "over HTTP, streamed",
        "process": "in process, test model",
    }
    for mode in dict.fromkeys(r.mode for r in results):
        print(f"\n{titles[mode]}\n{head}")
        for r in sorted((r for r in results if r.mode == mode), key=lambda r: (r.calls, r.least)):
            print(
                f"{r.client:16}{r.calls:4}{r.least:16.2f}{r.median:9.2f}{r.least / (r.calls + 1):11.2f}"
                f"{r.memory:9.0f}"
                + (f"{r.per_second:22.0f}{r.memory_concurrent:9.0f}" if r.calls == 1 else "")
            )
    print()
    for line in ratios(results):
        print(line)


def ratios(results: list[Result]) -> list[str]:
    """How glm-agent stands to the best peer, to the floor, and to itself."""
    found = {(r.client, r.mode, r.calls): r for r in results}
    lines: list[str] = []
    for mode in MODES:
        for calls in CALLS:
            peers = [r for r in results if (r.mode, r.calls) == (mode, calls)]
            peers = [r for r in peers if r.client not in ("glm-agent", BARE, FLOOR)]
            for name in ("glm-agent", BARE):
                own = found.get((name, mode, calls))
                if own is None or not peers:
                    continue
                best = min(peers, key=lambda r: r.least)
                lines.append(
                    f"{mode}, K = {calls}: {name} takes {own.least / best.least:.2f} of the CPU"
                    f" time of {best.client}, the best peer"
                    f" (medians: {own.median / best.median:.2f})"
                )
                if floor := found.get((FLOOR, mode, calls)):
                    lines[-1] += f", and {own.least / floor.least:.2f} times {FLOOR}'s"
    for mode in MODES:
        for client in PACKAGES:
            few, many = found.get((client, mode, CALLS[0])), found.get((client, mode, CALLS[1]))
            if few and many:
                ratio = many.least / (CALLS[1] + 1) / (few.least / (CALLS[0] + 1))
                lines.append(
                    f"{mode}: {client}'s request at K = {CALLS[1]} costs {ratio:.2f} times one at K = {CALLS[0]}"
                )
    return lines


def main(arguments: list[str] | None = None) -> list[Result]:
    """Measure and print; what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=40, help="turns a round at K = 1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--clients", type=lambda text: text.split(","), default=list(PACKAGES), help="some of them"
    )
    parser.add_argument(
        "--modes", type=lambda text: text.split(","), default=list(MODES), help="some of them"
    )
    parser.add_argument("--write", action="store_true", help="keep the numbers and draw them")
    options = parser.parse_args(arguments)
    print(machine())
    results = measure(options)
    show(results)
    if options.write:
        shown = [{**asdict(r), "spent": [round(t, 3) for t in r.spent]} for r in results]
        names = ("glm-agent", "httpx", "openai-agents", "smolagents", "pydantic-ai-slim")
        keep("overhead", {"versions": versions(*names), "results": shown})
        draw("overhead")
    return results


if __name__ == "__main__":
    main()
