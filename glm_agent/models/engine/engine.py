"""A loaded model, and how replies of it are made.

An `Engine` owns the weights, the tokenizer and the caches that wait for their conversation to go on
(`kv_store.py`). It is synchronous and is meant to be driven by one thread (`worker.py`).

Does not do: loading (`loading.py`), the wire format, running several replies (`batch.py`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ...protocol import Protocol, TokenizerEncoder
from . import attention
from .batch import MOST, Batch
from .kv_store import KvStore
from .lookup import PromptLookup
from .reply import Reader, Reply, Work
from .sampling import Chooser, Sampling
from .static import StaticDecoder

if TYPE_CHECKING:
    import torch

    from .constraint import Constraint

__all__ = ["Engine", "Sampling", "Work"]


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model. `context` is in tokens; `stops` maps stop ids to their names.

    `caches` keeps what was computed for the next reply; it starts without room for any. `lookup` is
    how many tokens are guessed at once from the conversation, where replies are greedy. `room` is
    how many bytes running replies may take together, None without a limit; `token_bytes` what a
    token of them takes, 0 where that is not known. `most` is how many replies run at once. `graphs`
    is whether replies are decoded by CUDA graphs (`static.py`), and `compiled` whether what is in
    them is compiled; None is: on CUDA.
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
    room: int | None = None
    token_bytes: int = 0
    most: int = MOST
    graphs: bool | None = None
    compiled: bool | None = None

    def batch(self) -> Batch:
        """What runs replies together. All of a model's replies belong into one."""
        static = self._static()
        room = self.room
        if static is not None and room is not None:
            room -= room // 3  # which is for what `static` holds besides
        return Batch(
            self.model,
            self.caches,
            most=self.most,
            room=room,
            token_bytes=self.token_bytes,
            lookup=self.lookup,
            static=static,
            exhausted=self._out_of_memory,
        )

    def reply(
        self,
        prompt: Sequence[int],
        reader: Reader,
        sampling: Sampling,
        max_tokens: int,
        grammar: str | None = None,
        *,
        session: Any = None,
        work: Work | None = None,
    ) -> Reply | None:
        """A reply of up to `max_tokens` tokens to `prompt`, for a `Batch`. None if it is empty.

        With a `grammar` (see `protocol.grammar`) only tokens that it admits are sampled. `session`
        is any object that stands for the conversation (see `kv_store`). `work` is filled in as the
        reply goes on. It ends after a stop token, at `max_tokens`, where the context is full, or
        when the reader has stopped. Raises `ModelError`.
        """
        if len(prompt) >= self.context:
            raise ModelError(
                f"the prompt has {len(prompt)} tokens and {self.name} takes at most "
                f"{self.context - 1}; shorten the conversation or the tools' output"
            )
        room = min(max_tokens, self.context - len(prompt))
        if not prompt or room < 1:
            return None
        return Reply(
            prompt,
            reader,
            choose=Chooser(sampling, self.device),
            constraint=None if grammar is None else self._constraint(grammar),
            stops=self.stops.keys(),
            lookup=PromptLookup(self.lookup),
            room=room,
            session=session,
            work=work,
        )

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
        """The tokens of one reply that has the model for itself; as `reply`.

        Raises `ModelError`, in particular when memory runs out.
        """
        said = _Said(stopped)
        reply = self.reply(prompt, said, sampling, max_tokens, grammar, session=session, work=work)
        if reply is None or stopped():
            return
        batch = self.batch()
        batch.add(reply)
        try:
            while len(batch) or said.tokens:
                if said.tokens:
                    yield said.tokens.popleft()
                    continue
                batch.step()
            if said.error is not None:
                raise said.error
        finally:
            batch.close()

    def _static(self) -> StaticDecoder | None:
        on = self.device.type == "cuda" if self.graphs is None else self.graphs
        if not on or not attention.is_enabled(self.model):
            return None
        # Its block is beside the caches that it is filled from.
        limit = 2**62 if self.room is None else self.room // 3
        return StaticDecoder(
            self.model,
            limit=limit,
            widest=self.lookup + 1,
            graphs=self.graphs,
            compiled=self.compiled,
        )

    def _constraint(self, grammar: str) -> Constraint:
        from .constraint import constrainer_for

        width = self.model.get_output_embeddings().weight.shape[0]
        return constrainer_for(self.encoder, width, self.protocol.stops[0]).constraint(grammar)

    def _out_of_memory(self, tokens: int) -> str:
        advice = "shorten the conversation, load a smaller model"
        if str(self.dtype) == "torch.float32":
            advice += " or pass dtype='bfloat16'"
        elif self.device.type == "cuda":
            advice += ", hold keys and values in kv='fp8' or kv='offload'"
            advice += " or give it a GPU with more free memory"
        return f"{self.name} ran out of memory on {self.device} at {tokens} tokens; {advice}"


@dataclass(slots=True)
class _Said:
    """Who `generate` is for: takes what comes, and never lags behind."""

    asked: Callable[[], bool]
    tokens: deque[int] = field(default_factory=deque[int])
    error: BaseException | None = None

    @property
    def stopped(self) -> bool:
        """Whether the caller wants no more."""
        return self.asked()

    @property
    def full(self) -> bool:
        """Never: `generate` gives away all that there is before it goes on."""
        return False

    def give(self, tokens: Sequence[int]) -> None:
        """Put tokens down for the caller."""
        self.tokens += tokens

    def finish(self, error: BaseException | None = None) -> None:
        """Note why it ended."""
        self.error = error
