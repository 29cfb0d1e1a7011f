"""The authored functions of the banks, and which of them are kept for evaluation.

One in seven of the first six banks is kept. The other banks were written later, by people who had
not seen those six, and are for training alone: so the tasks stay the same, and scores comparable.

Does not do: questions with values, invented functions (see functions.py).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import replace

from .bank import Function
from .banks import (
    devices,
    everyday,
    industry,
    journeys,
    knowledge,
    language,
    offices,
    places,
    services,
    work,
)

_EMPTY = frozenset("a an by call do find for from get give list look new of show the to up".split())


def held_out(name: str) -> bool:
    """Whether a function of the judged banks is kept for evaluation, by its name's hash."""
    return zlib.crc32(name.encode()) % 7 == 0


def words_of(name: str) -> list[str]:
    """The words of a camelCase, snake_case or kebab-case name, with their capitals."""
    return re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)


def _stems(name: str) -> frozenset[str]:
    words = [word.lower() for word in words_of(name)]
    return frozenset(word[:5].rstrip("s") for word in words if word not in _EMPTY)


def _load(*modules: object) -> list[Function]:
    """The functions of these banks; where two have one name, the first. Twelve in a row are near."""
    found: dict[str, Function] = {}
    for module in modules:
        group = module.__name__.rsplit(".", 1)[-1]  # type: ignore[attr-defined]
        for index, item in enumerate(module.FUNCTIONS):  # type: ignore[attr-defined]
            found.setdefault(item.name, replace(item, group=f"{group}{index // 12}"))
    return list(found.values())


JUDGED = _load(everyday, work, knowledge, devices, services, industry)
KEPT = [function for function in JUDGED if held_out(function.name)]
KEPT_NAMES = frozenset(function.name for function in KEPT)
_TAKEN = frozenset(_stems(function.name) for function in KEPT)
_FOR_TRAINING = [function for function in JUDGED if not held_out(function.name)]
_KNOWN = frozenset(function.name for function in _FOR_TRAINING)
# What says the same as a kept name in other words' order or number is left out too.
TRAINING = _FOR_TRAINING + [
    function
    for function in _load(journeys, language, offices, places)
    if _stems(function.name) not in _TAKEN and function.name not in _KNOWN
]
