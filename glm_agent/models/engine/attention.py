"""Attention over the new tokens of several conversations at once, each with keys of its own.

A pass lays the tokens of all conversations side by side, so the weights, which are what takes the
time, are read once for all of them. Only attention goes conversation by conversation: each has a
cache of its own length, which stays where it is and is not padded. Where there is a mask to make,
the heads of the keys are the batch, so that keys are not repeated for the queries that share them.

Registered with transformers as an attention of its own (its AttentionInterface); a model that has
it still does everything else with transformers' SDPA.

Does not do: running the model (`passes.py`), holding keys and values (`kv_layers.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

NAME = "glm_agent"
"""What the attention is called in a model's config."""

# Those whose attention layers are plain: queries, keys and values, cached as they are.
_KNOWN = frozenset({"glm", "glm4", "glm4_moe"})


def enable(model: Any) -> bool:
    """Give a model this attention, if it is of a kind that can have it; whether it is."""
    if model.config.model_type not in _KNOWN:
        return False
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, _forward)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)
    return is_enabled(model)


def is_enabled(model: Any) -> bool:
    """Whether a model has this attention."""
    return model.config._attn_implementation == NAME


def _forward(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    side_by_side: Any = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it; `side_by_side` is what a pass of ours brings along."""
    if side_by_side is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **kwargs
        )
        return output, None
    return side_by_side.attend(module.layer_idx, query, key, value, scaling), None


class SideBySide:
    """One pass. `layers` has the cache layers of each conversation, `counts` its new tokens."""

    def __init__(self, layers: Sequence[Sequence[Any]], counts: Sequence[int]) -> None:
        self._layers = layers
        self._counts = counts
        self._masks: dict[tuple[int, int], Any] = {}

    def attend(
        self,
        index: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
    ) -> torch.Tensor:
        """Write into layer `index` of each, and attend; [1, tokens, heads, width]."""
        import torch

        if len(self._counts) == 1:
            keys, values = self._layers[0][index].update(key, value)
            return self._one(query, keys, values, scaling).transpose(1, 2)
        outputs: list[torch.Tensor] = []
        start = 0
        for layers, count in zip(self._layers, self._counts, strict=True):
            end = start + count
            keys, values = layers[index].update(key[:, :, start:end], value[:, :, start:end])
            outputs.append(self._one(query[:, :, start:end], keys, values, scaling))
            start = end
        return torch.cat(outputs, 2).transpose(1, 2)

    def _one(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scaling: float | None
    ) -> torch.Tensor:
        from torch.nn.functional import scaled_dot_product_attention as attend

        _, heads, count, width = query.shape
        groups, length = keys.shape[1:3]
        if count == 1:
            grouped = query.reshape(1, groups, heads // groups, width)
            return attend(grouped, keys, values, scale=scaling).reshape(1, heads, 1, width)
        grouped = query.reshape(groups, heads // groups, count, width)
        keys = keys[0].unsqueeze(1).expand(groups, heads // groups, length, width)
        values = values[0].unsqueeze(1).expand(groups, heads // groups, length, values.shape[-1])
        if count == length:
            output = attend(grouped, keys, values, is_causal=True, scale=scaling)
        else:
            mask = self._mask(count, length, query.device)
            output = attend(grouped, keys, values, attn_mask=mask, scale=scaling)
        return output.reshape(1, heads, count, -1)

    def _mask(self, count: int, length: int, device: torch.device) -> Any:
        """Each of the last `count` tokens sees itself and all before it."""
        import torch
        from torch.nn.attention.bias import causal_lower_right

        if (mask := self._masks.get((count, length))) is None:
            if device.type == "cuda":
                # Never laid out in memory: kernels that know this shape of mask take it as it is.
                mask = causal_lower_right(count, length)
            else:
                mask = torch.ones(count, length, dtype=torch.bool, device=device)
                mask = mask.tril(length - count)
            self._masks[count, length] = mask
        return mask
