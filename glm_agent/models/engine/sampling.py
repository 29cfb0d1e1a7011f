"""Chooses the next token of a reply: greedily, or by chance within bounds.

Does not do: holding a reply to a grammar (`constraint.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base import Settings

if TYPE_CHECKING:
    import torch


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


class Chooser:
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

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken, always."""
        return self._generator is None

    def __call__(self, logits: torch.Tensor) -> int:
        """The next token's id, from the logits of all tokens."""
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
