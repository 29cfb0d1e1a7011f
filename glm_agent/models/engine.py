"""Runs a causal GLM on token ids: prefill the prompt, then decode one token at a time.

An `Engine` owns the weights, the tokenizer and the caches that wait for their conversation to go on
(`kv_store.py`). It is synchronous and is meant to be driven by one thread (`worker.py`).

Does not do: loading (`loading.py`), the wire format, batching.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..protocol import Protocol, TokenizerEncoder
from .decoding import Decoding
from .kv_cache import KvCache
from .kv_store import KvStore
from .lookup import PromptLookup
from .sampling import Chooser, Sampling
from .token_ids import TokenIds

if TYPE_CHECKING:
    import torch

    from .constraint import Constraint


@dataclass(slots=True)
class Work:
    """What a reply cost: prompt tokens that a cache held, tokens computed, and in how many passes.

    A pass is one run of the model over some tokens. Computed tokens are those of the prompt that no
    cache held, the reply's (each but the last one, which nothing follows), and wrong guesses.
    """

    cached: int = 0
    computed: int = 0
    passes: int = 0


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model. `context` is in tokens; `stops` maps stop ids to their names.

    `caches` keeps what was computed for the next reply; it starts without room for any. `lookup` is
    how many tokens are guessed at once from the conversation, where replies are greedy.
    """

    name: str
    model: Any
    encoder: TokenizerEncoder
    protocol: Protocol
    device: torch.device
    dtype: torch.dtype
    context: int
    stops: dict[int, str]
    sampling: Sampling
    caches: KvStore = field(default_factory=lambda: KvStore(0))
    lookup: int = 0

    def generate(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        max_tokens: int,
        stopped: Callable[[], bool],
        grammar: str | None = None,
        *,
        session: Any = None,
        work: Work | None = None,
    ) -> Generator[int]:
        """Sample up to `max_tokens` tokens after `prompt`, the stop token among them.

        With a `grammar` (see `protocol.grammar`) only tokens that it admits are sampled. `session`
        is any object that stands for the conversation (see `kv_store`). `work` is filled in as the
        reply goes on. Ends after a stop token, at `max_tokens`, where the context is full, or when
        `stopped()`. Raises `ModelError`, in particular when memory runs out.
        """
        import torch

        if len(prompt) >= self.context:
            raise ModelError(
                f"the prompt has {len(prompt)} tokens and {self.name} takes at most "
                f"{self.context - 1}; shorten the conversation or the tools' output"
            )
        room = min(max_tokens, self.context - len(prompt))
        if room < 1 or stopped():
            return
        work = Work() if work is None else work
        try:
            with torch.inference_mode():
                constraint = None if grammar is None else self._constraint(grammar)
                cache, logits = self._prefill(prompt, session, stopped, work)
                try:
                    if logits is not None:
                        choose = Chooser(sampling, self.device)
                        decoding = Decoding(
                            cache, choose, constraint, self.stops.keys(), PromptLookup(self.lookup)
                        )
                        yield from decoding.run(logits, room, stopped)
                finally:
                    work.computed, work.passes = cache.computed, cache.passes
                    self.caches.keep(cache, session)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            self.caches.clear()
            raise ModelError(self._out_of_memory(len(prompt))) from error

    def _constraint(self, grammar: str) -> Constraint:
        from .constraint import constrainer_for

        width = self.model.get_output_embeddings().weight.shape[0]
        return constrainer_for(self.encoder, width, self.protocol.stops[0]).constraint(grammar)

    def _prefill(
        self, prompt: Sequence[int], session: Any, stopped: Callable[[], bool], work: Work
    ) -> tuple[KvCache, torch.Tensor | None]:
        """A cache that holds `prompt`, and the logits after it; None when `stopped()` before."""
        try:
            cache = self.caches.take(self.model, TokenIds(prompt), session)
            cache.begin()
            work.cached = len(cache)
            return cache, cache.read(prompt[len(cache) :], stopped)
        except RuntimeError as error:
            if not (_is_out_of_memory(error) and len(self.caches)):
                raise
        # What is kept for others is worth less than this reply: try once more without it.
        self.caches.clear()
        _release(self.device)
        cache = KvCache(self.model)
        work.cached = 0
        return cache, cache.read(prompt, stopped)

    def _out_of_memory(self, tokens: int) -> str:
        advice = "shorten the conversation, load a smaller model"
        if str(self.dtype) == "torch.float32":
            advice += " or pass dtype='bfloat16'"
        elif self.device.type == "cuda":
            advice += " or give it a GPU with more free memory"
        return f"{self.name} ran out of memory on {self.device} at {tokens} prompt tokens; {advice}"


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    # The CPU's allocator has no exception of its own.
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)


def _release(device: torch.device) -> None:
    """Give memory that torch has set aside back, for pieces of another size."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
