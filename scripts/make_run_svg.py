"""Draw docs/run.svg: real runs of the embedded model, as the command line shows them.

    python scripts/make_run_svg.py [QUESTION...]

Each question is a run of its own with the command line's default tools. The picture names a font
but loads none, so that it shows the same everywhere and asks no other machine for anything.

Does not do: inventing output. What a run prints is what the picture shows.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from glm_agent import Agent
from glm_agent.cli.options import DEFAULT_TOOLS
from glm_agent.cli.render import LiveOutput
from glm_agent.cli.terminal import RichScreen

TARGET = Path(__file__).resolve().parents[1] / "docs" / "run.svg"
QUESTIONS = ("What is 37 * 43?", "When was the Halden Lighthouse completed?")
WIDTH = 84
THEME = TerminalTheme(
    (22, 24, 29),
    (217, 220, 227),
    [
        (60, 64, 74),
        (224, 108, 117),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),
        (198, 120, 221),
        (86, 182, 194),
        (217, 220, 227),
    ],
)


def record(questions: tuple[str, ...]) -> Console:
    """A console that holds what the command line printed for each question."""
    console = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False)
    agent = Agent("embedded", DEFAULT_TOOLS)
    for number, question in enumerate(questions):
        if number:
            console.print()
        command = f'glm-agent run "{question}"' if '"' not in question else shlex.quote(question)
        console.print(Text.assemble(("$ ", "dim"), (command, "bold")))
        output = LiveOutput(RichScreen(io.StringIO(), console))
        with agent.session_sync() as session, output:
            session.run(question, on_event=output.show)
    return console


def main() -> None:
    """Run the questions and write the picture."""
    console = record(tuple(sys.argv[1:]) or QUESTIONS)
    drawn = console.export_svg(title="glm-agent", theme=THEME, unique_id="run")
    drawn = re.sub(r"\s*@font-face \{.*?\}", "", drawn, flags=re.DOTALL)
    TARGET.write_text(re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE), encoding="utf-8")


if __name__ == "__main__":
    main()
