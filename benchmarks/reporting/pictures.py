"""Pictures of the records in benchmarks/results, as SVG in docs/.

    python benchmarks/reporting/pictures.py

draws all of them again. The files name a font but hold none, and are the same for the same record.

Does not do: measuring.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from reporting.record import RESULTS, ROOT, read

DOCS = ROOT / "docs"
OWN, OTHER, FLOOR = "#1f77b4", "#b0b0b0", "#d9d9d9"


def overhead(record: dict[str, Any], plots: Any) -> Any:
    """CPU time of a turn, memory, and turns a second."""
    figure, grid = plots.subplots(2, 3, figsize=(11, 5.2), layout="constrained")
    panels: list[tuple[str, str, int, Callable[[dict[str, Any]], float]]] = [
        ("over HTTP, 1 call: CPU ms a turn", "http", 1, lambda r: min(r["spent"])),
        ("over HTTP, 20 calls: CPU ms a turn", "http", 20, lambda r: min(r["spent"])),
        ("over HTTP, 1 call: peak memory, MB", "http", 1, lambda r: r["memory"]),
        ("in process, 1 call: CPU ms a turn", "process", 1, lambda r: min(r["spent"])),
        ("in process, 20 calls: CPU ms a turn", "process", 20, lambda r: min(r["spent"])),
        ("over HTTP, 1 call, 50 at once: turns/s", "http", 1, lambda r: r["per_second"]),
    ]
    for axes, (title, mode, calls, value) in zip(grid.flat, panels, strict=True):
        found = [r for r in record["results"] if (r["mode"], r["calls"]) == (mode, calls)]
        found.sort(key=value, reverse=True)
        names = [r["client"] for r in found]
        known = {"glm-agent": OWN, "glm-agent (bare)": OWN, "raw httpx": FLOOR}
        colours = [known.get(name, OTHER) for name in names]
        bars = axes.barh(names, [value(r) for r in found], color=colours)
        axes.bar_label(bars, fmt=lambda n: f"{n:.0f}" if n >= 20 else f"{n:.1f}", padding=3)
        axes.set_title(title, fontsize=10)
        axes.margins(x=0.18)
        axes.xaxis.set_visible(False)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    return figure


def agent_steps(record: dict[str, Any], plots: Any) -> Any:
    """Seconds to the first token at each step."""
    figure, axes = plots.subplots(figsize=(7.5, 4), layout="constrained")
    for client in record["clients"]:
        steps = [int(step) for step in client["seconds"]]
        own = client["name"] == "glm-agent"
        axes.plot(
            steps,
            list(client["seconds"].values()),
            label=client["name"],
            marker="" if own else "o",
            color=OWN if own else None,
            linewidth=2.5 if own else 1.2,
        )
    axes.set_yscale("log")
    axes.set_xlabel("step, each with an observation of about 1,000 tokens")
    axes.set_ylabel("seconds to the first token")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def overlap(record: dict[str, Any], plots: Any) -> Any:
    """Seconds of a step, with and without working while the model writes."""
    figure, axes = plots.subplots(figsize=(7.5, 3.2), layout="constrained")
    steps = record["steps"][::-1]
    middle = [sorted(step["waiting"])[len(step["waiting"]) // 2] for step in steps]
    early = [sorted(step["overlapped"])[len(step["overlapped"]) // 2] for step in steps]
    places = list(range(len(steps)))
    late = axes.barh([p + 0.2 for p in places], middle, 0.38, color=OTHER, label="after the reply")
    soon = axes.barh([p - 0.2 for p in places], early, 0.38, color=OWN, label="overlapped")
    for bars in (late, soon):
        axes.bar_label(bars, fmt="%.2f s", padding=3, fontsize=8)
    axes.set_yticks(places, [step["name"] for step in steps])
    axes.set_xlabel("seconds from the request to the last observation")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    return figure


PICTURES = {"overhead": overhead, "agent_steps": agent_steps, "overlap": overlap}


def draw(name: str, source: Path = RESULTS, target: Path = DOCS) -> Path:
    """Draw the record of one benchmark into `NAME.svg`. Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": 9})
    from matplotlib import pyplot

    figure = PICTURES[name](read(name, source), pyplot)
    path = target / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)
    return path


if __name__ == "__main__":
    for known in PICTURES:
        if (RESULTS / f"{known}.json").is_file():
            print(draw(known))
