"""A prompt that grows with its transcript: a step renders and encodes only what is new.

What it gives equals what `render` gives from scratch. Where a user message changes how earlier
replies are written (`Renderer.rewrites`), the replies of the turn that it ends are written once
more; so each message is rendered at most twice, however long the transcript gets. Variants that
move messages about (`Renderer.in_order` is false) are rendered from scratch at each step.

Does not do: noticing that a transcript has been changed other than by appending.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from ...messages import Assistant, Message, User
from ..prompt import Block, Encoder, Prompt
from .base import Place, Renderer, places


@dataclass(frozen=True, slots=True)
class Growth:
    """How a prompt's ids changed since the last time: the first `kept` stay, then come `ids`."""

    kept: int
    ids: tuple[int, ...]


class PromptBuilder:
    """Holds a transcript's prompt. `len()` is the number of its messages so far."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._messages: list[Message] = []
        self._blocks = [Block(renderer.head())]  # the head, then one for each message
        self._tail = Block(renderer.tail())
        self._turn = 0  # the first message after the last user message
        # What `grow` gave: ids, and where each block starts in them. `_same` blocks are unchanged.
        self._ids: list[int] = []
        self._starts: list[int] = []
        self._same = 0
        self._vocabulary = ""

    def __len__(self) -> int:
        return len(self._messages)

    def extend(self, messages: Iterable[Message]) -> None:
        """Append messages."""
        if not self._renderer.in_order:
            self._messages += messages
            self._render_again()
            return
        for message in messages:
            before = self._messages[-1] if self._messages else None
            if isinstance(message, User):
                if self._renderer.rewrites:
                    self._rewrite_turn()
                self._turn = len(self._messages) + 1
            self._messages.append(message)
            self._blocks.append(Block(self._renderer.message(message, Place(before))))

    def _rewrite_turn(self) -> None:
        for index in range(self._turn, len(self._messages)):
            message = self._messages[index]
            if isinstance(message, Assistant):
                before = self._messages[index - 1] if index else None
                place = Place(before, current=False)
                self._replace(index + 1, Block(self._renderer.message(message, place)))

    def _replace(self, index: int, block: Block) -> None:
        """Take `block` for the one at `index`; one that says the same stays, with its ids."""
        if block.pieces != self._blocks[index].pieces:
            self._blocks[index] = block
            self._same = min(self._same, index)

    def _render_again(self) -> None:
        messages = self._renderer.arrange(self._messages)
        for index, (message, place) in enumerate(zip(messages, places(messages), strict=True), 1):
            block = Block(self._renderer.message(message, place))
            if index < len(self._blocks):
                self._replace(index, block)
            else:
                self._blocks.append(block)

    def prompt(self, *, add_generation_prompt: bool = True) -> Prompt:
        """The prompt as it is now. Its ids are encoded once, for it and the prompts after it."""
        ends = [self._tail] if add_generation_prompt else []
        blocks = (*self._blocks, *ends)
        return Prompt.of_blocks(blocks, self._renderer.opening if ends else ())

    def grow(self, encoder: Encoder) -> Growth:
        """What is new in the prompt's ids since the last call, for a KV cache to follow.

        A reply that was generated and is fed back as it was is new, as is what came after it; the
        opening that asked for it is kept. The cost is that of what is new.
        """
        if self._vocabulary != encoder.vocabulary:
            self._vocabulary = encoder.vocabulary
            self._ids, self._starts, self._same = [], [], 0
        start = self._starts[self._same] if self._same < len(self._starts) else 0
        old = self._ids[start:]
        del self._ids[start:], self._starts[self._same :]
        for block in (*self._blocks[self._same :], self._tail):
            self._starts.append(len(self._ids))
            self._ids += block.ids(encoder)
        self._same = len(self._blocks)
        pairs = zip(old, self._ids[start:], strict=False)
        kept = start + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return Growth(kept, tuple(self._ids[kept:]))
