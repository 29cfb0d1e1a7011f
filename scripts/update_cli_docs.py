"""Write the help texts of `glm-agent` into docs/cli.md.

Between `<!-- help: ARGUMENTS -->` and the next `<!-- end -->` goes what the command prints.
A test checks that nothing has changed since.

    python scripts/update_cli_docs.py
"""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from glm_agent.cli.app import group

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
BLOCK = re.compile(r"<!-- help:(?P<arguments>[^\n]*?)-->\n.*?<!-- end -->", re.DOTALL)


def updated(text: str) -> str:
    """`text` with the help of each block as it is now."""
    return BLOCK.sub(_block, text)


def _block(match: re.Match[str]) -> str:
    arguments = match["arguments"].split()
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(
        group, [*arguments, "--help"], prog_name="glm-agent"
    )
    if shown.exit_code:
        raise SystemExit(shown.output)
    command = " ".join(["glm-agent", *arguments, "--help"])
    head = f"<!-- help: {' '.join(arguments)}".rstrip()
    return f"{head} -->\n```console\n$ {command}\n{shown.output.rstrip()}\n```\n<!-- end -->"


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
