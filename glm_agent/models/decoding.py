"""The loop that writes a reply: choose a token, run the model over it, choose the next.

Where replies are greedy, tokens that the conversation suggests (`lookup.py`) are run along with the
chosen one, in the same pass. Each is then compared with what the model says in its place; from the
first that differs on they are taken out of the cache again. So the reply is the same, and takes
fewer passes.

Does not do: reading the prompt (`engine.py`), choosing (`sampling.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from .kv_cache import KvCache
from .lookup import PromptLookup
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
    lookup: PromptLookup

    def run(self, logits: torch.Tensor, room: int, stopped: Callable[[], bool]) -> Generator[int]:
        """Tokens, from the one that `logits` are for: `room` at most, or until `stopped()`."""
        guesses = self.choose.greedy and self.cache.croppable
        said = [self._next(logits)]
        while True:
            for token in said:
                yield token
                room -= 1
                if token in self.stops or room < 1 or stopped():
                    return
            last = said[-1]
            if self.constraint is not None:
                self.constraint.accept(last)
            guess = self._guess(last, room - 1) if guesses else []
            rows = self.cache.forward([last, *guess], 1 + len(guess))
            said = self._check(rows, guess)
            wrong = len(guess) + 1 - len(said)
            self.cache.crop(len(self.cache) - wrong)
            self.lookup.learn(len(guess), len(guess) - wrong)

    def _guess(self, last: int, room: int) -> list[int]:
        """What may be said after `last`; no stop, and nothing that the grammar forbids."""
        guess = self.lookup.guess(self.cache.ids, last, room)
        guess = list(takewhile(lambda token: token not in self.stops, guess))
        if guess and self.constraint is not None:
            del guess[self.constraint.admits(guess) :]
        return guess

    def _check(self, rows: torch.Tensor, guess: list[int]) -> list[int]:
        """The tokens of the guess that are right, and the one that comes after them."""
        if guess and self.constraint is None:
            best: list[int] = rows.argmax(-1).tolist()  # all at once, as guesses are greedy
            right = takewhile(lambda pair: pair[0] == pair[1], zip(best, guess, strict=False))
            return best[: 1 + sum(1 for _ in right)]
        said: list[int] = []
        for row, guessed in zip(rows, guess, strict=False):
            token = self._next(row)
            said.append(token)
            if token != guessed:
                return said
            if self.constraint is not None:
                self.constraint.accept(token)
        said.append(self._next(rows[-1]))
        return said

    def _next(self, logits: torch.Tensor) -> int:
        return self.choose(logits if self.constraint is None else self.constraint.limit(logits))
