"""A rendered prompt: control tokens and text, kept apart until the ids (law 1).

Does not do: deciding what goes into a prompt (the renderers do).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Protocol

from ..messages import Control, Generated, Piece
from .rendering.rest import Rest


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


Part = Piece | Generated | Rest
"""What a prompt is made of."""


class Prompt:
    """What goes to the model. Adjacent texts are separate pieces because GLM-4 encodes them so.

    `opening` is how the prompt begins the reply that it asks for: what follows the last role
    token, such as `<think>`. It belongs to the reply, but the model does not write it. Prompts of
    the same pieces and opening are equal.
    """

    __slots__ = ("_blocks", "opening")

    def __init__(self, pieces: Iterable[Part], opening: tuple[Piece, ...] = ()) -> None:
        self._blocks: Sequence[Block] = (Block(pieces),)
        self.opening = opening

    @classmethod
    def of_blocks(cls, blocks: Sequence[Block], opening: tuple[Piece, ...]) -> Prompt:
        """A prompt in parts that remember their ids. Nothing in them is looked at before it is
        asked for, so that a step's prompt does not cost what all steps before it have said.
        """
        prompt = cls((), opening)
        prompt._blocks = blocks
        return prompt

    @property
    def pieces(self) -> tuple[Part, ...]:
        """All of it, in order."""
        return tuple(chain.from_iterable(block.pieces for block in self._blocks))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prompt):
            return NotImplemented
        return (self.pieces, self.opening) == (other.pieces, other.opening)

    def __hash__(self) -> int:
        return hash((self.pieces, self.opening))

    def __repr__(self) -> str:
        return f"Prompt({self.pieces!r}, {self.opening!r})"

    def flat(self) -> Iterator[Piece]:
        """The pieces, with generated replies opened up into theirs."""
        return flat(self.pieces)

    @property
    def text(self) -> str:
        """The prompt as one string, for reading and comparing; not safe to encode."""
        return "".join(map(str, self.flat()))

    @property
    def length(self) -> int:
        """How many characters `text` has, without making it."""
        return sum(block.length for block in self._blocks)

    def encode(self, encoder: Encoder) -> list[int]:
        """The prompt's token ids. Replies that this vocabulary generated keep their own (law 3)."""
        ids: list[int] = []
        for block in self._blocks:
            ids += block.ids(encoder)
        return ids


class Block:
    """Some pieces and, once they were asked for, their ids and the length of their text."""

    __slots__ = ("_ids", "_length", "_vocabulary", "pieces")

    def __init__(self, pieces: Iterable[Part]) -> None:
        self.pieces = tuple(pieces)
        self._ids: tuple[int, ...] = ()
        self._vocabulary: str | None = None
        self._length = -1

    @property
    def length(self) -> int:
        """How many characters the pieces have; kept for the next time."""
        if self._length < 0:
            self._length = sum(len(str(piece)) for piece in flat(self.pieces))
        return self._length

    def ids(self, encoder: Encoder) -> tuple[int, ...]:
        """The ids in the encoder's vocabulary; kept for the next time."""
        if self._vocabulary != encoder.vocabulary:
            self._ids = tuple(encode_pieces(self.pieces, encoder))
            self._vocabulary = encoder.vocabulary
        return self._ids


def flat(pieces: Iterable[Part]) -> Iterator[Piece]:
    """Pieces, with generated replies opened up into theirs."""
    for piece in pieces:
        if isinstance(piece, Generated | Rest):
            yield from piece.pieces
        else:
            yield piece


def encode_pieces(pieces: Iterable[Part], encoder: Encoder) -> Iterator[int]:
    """Ids of pieces, one after another."""
    for piece in pieces:
        if isinstance(piece, str):
            yield from encoder.text(piece)
        elif isinstance(piece, Control):
            yield encoder.control(piece.token)
        else:
            yield from _kept(piece, encoder)


def _kept(piece: Generated | Rest, encoder: Encoder) -> Iterator[int]:
    """The ids of a reply: those that were sampled, if they are this vocabulary's."""
    if isinstance(piece, Rest):
        ids = piece.ids(encoder)
        if ids is not None:
            yield from ids
            return
    elif piece.ids and piece.vocabulary == encoder.vocabulary:
        yield from piece.ids
        return
    yield from encode_pieces(piece.pieces, encoder)
