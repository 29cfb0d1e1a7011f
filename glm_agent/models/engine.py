"""Runs a causal GLM on token ids: prefill the prompt, then decode one token at a time.

An `Engine` owns the weights and the tokenizer. It is synchronous and is meant to be driven by one
thread (`worker.py`). Where a KV cache comes from and goes to is decided in `_prefill` alone, so
that keeping caches from step to step is a change in one place.

Does not do: loading (`loading.py`), the wire format, batching, caches kept between replies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..protocol import Protocol, TokenizerEncoder
from .base import Settings

if TYPE_CHECKING:
    import torch

    from .constraint import Constraint


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen. `temperature` 0 is greedy; 0 and 1 turn top_k and top_p off."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None

    @classmethod
    def of(cls, settings: Settings, default: Sampling) -> Sampling:
        """What `settings` says, and `default` where it says nothing."""
        return cls(
            default.temperature if settings.temperature is None else settings.temperature,
            default.top_p if settings.top_p is None else settings.top_p,
            default.top_k if settings.top_k is None else settings.top_k,
            settings.seed,
        )


@dataclass(frozen=True, slots=True)
class Engine:
    """A loaded model. `context` is in tokens; `stops` maps stop ids to their names."""

    name: str
    model: Any
    encoder: TokenizerEncoder
    protocol: Protocol
    device: torch.device
    dtype: torch.dtype
    context: int
    stops: dict[int, str]
    sampling: Sampling

    def generate(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        max_tokens: int,
        stopped: Callable[[], bool],
        grammar: str | None = None,
    ) -> Iterator[int]:
        """Sample up to `max_tokens` tokens after `prompt`, the stop token among them.

        With a `grammar` (see `protocol.grammar`) only tokens that it admits are sampled. Ends after
        a stop token, at `max_tokens`, where the context is full, or when `stopped()`. Raises
        `ModelError`, in particular when memory runs out.
        """
        import torch

        if len(prompt) >= self.context:
            raise ModelError(
                f"the prompt has {len(prompt)} tokens and {self.name} takes at most "
                f"{self.context - 1}; shorten the conversation or the tools' output"
            )
        room = min(max_tokens, self.context - len(prompt))
        try:
            with torch.inference_mode():
                constraint = None if grammar is None else self._constraint(grammar)
                yield from self._decode(prompt, sampling, room, stopped, constraint)
        except torch.OutOfMemoryError as error:
            raise ModelError(self._out_of_memory(len(prompt))) from error
        except RuntimeError as error:
            # The CPU's allocator has no exception of its own.
            if "allocate memory" not in str(error):
                raise
            raise ModelError(self._out_of_memory(len(prompt))) from error

    def _constraint(self, grammar: str) -> Constraint:
        from .constraint import constrainer_for

        width = self.model.get_output_embeddings().weight.shape[0]
        return constrainer_for(self.encoder, width, self.protocol.stops[0]).constraint(grammar)

    def _decode(
        self,
        prompt: Sequence[int],
        sampling: Sampling,
        room: int,
        stopped: Callable[[], bool],
        constraint: Constraint | None,
    ) -> Iterator[int]:
        import torch

        if room < 1 or stopped():
            return
        choose = _Chooser(sampling, self.device)
        logits, cache = self._prefill(prompt)
        step = torch.empty((1, 1), dtype=torch.long, device=self.device)
        while True:
            token = choose(logits if constraint is None else constraint.limit(logits))
            yield token
            room -= 1
            if token in self.stops or room < 1 or stopped():
                return
            if constraint is not None:
                constraint.accept(token)
            step.fill_(token)
            logits = self._forward(step, cache)

    def _prefill(self, prompt: Sequence[int]) -> tuple[torch.Tensor, Any]:
        """The logits after `prompt`, and a KV cache that holds it."""
        import torch
        from transformers import DynamicCache

        cache = DynamicCache(config=self.model.config)
        ids = torch.tensor([prompt], dtype=torch.long, device=self.device)
        return self._forward(ids, cache), cache

    def _forward(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits after the last of `ids`, which join `cache`."""
        output = self.model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return output.logits[0, -1]

    def _out_of_memory(self, tokens: int) -> str:
        advice = "shorten the conversation, load a smaller model"
        if str(self.dtype) == "torch.float32":
            advice += " or pass dtype='bfloat16'"
        elif self.device.type == "cuda":
            advice += " or give it a GPU with more free memory"
        return f"{self.name} ran out of memory on {self.device} at {tokens} prompt tokens; {advice}"


class _Chooser:
    """Picks the next token. Seeded, it picks the same ones again on the same device."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        import torch

        self._sampling = sampling
        self._generator = None
        if sampling.temperature > 0:
            self._generator = torch.Generator(device)
            if sampling.seed is None:
                self._generator.seed()
            else:
                self._generator.manual_seed(sampling.seed)

    def __call__(self, logits: torch.Tensor) -> int:
        import torch

        if self._generator is None:
            return int(logits.argmax())
        sampling = self._sampling
        logits = logits.float() / sampling.temperature
        if 0 < sampling.top_k < logits.numel():
            least = logits.topk(sampling.top_k).values[-1]
            logits = logits.masked_fill(logits < least, float("-inf"))
        if sampling.top_p < 1:
            ordered, order = logits.sort(descending=True)
            weights = ordered.softmax(-1)
            # Drop a token if those before it already make up top_p; the first always stays.
            drop = weights.cumsum(-1) - weights >= sampling.top_p
            drop[0] = False
            logits = logits.index_fill(0, order[drop], float("-inf"))
        weights = logits.softmax(-1)
        return int(torch.multinomial(weights, 1, generator=self._generator))
