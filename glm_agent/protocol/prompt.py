"""A rendered prompt: control tokens and text, kept apart until the ids (law 1).

Does not do: deciding what goes into a prompt (the renderers do).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..messages import Control, Generated, Piece


class Encoder(Protocol):
    """A tokenizer as prompts need it; `glm_agent.protocol.encoding` makes one from a tokenizer."""

    @property
    def vocabulary(self) -> str:
        """A fingerprint: ids are only valid between encoders of the same vocabulary."""
        ...

    def text(self, text: str, /) -> list[int]:
        """Ids of plain text; a spelled-out control token in it stays text."""
        ...

    def control(self, token: str, /) -> int:
        """Id of a control token by name; KeyError when the vocabulary has none."""
        ...


@dataclass(frozen=True, slots=True)
class Prompt:
    """What goes to the model. Adjacent texts are separate pieces because GLM-4 encodes them so."""

    pieces: tuple[Piece | Generated, ...]

    def flat(self) -> Iterator[Piece]:
        """The pieces, with generated replies opened up into theirs."""
        for piece in self.pieces:
            if isinstance(piece, Generated):
                yield from piece.pieces
            else:
                yield piece

    @property
    def text(self) -> str:
        """The prompt as one string, for reading and comparing; not safe to encode."""
        return "".join(map(str, self.flat()))

    def encode(self, encoder: Encoder) -> list[int]:
        """The prompt's token ids. Replies that this vocabulary generated keep their own (law 3)."""
        return list(encode_pieces(self.pieces, encoder))


def encode_pieces(pieces: Iterable[Piece | Generated], encoder: Encoder) -> Iterator[int]:
    """Ids of pieces, one after another."""
    for piece in pieces:
        if isinstance(piece, str):
            yield from encoder.text(piece)
        elif isinstance(piece, Control):
            yield encoder.control(piece.token)
        elif piece.ids and piece.vocabulary == encoder.vocabulary:
            yield from piece.ids
        else:
            yield from encode_pieces(piece.pieces, encoder)
