"""A model's size from its config.json alone: formulas against transformers' own models."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from glm_agent.models.fitting.shape import BY_FORMULA, shape_of

LARGE = {"hidden_size": 6144, "intermediate_size": 23_040, "num_hidden_layers": 61}


@pytest.mark.parametrize(
    ("config", "parameters", "cached"),
    [
        # facts/protocol.md, section 6: counted on the meta device, and in llama.cpp's logs.
        ({"model_type": "glm"}, 9_399_951_360, 20_480),
        ({"model_type": "glm4"}, 9_400_279_040, 20_480),
        (
            {
                "model_type": "glm4",
                **LARGE,
                "num_attention_heads": 48,
                "num_key_value_heads": 8,
                "attention_bias": False,
            },
            33_141_749_760,
            124_928,
        ),
        (
            {
                "model_type": "glm4",
                **LARGE,
                "num_attention_heads": 48,
                "num_key_value_heads": 2,
                "attention_bias": False,
            },
            32_566_081_536,
            31_232,
        ),
    ],
)
def test_known_models(config: dict[str, Any], parameters: int, cached: int) -> None:
    shape = shape_of(config)
    assert shape is not None
    assert (shape.parameters, shape.cached) == (parameters, cached)


SMALL = {
    "vocab_size": 100,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "pad_token_id": 0,
}
MOE = {
    "moe_intermediate_size": 20,
    "n_routed_experts": 4,
    "n_shared_experts": 2,
    "num_experts_per_tok": 2,
}
CONFIGS: list[dict[str, Any]] = [
    {"model_type": "glm"},
    {"model_type": "glm", **SMALL},
    {"model_type": "glm", **SMALL, "tie_word_embeddings": True},
    {"model_type": "glm", **SMALL, "attention_bias": False, "num_hidden_layers": 0},
    {"model_type": "glm4"},
    {"model_type": "glm4", **SMALL, "num_key_value_heads": 4, "attention_bias": False},
    {"model_type": "glm4_moe"},
    {"model_type": "glm4_moe", "head_dim": 128, "use_qk_norm": True, "attention_bias": True},
    {"model_type": "glm4_moe", **SMALL, **MOE},
    {"model_type": "glm4_moe", **SMALL, **MOE, "first_k_dense_replace": 3},
    {"model_type": "glm4_moe", **SMALL, **MOE, "first_k_dense_replace": 0, "n_shared_experts": 1},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_formulas_count_what_transformers_builds(config: dict[str, Any], monkeypatch) -> None:
    """The skeleton takes another way: it asks the modules themselves."""
    pytest.importorskip("torch")
    from glm_agent.models.fitting import shape as module

    counted = shape_of(config)
    monkeypatch.setattr(module, "_DEFAULTS", {})
    built = shape_of(config)
    assert counted is not None
    assert built is not None
    for field in ("parameters", "matrices", "rows", "experts", "expert_rows", "vocabulary"):
        assert getattr(counted, field) == getattr(built, field), field
    assert counted.context == built.context == 131_072


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "glm", **SMALL},
        {"model_type": "glm4", **SMALL},
        {"model_type": "glm4_moe", **SMALL, **MOE},
        {
            "model_type": "glm4_moe_lite",
            **{key: value for key, value in SMALL.items() if key != "head_dim"},
            **MOE,
            "num_key_value_heads": 4,
            "kv_lora_rank": 24,
            "q_lora_rank": 16,
            "qk_rope_head_dim": 8,
        },
    ],
    ids=lambda config: config["model_type"],
)
def test_the_cache_grows_by_what_was_said(config: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

    fields = {key: value for key, value in config.items() if key != "model_type"}
    made = AutoConfig.for_model(config["model_type"], **fields)
    model = AutoModelForCausalLM.from_config(made).eval()
    cache = DynamicCache(config=made)
    with torch.inference_mode():
        model(input_ids=torch.arange(7)[None], past_key_values=cache, use_cache=True)
    held = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    shape = shape_of(config)
    assert shape is not None
    assert shape.cached is not None
    assert held == 7 * shape.cached


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden_size": "4096"},
        {"num_hidden_layers": -1},
        {"num_attention_heads": 0},
        {"vocab_size": 1.5},
        {"head_dim": "8"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", sorted(BY_FORMULA))
def test_a_config_that_makes_no_sense_has_no_shape(kind: str, wrong: dict[str, Any]) -> None:
    assert shape_of({"model_type": kind, **wrong}) is None


def test_what_is_null_is_the_default() -> None:
    assert shape_of({"model_type": "glm", "head_dim": None}) == shape_of({"model_type": "glm"})


def test_counting_needs_neither_torch_nor_transformers() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from glm_agent.models.fitting.shape import shape_of\n"
        "assert shape_of({'model_type': 'glm4_moe', 'head_dim': 128}).parameters > 10**11\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
