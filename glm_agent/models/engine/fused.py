"""A model's decode step with its small kernels fused, by torch.compile.

Between the products of a layer there are some thirty small kernels (norms, rotation, activation,
sums), each of which takes a GPU about as long as a small product. Compiled they are a handful, and
the products of queries, keys and values are one. A layer is compiled once and serves for all of its
kind, so that this takes seconds rather than minutes: once for a single token, whose products are
sums that fuse with what is around them, and for several.

Only for plain layers that are known (`glm`, `glm4`): their arithmetic is written out here, with the
model's own weights, norms and rotation.

Imports torch and transformers, so it is imported where it is needed.

Does not do: recording graphs, noticing that something goes wrong (`static.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch._dynamo import config as dynamo
from torch.nn.functional import linear
from transformers.models.glm.modeling_glm import apply_rotary_pos_emb

from .step import KeysAndValues, Step

Joined = tuple[torch.Tensor, torch.Tensor | None] | None
"""The weight and bias of queries, keys and values together, where they can be."""

_KNOWN = frozenset({"glm", "glm4"})

# Kinds of steps: one token, one of each row, several of each row; each for blocks of a fixed size
# and of any; and for as many models as a process may hold.
_KINDS = 64


class FusedModel:
    """The compiled step of `model`. Its queries, keys and values become one matrix, in place."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._joined = [_join(layer.self_attn) for layer in model.model.layers]

    def __call__(
        self, ids: torch.Tensor, step: Step, keys: list[torch.Tensor], values: list[torch.Tensor]
    ) -> torch.Tensor:
        """Logits, [rows, width, vocabulary], of tokens [rows, width]."""
        body = self._model.model
        tokens = step.rows * step.width
        with dynamo.patch(recompile_limit=_KINDS):
            x, rotation = _compiled(_begin)(body, ids, step.places)
            compiled = _compiled(_layer, tokens == 1)
            held = zip(keys, values, strict=True)
            for layer, joined, each in zip(body.layers, self._joined, held, strict=True):
                x = compiled((layer, joined), x, rotation, step, each)
            logits = _compiled(_end, tokens == 1)(body.norm, self._model.lm_head, x)
        return logits.view(step.rows, step.width, -1)


_made: WeakKeyDictionary[Any, FusedModel] = WeakKeyDictionary()


def fused_model(model: Any) -> FusedModel | None:
    """The compiled step of a model, made once; None where its layers are not known."""
    if model.config.model_type not in _KNOWN:
        return None
    found = _made.get(model)
    if found is None:
        found = _made[model] = FusedModel(model)
    return found


# ── what is compiled ──────────────────────────────────────────────────────────────────────────


def _begin(
    body: Any, ids: torch.Tensor, places: torch.Tensor
) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Embedded tokens and their rotation, [tokens, …]."""
    x = body.embed_tokens(ids.reshape(-1))
    cos, sin = body.rotary_emb(x, places.unsqueeze(0))
    return x, (cos[0], sin[0])


def _layer(
    of: tuple[Any, Joined],
    x: torch.Tensor,
    rotation: tuple[torch.Tensor, torch.Tensor],
    step: Step,
    held: KeysAndValues,
) -> torch.Tensor:
    """One decoder layer over tokens that lie side by side."""
    layer, joined = of
    attention = layer.self_attn
    size, groups = attention.head_dim, held[0].shape[2]
    inside = layer.input_layernorm(x)
    if joined is None:
        parts = [p(inside) for p in (attention.q_proj, attention.k_proj, attention.v_proj)]
    else:
        heads = groups * attention.num_key_value_groups
        parts = linear(inside, *joined).split([heads * size, groups * size, groups * size], -1)
    query, key, value = (part.reshape(x.shape[0], -1, size) for part in parts)
    query, key = apply_rotary_pos_emb(query, key, *rotation)
    attended = step.attend(held, query, key, value, attention.scaling)
    attended = attention.o_proj(attended.reshape(x.shape[0], -1))
    if hasattr(layer, "post_self_attn_layernorm"):  # glm4
        attended = layer.post_self_attn_layernorm(attended)
    x = x + attended
    thought = layer.mlp(layer.post_attention_layernorm(x))
    if hasattr(layer, "post_mlp_layernorm"):
        thought = layer.post_mlp_layernorm(thought)
    return x + thought


def _end(norm: Any, head: Any, x: torch.Tensor) -> torch.Tensor:
    return head(norm(x))


# ── how ───────────────────────────────────────────────────────────────────────────────────────


@functools.cache
def _compiled(function: Callable[..., Any], single: bool = False) -> Callable[..., Any]:
    """A function compiled; for a `single` token, products are sums over the weights.

    There torch's inductor makes one kernel of a product and what is around it, and tries out how to
    read the weights fastest. Other steps keep the vendor's products.
    """
    options: dict[str, Any] | None = {"coordinate_descent_tuning": True} if single else None
    return torch.compile(function, fullgraph=True, options=options)


def _join(attention: Any) -> Joined:
    """One matrix (and one bias) of queries, keys and values, of which the three become parts.

    None where they are of another kind, such as quantised ones.
    """
    three = [attention.q_proj, attention.k_proj, attention.v_proj]
    if any(type(p) is not torch.nn.Linear for p in three):
        return None
    if any(type(p.weight.data) is not torch.Tensor for p in three):
        return None
    weight = _joined([p.weight for p in three])
    biases = [p.bias for p in three]
    if any(bias is None for bias in biases):
        return weight, None
    return weight, _joined(biases)


def _joined(parts: list[Any]) -> torch.Tensor:
    with torch.inference_mode(mode=False), torch.no_grad():
        whole = torch.cat([part.data for part in parts])
        start = 0
        for part in parts:
            # What is read by itself elsewhere lies in here from now on: nothing is held twice.
            part.data = whole[start : start + len(part)]
            start += len(part)
    return whole
