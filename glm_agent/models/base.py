"""What the loop asks of a model: a reply, as a stream of events.

`Model` is the seam: in-process torch, a server, a script. `WireModel` is the half that speaks
GLM's wire format itself: it renders the transcript, parses the reply as it streams, and leaves to
its subclasses only the step from a prompt to chunks.

Does not do: running tools, retrying, deciding when a run ends.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from ..errors import ConfigurationError
from ..events import ReplyEvent
from ..messages import Assistant, Message, Piece, ToolSpec, Usage


@dataclass(frozen=True, slots=True)
class Settings:
    """How to generate. `temperature` 0 is greedy; None leaves a value to the model's default.

    `constrain` holds replies to the wire format and calls to their tools' schemas, where the model
    can: in this process, and on vLLM and SGLang servers.

    Raises:
        ConfigurationError: a value that no model could follow.
    """

    max_tokens: int = 1024
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    constrain: bool = True

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ConfigurationError(f"max_tokens={self.max_tokens}: it must be at least one")
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            raise ConfigurationError(f"temperature={self.temperature}: it must be 0 or above")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ConfigurationError(f"top_p={self.top_p}: it must be above 0 and at most 1")
        if self.top_k is not None and self.top_k < 0:
            raise ConfigurationError(f"top_k={self.top_k}: it must be 0 (all tokens) or above")
        if self.seed is not None and not -(2**63) <= self.seed < 2**63:
            raise ConfigurationError(f"seed={self.seed}: it must fit into 64 bits")


@dataclass(frozen=True, slots=True)
class Request:
    """One reply to produce. `first_call` numbers the reply's calls: `call_{first_call}`, …

    `tool_choice` is `auto`, `none` (no calls), `required` (calls only) or the name of the tool to
    call.
    """

    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    settings: Settings = field(default_factory=Settings)
    first_call: int = 1
    tool_choice: str = "auto"


@dataclass(frozen=True, slots=True)
class Reply:
    """The whole reply; the last thing in a model's stream."""

    message: Assistant
    usage: Usage


class Model(ABC):
    """A source of replies. `name` is what a user would write after `--model`.

    `constrains` says whether it holds every reply to a grammar, so that tools must have schemas
    that a grammar can hold.
    """

    name: str
    constrains: bool = False

    @abstractmethod
    def stream(self, request: Request) -> AsyncIterator[ReplyEvent | Reply]:
        """Yield the reply's events as they come, then one `Reply`. Raises `ModelError`.

        Closing the iterator (cancellation) stops the generation.
        """

    async def aclose(self) -> None:  # noqa: B027 - not every model holds something
        """Give back memory and connections. The model can't be used afterwards."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The next part of a reply, as the model produced it: text or control tokens, and their ids."""

    pieces: tuple[Piece, ...]
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Finish:
    """Why a reply ended: the stop token that fired, or None with `truncated` at the token limit."""

    stop: str | None
    truncated: bool
    usage: Usage
