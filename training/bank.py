"""Constructors for the training banks: functions with parameters and ways to ask for them.

A bank module (`training/banks/*.py`) lists functions with `fn(...)`. A question template names
parameters in braces; a parameter that a template leaves out is optional and left out of the call.
What a parameter's value looks like comes from a pool (see `training/pools.py`), so that names and
values seen in evaluation can be kept out of training.

Does not do: rendering, tokenising, sampling.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Param:
    """One parameter: JSON type, description, and where its values come from."""

    type: str  # string | integer | number | boolean | strings | integers | numbers
    description: str
    pool: str = ""  # name of a pool, for strings
    low: float = 0
    high: float = 100
    choices: tuple[str, ...] = ()  # closed list of strings, shown as an enum in the schema
    phrases: tuple[str, str] = ("", "")  # how a question says true / false


@dataclass(frozen=True)
class Function:
    """A function a model may be offered, with the questions that should lead to it."""

    name: str
    description: str
    params: dict[str, Param]
    asks: tuple[str, ...]
    group: str = field(default="", compare=False)


def s(description: str, pool: str) -> Param:
    """A string drawn from a named pool."""
    return Param("string", description, pool=pool)


def choice(description: str, *choices: str) -> Param:
    """A string from a closed list (an enum in the schema); questions quote it literally."""
    return Param("string", description, choices=choices)


def i(description: str, low: int = 1, high: int = 100) -> Param:
    """An integer between low and high, both included."""
    return Param("integer", description, low=low, high=high)


def f(description: str, low: float = 0, high: float = 100) -> Param:
    """A number with one or two decimals (sometimes a whole one)."""
    return Param("number", description, low=low, high=high)


def b(description: str, true: str, false: str) -> Param:
    """A boolean; `true` and `false` are the words that a question uses for each."""
    return Param("boolean", description, phrases=(true, false))


def strings(description: str, pool: str) -> Param:
    """A list of two to four strings from a pool; a question says "a, b and c"."""
    return Param("strings", description, pool=pool)


def integers(description: str, low: int = 1, high: int = 100) -> Param:
    """A list of two to five integers; a question says "3, 5 and 8"."""
    return Param("integers", description, low=low, high=high)


def numbers(description: str, low: float = 0, high: float = 100) -> Param:
    """A list of two to five numbers; a question says "1.5, 2 and 8.25"."""
    return Param("numbers", description, low=low, high=high)


def fn(name: str, description: str, params: dict[str, Param], asks: list[str]) -> Function:
    """A function; raises ValueError when a question names a parameter that does not exist."""
    import string

    for ask in asks:
        for _, key, _, _ in string.Formatter().parse(ask):
            if key is not None and key not in params:
                raise ValueError(f"{name}: question {ask!r} names unknown parameter {key!r}")
    return Function(name, description, params, tuple(asks))
