"""One step over the rows of a block: where its tokens go, and what they attend to.

All tokens of a step lie side by side, `width` for each row; keys and values lie in the block, whose
rows go on as far as each conversation does. On CUDA attention reads a row as far as it goes
(torch's `varlen_attn`); elsewhere, and where torch is too old for that, it reads all rows up to a
common length, and a mask tells how far each one goes.

Imports torch, so it is imported where it is needed.

Does not do: recording steps, seating conversations (`static.py`), the rest of a layer (`fused.py`).
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # torch before 2.10
    varlen_attn: Any = None

KeysAndValues = tuple[torch.Tensor, torch.Tensor]
"""A layer's, each [rows, room, groups, width of a head]."""


class Step:
    """Tokens of `starts.shape[0]` rows, each `width` of them from its start on, below `length`.

    Args:
        starts: How many tokens each row has already, [rows]; beyond `length` for rows of nobody.
        width: Tokens of each row in this step.
        length: What no row goes beyond, those of this step included.
        room: Tokens that a row of the block has room for.
        dtype: Of keys and values.
    """

    def __init__(
        self, starts: torch.Tensor, width: int, length: int, room: int, dtype: torch.dtype
    ) -> None:
        device = starts.device
        self.rows = starts.shape[0]
        self.width = width
        self.length = length
        across = torch.arange(width, device=device)
        places = starts.unsqueeze(1) + across
        self.places = places.view(-1)
        self.row_of = torch.arange(self.rows, device=device).repeat_interleave(
            width, output_size=self.rows * width
        )
        self.flash = reads_as_far_as_needed(device.type, dtype)
        if self.flash:
            ends = torch.arange(self.rows + 1, device=device, dtype=torch.int32)
            self.query_ends = ends * width
            self.key_ends = ends * room
            used = starts + width
            # Rows of nobody, which start beyond it, read as little as they can.
            self.used = torch.where(used > length, width, used).int()
        else:
            self.mask = (torch.arange(length, device=device) <= places.unsqueeze(-1)).unsqueeze(1)

    def attend(
        self,
        held: KeysAndValues,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """Write `key` and `value` into what is held, and attend; all [tokens, heads, width]."""
        keys, values = held
        keys.index_put_((self.row_of, self.places), key)
        values.index_put_((self.row_of, self.places), value)
        attend = self._flash if self.flash else self._masked
        return attend(keys, values, query, scaling)

    def _flash(
        self, keys: torch.Tensor, values: torch.Tensor, query: torch.Tensor, scaling: float | None
    ) -> torch.Tensor:
        output: Any = varlen_attn(
            query,
            keys.flatten(0, 1),
            values.flatten(0, 1),
            self.query_ends,
            self.key_ends,
            self.width,
            self.length,
            scale=scaling,
            window_size=(-1, 0) if self.width > 1 else (-1, -1),
            enable_gqa=True,
            seqused_k=self.used,
        )
        return output

    def _masked(
        self, keys: torch.Tensor, values: torch.Tensor, query: torch.Tensor, scaling: float | None
    ) -> torch.Tensor:
        rows, width, length = self.rows, self.width, self.length
        _, heads, size = query.shape
        groups = keys.shape[2]
        shared = heads // groups
        mask = self.mask
        # The heads that share keys are rows of one product, so keys are not repeated for them.
        if shared > 1:
            mask = mask.unsqueeze(2).expand(rows, 1, shared, width, length)
            mask = mask.reshape(rows, 1, shared * width, length)
        grouped = query.view(rows, width, heads, size).transpose(1, 2)
        output = scaled_dot_product_attention(
            grouped.reshape(rows, groups, shared * width, size),
            keys[:rows, :length].transpose(1, 2),
            values[:rows, :length].transpose(1, 2),
            attn_mask=mask,
            scale=scaling,
        )
        output = output.view(rows, heads, width, size).transpose(1, 2)
        return output.reshape(rows * width, heads, size)


class Layers:
    """A step, as transformers' layers ask for attention: by a layer's number."""

    def __init__(self, step: Step, keys: list[torch.Tensor], values: list[torch.Tensor]) -> None:
        self._step = step
        self._keys = keys
        self._values = values

    def attend(
        self,
        index: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """As `attention.py` hands it on; from and to [rows, heads, tokens, width]."""
        step = self._step
        output = step.attend(
            (self._keys[index], self._values[index]),
            _side_by_side(query),
            _side_by_side(key),
            _side_by_side(value),
            scaling,
        )
        return output.view(step.rows, step.width, *output.shape[1:])


def _side_by_side(states: torch.Tensor) -> torch.Tensor:
    return states.transpose(1, 2).flatten(0, 1)


@functools.cache
def reads_as_far_as_needed(device: str, dtype: torch.dtype) -> bool:
    """Whether torch has attention that reads each row as far as it goes, for these."""
    if device != "cuda" or dtype not in (torch.bfloat16, torch.float16):
        return False
    if varlen_attn is None:
        return False
    return {"enable_gqa", "seqused_k"} <= inspect.signature(varlen_attn).parameters.keys()
