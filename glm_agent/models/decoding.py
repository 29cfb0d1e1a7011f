"""The loop that writes a reply: choose a token, run the model over it, choose the next.

Does not do: reading the prompt (`engine.py`), choosing (`sampling.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .kv_cache import KvCache
from .sampling import Chooser

if TYPE_CHECKING:
    import torch

    from .constraint import Constraint


@dataclass(frozen=True, slots=True)
class Decoding:
    """One reply. `cache` holds what was read so far; `stops` are the ids that end the reply."""

    cache: KvCache
    choose: Chooser
    constraint: Constraint | None
    stops: Collection[int]

    def run(self, logits: torch.Tensor, room: int, stopped: Callable[[], bool]) -> Generator[int]:
        """Tokens, from the one that `logits` are for: `room` at most, or until `stopped()`."""
        while True:
            token = self._next(logits)
            yield token
            room -= 1
            if token in self.stops or room < 1 or stopped():
                return
            if self.constraint is not None:
                self.constraint.accept(token)
            logits = self.cache.forward([token], 1)[-1]

    def _next(self, logits: torch.Tensor) -> int:
        return self.choose(logits if self.constraint is None else self.constraint.limit(logits))
