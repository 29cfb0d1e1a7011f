"""The keys and values of one row of tokens: what a model need not compute again.

`KvCache` holds them beside the ids that they belong to, so the two cannot come apart.

Does not do: running the model (`passes.py`), keeping caches from reply to reply (`kv_store.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from . import attention
from .token_ids import TokenIds

_ROOM = 256  # tokens; what a layer grows by at least


def with_room(length: int) -> int:
    """Tokens that a layer makes room for, to hold this many."""
    return length + max(_ROOM, length // 8)


class Debt(Protocol):
    """What somebody else computed for a cache, and has not written into it yet."""

    def pay(self, layers: Sequence[Any], length: int) -> None:
        """Write into the layers what they lack of the first `length` tokens."""
        ...


class KvCache:
    """A cache for `model`, which is a causal model of transformers. `ids` is what it holds.

    `form` is one of `fit.KV_FORMS`; where the model's layers are not plain ones, they are
    transformers' own and lie as they are. `croppable` is whether tokens can be taken away at the
    end; not so where layers keep a mere summary.
    """

    def __init__(self, model: Any, form: str = "plain") -> None:
        self._model = model
        self.form = form
        self._cache: Any = _new_cache(model.config, form)
        self.croppable = _can_forget(self._cache)
        self.ids = TokenIds()
        self._debt: Debt | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def layers(self) -> Sequence[Any]:
        """The layers, for a pass."""
        self.settle()
        return self._cache.layers

    @property
    def for_model(self) -> Any:
        """What transformers takes as `past_key_values`."""
        return self._cache

    @property
    def sound(self) -> bool:
        """Whether it can be gone on with."""
        return self._cache is not None

    @property
    def packable(self) -> bool:
        """Whether a pass can have other conversations beside this one."""
        return self.croppable and attention.is_enabled(self._model)

    @property
    def nbytes(self) -> int:
        """The memory that it takes, room to grow included."""
        storages: dict[int, int] = {}
        for layer in self.layers:
            for value in vars(layer).values():
                if hasattr(value, "untyped_storage"):
                    storage = value.untyped_storage()
                    storages[storage.data_ptr()] = storage.nbytes()
        return sum(storages.values())

    @property
    def token_bytes(self) -> float:
        """What one token takes."""
        if not self.croppable:
            return self.nbytes / max(len(self.ids), 1)
        buffers = [buffer for layer in self.layers for buffer in layer.buffers]
        return sum(buffer.nbytes / buffer.shape[-2] for buffer in buffers)

    def owe(self, debt: Debt) -> None:
        """Take `ids` that were added here as held, though only `debt` has their keys and values."""
        self._debt = debt

    def settle(self) -> None:
        """Have what is owed written into the layers. A failure leaves the cache not `sound`."""
        debt, self._debt = self._debt, None
        if debt is None or self._cache is None:
            return
        try:
            debt.pay(self._cache.layers, len(self.ids))
        except BaseException:
            self._cache = None
            raise

    def crop(self, length: int) -> None:
        """Keep the first `length` tokens."""
        if (surplus := len(self.ids) - length) > 0:
            if self.croppable:
                for layer in self._cache.layers:
                    layer.keep(length)
            else:
                self._cache.crop(-surplus)
            self.ids.crop(length)

    def rewind(self) -> None:
        """After a pass that failed and left layers of different lengths: as it was before.

        Where layers cannot forget, the memory is given back at once: `sound` is False then.
        """
        if self._cache is None:
            return
        if not self.croppable:
            self._cache = None
            return
        for layer in self._cache.layers:
            layer.keep(len(self.ids))

    def branch(self, length: int) -> KvCache:
        """A cache of the first `length` tokens, with memory of its own."""
        twin = KvCache(self._model, self.form)
        twin.ids = self.ids.first(length)
        twin._cache.layers = [layer.copy(length) for layer in self.layers]
        return twin


def _new_cache(config: Any, form: str) -> Any:
    """An empty cache, its plain layers replaced by growing ones."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    from .kv_layers import GrowingLayer

    cache: Any = DynamicCache(config=config)
    cache.layers = [
        GrowingLayer(form) if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache


def _can_forget(cache: Any) -> bool:
    from .kv_layers import GrowingLayer

    return all(isinstance(layer, GrowingLayer) for layer in cache.layers)
