"""Words that are tokens, split in training as names and rare words always are."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer

    from glm_agent.models.load import EMBEDDED_FOLDER
    from training import tokenizer, vectors

    shipped = Tokenizer.from_file(str(EMBEDDED_FOLDER / "tokenizer.json"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "common_words", lambda: ["photographer", "harbour"])
        made = tokenizer.with_words(shipped)
    made.encode_special_tokens = True
    return made


def encoded(tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


def test_a_split_word_is_split_wherever_it_stands_and_the_text_is_the_same(tokenizer) -> None:
    from training.pieces import Pieces

    text = 'Photographer in harbour: {"who": "photographer"}, the harbour'
    ids = encoded(tokenizer, text)
    whole = [tokenizer.token_to_id(word) for word in ("photographer", "Photographer")]
    mask = [0] * (len(ids) - 12) + [1] * 12
    pieces, ways = Pieces(tokenizer), set[int]()
    for seed in range(200):
        new, spoken = pieces.split(ids, mask, random.Random(seed))
        assert tokenizer.decode(new) == text
        assert len(new) == len(spoken)
        assert tokenizer.decode([i for i, m in zip(new, spoken, strict=True) if m]) == (
            tokenizer.decode(ids[-12:])
        )
        ways.add(sum(new.count(i) for i in whole))
    assert ways == {0, 2}


def test_a_word_is_split_as_one_that_is_no_token(tokenizer) -> None:
    from training.pieces import Pieces
    from training.tokenizer import PIECES

    unknown = encoded(tokenizer, "photographeq")
    assert len(unknown) > 1
    ids = encoded(tokenizer, "photographer")
    pieces = Pieces(tokenizer)
    split = [pieces.split(ids, [1], random.Random(seed))[0] for seed in range(200)]
    in_pieces = next(new for new in split if new != ids)
    assert len(in_pieces) > 1
    assert all(i < PIECES for i in in_pieces)
    assert tokenizer.decode(in_pieces) == "photographer"
