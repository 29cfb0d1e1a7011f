"""The embedded model's tokenizer: byte-level BPE with GLM-4's control tokens by name.

Words and digits are tokens of their own, upper-case runs are split into letters, and only white
space and the punctuation of prose and JSON may merge. So a value has the same tokens in a question
and in a call, and copying is exact. GLM-4's fixed Chinese paragraphs are one token each, and so are
some twenty thousand English words, whose embeddings can then start from what they mean (vectors.py).

Does not do: anything at run time; the result is a plain `tokenizer.json`.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from glm_agent.protocol.rendering import glm4_text
from glm_agent.protocol.rendering.glm4 import render

from . import vectors, words
from .banks.values import LISTS, held_words
from .conversations import stream

PIECES = 2048  # the vocabulary without whole words: bytes, syllables, punctuation, short words
LOWER = 13_000  # of the most frequent words, and of these the first with a capital too
CAPITALISED = 3_000
PARAGRAPHS = [
    glm4_text.preamble(glm4_text.PERSONA) + "\n\n# 可用工具",
    glm4_text.FUNCTION_FOOTER,
    glm4_text.PYTHON,
    glm4_text.SIMPLE_BROWSER,
]
# A pre-token that equals a vocabulary entry becomes that token whole (`ignore_merges`), so a
# paragraph that the pattern keeps together costs one token and is still plain text.
PATTERN = (
    "|".join(map(re.escape, PARAGRAPHS))
    + r"|\p{Lu}?\p{Ll}+|\p{L}|\p{N}|[\s\"'{}\[\]:,;()?!.]+|[^\p{L}\p{N}]"
)
CONTROL = ["<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>", "<|begin_of_image|>", "<|end_of_image|>"]  # fmt: skip


def build(conversations: int = 6000) -> Tokenizer:
    """Train the tokenizer on generated conversations; the same every time."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    size = PIECES - len(CONTROL) - len(PARAGRAPHS)
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    source = stream(11)
    texts: list[str] = []
    for _ in range(conversations):
        conversation = next(source)
        for piece in render(
            conversation.messages(), conversation.tools, add_generation_prompt=False
        ).pieces:
            if isinstance(piece, str):
                for paragraph in PARAGRAPHS:
                    piece = piece.replace(paragraph, "")
                texts.append(piece)
    texts += [listed.replace("|", " ") for listed in LISTS.values()] * 20
    random.Random(0).shuffle(texts)
    tokenizer.train_from_iterator(texts, trainer)
    written = json.loads(tokenizer.to_str())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for paragraph in PARAGRAPHS:
        written["model"]["vocab"][byte_level.pre_tokenize_str(paragraph)[0][0]] = len(
            written["model"]["vocab"]
        )
    written["model"]["ignore_merges"] = True
    return _finished(written)


def _finished(written: dict[str, Any]) -> Tokenizer:
    """The tokenizer with the control tokens at the end of the vocabulary."""
    tokenizer = Tokenizer.from_str(json.dumps(written))
    tokenizer.add_special_tokens(
        [AddedToken(name, special=True, normalized=False) for name in CONTROL]
    )
    return tokenizer


def with_words(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer with common words, and those of the banks, as tokens of their own."""
    written = json.loads(tokenizer.to_str())
    written["added_tokens"] = []
    vocabulary: dict[str, int] = written["model"]["vocab"]
    common, banks = vectors.common_words(), [w for w in words.of_banks() if len(w) > 2]
    lower = [*common[:LOWER], *banks]
    capitalised = [word.capitalize() for word in (*common[:CAPITALISED], *banks)]
    held = held_words()  # are read in pieces, as any word is that training has not seen
    for word in (word for word in (*lower, *capitalised) if word.lower() not in held):
        vocabulary.setdefault(word, len(vocabulary))
    return _finished(written)


def chat_template() -> str:
    """The template for servers, with GLM-4's fixed texts filled in."""
    template = Path(__file__).with_name("chat_template.jinja").read_text(encoding="utf-8")
    texts = {name: glm4_text.BUILTIN[name] for name in ("python", "simple_browser")}
    return template.replace("BUILTIN -", json.dumps(texts, ensure_ascii=False) + " -").replace(
        "PREAMBLE", PARAGRAPHS[0]
    )


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 8192,
    }
    (folder / "chat_template.jinja").write_text(chat_template(), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    import sys

    save(with_words(build()), Path(sys.argv[1]))
