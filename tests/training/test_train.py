"""Growing a checkpoint, so that training goes on with a larger model."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")


@pytest.fixture
def tokenizer():
    from tokenizers import Tokenizer

    from glm_agent.models.load import EMBEDDED_FOLDER

    return Tokenizer.from_file(str(EMBEDDED_FOLDER / "tokenizer.json"))


def test_a_grown_model_computes_the_same_and_can_learn_more(tokenizer) -> None:
    from transformers import GlmForCausalLM

    from training.train import config, grown

    torch.manual_seed(0)
    small = GlmForCausalLM(config(tokenizer, 128, 3, 64)).eval()
    large = GlmForCausalLM(config(tokenizer, 128, 5, 64, 4)).eval()
    large.load_state_dict(grown(small.state_dict(), 5, 4))
    ids = torch.randint(0, 2000, (2, 20))
    torch.testing.assert_close(large(ids).logits, small(ids).logits)
    large(ids).logits.logsumexp(-1).sum().backward()
    for layer in large.model.layers:
        assert layer.self_attn.o_proj.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("layers", "heads", "said"), [(2, 2, "--layers"), (6, 2, "--layers"), (3, 3, "--kv-heads")]
)
def test_what_cannot_be_grown_is_said(tokenizer, layers: int, heads: int, said: str) -> None:
    from transformers import GlmForCausalLM

    from training.train import config, grown

    state = GlmForCausalLM(config(tokenizer, 128, 3, 64)).state_dict()
    with pytest.raises(SystemExit, match=said):
        grown(state, layers, heads)
