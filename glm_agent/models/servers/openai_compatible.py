"""A model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`, Z.ai.

Two ways to talk to it. `completions`: our own wire format, rendered and parsed here, so that the
model sees exactly what GLM-4 was trained on. `chat`: the server renders and parses, for servers
that have no completions and for models of other families. `auto` asks for completions first.

Does not do: starting servers, retrying what may have run, or sending anything elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

from ...errors import ConfigurationError, ModelLoadError, ServerError
from ...events import ReplyEvent
from ...protocol import Protocol, TokenizerEncoder, encoder_for, protocol_for
from ..base import Model, Reply, Request
from .chat import ChatModel
from .completions import CompletionsModel
from .server_traits import ServerTraits
from .transport import NoEndpoint, Transport

Mode = Literal["auto", "completions", "chat"]
Server = Literal["auto", "vllm", "sglang", "other"]

# The servers of GLM-4.5 and later parse their calls themselves; `protocol` or `mode` overrides.
_LATER = re.compile(r"glm-?(4\.[5-9]|[5-9])", re.IGNORECASE)


class OpenAICompatibleModel(Model):
    """A model by URL.

    Args:
        base_url: Such as `http://127.0.0.1:8000/v1`; `/v1` is added to a URL without a path.
        model: The model's name on the server; None takes the only one it has.
        api_key: None takes `GLM_AGENT_API_KEY`, or `OPENAI_API_KEY` (that one only over https or
            to this machine).
        mode: `completions`, `chat`, or `auto`.
        tokenizer: The model's tokenizer, a folder or a loaded one, with which prompts can be sent
            as token ids.
        token_ids: Whether to; `auto` does so with a tokenizer if the server takes them.
        timeout: Seconds for which the server may say nothing; None waits for ever.
        protocol: The wire format of completions; None takes what the model's name tells, and
            `glm-4` where it tells nothing.
        server: What it is, for what not all servers take: `vllm` and `sglang` can be sent the
            grammar of a reply. `auto` takes what its list of models says.

    Errors are `ServerError`, in one line; nothing is sent before the first `stream`.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        *,
        api_key: str | None = None,
        mode: Mode = "auto",
        tokenizer: Any = None,
        token_ids: bool | Literal["auto"] = "auto",  # noqa: S107 - not a password
        timeout: float | None = 120.0,
        protocol: str | Protocol | None = None,
        server: Server = "auto",
    ) -> None:
        if server not in ("auto", "vllm", "sglang", "other"):
            raise ModelLoadError(f"server {server!r} is not one of auto, vllm, sglang, other")
        if mode not in ("auto", "completions", "chat"):
            raise ModelLoadError(f"mode {mode!r} is not one of auto, completions, chat")
        if timeout is not None and timeout <= 0:
            raise ModelLoadError(f"timeout {timeout!r} is not a positive number of seconds")
        self._transport = Transport(base_url, api_key, timeout)
        self.name = f"{model} at {self._transport.where}" if model else self._transport.where
        self._mode: Mode = mode
        self._protocol_given = protocol is not None
        self._traits = ServerTraits(model, kind="" if server == "auto" else server)
        encoder = _encoder(tokenizer) if token_ids and tokenizer is not None else None
        if token_ids is True and encoder is None:
            raise ModelLoadError("token_ids=True needs tokenizer=, the model's own tokenizer")
        speaks = None if protocol is None else protocol_for(protocol)
        self._completions = CompletionsModel(
            self._transport,
            self._traits,
            name=self.name,
            protocol=speaks,
            encoder=encoder,
            only_ids=token_ids is True,
        )
        self._chat = ChatModel(
            self._transport, self._traits, name=self.name, protocol=speaks or protocol_for("glm-4")
        )

    @property
    def mode(self) -> Mode:
        """How it talks to the server: `auto` until the first reply has told."""
        return self._mode

    async def models(self) -> list[str]:
        """The names of the models that the server says it has."""
        return await self._transport.models()

    async def stream(self, request: Request) -> AsyncGenerator[ReplyEvent | Reply, None]:
        """Yield the reply's events as they come, then one `Reply`. Raises `ServerError`."""
        mode: Mode = self._mode
        if mode == "auto":
            await self._traits.find_model(self._transport)
            if not self._protocol_given and _LATER.search(self._traits.model or ""):
                mode = "chat"
        if mode != "chat":
            try:
                async for event in _all(self._completions, request):
                    if mode == "auto":
                        self._mode = mode = "completions"
                    yield event
                return
            except NoEndpoint as error:
                if mode != "auto":
                    raise ServerError(str(error)) from error
        try:
            async for event in _all(self._chat, request):
                self._mode = "chat"
                yield event
        except NoEndpoint as error:
            raise ServerError(str(error)) from error

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


async def _all(
    model: CompletionsModel | ChatModel, request: Request
) -> AsyncGenerator[ReplyEvent | Reply, None]:
    async with aclosing(model.stream(request)) as events:
        async for event in events:
            yield event


def _encoder(tokenizer: Any) -> TokenizerEncoder:
    if not isinstance(tokenizer, str | os.PathLike):
        return encoder_for(tokenizer)
    path = Path(os.fspath(tokenizer)).expanduser()
    path = path / "tokenizer.json" if path.is_dir() else path
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise ModelLoadError(
            f"prompts as token ids need tokenizers ({error}); pip install 'glm-agent[local]'"
        ) from error
    if not path.is_file():
        raise ModelLoadError(f"there is no tokenizer at {path}; name a folder with tokenizer.json")
    try:
        return encoder_for(Tokenizer.from_file(str(path)))
    except ConfigurationError:
        raise
    except Exception as error:  # tokenizers raises nothing more special
        raise ModelLoadError(f"{path} is not a tokenizer that can be read: {error}") from error
