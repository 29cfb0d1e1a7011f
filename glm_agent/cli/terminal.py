"""A run on a terminal, with colours and a spinner, through rich.

Does not do: deciding what is shown (`render.py`).
"""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.syntax import Syntax
from rich.text import Text


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the run come down; rich would leave the program from here."""
        raise BrokenPipeError


class RichScreen:
    """Colours, highlighted code, a spinner while something is waited for.

    `console` is written to in place of one made for `file`.
    """

    def __init__(self, file: TextIO, console: Console | None = None) -> None:
        self._console = console or _Console(file=file, highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def text(self, text: str) -> None:
        """Write a part of a line."""
        self._console.print(Text(text), end="")

    def thought(self, line: str) -> None:
        """Write a line of what the model thinks."""
        self._console.print(Text(f"  {line}", style="dim italic"))

    def call(self, line: str) -> None:
        """Write the line of a call."""
        self._console.print(Text.assemble(("● ", "cyan"), (line, "bold")))

    def code(self, code: str, language: str) -> None:
        """Write a call's code, highlighted."""
        syntax = Syntax(
            code.strip("\n"),
            language,
            theme="ansi_dark",
            background_color="default",
            word_wrap=True,
        )
        self._console.print(Padding(syntax, (0, 0, 0, 4)), soft_wrap=False)

    def observation(self, lines: list[str], failed: bool) -> None:
        """Write what came back."""
        style = "red" if failed else "dim"
        for number, line in enumerate(lines):
            self._console.print(
                Text.assemble(("  ↳ " if number == 0 else "    ", "cyan"), (line, style))
            )

    def source(self, label: str, title: str, url: str) -> None:
        """Write what a mark in the answer names, as a link where the terminal knows links."""
        link = f" link {url}" if url and not set(url) & set("[] ") else ""
        self._console.print(
            Text.assemble((label, "cyan"), " ", (title, f"bold{link}")),
            Text(f"  {url}" if url not in {"", title} else "", style="dim"),
            sep="",
        )

    def note(self, line: str) -> None:
        """Write something by the way."""
        self._console.print(Text(line, style="dim"))

    def busy(self, what: str | None) -> None:
        """Show a spinner, which goes away by itself."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if what is not None:
            self._status = self._console.status(Text(what, style="dim"))
            self._status.start()
