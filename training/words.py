"""Plain words, real and spliced, so that the model learns to copy and match words it does not know.

The real ones are all words of the banks; the spliced ones join the beginning of one with the end of
another. Does not do: values with a meaning (see pools.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache

from .banks import chat, devices, everyday, facts, industry, knowledge, services, work
from .banks.values import LISTS, held_words


def _texts() -> Iterator[str]:
    for module in (everyday, work, knowledge, devices, services, industry):
        for function in module.FUNCTIONS:
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
def real() -> tuple[str, ...]:
    """Every word of three to ten letters, in lower case, that is no held-out value."""
    found = {word for text in _texts() for word in re.findall(r"\b[a-z]{3,10}\b", text.lower())}
    return tuple(sorted(found - {word.lower() for word in held_words()}))


def spliced(rng: random.Random) -> str:
    """The beginning of one word and the end of another: `moundow`."""
    first, last = rng.choice(real()), rng.choice(real())
    word = first[: rng.randint(2, 5)] + last[-rng.randint(2, 4) :]
    return word if word not in held_words() else first


def any_word(rng: random.Random) -> str:
    """A real or a spliced word."""
    return rng.choice(real()) if rng.random() < 0.5 else spliced(rng)
