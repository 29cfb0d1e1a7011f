"""Caches that wait for their conversation to go on, within a budget of memory.

A prompt takes the cache that shares the most tokens with it, whoever left it. A cache that the
prompt continues goes on growing. From a cache that the prompt parts from, the prompt takes the
part that they share: cut off there if it is its own session's and so nobody will come back for the
rest, else copied, so that both go on (memory is not shared between caches). Caches that are in use
are copied from too, so agents that start at once compute what they have in common once. When memory
is needed, the cache that was not used for the longest time goes first.

Does not do: running the model; being used by two threads at once (a model has one).
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .kv_cache import KvCache, with_room
from .token_ids import TokenIds


@dataclass(slots=True)
class _Kept:
    cache: KvCache
    session: weakref.ref[Any] | None
    nbytes: int

    def is_awaited_by_others(self, session: Any) -> bool:
        """Whether somebody else may come back for all of it; one without a session always may."""
        if self.session is None:
            return True
        owner = self.session()
        return owner is not None and owner is not session


class KvStore:
    """Keeps caches of one model. `budget` is in bytes; with 0 nothing is kept.

    `form` is how keys and values are held, one of `fit.KV_FORMS`.
    """

    def __init__(self, budget: int, form: str = "plain") -> None:
        self.budget = budget
        self.form = form
        self._kept: list[_Kept] = []  # the one that was used last comes last
        self._lent: list[KvCache] = []  # in use
        self._token = 0.0  # bytes that a token takes, known after the first reply

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """The memory that is kept now."""
        return sum(kept.nbytes for kept in self._kept)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def take(self, model: Any, prompt: TokenIds, session: Any = None) -> KvCache:
        """A cache that holds the beginning of `prompt`, and never the whole of it.

        It is the caller's until it is given back with `keep` or `drop`. `session` is any object
        that stands for the conversation.
        """
        cache = self._take(model, prompt, session)
        self._lent.append(cache)
        return cache

    def _take(self, model: Any, prompt: TokenIds, session: Any) -> KvCache:
        found, shared = self._find(prompt)
        room = int(self._token * with_room(len(prompt)))
        # The last token is computed in any case: the logits after it are what is wanted.
        most = len(prompt) - 1
        used, shared_used = self._find_used(prompt)
        if used is not None and min(shared_used, most) > min(shared, most):
            return used.branch(min(shared_used, most))
        if found is None:
            self._make_room(room)
            return KvCache(model, self.form)
        shared = min(shared, most)
        if not found.is_awaited_by_others(session) or shared >= len(found.cache) - 1:
            self._kept.remove(found)
            self._make_room(room)
            found.cache.crop(shared)
            return found.cache
        if self._make_room(room, found):
            return found.cache.branch(shared)
        # No room for both, and it would be the next to go: the newcomer has it.
        self._kept.remove(found)
        found.cache.crop(shared)
        return found.cache

    def _find(self, prompt: TokenIds) -> tuple[_Kept | None, int]:
        best: _Kept | None = None
        most = 0
        for kept in reversed(self._kept):
            shared = kept.cache.ids.common(prompt)
            whole = shared == len(kept.cache) < len(prompt)
            if shared > most and (whole or kept.cache.croppable):
                best, most = kept, shared
        return best, most

    def _find_used(self, prompt: TokenIds) -> tuple[KvCache | None, int]:
        """The cache in use that shares most with `prompt`; with a budget of 0 none is sought."""
        best, most = None, 0
        for cache in self._lent if self.budget else ():
            if cache.sound and cache.croppable:
                shared = cache.ids.common(prompt)
                if shared > most:
                    best, most = cache, shared
        return best, most

    def shared(self, prompt: TokenIds) -> int:
        """How many tokens `take` would bring, without taking them."""
        return max(self._find(prompt)[1], self._find_used(prompt)[1])

    def drop(self, cache: KvCache) -> None:
        """Give a cache back that is not to be kept."""
        self._lent = [lent for lent in self._lent if lent is not cache]

    def keep(self, cache: KvCache, session: Any = None) -> None:
        """Give a cache back after a reply. One that is not sound, or too large, goes."""
        self.drop(cache)
        with suppress(RuntimeError, MemoryError):
            cache.settle()
        if not cache.sound or not len(cache) or (nbytes := cache.nbytes) > self.budget:
            return
        self._token = cache.token_bytes
        self._make_room(nbytes)
        self._kept.append(_Kept(cache, None if session is None else weakref.ref(session), nbytes))

    def _make_room(self, nbytes: int, spare: _Kept | None = None) -> bool:
        """Forget the oldest until there is room for `nbytes` more; whether there is.

        Ends before `spare`, should its turn come. What can never be kept sends nobody away.
        """
        if nbytes > self.budget:
            return False
        while self.nbytes + nbytes > self.budget:
            if not self._kept or self._kept[0] is spare:
                return False
            del self._kept[0]
        return True
