"""What every family's parser gives: a reply taken apart, while it streams or at once.

Does not do: knowing any wire format (`stream.py` knows GLM-4's).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..events import ReplyEvent
from ..messages import Control, Piece, ToolCall


class StreamParser(Protocol):
    """One reply being parsed. Any way of splitting the reply gives the same events (law 4)."""

    @property
    def parts(self) -> tuple[str | ToolCall, ...]:
        """Texts and calls so far completed, in order."""
        ...

    @property
    def thinking(self) -> str:
        """What the model thought aloud before it answered; empty where a family does not."""
        ...

    @property
    def stop(self) -> str | None:
        """The stop token that ended the reply, as fed or as given to `close`."""
        ...

    @property
    def truncated(self) -> bool:
        """Whether the reply was cut at the token limit."""
        ...

    def feed(self, piece: Piece, /) -> list[ReplyEvent]:
        """Take the next piece. A `str` is text whatever it spells; only a `Control` acts."""
        ...

    def close(self, stop: str | None = None, truncated: bool = False) -> list[ReplyEvent]:
        """End the reply. `stop` is the stop token that fired, None when it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """A whole reply: texts and calls in the order in which they were written."""

    parts: tuple[str | ToolCall, ...] = ()
    thinking: str = ""
    stop: str | None = None
    truncated: bool = False

    @property
    def text(self) -> str:
        """The plain text, without the calls."""
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


def parse_whole(
    parser: StreamParser, reply: str | Iterable[Piece], stop: str | None, truncated: bool
) -> ParsedReply:
    """Run a fresh parser over a whole reply."""
    for piece in (reply,) if isinstance(reply, str) else reply:
        parser.feed(piece)
    parser.close(stop, truncated)
    return ParsedReply(parser.parts, parser.thinking, parser.stop, parser.truncated)


class ControlSplitter:
    """Takes control tokens that a server spelled out in its text for real ones, as text streams.

    Only for models that can give nothing but strings: with it, an answer that merely mentions
    `<|user|>` ends there.
    """

    def __init__(self, controls: Sequence[str]) -> None:
        self._controls = tuple(controls)
        self._longest = max(map(len, controls), default=0)
        self._first = {control[0] for control in controls}
        self._pattern = _any_of(self._controls)
        self._begun = ""

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are complete; no empty texts. The begin of a token is held back."""
        text = self._begun + text
        parts = self._pattern.split(text) if self._pattern else [text]
        rest = parts[-1]
        begin = self._begin(rest)
        self._begun, parts[-1] = rest[begin:], rest[:begin]
        pieces = (Control(part) if index % 2 else part for index, part in enumerate(parts))
        return [piece for piece in pieces if piece != ""]

    def close(self) -> list[Piece]:
        """The text that was held back."""
        begun, self._begun = self._begun, ""
        return [begun] if begun else []

    def _begin(self, text: str) -> int:
        """Where a token starts that the end of `text` cuts off; the length if there is none."""
        for start in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[start] not in self._first:  # nearly always
                continue
            if any(token.startswith(text[start:]) for token in self._controls):
                return start
        return len(text)


@functools.cache
def _any_of(controls: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile(f"({'|'.join(map(re.escape, controls))})") if controls else None


def split_controls(text: str, controls: Sequence[str]) -> list[Piece]:
    """Split a whole text at the control tokens spelled out in it; see `ControlSplitter`."""
    splitter = ControlSplitter(controls)
    pieces = splitter.feed(text)
    # What was held back belongs to the text before it.
    if (rest := splitter.close()) and pieces and isinstance(pieces[-1], str):
        rest = [f"{pieces.pop()}{rest[0]}"]
    return pieces + rest
