"""One layer's keys and values, with room to grow.

A token is written behind those before it, and taking tokens away is only a shorter length, where
transformers' own layers copy everything at each token. Keys and values lie as they are, or in one
byte a number (`fp8`), or in the RAM beside a GPU (`offload`): then they come to the GPU a layer at
a time, at every pass.

Imports torch and transformers, so it is imported where they are needed.

Does not do: knowing which tokens they belong to (`kv_cache.py`).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

from .kv_cache import with_room

# The largest float8 e4m3 number, and how far above the first tokens' numbers later ones may go
# before they are cut off there: the scale is fixed by what is written first.
_LARGEST, _HEADROOM = torch.finfo(torch.float8_e4m3fn).max, 2.0


class GrowingLayer(DynamicLayer):
    """Keys and values in buffers with room behind; `form` is one of `fit.KV_FORMS`."""

    def __init__(self, form: str = "plain") -> None:
        super().__init__()
        self._form = form
        self._length = 0
        self._key_buffer: Any = None
        self._value_buffer: Any = None
        self._scales: Any = None

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
        if self._form == "fp8" and self._scales is None:
            self._scales = _scale(key_states), _scale(value_states)
        length = self._length + key_states.shape[-2]
        self._key_buffer = self._put(self._key_buffer, key_states, length, 0)
        self._value_buffer = self._put(self._value_buffer, value_states, length, 1)
        self._length = length
        return self.first(length)

    def _put(self, buffer: Any, states: torch.Tensor, length: int, which: int) -> torch.Tensor:
        if self._form == "fp8":
            scaled = states.float() / self._scales[which]
            states = scaled.clamp(-_LARGEST, _LARGEST).to(torch.float8_e4m3fn)
        if buffer is None or buffer.shape[-2] < length:
            *outer, _, width = states.shape
            size = (*outer, with_room(length), width)
            larger = self._new(states, size)
            if buffer is not None:
                larger[..., : self._length, :] = buffer[..., : self._length, :]
            buffer = larger
        buffer[..., self._length : length, :] = states
        return buffer

    def _new(self, states: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
        if self._form != "offload":
            return states.new_empty(size)
        # Pinned memory is what a GPU can fetch at full speed.
        return torch.empty(size, dtype=states.dtype, pin_memory=states.is_cuda)

    def first(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of the first `length` tokens, where and as they are computed with."""
        keys = self._key_buffer[..., :length, :]
        values = self._value_buffer[..., :length, :]
        if self._form == "fp8":
            key_scale, value_scale = self._scales
            return keys.to(self.dtype) * key_scale, values.to(self.dtype) * value_scale
        if self._form == "offload":
            device = self.device
            return keys.to(device, non_blocking=True), values.to(device, non_blocking=True)
        return keys, values

    def copy(self, length: int) -> GrowingLayer:
        """The first `length` tokens in memory of their own."""
        twin = GrowingLayer(self._form)
        if self.is_initialized:
            twin.is_initialized = True
            twin.dtype, twin.device, twin._scales = self.dtype, self.device, self._scales
            twin._length = length
            twin._key_buffer = self._copy(self._key_buffer, length)
            twin._value_buffer = self._copy(self._value_buffer, length)
        return twin

    def _copy(self, buffer: torch.Tensor, length: int) -> torch.Tensor:
        *outer, _, width = buffer.shape
        new = self._new(buffer, (*outer, with_room(length), width))
        new[..., :length, :] = buffer[..., :length, :]
        return new

    @property
    def buffers(self) -> tuple[torch.Tensor, ...]:
        """The memory that is taken."""
        return () if self._key_buffer is None else (self._key_buffer, self._value_buffer)

    def get_seq_length(self) -> int:
        """How many tokens there are."""
        return self._length

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Tokens that a query of this length sees, and where they begin."""
        return self._length + query_length, 0

    def crop(self, tokens_to_remove: int) -> None:
        """Forget tokens at the end; their number is given as a negative one."""
        self._length = max(0, self._length - abs(tokens_to_remove))

    def keep(self, length: int) -> None:
        """Forget all but the first `length`."""
        self._length = min(self._length, length)


def _scale(states: torch.Tensor) -> torch.Tensor:
    """One for each head and each place in it: keys have places that are always large."""
    peak = states.float().abs().amax(-2, keepdim=True)
    typical = peak.amax().clamp_min(1e-6) / 16
    scale = peak.maximum(typical) * _HEADROOM / _LARGEST
    return scale.to(states.dtype)
