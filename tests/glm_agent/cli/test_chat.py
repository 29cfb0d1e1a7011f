"""`glm-agent chat`, piped and on a terminal."""

from __future__ import annotations

import contextlib
import errno
import os
import pty
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import pytest

from .conftest import COMMAND, CommandLine, Server, events

ONE = "\nOne.<|user|>"
TWO = "\nTwo.<|user|>"

# Makes the terminal the one that controls the session, then becomes the command.
LAUNCH = """
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.argv[1], sys.argv[1:])
"""
PROMPT = "\x1b[?2004h"  # reading a line begins with switching bracketed paste on


class Terminal:
    """A process on a terminal of its own, to type into and to look at."""

    def __init__(self, cli: CommandLine, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        environment = cli.environment | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        environment.pop("CI", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, *COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cli.folder,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""
        self._from = 0

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until `text` has come since the last wait."""
        end = time.monotonic() + 60
        while text not in self.seen[self._from :]:
            assert time.monotonic() < end, f"{text!r} did not come; seen: {self.seen!r}"
            self._read()
        self._from = self.seen.index(text, self._from) + len(text)

    def code(self) -> int:
        """The exit code, once the process has ended."""
        while self.process.poll() is None:
            self._read()
        return self.process.returncode

    def _read(self) -> None:
        if not select.select([self._master], [], [], 0.1)[0]:
            return
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # the other side is closed
                raise
            self.process.wait(60)
            return
        if b"\x1b[6n" in data:  # where is the cursor? A terminal answers.
            os.write(self._master, b"\x1b[1;1R")
        self.seen += data.decode("utf-8", "replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def held(server: Server) -> Iterator[threading.Event]:
    """Holds the server's first reply back."""
    server.hold = threading.Event()
    yield server.hold
    server.hold.set()


# ── piped ─────────────────────────────────────────────────────────────────────────────────────


def test_a_line_is_a_turn_and_the_conversation_is_kept(cli: CommandLine, server: Server):
    server.replies = [ONE, TWO]
    done = cli.run("chat", "--no-tools", "--model", server.url, stdin="first\n\nsecond\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line in ("One.", "Two.")] == [
        "One.",
        "Two.",
    ]
    assert "first" in server.prompts[1]
    assert "One." in server.prompts[1]


def test_the_kernel_is_kept_between_turns_and_reset_forgets_it(cli: CommandLine, server: Server):
    keep = "python\nn = globals().get('n', 0) + 1\nprint('n is', n)<|observation|>"
    server.replies = [keep, ONE, keep, ONE, keep, ONE]
    done = cli.run(
        "chat", "--tool", "python", "--model", server.url, stdin="a\nb\n/reset\nc\n/exit\nd\n"
    )
    assert re.findall(r"n is \d", done.stdout) == ["n is 1", "n is 2", "n is 1"]
    assert len(server.prompts) == 6
    assert "a" not in server.prompts[4].partition("<|user|>")[2].partition("<|")[0]


def test_commands_do_not_reach_the_model(cli: CommandLine, server: Server):
    done = cli.run(
        "chat", "--tool", "python", "--model", server.url, stdin="/help\n/tools\n/frobnicate\n"
    )
    assert done.returncode == 0
    assert server.prompts == []
    assert "/reset" in done.stdout
    assert "python" in done.stdout
    assert "/frobnicate" in done.stdout


def test_a_failed_turn_is_told_and_the_next_one_goes_on(cli: CommandLine, server: Server):
    server.replies = ["get_lost\n{}<|observation|>", ONE]
    done = cli.run(
        "chat", "--no-tools", "--model", server.url, "--max-steps", "1", stdin="first\nsecond\n"
    )
    assert done.returncode == 3
    assert done.stderr.startswith("error: no answer after 1 step")
    assert "One." in done.stdout


# ── on a terminal ─────────────────────────────────────────────────────────────────────────────


def test_a_run_on_a_terminal_has_colours_and_ends_with_the_usage(cli: CommandLine, server: Server):
    server.replies = ["python\nprint(6 * 7)<|observation|>", "\n**42**<|user|>"]
    with Terminal(cli, "run", "6*7?", "--tool", "python", "--model", server.url) as terminal:
        assert terminal.code() == 0
        terminal.wait_for("python")
        terminal.wait_for("42")
        terminal.wait_for("**42**")
        terminal.wait_for("2 steps")
    assert "\x1b[" in terminal.seen


def test_no_color_on_a_terminal_means_plain_text(cli: CommandLine, server: Server):
    server.replies = [ONE]
    cli.environment["NO_COLOR"] = "1"
    with Terminal(cli, "run", "Hi", "--no-tools", "--model", server.url) as terminal:
        assert terminal.code() == 0
        terminal.wait_for("One.")
    assert "\x1b" not in terminal.seen


def test_lines_history_and_leaving(cli: CommandLine, server: Server):
    server.replies = [ONE, TWO]
    with Terminal(cli, "chat", "--no-tools", "--model", server.url) as terminal:
        terminal.wait_for("/help")
        terminal.wait_for(PROMPT)
        terminal.type("first line\\\r")
        terminal.type("second line\x1b\rthird line\r")
        terminal.wait_for("One.")
        terminal.wait_for("1 step")
        terminal.wait_for(PROMPT)
        terminal.type("\x1b[A\x1b[A\x1b[A\r")  # up through the lines of the last message
        terminal.wait_for("Two.")
        terminal.wait_for(PROMPT)
        terminal.type("\x04")
        assert terminal.code() == 0
    assert "first line\nsecond line\nthird line" in server.prompts[0]
    assert server.prompts[1].count("second line\nthird line") == 2
    history = next(cli.folder.rglob("chat_history"))
    assert "second line" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_ctrl_c_cancels_the_turn_and_not_the_program(
    cli: CommandLine, server: Server, held: threading.Event
):
    server.replies = ["\nOnce upon a<|user|>", TWO]
    with Terminal(cli, "chat", "--no-tools", "--model", server.url) as terminal:
        terminal.wait_for(PROMPT)
        terminal.type("first\r")
        terminal.wait_for("Once upon")
        terminal.type("\x03")
        terminal.wait_for("cancelled")
        held.set()
        terminal.wait_for(PROMPT)
        terminal.type("thrown away\x03")
        terminal.wait_for(PROMPT)
        terminal.type("second\r")
        terminal.wait_for("Two.")
        terminal.wait_for(PROMPT)
        terminal.type("/exit\r")
        assert terminal.code() == 0
    assert "thrown away" not in server.prompts[1]


def test_a_terminal_s_ctrl_c_ends_a_run(cli: CommandLine, server: Server, held: threading.Event):
    server.replies = ["\nOnce upon a<|user|>"]
    with Terminal(cli, "run", "Hi", "--no-tools", "--model", server.url) as terminal:
        terminal.wait_for("Once upon")
        terminal.type("\x03")
        assert terminal.code() == 130
    assert "Traceback" not in terminal.seen


def test_json_is_the_same_on_a_terminal(cli: CommandLine, server: Server):
    server.replies = [ONE]
    with Terminal(cli, "run", "Hi", "--no-tools", "--json", "--model", server.url) as terminal:
        assert terminal.code() == 0
        terminal.wait_for('"usage"')
        terminal.wait_for("}")
    assert [event["type"] for event in events(terminal.seen)][-2:] == ["answer", "usage"]
