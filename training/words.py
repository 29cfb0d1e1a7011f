"""Plain words, real and spliced, so that the model learns to copy and match words it does not know.

The real ones are all words of the banks and of the vocabulary that is trained; the spliced ones join
the beginning of one with the end of another. Does not do: values with a meaning (see pools.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from functools import cache

from .banks import chat, facts
from .banks.values import LISTS, held_words
from .catalogue import JUDGED, TRAINING


def _texts() -> Iterator[str]:
    for function in (*JUDGED, *TRAINING):
        yield function.description
        yield from function.asks
        yield from (param.description for param in function.params.values())
    for wordings, answer in chat.CHAT:
        yield from wordings
        yield answer
    for relation in facts.RELATIONS:
        for texts in relation[2:4]:
            yield from texts
    yield from LISTS.values()


@cache
def of_banks() -> tuple[str, ...]:
    """Every word of three to ten letters of the banks, in lower case, that is no held-out value."""
    found = {word for text in _texts() for word in re.findall(r"\b[a-z]{3,10}\b", text.lower())}
    return tuple(sorted(found - _held()))


@cache
def _held() -> frozenset[str]:
    return frozenset(word.lower() for word in held_words())


_whole: set[str] = set()


def learn(vocabulary: Iterable[str]) -> None:
    """Let words that a vocabulary has whole be among the real ones, so that each is copied at times."""
    _whole.update(token for token in vocabulary if re.fullmatch("[a-z]{3,10}", token))
    real.cache_clear()


@cache
def real() -> tuple[str, ...]:
    """The words of the banks, and those that were learnt."""
    return tuple(sorted({*of_banks(), *_whole} - _held()))


def spliced(rng: random.Random) -> str:
    """The beginning of one word and the end of another: `moundow`."""
    first, last = rng.choice(real()), rng.choice(real())
    word = first[: rng.randint(2, 5)] + last[-rng.randint(2, 4) :]
    return word if word not in held_words() else first


def any_word(rng: random.Random) -> str:
    """A real or a spliced word."""
    return rng.choice(real()) if rng.random() < 0.5 else spliced(rng)
