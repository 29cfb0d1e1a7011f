"""How large a GLM is, worked out from its config.json alone.

The dense models, GLM-4.5's experts and their like are counted by formula, without torch; any other
architecture is built as a skeleton on torch's meta device, which takes its import. The formulas
follow transformers' model code and are tested against such skeletons.

Does not do: bytes (`fit.py`), reading files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..hush import imports_hushed, quiet

# What transformers takes where config.json is silent (configuration_glm.py and its neighbours).
_DENSE: Mapping[str, Any] = {
    "vocab_size": 151_552,
    "hidden_size": 4096,
    "intermediate_size": 13_696,
    "num_hidden_layers": 40,
    "num_attention_heads": 32,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "attention_bias": True,
    "max_position_embeddings": 131_072,
}
_MOE: Mapping[str, Any] = {
    "vocab_size": 151_552,
    "hidden_size": 4096,
    "intermediate_size": 10_944,
    "num_hidden_layers": 46,
    "num_attention_heads": 96,
    "num_key_value_heads": 8,
    "attention_bias": False,
    "max_position_embeddings": 131_072,
    "moe_intermediate_size": 1408,
    "num_experts_per_tok": 8,
    "n_shared_experts": 1,
    "n_routed_experts": 128,
    "first_k_dense_replace": 1,
    "use_qk_norm": False,
}
_DEFAULTS = {"glm": _DENSE, "glm4": _DENSE, "glm4_moe": _MOE}

BY_FORMULA = frozenset(_DEFAULTS)
"""The model types that need no torch to be counted."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model, counted in numbers, not in bytes.

    Args:
        parameters: All of them, tied ones once.
        matrices: Those of them that quantising libraries pack: the linear layers but the last.
        rows: The output rows of these matrices.
        experts: Those that are experts' matrices, which libraries leave alone while loading.
        expert_rows: The output rows of these.
        cached: What one token leaves in the KV cache, over all layers; None if not known.
        working: What one token occupies at once while a prompt is computed; None if not known.
        vocabulary: Tokens of the vocabulary.
        context: The longest context in tokens, None where the config does not say.
        layers: How many there are; 0 if not known.
    """

    parameters: int
    matrices: int
    rows: int
    experts: int = 0
    expert_rows: int = 0
    cached: int | None = None
    working: int | None = None
    vocabulary: int = 0
    context: int | None = None
    layers: int = 0


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """The shape of the model that a config.json describes; None for one that makes no sense.

    Imports torch and transformers only for types outside `BY_FORMULA`.
    """
    defaults = _DEFAULTS.get(str(config.get("model_type")))
    if defaults is None:
        return _skeleton(config)
    full = {**defaults, **{key: value for key, value in config.items() if value is not None}}
    sizes = {key: full[key] for key in defaults}
    if not all(isinstance(value, int) and value >= 0 for value in sizes.values()):
        return None
    if not (full["num_attention_heads"] and full["num_key_value_heads"] and full["hidden_size"]):
        return None
    return _dense_or_experts(full)


def _dense_or_experts(c: Mapping[str, Any]) -> Shape | None:
    hidden, layers, vocabulary = c["hidden_size"], c["num_hidden_layers"], c["vocab_size"]
    heads, groups = c["num_attention_heads"], c["num_key_value_heads"]
    head = c.get("head_dim") or hidden // heads
    if not isinstance(head, int):
        return None
    norms = (4 if c["model_type"] == "glm4" else 2) * hidden  # of one layer
    bias = (heads + 2 * groups) * head if c["attention_bias"] else 0
    attention = _Matrices()
    attention.add((heads + 2 * groups) * head, hidden)
    attention.add(hidden, heads * head)
    dense = _feed_forward(hidden, c["intermediate_size"])
    matrices, rows = layers * attention.numbers, layers * attention.rows
    experts = expert_rows = routers = 0
    sparse = widest = 0
    if c["model_type"] == "glm4_moe":
        sparse = max(layers - c["first_k_dense_replace"], 0)
        if c["use_qk_norm"]:
            norms += 2 * head
        shared = _feed_forward(hidden, c["moe_intermediate_size"] * c["n_shared_experts"])
        matrices += sparse * shared.numbers
        rows += sparse * shared.rows
        expert = _feed_forward(hidden, c["moe_intermediate_size"])
        experts = sparse * c["n_routed_experts"] * expert.numbers
        expert_rows = sparse * c["n_routed_experts"] * expert.rows
        routers = sparse * c["n_routed_experts"] * hidden
        widest = c["num_experts_per_tok"] * (2 * hidden + 6 * c["moe_intermediate_size"])
    matrices += (layers - sparse) * dense.numbers
    rows += (layers - sparse) * dense.rows
    tables = vocabulary * hidden * (1 if c.get("tie_word_embeddings") else 2)
    # The stream and its norm; then gate, up, their product and copies, or the heads' parts. Within
    # about a tenth of what bfloat16 prefills of 4,096 and 8,192 tokens were seen to take on a CPU.
    working = 3 * hidden + max(6 * c["intermediate_size"], 5 * heads * head, widest)
    return Shape(
        parameters=tables + matrices + experts + routers + layers * (norms + bias) + hidden,
        matrices=matrices,
        rows=rows,
        experts=experts,
        expert_rows=expert_rows,
        cached=2 * layers * groups * head,
        working=working,
        vocabulary=vocabulary,
        context=_context(c),
        layers=layers,
    )


@dataclass(slots=True)
class _Matrices:
    """A sum of matrices: their numbers and their output rows."""

    numbers: int = 0
    rows: int = 0

    def add(self, out: int, into: int) -> None:
        self.numbers += out * into
        self.rows += out


def _feed_forward(hidden: int, inner: int) -> _Matrices:
    """Gate, up and down."""
    block = _Matrices()
    block.add(2 * inner, hidden)
    block.add(hidden, inner)
    return block


def _skeleton(config: Mapping[str, Any]) -> Shape | None:
    """Counted on a model without weights."""
    import torch

    with imports_hushed():
        from transformers import AutoConfig, AutoModelForCausalLM
    fields = {key: value for key, value in config.items() if key != "model_type"}
    fields.pop("quantization_config", None)
    try:
        with quiet(), torch.device("meta"):
            shape = AutoConfig.for_model(config["model_type"], **fields)
            model: Any = AutoModelForCausalLM.from_config(shape)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return None
    packed = _Matrices()
    head = model.get_output_embeddings()
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            packed.add(module.out_features, module.in_features)
    experts = _Matrices()
    for name, parameter in model.named_parameters():  # gives tied ones once
        if ".experts." in name and parameter.dim() == 3:
            experts.add(parameter.shape[0] * parameter.shape[1], parameter.shape[2])
    return Shape(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        matrices=packed.numbers,
        rows=packed.rows,
        experts=experts.numbers,
        expert_rows=experts.rows,
        cached=_latent(shape),
        vocabulary=shape.vocab_size,
        context=_context(config) or _context(vars(shape)),
    )


def _latent(config: Any) -> int | None:
    """What a token leaves behind under latent attention, as transformers caches it.

    That is the compressed keys and values and the rotary part of the key. Models that keep an index
    beside them are not counted.
    """
    rank = getattr(config, "kv_lora_rank", None)
    rotary = getattr(config, "qk_rope_head_dim", None)
    if not (isinstance(rank, int) and isinstance(rotary, int)) or hasattr(config, "index_head_dim"):
        return None
    return config.num_hidden_layers * (rank + rotary)


def _context(config: Mapping[str, Any]) -> int | None:
    context = config.get("max_position_embeddings")
    return context if isinstance(context, int) and context > 0 else None
