"""A tiny random GLM with a real byte-level BPE tokenizer, saved as a checkpoint folder.

It knows nothing, but has every part that glm-4-9b-chat has, so that loading, encoding, generating
and decoding can be tested on it in milliseconds.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

CONTROLS = (
    "<|endoftext|>",
    "[MASK]",
    "[gMASK]",
    "[sMASK]",
    "<sop>",
    "<eop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
)
TEXTS = (
    "The weather in Berlin is sunny. Hello world, how are you?",
    "你好，北京的天气怎么样？今天很好。",
    'get_weather\n{"city": "Berlin", "days": 3}',
    "python\nprint(37 * 43)",
)


def build_tokenizer(controls: tuple[str, ...] = CONTROLS):
    """A byte-level BPE of about 400 tokens, as a fast tokenizer of transformers."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(TEXTS * 4, trainer)
    tokenizer.add_special_tokens(list(controls))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )


def build_model(
    tokenizer, seed: int = 0, architecture: str = "glm", context: int = 512, hidden: int = 32
):
    """Two layers of random weights in float32."""
    import torch
    from transformers import (
        Glm4Config,
        Glm4ForCausalLM,
        Glm4MoeConfig,
        Glm4MoeForCausalLM,
        GlmConfig,
        GlmForCausalLM,
    )

    config_class, model_class = {
        "glm": (GlmConfig, GlmForCausalLM),
        "glm4": (Glm4Config, Glm4ForCausalLM),
        "glm4_moe": (Glm4MoeConfig, Glm4MoeForCausalLM),
    }[architecture]
    # One plain layer and one of four experts, as GLM-4.5 has them.
    experts = {
        "moe_intermediate_size": 16,
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "first_k_dense_replace": 1,
        "use_qk_norm": True,
    }
    config = config_class(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=hidden // 4,
        max_position_embeddings=context,
        tie_word_embeddings=False,
        **(experts if architecture == "glm4_moe" else {}),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[
            tokenizer.convert_tokens_to_ids(token)
            for token in ("<|endoftext|>", "<|user|>", "<|observation|>")
            if token in tokenizer.get_vocab()
        ],
    )
    torch.manual_seed(seed)
    model = model_class(config).eval()
    # Spread the logits, so that greedy choices do not hang on rounding.
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    model.generation_config.do_sample = False
    return model


def build_checkpoint(
    folder: Path,
    *,
    seed: int = 0,
    architecture: str = "glm",
    context: int = 512,
    hidden: int = 32,
    controls: tuple[str, ...] = CONTROLS,
    say: str | None = None,
) -> Path:
    """Write a checkpoint into `folder` and give the folder back.

    `say` makes a model that always says this text (which may spell control tokens), whatever it is
    asked: for tests that need a reply with a known shape from a real server.
    """
    tokenizer = build_tokenizer(controls)
    model = build_model(tokenizer, seed, architecture, context, hidden)
    if say is not None:
        _teach(model, tokenizer, say)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(model, tokenizer, text: str) -> None:
    """Set the weights so that each token of `text` calls for the next one.

    The layers are switched off, so the next token depends on the last one alone. `text` must
    not have a token twice; `<|assistant|>` starts it.
    """
    import torch

    ids = tokenizer(f"<|assistant|>{text}", add_special_tokens=False)["input_ids"]
    assert len(ids) == len(set(ids)), tokenizer.convert_ids_to_tokens(ids)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.lm_head.weight.zero_()
        embedded = model.model.norm(model.model.embed_tokens.weight)
        for last, following in pairwise(ids):
            model.lm_head.weight[following] += embedded[last]
