"""One reply in the making: what is to be run next for it, and what the logits make of it.

First the prompt is read, in chunks; then each pass brings a token. Where replies are greedy, tokens
that the conversation suggests (`lookup.py`) are run along with the last one. Each is compared with
what the model says in its place; from the first that differs on they are taken out of the cache
again. So the reply is the same, and takes fewer passes.

Does not do: running the model (`passes.py`), sharing it (`batch.py`), choosing (`sampling.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Protocol

from .kv_cache import KvCache
from .kv_store import KvStore
from .lookup import PromptLookup
from .passes import Part
from .sampling import Chooser
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


class Reader(Protocol):
    """Who a reply is for. All of it is called in the model's thread, and must not wait."""

    @property
    def stopped(self) -> bool:
        """Whether nothing more is wanted."""
        ...

    @property
    def full(self) -> bool:
        """Whether what was given must be read before there is more."""
        ...

    def give(self, tokens: Sequence[int]) -> None:
        """The next tokens."""
        ...

    def finish(self, error: BaseException | None = None) -> None:
        """There will be no more; `error` is why, if it is not the end of the reply."""
        ...


class Reply:
    """A reply of up to `room` tokens to `prompt`; `stops` are the ids that end it."""

    def __init__(
        self,
        prompt: Sequence[int],
        reader: Reader,
        *,
        choose: Chooser,
        constraint: Constraint | None,
        stops: Collection[int],
        lookup: PromptLookup,
        room: int,
        session: Any = None,
        work: Work | None = None,
    ) -> None:
        self.reader = reader
        self.choose = choose
        self.constraint = constraint
        self.room = room
        self.ended = False
        self.cache: KvCache | None = None
        self._session = session
        self._stops = stops
        self._lookup = lookup
        self._work = Work() if work is None else work
        self._ids = list(prompt)  # what is to be read: the prompt, and what was said if put off
        self._wanted = TokenIds(prompt)
        self._prompt = len(prompt)
        self._said: list[int] = []
        self._first = True
        self._part: Part | None = None

    @property
    def wanted(self) -> TokenIds:
        """What is to be read before anything can be said."""
        return self._wanted

    @property
    def tokens(self) -> int:
        """The most tokens that its cache may come to hold."""
        return self._prompt + len(self._said) + self.room

    @property
    def tokens_read(self) -> int:
        """The tokens that it has, said ones included."""
        return self._prompt + len(self._said)

    @property
    def reading(self) -> bool:
        """Whether the prompt is not read yet."""
        return self.cache is not None and len(self.cache) < len(self._ids)

    @property
    def packable(self) -> bool:
        """Whether a pass can have others beside it, and its cache be copied."""
        return self.cache is not None and self.cache.packable

    # ── its cache ──────────────────────────────────────────────────────────────────────────────

    def begin(self, model: Any, caches: KvStore) -> None:
        """Take a cache that holds as much of what is to be read as there is."""
        self.cache = caches.take(model, self.wanted, self._session)
        if self._first:
            self._work.cached = len(self.cache)
            self._first = False

    def end(self, caches: KvStore) -> None:
        """Give the cache back, to be kept for what comes next."""
        self.ended = True
        if self.cache is not None:
            caches.keep(self.cache, self._session)
            self.cache = None

    def put_off(self, caches: KvStore) -> None:
        """Give the cache up; what it held is computed again when this goes on."""
        if self.cache is not None:
            caches.drop(self.cache)
            self.cache = None
        self._ids = [*self._ids[: self._prompt], *self._said]
        self._wanted = TokenIds(self._ids)

    # ── a pass ─────────────────────────────────────────────────────────────────────────────────

    def read(self, most: int) -> Part:
        """The next of what is to be read, `most` tokens of it."""
        cache = self._held
        ids = self._ids[len(cache) : len(cache) + most]
        self._part = Part(cache, ids, 1 if len(cache) + len(ids) == len(self._ids) else 0)
        return self._part

    def write(self, guesses: int) -> Part:
        """The last token, and up to so many guesses of what comes after it."""
        cache = self._held
        last = self._said[-1]
        guess: list[int] = []
        if self.choose.greedy and cache.croppable:
            guess = self._guess(last, min(guesses, self.room - 1))
        self._part = Part(cache, [last, *guess], 1 + len(guess))
        return self._part

    @property
    def part(self) -> Part:
        """What it has in this pass."""
        if self._part is None:
            raise RuntimeError("a reply without a part in the pass")
        return self._part

    @property
    def decided_by_best(self) -> bool:
        """Whether the likeliest token after each of its rows is all that it asks of the logits.

        Where a grammar holds, that is so for a single row, which the grammar's mask is put on.
        """
        return self.choose.greedy and (self.constraint is None or self.part.rows == 1)

    def take(self, rows: torch.Tensor, best: list[int] | None) -> None:
        """Go on with the logits of the part that was run.

        `best` are the likeliest tokens of the rows, where it is `decided_by_best`.
        """
        part = self.part
        self._work.passes += 1
        self._work.computed += len(part.ids)
        if not part.rows:
            return
        guess = list(part.ids[1:]) if part.rows > 1 else []
        said = self._check(rows, guess) if best is None else _right(best, guess)
        wrong = len(guess) + 1 - len(said)
        part.cache.crop(len(part.cache) - wrong)
        self._lookup.learn(len(guess), len(guess) - wrong)
        if best is not None:
            self._accept(said[-1])
        self._say(said)

    def _accept(self, token: int) -> None:
        if self.constraint is not None and token not in self._stops:
            self.constraint.accept(token)

    def _say(self, tokens: list[int]) -> None:
        for count, token in enumerate(tokens, 1):
            self.room -= 1
            if token in self._stops or self.room < 1:
                self.ended = True
                tokens = tokens[:count]
                break
        self._said += tokens
        self.reader.give(tokens)

    def _guess(self, last: int, room: int) -> list[int]:
        """What may be said after `last`; no stop, and nothing that the grammar forbids."""
        guess = self._lookup.guess(self._held.ids, last, room)
        guess = list(takewhile(lambda token: token not in self._stops, guess))
        if guess and self.constraint is not None:
            del guess[self.constraint.admits(guess) :]
        return guess

    def _check(self, rows: torch.Tensor, guess: list[int]) -> list[int]:
        """The tokens of the guess that are right, and the one that comes after them."""
        said: list[int] = []
        for row, guessed in zip(rows, [*guess, None], strict=True):
            token = self.choose(row if self.constraint is None else self.constraint.limit(row))
            said.append(token)
            self._accept(token)
            if token != guessed:
                break
        return said

    @property
    def _held(self) -> KvCache:
        if self.cache is None:
            raise RuntimeError("a reply without a cache")
        return self.cache


def _right(best: list[int], guess: list[int]) -> list[int]:
    """The best tokens, up to the first that is not as guessed."""
    right = takewhile(lambda pair: pair[0] == pair[1], zip(best, guess, strict=False))
    return best[: 1 + sum(1 for _ in right)]
