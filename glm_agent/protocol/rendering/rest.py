"""A generated reply without its thinking.

Thinking is cut out where the parser found it (`thinking.py`): up to `</think>`, or up to the first
call of a model that forgot to close it, and from any further `<think>` on that is not in a call.
The markers are control tokens, one id each, and text never is one of those ids; so the ids are cut
where the pieces are, and those that stay are the model's own (law 3).

Does not do: vocabularies in which the markers are text (GLM-Z1), where no id has to end with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...messages import Control, Generated, Piece

if TYPE_CHECKING:
    from ..prompt import Encoder

BEGIN, END = "<think>", "</think>"
_CALL, _END_CALL, _SEGMENT = "<tool_call>", "</tool_call>", "<|assistant|>"


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of `generated`. `inside`: it began within the thinking."""

    generated: Generated
    inside: bool

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces that stay."""
        pieces = self.generated.pieces
        tokens = (piece.token if isinstance(piece, Control) else None for piece in pieces)
        stays = _stays(tokens, self.inside)
        return tuple(piece for piece, stay in zip(pieces, stays, strict=True) if stay)

    def ids(self, encoder: Encoder) -> tuple[int, ...] | None:
        """The ids that stay; None where the reply has none of this vocabulary."""
        generated = self.generated
        if not generated.ids or generated.vocabulary != encoder.vocabulary:
            return None
        markers = (BEGIN, END, _CALL, _END_CALL, _SEGMENT)
        tokens = {encoder.control(token): token for token in markers}
        stays = _stays(map(tokens.get, generated.ids), self.inside)
        return tuple(id_ for id_, stay in zip(generated.ids, stays, strict=True) if stay)


def _stays(tokens: Iterable[str | None], thinking: bool) -> Iterator[bool]:
    """For each control token, and None for text: whether it stays."""
    calling = False
    for token in tokens:
        if thinking and token not in (_CALL, _SEGMENT):
            thinking = token != END
            yield False
        elif token in (BEGIN, END) and not calling:
            thinking = token == BEGIN
            yield False
        else:
            thinking = False
            if token in (_CALL, _END_CALL):
                calling = token == _CALL
            yield True
