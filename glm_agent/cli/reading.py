"""Reading a user's lines on a terminal, through prompt-toolkit.

The history is kept in the user's state folder, for this user's eyes only.

Does not do: commands (`chat.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from platformdirs import user_state_path
from prompt_toolkit import PromptSession
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent


def terminal_reader() -> Callable[[], str | None]:
    """A function that reads one message; None when the user has left with Ctrl-D."""
    session: PromptSession[str] = PromptSession(
        history=_history(),
        key_bindings=key_bindings(),
        prompt_continuation="· ",
        enable_open_in_editor=True,
    )

    def read() -> str | None:
        while True:
            try:
                return session.prompt("> ")
            except KeyboardInterrupt:
                continue  # the line is cleared
            except EOFError:
                return None

    return read


def key_bindings() -> KeyBindings:
    """Enter sends; Alt+Enter, or a backslash before Enter, begins another line."""
    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def _break(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def history_file() -> Path:
    """Where the history is kept."""
    return user_state_path("glm-agent", appauthor=False) / "chat_history"


def _history() -> History:
    path = history_file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return (
            InMemoryHistory()
        )  # a home that cannot be written to must not keep anyone from chatting
    return FileHistory(str(path))
