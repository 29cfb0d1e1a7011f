"""Where the values in training conversations come from, split into a training and a held-out half.

Real words are split by a hash, so that a held-out value never occurs in training; invented words are
drawn from disjoint syllable sets for the same reason. Does not do: questions, functions, rendering.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from .banks.values import LISTS, side
from .words import any_word, spliced

_VOWELS = "a e i o u a e o".split()
_TRAIN_ONSETS = "b br c d dr f g gr h k l m n p pr r s st t tr v w z th ch".split()
_HELD_ONSETS = "bl cr fl gl j kl kr pl sh sk sl sn sp sw vl y qu".split()
_CODAS = ["", "", "", "n", "r", "l", "s", "m", "nd", "rt", "x", "ck", "th"]


class Pools:
    """Values for one side of the split. `rng` is the caller's, so that runs repeat exactly."""

    def __init__(self, rng: random.Random, held_out: bool = False) -> None:
        self.rng = rng
        self.held_out = held_out
        self.lists = {name: side(name, held_out) for name in LISTS}

    def pick(self, name: str) -> str:
        """One value of a pool. Raises KeyError for a pool that does not exist."""
        made: Callable[[], str] | None = getattr(self, "_" + name, None)
        value = made() if made else self._listed(name)
        return value

    def many(self, name: str, count: int) -> list[str]:
        """Different values of a pool."""
        found: list[str] = []
        for _ in range(count * 10):
            value = self.pick(name)
            if value not in found:
                found.append(value)
            if len(found) == count:
                break
        return found

    def invented(self, syllables: int | None = None, capital: bool = False) -> str:
        """A word that does not exist, from this side's syllables or, in training, other words."""
        rng = self.rng
        if not self.held_out and syllables is None and rng.random() < 0.5:
            word = spliced(rng)
            return word.capitalize() if capital else word
        onsets = _TRAIN_ONSETS if not self.held_out else _TRAIN_ONSETS + _HELD_ONSETS * 2
        n = syllables or rng.choice((1, 2, 2, 2, 3))
        word = "".join(
            rng.choice(onsets) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(n)
        )
        if rng.random() < 0.3:
            word = rng.choice(_VOWELS) + word
        return word.capitalize() if capital else word

    def digits(self, low: int, high: int) -> str:
        """A string of low to high digits, not starting with zero."""
        n = self.rng.randint(low, high)
        return str(self.rng.randint(1, 9)) + "".join(
            str(self.rng.randint(0, 9)) for _ in range(n - 1)
        )

    def _listed(self, name: str) -> str:
        rng = self.rng
        if name in (
            "city",
            "country",
            "company",
            "surname",
            "product",
            "word",
            "topic",
            "food",
            "first_name",
            "team",
            "device",
            "metric",
        ) and rng.random() < (0.25 if self.held_out else 0.5):
            capital = name in ("city", "country", "company", "surname", "first_name", "team")
            word = self.invented(capital=capital)
            if not self.held_out and rng.random() < 0.5:
                word = any_word(rng)
                word = word.capitalize() if capital else word
            return f"{word} {self.invented(capital=capital)}" if rng.random() < 0.15 else word
        return rng.choice(self.lists[name])

    def _full_name(self) -> str:
        return f"{self.pick('first_name')} {self.pick('surname')}"

    def _person(self) -> str:
        return self._full_name()

    def _caps(self, n: int) -> str:
        return "".join(self.rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(n))

    def _email(self) -> str:
        rng = self.rng
        user = rng.choice(
            [
                self.pick("first_name").lower().replace(" ", "."),
                f"{self.pick('first_name')}.{self.pick('surname')}".lower().replace(" ", ""),
                self.invented() + self.digits(1, 2),
            ]
        )
        return f"{user}@{self._domain()}"

    def _domain(self) -> str:
        rng = self.rng
        return f"{rng.choice([self.invented(), self.pick('word'), self.invented() + '-' + self.pick('word')]).replace(' ', '')}.{rng.choice(['com', 'org', 'net', 'io', 'example', 'dev', 'de'])}"

    def _url(self) -> str:
        rng = self.rng
        return f"{rng.choice(['https', 'https', 'http'])}://{rng.choice(['', 'www.', 'docs.'])}{self._domain()}{rng.choice(['', '/', '/' + self.pick('word').replace(' ', '-'), '/' + self.invented() + '/' + self.digits(1, 4)])}"

    def _filename(self) -> str:
        rng = self.rng
        stem = rng.choice(
            [
                self.pick("word"),
                self.invented(),
                f"{self.pick('adjective')}_{self.pick('word')}",
                f"{self.pick('word')}-{self.digits(1, 4)}",
                f"{self.pick('word')}{self.digits(1, 2)}",
            ]
        ).replace(" ", "_")
        return f"{stem}.{rng.choice('pdf csv txt json png log xlsx docx md py yaml zip'.split())}"

    def _path(self) -> str:
        rng = self.rng
        parts = [
            rng.choice(
                [self.pick("word"), self.invented(), "data", "home", "var", "tmp", "logs", "src"]
            ).replace(" ", "_")
            for _ in range(rng.randint(1, 3))
        ]
        return (
            rng.choice(["/", "/", "", "./"])
            + "/".join(parts)
            + rng.choice(["", "/" + self._filename()])
        )

    def _date(self) -> str:
        rng = self.rng
        return f"{rng.randint(1990, 2032)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"

    def _time(self) -> str:
        return f"{self.rng.randint(0, 23):02d}:{self.rng.choice([0, 5, 10, 15, 20, 30, 40, 45, 50, 55]):02d}"

    def _phrase(self) -> str:
        rng = self.rng
        p = self.pick
        return rng.choice(
            [
                lambda: f"{p('verb')} the {p('adjective')} {p('word')}",
                lambda: f"{p('verb')} {p('first_name')} about the {p('word')}",
                lambda: f"the {p('word')} is {p('adjective')}",
                lambda: f"{p('adjective')} {p('word')} and {p('word')}",
                lambda: f"{p('verb')} {p('food')} for {p('first_name')}",
                lambda: f"{p('word')} {p('word')} {p('word')}",
                lambda: f"I will be late {p('weekday')}",
                lambda: f"{p('first_name').split()[0]} needs a {p('adjective')} {p('product')}",
            ]
        )()

    def _title(self) -> str:
        rng = self.rng
        p = self.pick
        cap = lambda w: w[:1].upper() + w[1:]
        return rng.choice(
            [
                lambda: f"The {cap(p('adjective'))} {cap(p('word'))}",
                lambda: f"{cap(p('word'))} of {p('city')}",
                lambda: f"{cap(p('word'))} and {cap(p('word'))}",
                lambda: f"{cap(p('adjective'))} {cap(self.invented())}",
                lambda: self.invented(capital=True),
                lambda: f"The {cap(p('word'))} in {p('city')}",
            ]
        )()

    def _street(self) -> str:
        rng = self.rng
        return f"{rng.randint(1, 300)} {rng.choice([self.pick('surname'), self.pick('word').capitalize(), self.invented(capital=True)])} {rng.choice(['Street', 'Road', 'Avenue', 'Lane', 'Square'])}"

    def _phone(self) -> str:
        return self.rng.choice(["+", ""]) + "-".join(
            self.digits(2, 4) for _ in range(self.rng.randint(2, 3))
        )

    def _code(self) -> str:
        rng = self.rng
        return rng.choice(
            [
                lambda: f"{self._caps(1)}{self.digits(1, 2)}-{self.digits(3, 4)}",
                lambda: f"{self._caps(rng.randint(2, 3))}-{self.digits(2, 5)}",
                lambda: self.digits(3, 7),
                lambda: f"{self.invented()}-{self.digits(1, 3)}",
                lambda: f"{self._caps(2)}{self.digits(2, 5)}",
                lambda: f"{self.pick('word')}_{self.digits(1, 3)}".replace(" ", "_"),
            ]
        )()

    def _ticker(self) -> str:
        return self._caps(self.rng.randint(2, 4))

    def _airport(self) -> str:
        return self._caps(3)

    def _username(self) -> str:
        rng = self.rng
        return rng.choice(
            [
                self.invented(),
                f"{self.invented()}{self.digits(1, 3)}",
                f"{self.pick('first_name').lower()}_{self.invented()}".replace(" ", "_"),
                f"@{self.invented()}",
            ]
        )

    def _hashtag(self) -> str:
        return "#" + self.rng.choice([self.invented(), self.pick("word").replace(" ", "")])

    def _team(self) -> str:
        return self.rng.choice(
            [
                f"{self.pick('city')} {self.pick('word').capitalize()}s",
                self.invented(capital=True),
                f"FC {self.pick('city')}",
                f"the {self.pick('color')} {self.pick('animal')}s",
            ]
        )

    # What pages about invented things are made of (see banks/facts.py).
    def _place(self) -> str:
        rng = self.rng
        n = self.invented(2, True)
        return rng.choice(
            [
                f"{n} Bridge",
                f"the {n} Lighthouse",
                n,
                f"{n} Tower",
                f"the {n} {self.pick('adjective').capitalize()} Hall",
                f"{n} Park",
                f"the {n} Museum",
            ]
        )

    def _species(self) -> str:
        return self.rng.choice(
            [
                f"the {self.pick('adjective')} {self.invented()}",
                f"the {self.invented()} {self.pick('animal')}",
            ]
        )

    def _river_mountain(self) -> str:
        n = self.invented(capital=True)
        return self.rng.choice([f"Mount {n}", f"the river {n}", n, f"the {n} River"])

    def _dish(self) -> str:
        return self.rng.choice([self.invented(), f"{self.invented()} {self.pick('food')}"])

    def _year(self) -> str:
        return str(self.rng.randint(1650, 2024))

    def _number(self) -> str:
        return self.digits(1, 5)

    _population = _area = _number

    def _length_m(self) -> str:
        return self.digits(2, 4)

    _height_m = _length_m

    def _percent(self) -> str:
        return str(self.rng.randint(1, 99))

    def _price(self) -> str:
        return f"{self.digits(1, 4)} {self.rng.choice(['dollars', 'euros', 'crowns', 'pounds'])}"
