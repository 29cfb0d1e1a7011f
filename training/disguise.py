"""Functions of the banks in disguise: other names, other words, other parameters.

Without it a model of this size learns the few hundred names of the banks by heart, and writes one of
them in place of the name that it is offered. Every word that a function and a question about it
share may become another one, in both, so that reading and matching is the only way to the answer.

Does not do: making functions up (see functions.invent), filling in values.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

from .bank import Function, Param
from .catalogue import words_of
from .words import any_word

_COMMON = frozenset(
    "about after again also been before best between call check could does each every find from get"
    " give given have into just know like list look make many more much need only over please show"
    " some such take tell than that the their them then there this time use value want what when"
    " where which will with would your you".split()
)


def _stems(text: str) -> set[str]:
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
    return {word[:5] for word in words if len(word) > 3 and word not in _COMMON}


def shares_a_word(function: Function, ask: str) -> bool:
    """Whether a question has a word (its first five letters) of the function or its parameters.

    A model of this size, trained on this data alone, knows few synonyms: most questions must be
    answerable by the words that they share with a description.
    """
    known = _stems(f"{function.name} {function.description}")
    return bool(known & _stems(re.sub(r"{\w+}", " ", ask)))


def used_in(ask: str) -> list[str]:
    return re.findall(r"{(\w+)}", ask)


def restyle(name: str, rng: random.Random) -> str:
    """The same words as camelCase, snake_case or kebab-case, now and then in another order."""
    words = [word.lower() for word in words_of(name)]
    if rng.random() < 0.15:
        words.append(rng.choice(["tool", "v2", "api", "now", "by", any_word(rng)]))
    if rng.random() < 0.25:
        words = words[1:] + words[:1]
    style = rng.random()
    if style < 0.65:
        return "_".join(words)
    if style < 0.9:
        return words[0] + "".join(word.capitalize() for word in words[1:])
    return "-".join(words)


def _replace(text: str, other: Mapping[str, str]) -> str:
    """`text` with the words of these stems replaced, their capitals and endings kept."""

    def one(match: re.Match[str]) -> str:
        word = match[0]
        found = other.get(word.lower()[:5])
        if found is None or len(word) < 4:
            return word
        for ending in ("ing", "ed", "s"):
            if word.lower().endswith(ending) and len(word) > len(ending) + 3:
                found += ending
                break
        return found.capitalize() if word[0].isupper() else found

    # Parameters in braces are names, not words.
    parts = re.split(r"({\w+})", text)
    return "".join(
        part if part.startswith("{") else re.sub(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", one, part)
        for part in parts
    )


def reword(function: Function, rng: random.Random) -> Function:
    """Some words that a function shares with its questions become other words in both."""
    about = _stems(f"{function.name} {function.description}")
    asked: set[str] = set()
    for ask in function.asks:
        asked |= _stems(re.sub(r"{\w+}", " ", ask))
    shared = sorted(about & asked)
    if not shared:
        return function
    chosen = rng.sample(shared, rng.randint(1, min(3, len(shared))))
    other = {stem: any_word(rng) for stem in chosen}
    return Function(
        _replace(function.name, other),
        _replace(function.description, other),
        function.params,
        tuple(_replace(ask, other) for ask in function.asks),
        function.group,
    )


_VERBS = "get fetch find show read query lookup list check retrieve compute give tell do run make call start".split()


def _other_name(function: Function, rng: random.Random) -> str:
    """Another verb, a name from the description, or one that says nothing."""
    words = [word.lower() for word in words_of(function.name)]
    roll = rng.random()
    if roll < 0.45:
        words[0] = rng.choice(_VERBS)
    elif roll < 0.75:
        described = [w for w in re.findall(r"[a-z]+", function.description.lower()) if len(w) > 3]
        words = rng.sample(described, min(len(described), rng.randint(1, 3))) or words
    else:
        words = [any_word(rng) for _ in range(rng.randint(1, 2))]
    return "_".join(words)


def _other_parameter(name: str, param: Param, alone: bool, rng: random.Random) -> str:
    """Another name; one that says nothing only where there is no other parameter to tell it from."""
    names = [
        f"{name}_{rng.choice(['name', 'value', 'arg', 'id'])}",
        f"{rng.choice(['the', 'target', 'input', 'my'])}_{name}",
    ]
    if alone:
        described = re.findall(r"[a-z]{4,}", param.description.lower())
        names += [param.pool or param.type, any_word(rng), any_word(rng), *described[:1]]
    return rng.choice(names)


def disguise(function: Function, rng: random.Random) -> Function:
    """A variant with other words, another name, and parameters of other names in another order."""
    if rng.random() < 0.4:
        function = reword(function, rng)
    name = _other_name(function, rng) if rng.random() < 0.3 else function.name
    if rng.random() < 0.35:
        name = restyle(name, rng)
    mapping: dict[str, str] = {}
    for old, param in function.params.items():
        if rng.random() < 0.35:
            new = _other_parameter(old, param, len(function.params) == 1, rng)
            if new not in function.params and new not in mapping.values():
                mapping[old] = new
    items = list(function.params.items())
    if rng.random() < 0.3:
        rng.shuffle(items)
    return Function(
        name,
        function.description if rng.random() < 0.85 else function.description.rstrip(".").lower(),
        {mapping.get(key, key): param for key, param in items},
        tuple(
            re.sub(r"{(\w+)}", lambda m: "{" + mapping.get(m[1], m[1]) + "}", ask)
            for ask in function.asks
        ),
        function.group,
    )
