"""Raw completions: our own wire format through a server's `/completions` endpoint.

The prompt goes as token ids where the model's tokenizer is at hand and the server takes ids, else
as a string in which spelled-out control tokens are neutralised. The reply comes as ids (vLLM's
`return_token_ids`) or as text, in which the server may spell the control tokens or hide them.

Does not do: chat endpoints (`chat.py`), choosing between the two (`openai_compatible.py`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, suppress
from typing import Any, cast

from ...errors import ConfigurationError, ServerError, UnsupportedSchemaError
from ...messages import Control, Piece, Usage
from ...protocol import Decoder, Prompt, Protocol, TokenizerEncoder, protocol_for
from ...protocol.grammar import AUTO, NONE, check_choice
from ...protocol.grammar.structural_tag import structural_tag
from ...protocol.reply import ControlSplitter
from ..base import Chunk, Finish, Request, Settings
from ..wire import WireModel
from .server_traits import GRAMMAR_SERVERS, ServerTraits
from .spelling import spell
from .transport import NoEndpoint, Refused, Transport

# Ids of the stop tokens, for servers that report ids to a client that has no tokenizer: those of
# glm-4-9b-chat up to GLM-4.7 (config.json of glm-4-9b-chat), and those of GLM-4.7-Flash and GLM-5
# (generation_config.json of GLM-5.1).
_STOP_IDS = {
    151329: "<|endoftext|>",
    151336: "<|user|>",
    151338: "<|observation|>",
    154820: "<|endoftext|>",
    154827: "<|user|>",
    154829: "<|observation|>",
}
# How many events may follow a stop token: the reason, the counts. Then we hang up.
_AFTER_STOP = 4


class CompletionsModel(WireModel):
    """A model behind `/completions`. With `encoder`, token ids are tried first.

    Without `protocol`, the model's name on the server tells it; `glm-4` if that says nothing.
    """

    def __init__(
        self,
        transport: Transport,
        traits: ServerTraits,
        *,
        name: str,
        protocol: Protocol | None,
        encoder: TokenizerEncoder | None,
        only_ids: bool,
    ) -> None:
        self.name = name
        self.protocol = protocol or protocol_for("glm-4")
        self._guesses = protocol is None
        self.vocabulary = encoder.vocabulary if encoder is not None else ""
        self._transport = transport
        self._traits = traits
        self._encoder = encoder
        self._only_ids = only_ids

    async def prepare(self) -> None:
        """Learn which model the server has, and so its wire format."""
        await self._traits.find_model(self._transport)
        if self._guesses and self._traits.model is not None:
            self._guesses = False
            with suppress(ConfigurationError):
                self.protocol = protocol_for(self._traits.model)

    async def generate(
        self, prompt: Prompt, request: Request
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Continue `prompt` on the server."""
        started = time.perf_counter()
        check_choice(request.tool_choice, [tool.name for tool in request.tools])
        form = await self._form(request)
        reading = _Reading(self.protocol, self._encoder)
        async with aclosing(self._ask_in_form(prompt, request, form)) as events:
            async for event in events:
                for chunk in reading.chunks(event):
                    yield chunk
                if reading.enough:
                    break
        if not reading.ended:
            raise ServerError(
                f"{self._transport.where} broke off in the middle of its reply; see its log"
            )
        for chunk in reading.rest():
            yield chunk
        yield reading.finish(time.perf_counter() - started)

    async def _form(self, request: Request) -> dict[str, Any] | None:
        """The form that the server shall hold the reply to, where it can.

        In `auto`, only a server that is known to take one is sent one: replies are then better, but
        not otherwise impossible. Raises `ServerError` where a call is required and it can't be.
        """
        tools, choice, traits = request.tools, request.tool_choice, self._traits
        wanted = bool(tools) and request.settings.constrain and traits.takes_grammar
        if choice in (AUTO, NONE):
            if not wanted or traits.kind not in GRAMMAR_SERVERS:
                return None
            with suppress(UnsupportedSchemaError):
                return structural_tag(self.protocol.name, tools, choice)
            return None
        await traits.find_kind(self._transport)
        if wanted and traits.kind in GRAMMAR_SERVERS:
            form = structural_tag(self.protocol.name, tools, choice)
            if form is not None:
                return form
        raise ServerError(
            f"tool_choice {choice!r} needs a server that takes a grammar for this model; "
            f"{self._transport.where} is not known to (server='vllm' or 'sglang' says that it "
            "does); use tool_choice 'auto', or mode='chat'"
        )

    async def _ask_in_form(
        self, prompt: Prompt, request: Request, form: dict[str, Any] | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The server's events; without the form if it refuses that and can do without."""
        begun = False
        try:
            async with aclosing(self._ask(prompt, request.settings, form)) as events:
                async for event in events:
                    begun = True
                    yield event
            return
        except ServerError as error:
            if form is None or begun or not isinstance(error.__cause__, Refused):
                raise
            if request.tool_choice not in (AUTO, NONE):
                raise ServerError(
                    f"{error}; it may be too old for the grammar of tool_choice "
                    f"{request.tool_choice!r} (vLLM from 0.11, SGLang from 0.5): use 'auto'"
                ) from error
        async with aclosing(self._ask(prompt, request.settings, None)) as events:
            async for event in events:
                self._traits.takes_grammar = False
                yield event

    async def _ask(
        self, prompt: Prompt, settings: Settings, form: dict[str, Any] | None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The server's events, by the first way of asking that it takes."""
        traits = self._traits
        refusal: Refused | None = None
        for model, way in self._ways():
            body = self._body(prompt, settings, way)
            if form is not None:
                body["response_format"] = form
            if model is not None:
                body["model"] = model
            begun = False
            try:
                async with aclosing(self._transport.events("/completions", body)) as events:
                    async for event in events:
                        if not begun:
                            begun = True
                            traits.way, traits.model = way, model
                        yield event
                return
            except NoEndpoint:
                raise
            except Refused as error:
                if begun or error.status not in (400, 404, 422):
                    raise
                refusal = error
            except ServerError as error:
                if begun or model is not None:
                    raise
                raise ServerError(f"{error}{traits.hint()}") from error
        if refusal is not None:
            raise ServerError(f"{refusal}{traits.hint()}") from refusal

    def _ways(self) -> Iterator[tuple[str | None, tuple[bool, int]]]:
        """Ways to ask: which model, token ids or not, and which optional fields."""
        traits = self._traits
        if traits.way is not None:
            yield traits.model, traits.way
            return
        models = [traits.model, None] if traits.guessed else [traits.model]
        for model in models:
            if self._encoder is not None:
                yield model, (True, 2)
                if self._only_ids:
                    yield model, (True, 1)
                    yield model, (True, 0)
            if not self._only_ids:
                for extras in (2, 1, 0):
                    yield model, (False, extras)

    def _body(self, prompt: Prompt, settings: Settings, way: tuple[bool, int]) -> dict[str, Any]:
        as_ids, extras = way
        encoder = self._encoder
        body: dict[str, Any] = {
            "prompt": prompt.encode(encoder)
            if as_ids and encoder
            else spell(prompt, self.protocol.controls),
            "max_tokens": settings.max_tokens,
            "stream": True,
        }
        for key in ("temperature", "top_p", "seed"):
            if (value := getattr(settings, key)) is not None:
                body[key] = value
        if extras >= 1:
            # OpenAI's own; some servers refuse what they do not know.
            body["stop"] = list(self.protocol.stops)
            body["stream_options"] = {"include_usage": True}
        if extras >= 2:
            # vLLM's and SGLang's: keep the control tokens in the text, add none to the prompt.
            body["skip_special_tokens"] = False
            body["spaces_between_special_tokens"] = False
            body["include_stop_str_in_output"] = True
            body["no_stop_trim"] = True
            body["add_special_tokens"] = False
            if settings.top_k is not None:
                body["top_k"] = settings.top_k
            if encoder is not None:
                body["return_token_ids"] = True
                body["stop_token_ids"] = [encoder.control(token) for token in self.protocol.stops]
        return body


class _Reading:
    """One reply as it comes from the server."""

    def __init__(self, protocol: Protocol, encoder: TokenizerEncoder | None) -> None:
        self._stops = protocol.stops
        self._splitter = ControlSplitter([*protocol.stops, *protocol.markers])
        self._encoder = encoder
        self._decoder: Decoder | None = None
        self._begun = False
        self._stop: str | None = None
        self._cut = False  # whether text may follow the stop token
        self._after_stop = 0
        self._done = False
        self._reason: str | None = None
        self._usage: dict[str, Any] = {}
        self._count = 0

    @property
    def ended(self) -> bool:
        """Whether the reply came to an end, rather than the connection."""
        return self._done or self._reason is not None or self._stop is not None

    @property
    def enough(self) -> bool:
        """Whether the reply is over although the server goes on."""
        return self._after_stop > _AFTER_STOP

    def chunks(self, event: dict[str, Any]) -> Iterator[Chunk]:
        """What an event adds to the reply."""
        self._done = self._done or event.get("done") is True
        if isinstance(usage := event.get("usage"), dict):
            self._usage = usage
        if self._stop is not None:
            self._after_stop += 1
        choice = _first_choice(event)
        text, ids = choice.get("text"), choice.get("token_ids")
        text = text if isinstance(text, str) else ""
        if (text or ids) and self._stop is None:
            self._count += 1
            yield from self._content(text, ids)
        if choice.get("finish_reason"):
            self._reason = str(choice["finish_reason"])
            if self._stop is None:
                self._stop = self._stop_name(choice)

    def _content(self, text: str, ids: Any) -> Iterator[Chunk]:
        if self._encoder is not None and isinstance(ids, list) and ids:
            if not self._begun:
                self._decoder = Decoder(self._encoder)
            if self._decoder is not None:
                yield from self._take_ids(cast("list[int]", ids), self._decoder, self._encoder)
        elif self._decoder is not None:
            raise ServerError("the server stopped sending token ids; pass token_ids=False")
        if self._decoder is None:
            yield from self._take_pieces(self._splitter.feed(text))
        self._begun = True

    def _take_ids(
        self, ids: list[int], decoder: Decoder, encoder: TokenizerEncoder
    ) -> Iterator[Chunk]:
        for index, id_ in enumerate(ids):
            if encoder.controls.get(id_) in self._stops:
                self._stop = encoder.controls[id_]
                ids = ids[:index]
                break
        if ids:
            yield Chunk(tuple(decoder.feed(ids)), tuple(ids))

    def _take_pieces(self, pieces: list[Piece]) -> Iterator[Chunk]:
        for index, piece in enumerate(pieces):
            if isinstance(piece, Control) and piece.token in self._stops:
                self._stop, self._cut = piece.token, True
                pieces = pieces[:index]
                break
        if pieces:
            yield Chunk(tuple(pieces))

    def _stop_name(self, choice: dict[str, Any]) -> str | None:
        """Which stop token fired: vLLM says it in `stop_reason`, SGLang in `matched_stop`."""
        told = choice.get("stop_reason", choice.get("matched_stop"))
        if isinstance(told, str):
            return told if told in self._stops else None
        if not isinstance(told, int):
            return None
        named = self._encoder.controls.get(told) if self._encoder else _STOP_IDS.get(told)
        return named if named in self._stops else None

    def rest(self) -> Iterator[Chunk]:
        """What was held back."""
        if self._decoder is not None:
            pieces = self._decoder.close()
        else:
            pieces = [] if self._cut else self._splitter.close()
        if pieces:
            yield Chunk(tuple(pieces))

    def finish(self, seconds: float) -> Finish:
        """How the reply ended, and what it cost; tokens are counted by events if need be."""
        usage = read_usage(self._usage, self._count, seconds)
        return Finish(self._stop, self._stop is None and self._reason == "length", usage)


def _first_choice(event: dict[str, Any]) -> dict[str, Any]:
    choices = event.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return cast("dict[str, Any]", choices[0])
    return {}


def read_usage(usage: dict[str, Any], counted: int, seconds: float) -> Usage:
    """A server's `usage` object as ours; `counted` completion tokens where it has none."""

    def number(value: Any) -> int | None:
        return value if isinstance(value, int) and value >= 0 else None

    details = usage.get("prompt_tokens_details")
    cached = (
        cast("dict[str, Any]", details).get("cached_tokens") if isinstance(details, dict) else 0
    )
    completion = number(usage.get("completion_tokens"))
    return Usage(
        steps=1,
        prompt_tokens=number(usage.get("prompt_tokens")) or 0,
        cached_tokens=number(cached) or 0,
        completion_tokens=counted if completion is None else completion,
        seconds=seconds,
    )
