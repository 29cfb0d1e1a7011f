"""What every family's parser gives: a reply taken apart, while it streams or at once.

Does not do: knowing any wire format (`stream.py` knows GLM-4's).
"""

from __future__ import annotations

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


def split_controls(text: str, controls: Sequence[str]) -> list[Piece]:
    """Take spelled-out control tokens in `text` for real ones.

    Only for models that can give nothing but a string: with it, an answer that merely mentions
    `<|user|>` ends there. `controls` are the tokens to look for; the result has no empty texts.
    """
    if not controls:
        return [text] if text else []
    # Longest first, so that a token that starts another one does not win over it.
    pattern = "|".join(re.escape(token) for token in sorted(controls, key=len, reverse=True))
    pieces: list[Piece] = []
    for index, part in enumerate(re.split(f"({pattern})", text)):
        if index % 2:
            pieces.append(Control(part))
        elif part:
            pieces.append(part)
    return pieces
