"""`glm-agent chat`: a conversation, turn after turn.

On a terminal, lines are edited with history; Ctrl-C cancels the turn and not the program. Where
input or output is no terminal, a line is a turn.

Does not do: storing conversations.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from ..errors import ConfigurationError, RunError
from .failures import Failure, Reported, debugging, failure
from .options import AgentOptions, agent_options
from .pipe import watched
from .text import visible, well_formed

if TYPE_CHECKING:
    from ..agent import Agent
    from ..sync import SyncSession
    from .render import LiveOutput

HELP = """\
/help    show this
/tools   list the tools
/reset   forget the conversation; the kernel and the browser start anew
/exit    leave (Ctrl-D does too)
Enter sends. Alt+Enter, or a backslash before Enter, begins another line.
Ctrl-C cancels the turn, or clears the line."""

Read = Callable[[], "str | None"]


@click.command()
@agent_options
def chat(**options: Any) -> None:
    """Talk with an agent. The kernel and the browser are kept between turns; /help tells more."""
    from .render import live_output

    agent = AgentOptions(**options).agent()
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    output = live_output(sys.stdout)
    if interactive:
        from .reading import terminal_reader

        output.note(f"{agent.model_name} · tools: {', '.join(agent.tools) or 'none'} · /help")
        read = terminal_reader()
    else:
        read = _lines(sys.stdin)
    talk = _Chat(agent, output, read, interactive)
    while talk.again:
        with agent.session_sync() as session:
            talk.converse(session)
    if talk.failed is not None and not interactive:
        raise Reported(talk.failed)


class _Chat:
    """One sitting. `again` is false when the user has left; `failed` is the first failed turn."""

    def __init__(self, agent: Agent, output: LiveOutput, read: Read, interactive: bool) -> None:
        self._agent = agent
        self._output = output
        self._read = read
        self._interactive = interactive
        self.again = True
        self.failed: Failure | None = None

    def converse(self, session: SyncSession) -> None:
        """Take turns until the user leaves or wants to begin anew."""
        while True:
            line = self._read()
            if line is None or (command := line.strip()) in ("/exit", "/quit"):
                self.again = False
                return
            if command == "/reset":
                self._output.note("The conversation is forgotten.")
                return
            if command == "/help":
                self._output.note(HELP)
            elif command == "/tools":
                self._output.note(self._tools())
            elif command.startswith("/") and " " not in command and "/" not in command[1:]:
                self._output.note(f"There is no command {command}; /help lists them.")
            elif command:
                self._turn(session, line)

    def _turn(self, session: SyncSession, line: str) -> None:
        try:
            with self._output, watched(sys.stdout):
                session.run(well_formed(line), on_event=self._output.show)
        except KeyboardInterrupt:
            if not self._interactive:
                raise
            self._output.note("cancelled")
        except (RunError, ConfigurationError) as error:
            told = failure(error)
            self.failed = self.failed or told
            if self._interactive:
                self._output.note(f"error: {told.message}")
            else:
                click.echo(f"error: {visible(told.message)}", err=True)
            if debugging():
                raise
        if self._interactive:
            self._output.note("")

    def _tools(self) -> str:
        tools = self._agent.tools.values()
        lines = [f"{tool.name}: {first_line(tool.spec.description)}".rstrip(": ") for tool in tools]
        return "\n".join(lines) or "There are no tools."


def first_line(text: str) -> str:
    """The first line of a text, for lists."""
    return text.strip().split("\n", 1)[0]


def _lines(file: Iterator[str]) -> Read:
    return lambda: next(file, None)
