"""The half of a model that speaks GLM's wire format itself.

`WireModel` renders the transcript, hands the prompt to `generate`, feeds what comes back to the
protocol's streaming parser and keeps the reply exactly as it was produced, so that the next step
feeds it back unchanged.

Does not do: producing tokens (its subclasses do), chat endpoints (see `chat.py`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from ..errors import ModelError
from ..events import ReplyEvent
from ..messages import Assistant, Generated, Piece, ToolSpec, Transcript
from ..protocol import Prompt, PromptBuilder, Protocol
from ..protocol.grammar import NONE
from .base import Chunk, Finish, Model, Reply, Request


class WireModel(Model):
    """A model that continues a rendered prompt.

    `protocol` is its wire format. `vocabulary` is the fingerprint of the tokenizer whose ids its
    chunks carry, empty where they carry none. Both must be right once `prepare` has returned.
    """

    protocol: Protocol
    vocabulary: str = ""
    _kept: WeakKeyDictionary[Transcript, _Kept] | None = None

    async def prepare(self) -> None:
        """Get ready to render and generate, for instance load the weights."""

    @abstractmethod
    def generate(self, prompt: Prompt, request: Request) -> AsyncGenerator[Chunk | Finish, None]:
        """Continue `prompt`: chunks as they come, then one `Finish`. Raises `ModelError`.

        The stop token is not in a chunk, but in `Finish`. Closing the iterator stops the model.
        """

    async def stream(self, request: Request) -> AsyncGenerator[ReplyEvent | Reply, None]:
        """Yield the reply's events as they come, then one `Reply`. Raises `ModelError`."""
        await self.prepare()
        protocol = self.protocol
        prompt = self._prompt(request)
        # Where no calls may come, what looks like one is text, whatever it stops with.
        no_calls = request.tool_choice == NONE
        parser = protocol.stream_parser(() if no_calls else request.tools, request.first_call)
        produced = _Produced()
        finish: Finish | None = None
        async with aclosing(self.generate(prompt, request)) as chunks:
            async for chunk in chunks:
                if isinstance(chunk, Finish):
                    finish = chunk
                    break
                produced.add(chunk)
                for piece in chunk.pieces:
                    for event in parser.feed(piece):
                        yield event
        if finish is None:
            raise ModelError(f"the model {self.name} stopped without saying why; try again")
        for event in parser.close(None if no_calls else finish.stop, finish.truncated):
            yield event
        message = Assistant(
            parts=parser.parts,
            stop=finish.stop,
            truncated=finish.truncated,
            thinking=parser.thinking,
            generated=produced.generated(self.vocabulary, protocol.name, prompt.opening),
        )
        yield Reply(message, finish.usage)

    def _prompt(self, request: Request) -> Prompt:
        """The prompt; for a transcript that was seen before, only what is new is rendered."""
        messages, tools = request.messages, tuple(request.tools)
        if not isinstance(messages, Transcript):
            return self.protocol.render(messages, tools)
        if self._kept is None:
            self._kept = WeakKeyDictionary()
        found = self._kept.get(messages)
        if found is None or found.protocol != self.protocol or found.tools != tools:
            found = _Kept(self.protocol, tools, self.protocol.builder(tools))
            self._kept[messages] = found
        found.builder.extend(messages[len(found.builder) :])
        return found.builder.prompt()


@dataclass(frozen=True, slots=True)
class _Kept:
    """A transcript's prompt so far, and what it was made with."""

    protocol: Protocol
    tools: tuple[ToolSpec, ...]
    builder: PromptBuilder


class _Produced:
    """Gathers a reply's pieces and ids; texts that follow one another become one."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._text: list[str] = []
        self._ids: list[int] = []

    def add(self, chunk: Chunk) -> None:
        self._ids.extend(chunk.ids)
        for piece in chunk.pieces:
            if isinstance(piece, str):
                self._text.append(piece)
            else:
                self._end_text()
                self._pieces.append(piece)

    def _end_text(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if text:
            self._pieces.append(text)

    def generated(self, vocabulary: str, name: str, opening: tuple[Piece, ...]) -> Generated:
        self._end_text()
        return Generated(tuple(self._pieces), tuple(self._ids), vocabulary, name, opening)
