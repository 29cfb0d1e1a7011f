"""What `import glm_agent` costs: median wall time over fresh processes, beside an empty one.

    python benchmarks/import_time.py [RUNS]

The aim is under 0.2 s with no torch, Jupyter, MCP or HTTP client loaded (design.md, law 8).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

CODES = {
    "python -c pass": "pass",
    "import glm_agent": "import glm_agent",
    "from glm_agent import Agent, tool": "from glm_agent import Agent, tool",
}
HEAVY = ("torch", "transformers", "jupyter_client", "zmq", "mcp", "requests", "bs4", "httpx2")


def seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for label, code in CODES.items():
        median = statistics.median(seconds(code) for _ in range(runs))
        print(f"{label:36} {median * 1000:7.0f} ms, median of {runs}")
    loaded = subprocess.run(
        [sys.executable, "-c", f"import glm_agent, sys; print([m for m in {HEAVY} if m in sys.modules])"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    print(f"heavy modules loaded by the import:  {loaded}")


if __name__ == "__main__":
    main()
