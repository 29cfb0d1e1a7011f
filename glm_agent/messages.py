"""What flows between the user, the model and the tools.

A `Transcript` is an append-only list of messages in GLM's four roles: system, user, assistant,
observation. The types here are slotted and frozen: they are made at every step and never change.
Whatever comes from outside (call arguments, YAML, stored sessions) is validated by pydantic where
it comes in, not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

Outcome = Literal["ok", "error", "timeout", "refused", "cancelled"]
ToolKind = Literal["function", "python", "simple_browser", "cogview"]


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture. `media_type` is a MIME type such as `image/png`."""

    data: bytes = field(repr=False)
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was read. `text` is the snippet or quote; `date` is ISO 8601 or empty."""

    title: str
    url: str
    text: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What the model is told about a tool.

    `parameters` is a JSON Schema object for functions. The other kinds take raw text (code, action
    lines) and are described to GLM-4 by fixed texts of its own prompt format, so they ignore it.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    kind: ToolKind = "function"

    def function(self) -> dict[str, Any]:
        """The inner `function` object, as GLM-4 prints it and OpenAI's `tools` field holds it."""
        return {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.parameters),
        }


@dataclass(frozen=True, slots=True)
class Control:
    """One control token by name, such as `<|user|>`. Only renderers and models make these."""

    token: str

    def __str__(self) -> str:
        return self.token


Piece = Control | str
"""A part of a prompt or reply: a control token, or text that can never become one."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A reply exactly as a model produced it, so that it is fed back exactly so.

    `ids` are the sampled token ids without the stop token (empty where a server gives only text),
    valid for the tokenizer whose fingerprint is `vocabulary`. `pieces` are the same as text and
    control tokens. `format` names the wire format that wrote it. `opening` is how the prompt had
    begun the reply, such as `<think>`; it is not in `pieces`. None where it is not known.
    """

    pieces: tuple[Piece, ...]
    ids: tuple[int, ...] = ()
    vocabulary: str = ""
    format: str = ""
    opening: tuple[Piece, ...] | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model made.

    `payload` is the text as written: JSON arguments, code, or action lines; where a format writes
    arguments in tags, it is their JSON. `arguments` is the JSON object read from it, or None for
    tools that take raw text and for a payload that cannot be read, in which case `error` says why.
    `repairs` names what had to be mended to read it.
    """

    id: str
    name: str
    payload: str
    arguments: Mapping[str, Any] | None = None
    error: str | None = None
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """Instructions. The list of tools is rendered beside it, not in it."""

    content: str
    role: Literal["system"] = "system"


@dataclass(frozen=True, slots=True)
class User:
    """What the user said, with pictures if the model can see."""

    content: str
    images: tuple[Image, ...] = ()
    role: Literal["user"] = "user"


@dataclass(frozen=True, slots=True)
class Assistant:
    """One reply of the model: text and calls in the order in which they were written.

    `stop` is the control token that ended the reply: for GLM-4 `<|user|>` means an answer and
    `<|observation|>` a call; None when the reply was cut (`truncated`) or the server hid it.
    """

    parts: tuple[str | ToolCall, ...]
    stop: str | None = None
    truncated: bool = False
    thinking: str = ""
    generated: Generated | None = None
    role: Literal["assistant"] = "assistant"

    @property
    def text(self) -> str:
        """The reply's plain text, without its calls."""
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The reply's calls, in order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


@dataclass(frozen=True, slots=True)
class Observation:
    """What came back from a call. A browser call may bring several, all with its `call_id`.

    `metadata` is the text after the role token, such as `quote_result [7†source]`; empty for
    functions and for python. `text` is what the model reads. `sources` are the pages behind it,
    which an answer may cite.
    """

    text: str
    call_id: str = ""
    name: str = ""
    outcome: Outcome = "ok"
    metadata: str = ""
    images: tuple[Image, ...] = ()
    sources: tuple[Source, ...] = ()
    role: Literal["observation"] = "observation"


Message = System | User | Assistant | Observation


class Transcript(Sequence[Message]):
    """An append-only list of messages. `branch()` copies it to try another continuation."""

    __slots__ = ("__weakref__", "_calls", "_messages")

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._messages: list[Message] = []
        self._calls = 0
        self.extend(messages)

    def append(self, message: Message) -> None:
        """Add one message at the end."""
        self._messages.append(message)
        if isinstance(message, Assistant):
            self._calls += len(message.calls)

    def extend(self, messages: Iterable[Message]) -> None:
        """Add several messages at the end."""
        for message in messages:
            self.append(message)

    def branch(self) -> Transcript:
        """A copy that grows on its own."""
        return Transcript(self._messages)

    @property
    def call_count(self) -> int:
        """How many tool calls the transcript holds; the next one is number `call_count + 1`."""
        return self._calls

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        return self._messages[index]

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def __repr__(self) -> str:
        return f"Transcript({self._messages!r})"


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts of tokens and steps.

    `cached_tokens` of `prompt_tokens` were not computed again. `computed_tokens` went through a
    model in this process, in `passes` runs of it; both are 0 where a server does not tell.
    """

    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    computed_tokens: int = 0
    passes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.steps + other.steps,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
            self.seconds + other.seconds,
            self.computed_tokens + other.computed_tokens,
            self.passes + other.passes,
        )
