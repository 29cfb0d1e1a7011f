"""Python turns: arithmetic and simple questions about data, each with one line of code.

The observation is what that line really evaluates to. The wordings are in banks/computing.py.
Does not do: running code in a kernel.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .banks.computing import CODE, KINDS, ORDERS, split
from .functions import polish
from .pools import Pools
from .turns import Turn

Values = dict[str, tuple[str, str]]  # name -> how a question says it, how code writes it

WEIGHTS = [weight for _, _, weight, _ in KINDS]
RUN_CODE = 0.03  # of questions name the code itself
COURTESY = 0.2  # of the wordings that can take it
POLITE = ["Please {}", "Please {}.", "Can you {}?", "Could you {}?", "Can you please {}?", "I want you to {}", "{}, please", "{} for me"]  # fmt: skip
WONDERING = ["Can you tell me: {}", "Tell me, {}", "I have a question: {}", "Quick question: {}"]
ASKS = frozenset(["what", "what's", "how", "which", "is"])
NOUNS = frozenset(["of", "root", "from", "speed", "value"])  # "sum of" is not an order


def _number(rng: random.Random, big: int = 4) -> str:
    digits = rng.choice((1, 2, 2, 3, 3, big))
    value = str(rng.randint(10 ** (digits - 1), 10**digits - 1))
    if rng.random() < 0.12:
        value += "." + str(rng.randint(1, 99))
    return value


def _spoken(items: list[str], rng: random.Random) -> str:
    joined = ", ".join(items)
    return rng.choice(
        [
            joined,
            joined,
            ", ".join(items[:-1]) + " and " + items[-1],
            ", ".join(items[:-1]) + " and " + items[-1],
            ", ".join(items[:-1]) + ", and " + items[-1],
            f"[{joined}]",
            f"[{joined}]",
            " ".join(items),
        ]
    )


def _items(rng: random.Random) -> list[str]:
    return [str(rng.randint(1, 10 ** rng.randint(1, 3))) for _ in range(rng.randint(3, 6))]


def _listed(items: list[str], rng: random.Random) -> tuple[str, str]:
    return _spoken(items, rng), f"[{', '.join(items)}]"


def _word(p: Pools) -> str:
    return p.invented() if p.rng.random() < 0.4 else p.pick("word").split()[0]


def _quoted(p: Pools) -> tuple[str, str]:
    word = _word(p)
    quote = p.rng.choice(["'{}'", '"{}"', "{}", "{}", "the word {}"])
    return quote.format(word), word


def _repeats(p: Pools) -> tuple[str, str]:
    items = _items(p.rng)[:4]
    items += p.rng.choices(items, k=p.rng.randint(1, 3))
    p.rng.shuffle(items)
    return _listed(items, p.rng)


def _plural(p: Pools) -> str:
    name = p.pick("product")
    return name if name.endswith("s") else name + ("es" if name.endswith("ch") else "s")


def _both(text: str) -> tuple[str, str]:
    return text, text


MAKERS: dict[str, Callable[[Pools], tuple[str, str]]] = {
    "number": lambda p: _both(_number(p.rng)),
    "small": lambda p: _both(_number(p.rng, 3)),
    "price": lambda p: _both(_number(p.rng, 2)),
    "whole": lambda p: _both(_number(p.rng).split(".")[0]),
    "decimal": lambda p: _both(f"{p.rng.randint(0, 99)}.{p.digits(4, 6)}"),
    "things": lambda p: _both(_plural(p)),
    "person": lambda p: _both(p.pick("first_name")),
    "phrase": lambda p: _both(p.pick("phrase")),
    "list": lambda p: _listed(_items(p.rng), p.rng),
    "repeats": _repeats,
    "word": _quoted,
}


def _expression(p: Pools) -> Values:
    r = p.rng
    a, b, c = (_number(r, 3) for _ in range(3))
    o1, o2 = r.choice("+-*"), r.choice("+-*/")
    shapes = [f"({a} {o1} {b}) {o2} {c}", f"{a} {o1} {b} {o2} {c}", f"{a} {o1} ({b} {o2} {c})"]
    return {"e": _both(r.choice(shapes))}


def _dates(p: Pools) -> Values:
    a, b = sorted((p.pick("date"), p.pick("date")))
    return {"a": _both(a), "b": _both(b)}


def _leaving(p: Pools) -> Values:
    b, a = sorted((p.rng.randint(1, 500), p.rng.randint(1, 500)))
    return {
        "a": _both(str(a)),
        "b": _both(str(b)),
        "things": _both(_plural(p)),
        "who": _both(p.pick("first_name")),
    }


def _letter(p: Pools) -> Values:
    word = _word(p)
    return {"w": _both(word), "c": _both(p.rng.choice(word))}


def _above(p: Pools) -> Values:
    items = _items(p.rng)
    limit = max(1, int(p.rng.choice(items)) + p.rng.randint(-5, 3))
    return {"x": _listed(items, p.rng), "m": _both(str(limit))}


UNITS = [
    ("hours", "minutes", 60),
    ("minutes", "seconds", 60),
    ("days", "hours", 24),
    ("weeks", "days", 7),
    ("years", "months", 12),
    ("hours", "seconds", 3600),
    ("kilometers", "meters", 1000),
    ("meters", "centimeters", 100),
    ("kilograms", "grams", 1000),
    ("feet", "inches", 12),
    ("dozen", "pieces", 12),
]


def _units(p: Pools) -> Values:
    large, small, factor = p.rng.choice(UNITS)
    if p.rng.random() < 0.6:
        a, u, v, k = str(p.rng.randint(2, 90)), large, small, f"* {factor}"
    else:
        a, u, v, k = str(p.rng.randint(2, 2000)), small, large, f"/ {factor}"
    return {"a": _both(a), "u": _both(u), "v": _both(v), "k": _both(k)}


TOGETHER: dict[str, Callable[[Pools], Values]] = {
    "@expression": _expression,
    "@dates": _dates,
    "@leaving": _leaving,
    "@letter": _letter,
    "@above": _above,
    "@units": _units,
}


def draw(values: str, pools: Pools) -> Values:
    """Values for one question, as the bank asks for them."""
    if values in TOGETHER:
        return TOGETHER[values](pools)
    made: Values = {}
    for pair in values.split():
        name, maker = pair.split("=")
        if ".." in maker:
            low, high = map(int, maker.split(".."))
            made[name] = _both(str(pools.rng.randint(low, high)))
        else:
            made[name] = MAKERS[maker](pools)
    return made


def vary(wording: str, rng: random.Random) -> str:
    """A wording in small letters, or with words of courtesy; its values are not filled in yet."""
    if rng.random() < 0.15:
        wording = wording.lower()
    small = wording if wording.startswith("I ") else wording[0].lower() + wording[1:]
    first, second = [*small.split(), ""][:2]
    if any(mark in wording for mark in (".", ":", ", ")) or rng.random() > COURTESY:
        return wording
    if first in ORDERS and second not in NOUNS and "?" not in wording and "please" not in small:
        return rng.choice(POLITE).replace("{}", small)
    if first in ASKS and wording.endswith("?"):
        return rng.choice(WONDERING).replace("{}", small)
    return wording


def turn(pools: Pools, train: bool) -> Turn:
    """A question, one line of Python, its real value, and the answer."""
    rng = pools.rng
    template, names, _, wordings = rng.choices(KINDS, WEIGHTS)[0]
    values = draw(names, pools)
    code = template.format(**{name: written for name, (_, written) in values.items()})
    said = {name: spoken for name, (spoken, _) in values.items()}
    if rng.random() < RUN_CODE:
        wordings, said = CODE, {"code": code}
    wording = rng.choice(split(wordings)[0 if train else 1])
    question = polish(vary(wording, rng).format(**said), rng, list(said.values()))
    made = Turn("python", question)
    try:
        value: Any = eval(code)  # noqa: S307 - our own one-liners
        text, answer = repr(value), f"The answer is {value!r}."
    except ArithmeticError as error:
        text = f"{type(error).__name__}: {error}"
        answer = f"That did not work: {text}"
        made.failed = True
    made.call("python", code, [("", text)])
    made.answer, made.expect = answer, text
    return made
