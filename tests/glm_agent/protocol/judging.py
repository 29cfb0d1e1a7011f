"""Asks a grammar whether it admits a reply, token by token."""

from __future__ import annotations

from collections.abc import Sequence

from glm_agent.messages import ToolSpec
from glm_agent.models.engine.constraint import Constrainer
from glm_agent.protocol import Control, TokenizerEncoder
from glm_agent.protocol.grammar import grammar_of

USER = Control("<|user|>")
OBSERVATION = Control("<|observation|>")
ASSISTANT = Control("<|assistant|>")
END = Control("<|endoftext|>")


class Judge:
    """Says whether a grammar admits a whole reply."""

    def __init__(self, encoder: TokenizerEncoder) -> None:
        self.encoder = encoder
        self.constrainer = Constrainer(encoder, max(encoder.controls) + 1, "<|endoftext|>")

    def ids(self, pieces: Sequence[str | Control]) -> list[int]:
        return [
            id_
            for piece in pieces
            for id_ in (
                [self.encoder.control(piece.token)]
                if isinstance(piece, Control)
                else self.encoder.text(piece)
            )
        ]

    def taken(self, grammar: str, pieces: Sequence[str | Control]) -> int:
        """How many ids of the reply are admitted."""
        return self.constrainer.constraint(grammar).admits(self.ids(pieces))

    def admits(
        self,
        tools: Sequence[ToolSpec],
        *pieces: str | Control,
        choice: str = "auto",
        family: str = "glm-4",
        opening: Sequence[str | Control] = (),
    ) -> bool:
        grammar = grammar_of(family, tools, choice, opening)
        assert grammar is not None
        return self.taken(grammar, pieces) == len(self.ids(pieces))
