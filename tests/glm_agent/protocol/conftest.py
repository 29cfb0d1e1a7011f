"""Two tokenizers for the protocol's tests: a small one made here, and the real one if it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from glm_agent.protocol import TokenizerEncoder, encoder_for
from glm_agent.protocol.rendering.glm4 import CONTROLS

_WORDS = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CORPUS = [
    'get_weather\n{"city": "北京", "days": 3}',
    "The weather in Beijing is sunny, and the answer is 42.\n\n你好，我是一个人工智能助手。",
    "import math\nprint(math.sqrt(2))\n",
    "<|user|> <|assistant|> <|observation|> are three of the control tokens.",
] * 4


@pytest.fixture(scope="session")
def small_tokenizer() -> Tokenizer:
    """A byte-level BPE tokenizer of about 500 tokens with GLM-4's control tokens after them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=alphabet, show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in CONTROLS])
    tokenizer.add_special_tokens([AddedToken("<|begin_of_image|>", special=True)])
    return tokenizer


@pytest.fixture(scope="session")
def real_tokenizer(shared: Path) -> Tokenizer:
    """The tokenizer of glm-4-9b-chat."""
    return Tokenizer.from_file(str(shared / "glm4" / "tokenizer" / "tokenizer.json"))


@pytest.fixture(scope="session", params=["small", "real"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    """Each of the two."""
    return request.getfixturevalue(f"{request.param}_tokenizer")


@pytest.fixture(scope="session")
def encoder(tokenizer: Tokenizer) -> TokenizerEncoder:
    return encoder_for(tokenizer)
