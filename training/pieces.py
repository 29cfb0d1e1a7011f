"""Words that are tokens, read in pieces now and then, as names and rare words always are.

With common words as tokens of their own, a conversation of the training data would hold hardly a word
in pieces, and users' words are often in pieces: the model would copy `headphones` and lose `Greta`.
A word that is split is split wherever it stands in a conversation, also with a capital.

Does not do: splitting what the pieces' own vocabulary has whole, such as `the` and `string`.
"""

from __future__ import annotations

import json
import random

from tokenizers import Tokenizer

from . import tokenizer as tok

WHOLE = 0.2  # of the conversations, in which no word is split
SPOKEN = 0.8  # at most, of the words that the model says
HEARD = 0.2  # at most, of those that it only reads


class Pieces:
    """The pieces of each word token of a vocabulary.

    Args:
        tokenizer: from `tokenizer.with_words`, whose words come after the pieces.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        written = json.loads(tokenizer.to_str())
        vocabulary: dict[str, int] = written["model"]["vocab"]
        first = tok.PIECES - len(tok.CONTROL)
        written["model"]["vocab"] = {t: i for t, i in vocabulary.items() if i < first}
        written["added_tokens"] = []
        smaller = Tokenizer.from_str(json.dumps(written))
        words = {token: i for token, i in vocabulary.items() if i >= first}
        self._pieces = {
            i: smaller.encode(w, add_special_tokens=False).ids for w, i in words.items()
        }
        self._names = {i: word.lower() for word, i in words.items()}

    def split(
        self, ids: list[int], mask: list[int], rng: random.Random
    ) -> tuple[list[int], list[int]]:
        """Ids and mask (1 for what the model says) with some of the words in pieces."""
        if rng.random() < WHOLE:
            return ids, mask
        share = rng.random()
        names = self._names
        said = {names[i] for i, m in zip(ids, mask, strict=True) if m and i in names}
        heard = {names[i] for i in ids if i in names} - said
        chosen = {word for word in sorted(said) if rng.random() < share * SPOKEN}
        chosen |= {word for word in sorted(heard) if rng.random() < share * HEARD}
        new_ids: list[int] = []
        new_mask: list[int] = []
        for i, m in zip(ids, mask, strict=True):
            pieces = self._pieces[i] if names.get(i) in chosen else [i]
            new_ids += pieces
            new_mask += [m] * len(pieces)
        return new_ids, new_mask
