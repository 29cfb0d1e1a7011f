"""What every family's renderer is: how a transcript is written, message by message.

A `Renderer` is made for one list of tools and one set of options. It writes the head of a prompt
(what stands before all messages), each message, and the opening of the reply that is asked for.
`render` puts them together; `builder.py` does so step by step.

Does not do: knowing any wire format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ...messages import Assistant, Control, Message, Observation, Piece, ToolSpec, User
from ..prompt import Part, Prompt

PREFIX = (Control("[gMASK]"), Control("<sop>"))
SYSTEM = Control("<|system|>")
USER = Control("<|user|>")
ASSISTANT = Control("<|assistant|>")
OBSERVATION = Control("<|observation|>")

STOPS = ("<|endoftext|>", "<|user|>", "<|observation|>")
CONTROLS = (
    "<|endoftext|>",
    "[gMASK]",
    "<sop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
)

Variant = Literal["loop", "jinja"]
"""`jinja` is the published chat template to the letter. `loop` (the default) is the same except
where the template would lose or move what the loop needs; docs/wire-format.md lists where."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message stands.

    `before` is the message before it. `current` says that no user message comes after it.
    `thoughtful` says that one of the replies to the same user message has thinking.
    """

    before: Message | None = None
    current: bool = True
    thoughtful: bool = False


class Renderer(ABC):
    """One way of writing transcripts.

    `opening` is what follows `<|assistant|>` when a reply is asked for. `rewrites` says that a
    user message changes how the replies before it are written. `in_order` says that messages are
    written one after another as they come, each by what is known of it by then or at the next
    user message.
    """

    opening: tuple[Piece, ...] = ()
    rewrites = False
    in_order = True

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        self.tools = tuple(tools)
        self.specs = {tool.name: tool for tool in tools}

    @abstractmethod
    def head(self) -> Iterator[Part]:
        """What stands before all messages, the prefix included."""

    @abstractmethod
    def message(self, message: Message, place: Place) -> Iterator[Part]:
        """One message; nothing for one that this format leaves out."""

    def arrange(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages in the order in which they are written."""
        return messages

    def tail(self) -> tuple[Part, ...]:
        """What asks for the next reply."""
        return (ASSISTANT, *self.opening)


def render(
    renderer: Renderer, messages: Sequence[Message], *, add_generation_prompt: bool = True
) -> Prompt:
    """A whole transcript as a prompt; without `add_generation_prompt` it asks for nothing."""
    messages = renderer.arrange(messages)
    pieces: list[Part] = [*renderer.head()]
    for message, place in zip(messages, places(messages), strict=True):
        pieces += renderer.message(message, place)
    if not add_generation_prompt:
        return Prompt(tuple(pieces))
    return Prompt((*pieces, *renderer.tail()), renderer.opening)


def places(messages: Sequence[Message]) -> list[Place]:
    """Where each message stands."""
    last = max((i for i, m in enumerate(messages) if isinstance(m, User)), default=-1)
    result: list[Place] = []
    for start, end in _turns(messages):
        thoughtful = isinstance(messages[start], User) and any(
            isinstance(m, Assistant) and m.thinking for m in messages[start:end]
        )
        for index in range(start, end):
            before = messages[index - 1] if index else None
            result.append(Place(before, index > last, thoughtful))
    return result


def _turns(messages: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """Each user message with what follows it, as start and end."""
    start = 0
    for index, message in enumerate(messages):
        if isinstance(message, User) and index > start:
            yield start, index
            start = index
    if start < len(messages):
        yield start, len(messages)


def seen(observation: Observation) -> str:
    """An observation's text, its pictures as `[Image]`, each on a line of its own."""
    lines = [observation.text] if observation.text else []
    return "\n".join([*lines, *["[Image]"] * len(observation.images)])


def joined(pieces: Iterable[Part]) -> Iterator[Part]:
    """`pieces` with adjacent texts made one, as a tokenizer meets them in a template's string."""
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if text := "".join(texts):
            yield text
        texts.clear()
        yield piece
    if text := "".join(texts):
        yield text
