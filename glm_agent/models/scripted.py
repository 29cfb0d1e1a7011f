"""A model that says what a script tells it, for tests and demonstrations without weights.

Each reply is written in the wire format and goes through the real renderer and the real parser, so
that only the model itself is replaced.

Does not do: deciding what to say, apart from calling a function that the script holds.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import anyio.lowlevel

from ..errors import ModelError
from ..messages import Control, Message, Piece, ToolSpec, Usage
from ..protocol import Prompt, Protocol, protocol_for
from .base import Chunk, Finish, Request
from .wire import WireModel

_TURN = 8  # after how many chunks other tasks get a turn


@dataclass(frozen=True, slots=True)
class ScriptedReply:
    """One reply in the wire format.

    `text` may spell control tokens, such as `<|assistant|>` between two segments or a stop token
    at its end. `stop` is the stop token; None infers it: a call's or an answer's.
    `truncated` plays a reply that hit the token limit and so has no stop token.
    """

    text: str
    stop: str | None = None
    truncated: bool = False


Script = str | ScriptedReply | Callable[[Sequence[Message]], "str | ScriptedReply"]


class ScriptedModel(WireModel):
    r"""Answer with one entry of `replies` after the other.

    Args:
        replies: Each a reply in the wire format (`"\nHello"`, `'get_weather\n{"city": "Bonn"}'`),
            a `ScriptedReply`, or a function from the messages so far to one of these.
        protocol: The wire format, a name or a `Protocol`.
        chunk_size: How many characters come at a time.

    `requests` records what was asked. Raises `ModelError` when the script is used up.
    """

    def __init__(
        self,
        replies: Iterable[Script],
        *,
        protocol: str | Protocol = "glm-4",
        chunk_size: int = 4,
        name: str = "scripted",
    ) -> None:
        if chunk_size < 1:
            raise ValueError("chunk_size must be at least 1")
        self.name = name
        self.protocol = protocol_for(protocol)
        self.requests: list[Request] = []
        self._replies = iter(tuple(replies))
        self._chunk_size = chunk_size

    async def generate(
        self, prompt: Prompt, request: Request
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Give out the next reply of the script, a few characters at a time."""
        self.requests.append(request)
        entry = next(self._replies, None)
        if entry is None:
            raise ModelError(
                f"the script of {self.name} is used up after {len(self.requests) - 1} replies; "
                "give it more"
            )
        reply = entry if isinstance(entry, str | ScriptedReply) else entry(request.messages)
        if isinstance(reply, str):
            reply = ScriptedReply(reply)
        pieces, stop = self._cut(reply, request.tools)
        for number, chunk in enumerate(_chunks(pieces, self._chunk_size)):
            # Others get their turn often, but not at each chunk: that would cost more than it.
            if number % _TURN == 0:
                await anyio.lowlevel.checkpoint()
            yield Chunk((chunk,))
        # Four characters a token is the usual rule of thumb; a script has no tokenizer.
        usage = Usage(
            steps=1,
            prompt_tokens=prompt.length // 4,
            completion_tokens=sum(len(str(piece)) for piece in pieces) // 4,
        )
        yield Finish(stop, reply.truncated, usage)

    def _cut(
        self, reply: ScriptedReply, tools: Sequence[ToolSpec]
    ) -> tuple[list[Piece], str | None]:
        """The reply's pieces without its stop token, and the stop token."""
        pieces: list[Piece] = []
        for piece in self.protocol.split(reply.text):
            if isinstance(piece, Control) and piece.token in self.protocol.stops:
                return pieces, piece.token
            pieces.append(piece)
        if reply.truncated or reply.stop is not None:
            return pieces, reply.stop
        calls = self.protocol.parse(pieces, tools).calls
        return pieces, "<|observation|>" if calls else "<|user|>"


def _chunks(pieces: Iterable[Piece], size: int) -> Iterator[Piece]:
    for piece in pieces:
        if isinstance(piece, Control):
            yield piece
        else:
            yield from (piece[start : start + size] for start in range(0, len(piece), size))
