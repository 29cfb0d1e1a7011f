"""A GLM in this process, through torch and transformers.

Weights are loaded at the first reply, in the model's own thread, where replies that are asked for
at the same time are generated together; tokens come to the event loop through a hand-off, so the
loop never waits for the GPU, and a reply whose reader is slow rests.

Does not do: sharing the passes out (`batch.py`); keeping caches (`kv_store.py`).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import anyio
import anyio.to_thread

from ..errors import ConfigurationError, GlmAgentError, ModelError
from ..messages import Piece, Transcript, Usage
from ..protocol import Decoder, Prompt, Protocol
from ..protocol.grammar import AUTO, NONE, check_choice, grammar_of
from .base import Chunk, Finish, Request
from .engine.batch import MOST as MOST_AT_ONCE
from .engine.desk import Desk
from .engine.engine import Engine, Work
from .engine.handoff import Handoff, T
from .engine.kv_store import KvStore
from .engine.lookup import MOST
from .engine.sampling import Sampling
from .engine.worker import Worker
from .fitting.fit import KV_FORMS
from .fitting.memory import memory_of, ram
from .loading import Source, first_line, load_engine
from .wire import WireModel


class TransformersModel(WireModel):
    """Any causal GLM that transformers knows, without remote code.

    Args:
        path_or_id: A folder with config.json, weights and tokenizer, or a hub id such as
            `zai-org/glm-4-9b-chat-hf`.
        device: `auto` (cuda, mps or cpu, the first that is there) or a torch device.
        dtype: `auto` (bfloat16 on GPUs that have it, else float16; float32 on the CPU) or a name.
        protocol: The wire format; None finds it from the config.
        quantize: `int8`, `int4` or `fp8` packs the weights (`pip install 'glm-agent[quantize]'`).
        context: The most tokens that a conversation may have; there must be memory for them when
            the model is loaded. None is the model's own limit, and asks for less memory.
        cache_bytes: How much memory may hold what was computed of conversations, for their next
            reply; 0 keeps nothing. None is half of what is free once the weights are loaded.
        kv: How keys and values are held: `plain`, in one byte a number (`fp8`: half the memory,
            replies differ a little), or in the RAM beside a GPU (`offload`: slow, for contexts that
            fit nowhere else).
        lookup: How many tokens of a greedy reply are guessed at once from the conversation, to be
            checked in one pass; 0 turns it off.
        batch: How many replies are generated at once; the rest wait in line.
        compiled: Whether the steps of decoding are compiled, which makes loading longer: about a
            minute the first time, less later, as torch keeps what it compiled on disk. None is: on
            CUDA.
        revision: Branch, tag or commit on the hub.
        local_files_only: True never asks the hub; None leaves it to HF_HUB_OFFLINE.
        name: What to call it in messages; its path or id unless given.

    Nothing is loaded, and so nothing can fail, before the first `stream` or `load`. Safe to use
    from several tasks at once: their replies are generated together.

    Where tools are given, replies are held to the wire format and calls to the tools' schemas
    (`protocol.grammar`), unless `Settings(constrain=False)` turns that off.
    """

    constrains = True

    def __init__(
        self,
        path_or_id: str | os.PathLike[str],
        *,
        device: str = "auto",
        dtype: str = "auto",
        protocol: str | Protocol | None = None,
        quantize: str | None = None,
        context: int | None = None,
        cache_bytes: int | None = None,
        kv: str = "plain",
        lookup: int = MOST,
        batch: int = MOST_AT_ONCE,
        compiled: bool | None = None,
        revision: str | None = None,
        local_files_only: bool | None = None,
        name: str | None = None,
    ) -> None:
        if cache_bytes is not None and cache_bytes < 0:
            raise ConfigurationError(f"cache_bytes={cache_bytes}: it must be 0 or above")
        if kv not in KV_FORMS:
            raise ConfigurationError(f"kv={kv!r}: it must be one of {', '.join(KV_FORMS)}")
        if lookup < 0:
            raise ConfigurationError(f"lookup={lookup}: it must be 0 or above")
        if batch < 1:
            raise ConfigurationError(f"batch={batch}: it must be at least one")
        where = os.fspath(path_or_id)
        self.name = name or where
        self._source = Source(where, revision, local_files_only)
        self._device = device
        self._dtype = dtype
        self._wanted_protocol = protocol
        self._quantize = quantize
        self._context = context
        self._cache_bytes = cache_bytes
        self._kv = kv
        self._lookup = lookup
        self._batch = batch
        self._compiled = compiled
        self._desk: Desk | None = None
        self._engine: Engine | None = None
        self._worker: Worker | None = None
        self._held: tuple[object, str | None] | None = None  # the last grammar, and what it is of
        self._lock = threading.Lock()
        self._closed = False

    @property
    def engine(self) -> Engine | None:
        """What was loaded, None before the first reply."""
        return self._engine

    async def load(self) -> Engine:
        """Load weights and tokenizer now. Raises `ModelLoadError`; does nothing the second time."""
        if self._engine is not None and not self._closed:
            return self._engine
        handoff: Handoff[Engine] = Handoff()

        def job() -> None:
            try:
                handoff.give((self._load(),))
            except BaseException as error:  # noqa: BLE001 - of any kind: nobody must wait for ever
                handoff.finish(error)

        self._submit(job)
        try:
            return (await _take(handoff))[0]
        finally:
            handoff.stop()

    def _load(self) -> Engine:
        # In the worker thread, so two first replies load once.
        if self._engine is None:
            engine = load_engine(
                self._source,
                device=self._device,
                dtype=self._dtype,
                protocol=self._wanted_protocol,
                quantize=self._quantize,
                context=self._context,
                kv=self._kv,
            )
            free = (ram() if self._kv == "offload" else memory_of(engine.device)).free
            budget = free // 2 if self._cache_bytes is None else self._cache_bytes
            engine = replace(
                engine,
                caches=KvStore(budget, self._kv),
                lookup=self._lookup,
                # Of what is free, an eighth at least is left for what a pass computes in.
                room=max(free - free // 8 - budget, free // 4),
                most=self._batch,
                compiled=self._compiled,
            )
            if (worker := self._worker) is None:
                raise self._closed_error()
            batch = engine.batch()
            batch.warm()
            self._desk = Desk(batch, worker, self._closed_error())
            self._engine = engine
        return self._engine

    async def prepare(self) -> None:
        """Load, and so learn the protocol."""
        engine = await self.load()
        self.protocol = engine.protocol
        self.vocabulary = engine.encoder.vocabulary

    async def generate(
        self, prompt: Prompt, request: Request
    ) -> AsyncGenerator[Chunk | Finish, None]:
        """Continue `prompt` in the worker thread."""
        started = time.perf_counter()
        engine = await self.load()
        ids = prompt.encode(engine.encoder)
        settings = request.settings
        sampling = Sampling.of(settings, engine.sampling)
        grammar = self._grammar(engine, request, prompt.opening)
        # A list of messages may be any conversation; a transcript is one.
        session = request.messages if isinstance(request.messages, Transcript) else None
        work = Work()
        desk = self._desk
        if desk is None:
            raise self._closed_error()
        handoff: Handoff[int] = Handoff(wake=desk.wake, bell=desk.bell)

        def job() -> None:
            try:
                reply = engine.reply(
                    ids,
                    handoff,
                    sampling,
                    settings.max_tokens,
                    grammar,
                    session=session,
                    work=work,
                )
            except BaseException as error:  # noqa: BLE001 - of any kind: nobody must wait for ever
                handoff.finish(error)
                return
            if reply is None:
                handoff.finish()
            else:
                desk.add(reply)

        self._submit(job)
        progress = _Progress(engine)
        try:
            while tokens := await _take(handoff):
                chunk = progress.chunk(tokens)
                if chunk.ids:
                    yield chunk
        finally:
            handoff.stop()
        if rest := progress.decoder.close():
            yield Chunk(tuple(rest))
        usage = Usage(
            steps=1,
            prompt_tokens=len(ids),
            cached_tokens=work.cached,
            completion_tokens=progress.count,
            seconds=time.perf_counter() - started,
            computed_tokens=work.computed,
            passes=work.passes,
        )
        yield Finish(progress.stop, progress.stop is None, usage)

    def _grammar(self, engine: Engine, request: Request, opening: tuple[Piece, ...]) -> str | None:
        """`_grammar`, made once for all steps that offer the same tools."""
        tools, constrain = tuple(request.tools), request.settings.constrain
        of = (engine.protocol.name, tools, request.tool_choice, constrain, opening)
        held = self._held
        if held is None or held[0] != of:
            held = self._held = of, _grammar(engine, request, opening)
        return held[1]

    def _submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._closed:
                raise self._closed_error()
            if self._worker is None:
                self._worker = Worker(f"glm-agent model {self.name}")
            self._worker.submit(job)

    def _closed_error(self) -> ModelError:
        return ModelError(f"the model {self.name} was closed; make a new one")

    async def aclose(self) -> None:
        """Let a running pass finish, then free the weights. Replies that go on fail."""
        with self._lock:
            worker, self._worker = self._worker, None
            desk, self._desk = self._desk, None
            if worker is not None and desk is not None:
                worker.submit(desk.close)
            self._closed = True
        if worker is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(worker.close)
        self._engine = None


class _Progress:
    """What has come of a reply so far."""

    def __init__(self, engine: Engine) -> None:
        self.decoder = Decoder(engine.encoder)
        self.stops = engine.stops
        self.count = 0
        self.stop: str | None = None

    def chunk(self, tokens: list[int]) -> Chunk:
        """Tokens as a chunk, without the stop token that may end them."""
        self.count += len(tokens)
        self.stop = self.stops.get(tokens[-1])
        if self.stop is not None:
            tokens = tokens[:-1]
        return Chunk(tuple(self.decoder.feed(tokens)), tuple(tokens))


def _grammar(engine: Engine, request: Request, opening: tuple[Piece, ...]) -> str | None:
    """What the reply is held to. Without tools, or where that is turned off, nothing."""
    tools, choice = request.tools, request.tool_choice
    family = engine.protocol.name
    check_choice(choice, [tool.name for tool in tools])
    if tools and request.settings.constrain:
        grammar = grammar_of(family, tools, choice, opening)
        if grammar is not None:
            return grammar
    if choice not in (AUTO, NONE):
        reason = f"is not there for the format {family}" if request.settings.constrain else "is off"
        raise ConfigurationError(
            f"tool_choice {choice!r} needs constrained decoding, which {reason}; use 'auto'"
        )
    return None


async def _take(handoff: Handoff[T]) -> list[T]:
    """What the thread gave; whatever it failed with is an error of ours."""
    try:
        return await handoff.take()
    except GlmAgentError:
        raise
    except BaseException as error:
        if isinstance(error, anyio.get_cancelled_exc_class()):
            raise
        raise ModelError(_failure(error)) from error


def _failure(error: BaseException) -> str:
    """What to say of an error that is none of ours, and what to do."""
    if isinstance(error, MemoryError):
        return "this machine ran out of memory; use a smaller model or dtype"
    what = f"{type(error).__name__}: {first_line(error)}"
    if "CUDA error" in what or "device-side assert" in what:
        return (
            f"the GPU failed ({what}) and does nothing more for this process; start it again and "
            "go on with the transcript"
        )
    return f"the model failed: {what}; what was said so far is kept, try again"
