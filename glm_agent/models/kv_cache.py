"""The keys and values of one row of tokens: what a model need not compute again.

`KvCache` holds them beside the ids that they belong to, and is the one place that runs the model,
so the two cannot come apart. Its layers keep room to grow: a token is written behind those before
it, and taking tokens away is only a shorter length, where transformers' own layers copy everything
at each token.

Does not do: choosing tokens (`engine.py`), keeping caches from reply to reply (`kv_store.py`).
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .token_ids import TokenIds

if TYPE_CHECKING:
    import torch

# A prompt is read this many tokens at a time, so that a reply can be cancelled while it is read,
# and so that what a layer needs in between does not grow with the prompt.
_CHUNK = 4096
_ROOM = 256  # tokens; what a layer grows by at least


class KvCache:
    """A cache for `model`, which is a causal model of transformers. `ids` is what it holds.

    A forward pass that fails leaves layers of different lengths: the memory is then given back at
    once, `sound` is False and there is nothing more to be done with it.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._cache: Any = _growing_cache(model.config)
        self.ids = TokenIds()
        self.passes = 0
        self.computed = 0  # tokens that went through the model here

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def sound(self) -> bool:
        """Whether no pass has failed."""
        return self._cache is not None

    @property
    def croppable(self) -> bool:
        """Whether tokens can be taken away at the end; not so where layers keep a mere summary."""
        return all(isinstance(layer, growing_layer()) for layer in self._cache.layers)

    @property
    def nbytes(self) -> int:
        """The memory that it takes, room to grow included."""
        storages: dict[int, int] = {}
        for layer in self._cache.layers:
            for value in vars(layer).values():
                if hasattr(value, "untyped_storage"):
                    storage = value.untyped_storage()
                    storages[storage.data_ptr()] = storage.nbytes()
        return sum(storages.values())

    def begin(self) -> None:
        """Count passes and computed tokens anew."""
        self.passes = self.computed = 0

    def crop(self, length: int) -> None:
        """Keep the first `length` tokens."""
        if (surplus := len(self.ids) - length) > 0:
            self._cache.crop(-surplus)
            self.ids.crop(length)

    def branch(self, length: int) -> KvCache:
        """A cache of the first `length` tokens, with memory of its own."""
        twin = copy.copy(self)
        twin.ids = self.ids.first(length)
        twin._cache = _growing_cache(self._model.config)
        for mine, new in zip(self._cache.layers, twin._cache.layers, strict=True):
            if mine.is_initialized:
                new.update(mine.keys[..., :length, :], mine.values[..., :length, :])
        return twin

    def read(self, ids: Sequence[int], stopped: Callable[[], bool]) -> torch.Tensor | None:
        """Logits after the last of `ids`, which join the cache; None when `stopped()` before."""
        logits = None
        for start in range(0, len(ids), _CHUNK):
            if start and stopped():
                return None
            logits = self.forward(ids[start : start + _CHUNK], 1)[-1]
        return logits

    def forward(self, ids: Sequence[int], rows: int) -> torch.Tensor:
        """Logits after each of the last `rows` of `ids`, which join the cache."""
        import torch

        inputs = torch.tensor([ids], dtype=torch.long, device=self._model.device)
        try:
            output = self._model(
                input_ids=inputs, past_key_values=self._cache, use_cache=True, logits_to_keep=rows
            )
        except BaseException:
            # Here and not by whoever is left holding this, which may be no more than a traceback.
            self._cache = None
            raise
        self.ids.extend(ids)
        self.passes += 1
        self.computed += len(ids)
        return output.logits[0]


def _growing_cache(config: Any) -> Any:
    """An empty cache, its plain layers replaced by growing ones."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    cache: Any = DynamicCache(config=config)
    growing = growing_layer()
    cache.layers = [growing() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


@functools.cache
def growing_layer() -> Any:
    """A layer of transformers' caches that is written in place. Made late: torch loads slowly."""
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):
        """Keys and values in a buffer with room behind; `keys` and `values` are views of it."""

        def __init__(self) -> None:
            super().__init__()
            self._length = 0
            self._key_buffer: Any = None
            self._value_buffer: Any = None

        def update(
            self,
            key_states: torch.Tensor,
            value_states: torch.Tensor,
            *args: Any,
            **kwargs: Any,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Write behind what is there; all of it comes back."""
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            length = self._length + key_states.shape[-2]
            self._key_buffer = self._put(self._key_buffer, key_states, length)
            self._value_buffer = self._put(self._value_buffer, value_states, length)
            return self._look(length)

        def _put(self, buffer: Any, states: torch.Tensor, length: int) -> torch.Tensor:
            if buffer is None or buffer.shape[-2] < length:
                *outer, _, width = states.shape
                larger = states.new_empty((*outer, length + max(_ROOM, length // 8), width))
                if buffer is not None:
                    larger[..., : self._length, :] = buffer[..., : self._length, :]
                buffer = larger
            buffer[..., self._length : length, :] = states
            return buffer

        def _look(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
            """Show the first `length` tokens of the buffers."""
            self._length = length
            self.keys = keys = self._key_buffer[..., :length, :]
            self.values = values = self._value_buffer[..., :length, :]
            return keys, values

        def get_seq_length(self) -> int:
            """How many tokens there are."""
            return self._length

        def crop(self, tokens_to_remove: int) -> None:
            """Forget tokens at the end; their number is given as a negative one."""
            if self._length and tokens_to_remove:
                self._look(max(0, self._length - abs(tokens_to_remove)))

    return GrowingLayer
