"""Names, values, and facts invented from hundreds of nouns and verbs (banks/attributes.py).

Such a page can only be read by matching the question's noun or verb to a sentence. Nouns and verbs for
evaluation are one in seven by hash, and the last two question patterns are kept for evaluation too.
Does not do: pages, searches, turns (see browsing.py).
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from .banks.attributes import NOUNS, VERBS
from .banks.facts import RELATIONS
from .pools import Pools

FORMS: dict[str, list[str]] = {  # {h} is the name's own word, shared by related names
    "bridge": ["the {h} Bridge", "the {h} Bridge", "{h} Bridge", "the {Adjective} {h} Bridge"],
    "lighthouse": ["the {h} Lighthouse", "{h} Lighthouse", "{h} Light"],
    "museum": ["the {h} Museum", "{h} Museum", "the {h} {Word} Museum"],
    "building": ["{h} Tower", "the {h} Hall", "{h} House", "the {h} {Adjective} Hall"],
    "river": ["the River {h}", "the {h} River", "the {h}"],
    "mountain": ["Mount {h}", "{h} Peak", "the {h} Hill"],
    "company": ["{h} {Word}", "{h} and Sons", "{h} Works", "{company}", "the {h} Mill"],
    "product": [
        "the {h} {product}",
        "the {h} {code}",
        "{h} {Word}",
        "the {adjective} {h} {product}",
    ],
    "book": ["{title}", "{title}", "{h} and the {Word}", "The {h} Letters"],
    "film": ["{title}", "{title}", "Return to {h}", "The {Word} of {h}"],
    "album": ["{title}", "{title}", "{h} Songs", "{Adjective} {h}"],
    "festival": ["the {h} Festival", "the {h} {Word} Festival", "{h} Days"],
    "team": ["{h} United", "FC {h}", "the {h} {Word}s", "{team}"],
    "animal": ["the {h} {animal}", "the {adjective} {animal}", "the {invented} {animal}"],
    "plant": ["the {h} {plant}", "the {adjective} {plant}", "the {invented} {plant}"],
    "dish": ["{h} {food}", "{h} stew", "{invented} {food}", "{h} soup"],
    "ship": ["the {h}", "the {Adjective} {h}", "the {first} {h}", "the {h} {Word}"],
    "person": ["{first} {h}", "{first} {h}", "{person}", "{first} {first} {h}"],
    "musician": ["{first} {h}", "{person}"],
    "island": ["{h} Island", "the Isle of {h}", "{Adjective} {h}"],
    "town": ["{h}", "{h} Bay", "Port {h}", "{h} upon {Word}", "{h} Park"],
}
PEOPLE = ("person", "musician")
ORDER = ["first", "second", "last", "old", "new", "main", "former", "present"]
MEASURED = {"metres", "kilograms", "kilometres per hour", "years", "minutes", "litres", "degrees"}

NOUN_SAYS = [
    "The {noun} of {name} is {value}.",
    "The {noun} of {name} is {value}.",
    "{name} has the {noun} {value}.",
    "{value} is the {noun} of {name}.",
    "The {noun} of {name} was {value}.",
    "As for the {noun} of {name}, it is {value}.",
]
MEASURE_SAYS = [
    "The {noun} of {name} is {value}.",
    "{name} has a {noun} of {value}.",
    "With {name} the {noun} comes to {value}.",
    "The {noun} of {name} was {value} last year.",
    "The {noun} of {name} is about {value}.",
]
NOUN_ASKS = [
    "What is the {noun} of {name}?",
    "{name} {noun}?",
    "Tell me the {noun} of {name}.",
    "Which {noun} does {name} have?",
    "What {noun} does {name} have?",
    "Look up the {noun} of {name}.",
    "Find the {noun} of {name}.",
    "{noun} of {name}?",
    "I need the {noun} of {name}.",
    "Do you know the {noun} of {name}?",
    "What was the {noun} of {name}?",
    "Can you tell me the {noun} of {name}?",
    "I would like to know the {noun} of {name}.",
    "Please find out the {noun} of {name}.",
    "What does it say about the {noun} of {name}?",
    "Give me the {noun} of {name}.",
    "I want to know what the {noun} of {name} is.",
]
WHO_IS = [
    "Who is the {noun} of {name}?",
    "Who was the {noun} of {name}?",
    "What is the name of the {noun} of {name}?",
    "Name the {noun} of {name}.",
    "Tell me who the {noun} of {name} is.",
    "{name} {noun}?",
    "{noun} of {name}?",
    "Find the {noun} of {name}.",
    "Do you know who the {noun} of {name} is?",
    "Who is {noun} of {name}?",
    "Find out who was the {noun} of {name}.",
    "I need the name of the {noun} of {name}.",
]
MEASURE_ASKS = [
    "How large is the {noun} of {name}?",
    "How much is the {noun} of {name}?",
    *NOUN_ASKS,
]
WHO_SAYS = [
    "{name} was {part} by {person}.",
    "{person} {past} {name}.",
    "It was {person} who {past} {name}.",
    "The one who {past} {name} was {person}.",
]
WHEN_SAYS = [
    "{name} was {part} in {year}.",
    "In {year} {name} was {part}.",
    "{name} was {part} for the first time in {year}.",
    "They {past} {name} in {year}.",
]
WHERE_SAYS = [
    "{name} was {part} in {city}.",
    "In {city} {name} was {part}.",
    "{name} was {part} near {city}.",
    "They {past} {name} in {city}.",
]
BOTH_SAYS = [
    "{name} was {part} by {person} in {year}.",
    "In {year} {person} {past} {name}.",
    "{person} {past} {name} in {year}.",
]
WHO_ASKS = [
    "Who {past} {name}?",
    "By whom was {name} {part}?",
    "Who was it that {past} {name}?",
    "Who did {base} {name}?",
    "Find out who {past} {name}.",
    "Tell me who {past} {name}.",
    "{name} was {part} by whom?",
    "Which person {past} {name}?",
    "Who was {name} {part} by?",
    "Do you know who {past} {name}?",
    "I need the name of the person who {past} {name}.",
    "Look up who {past} {name}.",
    "Please find the person who {past} {name}.",
]
WHEN_ASKS = [
    "When was {name} {part}?",
    "In which year was {name} {part}?",
    "What year was {name} {part}?",
    "When did they {base} {name}?",
    "{name} {part} when?",
    "Tell me when {name} was {part}.",
    "Find the year in which {name} was {part}.",
    "Since when has {name} been {part}?",
    "In what year did somebody {base} {name}?",
    "Do you know when {name} was {part}?",
    "I want to know when {name} was {part}.",
    "Look up when {name} was {part}.",
    "Find out in what year {name} was {part}.",
]
WHERE_ASKS = [
    "Where was {name} {part}?",
    "In which city was {name} {part}?",
    "What city was {name} {part} in?",
    "{name} {part} where?",
    "Where did they {base} {name}?",
    "Tell me where {name} was {part}.",
    "Find the place where {name} was {part}.",
    "Do you know where {name} was {part}?",
    "In what city did somebody {base} {name}?",
    "Near which city was {name} {part}?",
    "Look up where {name} was {part}.",
    "Find out in what city {name} was {part}.",
]


@dataclass
class Fact:
    """A sentence, and the ways to ask for it: in training, and kept for evaluation."""

    sentence: str
    questions: list[str]
    kept: list[str]


@dataclass
class Subject:
    """What a page is about. `head` is the word that related names share, empty if there is none.

    `close` makes its years, numbers and names look like each other, so that they must be copied
    exactly; `style` is how its sentences begin (see `way`); `told` is what has been said already.
    """

    kind: str
    name: str
    head: str
    close: bool = False
    commas: bool = False
    style: str = "plain"
    told: dict[str, list[str]] = field(default_factory=dict)


def kept(word: str) -> bool:
    """Whether a noun or verb is for evaluation only; one that the bank uses never is."""
    return zlib.crc32(word.encode()) % 7 == 0 and word not in _BANK


def _forms(entry: str) -> tuple[str, str, str]:
    parts = entry.split()
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    base = parts[0]
    if base.endswith("e"):
        past = base + "d"
    elif base.endswith("y") and base[-2] not in "aeiou":
        past = base[:-1] + "ied"
    elif base in _DOUBLED:
        past = base + base[-1] + "ed"
    else:
        past = base + "ed"
    return base, past, past


_DOUBLED = {"plan", "ban", "drop", "wrap", "knit", "ship"}
_VERBS = [_forms(entry) for entry in dict.fromkeys(re.split(r"[|\n]", VERBS.strip()))]
_BANK = {
    word
    for _, _, says, asks in RELATIONS
    for text in says + asks
    for word in re.findall(r"[a-z]+", text.lower())
}
_NOUNS = [(noun, kind) for kind, words in NOUNS.items() for noun in dict.fromkeys(words.split())]


def head_word(pools: Pools) -> str:
    """A word that names are made of."""
    roll = pools.rng.random()
    if roll < 0.5:
        return pools.invented(capital=True)
    pool = "surname" if roll < 0.75 else "city" if roll < 0.85 else "word"
    word = pools.pick(pool)
    return word[:1].upper() + word[1:]


def subject(pools: Pools, kind: str, head: str = "") -> Subject:
    """Something of a kind with a new name; with `head`, a name that has this word in it."""
    rng = pools.rng
    forms = [form for form in FORMS[kind] if "{h}" in form] if head else FORMS[kind]
    form = rng.choice(forms)
    head = head or head_word(pools)

    def fill(match: re.Match[str]) -> str:
        key = match[1]
        if key == "h":
            return head
        if key == "invented":
            return pools.invented()
        word = pools.pick("first_name") if key == "first" else pools.pick(key.lower())
        return word[:1].upper() + word[1:] if key[0].isupper() or key == "first" else word

    name = re.sub(r"\{(\w+)\}", fill, form)
    style = rng.choices(["name", "the", "plain", "free"], [50, 15, 25, 10])[0]
    return Subject(
        kind, name, head if "{h}" in form else "", rng.random() < 0.4, rng.random() < 0.5, style
    )


def _near(text: str, rng: random.Random) -> str:
    """The same digits but for one or two of the last."""
    at = max(1, len(text) - rng.choice((1, 1, 2)))
    changed = text[:at] + "".join(str(rng.randint(0, 9)) for _ in text[at:])
    return changed if changed != text else text[:-1] + str((int(text[-1]) + 1) % 10)


def value(pools: Pools, kind: str, about: Subject) -> str:
    """A value of a kind (a pool's name, a unit, or one of those below) for a page's subject."""
    rng = pools.rng
    told = about.told.setdefault(kind, [])
    made = _value(pools, kind, about, told)
    for _ in range(9):
        if made not in told:
            break
        made = _value(pools, kind, about, told)
    told.append(made)
    if kind in ("number", "length") and about.commas and len(made) > 3:
        return f"{int(made):,}"
    if kind == "color" and rng.random() < 0.25:
        return rng.choice(["dark ", "light ", "pale "]) + made
    return made


def _value(pools: Pools, kind: str, about: Subject, told: list[str]) -> str:
    rng = pools.rng
    if kind in MEASURED:
        return f"{_digits(pools, about, 1, 4)} {kind}"
    if kind in ("number", "length"):
        return _digits(pools, about, *((1, 6) if kind == "number" else (2, 4)))
    if kind == "percent":
        return str(rng.randint(1, 99))
    if kind == "count":
        few = "two three four five six seven eight nine ten twelve".split()
        return rng.choice(few) if rng.random() < 0.5 else str(rng.randint(2, 60))
    if kind == "price":
        amount = int(_digits(pools, about, 1, 6))
        unit = rng.choice(["dollars", "euros", "crowns", "pounds"])
        return f"{amount:,} {unit}" if about.commas else f"{amount} {unit}"
    if kind == "year" and told and about.close:
        return _near(rng.choice(told), rng)
    if kind == "date":
        day = f"{rng.randint(1, 28)} {pools.pick('month')} {rng.randint(1650, 2024)}"
        return day if rng.random() < 0.5 else pools.pick("date")
    if kind == "person":
        if about.close and about.head and rng.random() < 0.4:
            return f"{pools.pick('first_name')} {about.head}"
        if about.close and told and rng.random() < 0.5:
            return f"{pools.pick('first_name')} {rng.choice(told).split()[-1]}"
    return pools.pick(kind)


def _digits(pools: Pools, about: Subject, low: int, high: int) -> str:
    """A number that may look like one told before."""
    told = about.told.setdefault("digits", [])
    longer = [text for text in told if low <= len(text) <= high and len(text) > 1]
    made = pools.digits(low, high)
    if about.close and longer and pools.rng.random() < 0.8:
        made = _near(pools.rng.choice(longer), pools.rng)
    told.append(made)
    return made


def sentence(template: str, **values: str) -> str:
    """A template with its values, beginning with a capital."""
    text = re.sub(r"\{(\w+)\}", lambda match: values[match[1]], template)
    return text[:1].upper() + text[1:]


def way(about: Subject, ways: Sequence[str], rng: random.Random) -> str:
    """One of several ways to state a fact, in the style of the subject's page.

    Most begin like an encyclopedia's, with the name or with "The (noun) of": to quote a sentence
    from its start, a model has to look back from the words that the question shares with it.
    """
    starts = {"name": ("{name} ",), "the": ("The ",), "plain": ("{name} ", "The ")}
    wanted = starts.get(about.style, ("",))
    fitting = [text for text in ways if text.startswith(wanted)]
    return rng.choice(fitting or [t for t in ways if t.startswith(starts["plain"])] or list(ways))


def facts(pools: Pools, about: Subject) -> list[Fact]:
    """Two to eight facts about a subject, no two with the same noun, or the same verb and asking."""
    count = pools.rng.randint(2, 8)
    nouns = sum(pools.rng.random() < 0.55 for _ in range(count))
    return _noun_facts(pools, about, nouns) + _verb_facts(pools, about, count - nouns)


def _side(pools: Pools, word: str) -> bool:
    return kept(word) == pools.held_out


def _noun_facts(pools: Pools, about: Subject, count: int) -> list[Fact]:
    rng = pools.rng
    made: list[Fact] = []
    seen: set[str] = set()
    nouns = [pair for pair in _NOUNS if _side(pools, pair[0])]
    for noun, kind in rng.sample(nouns, count):
        if rng.random() < 0.08:
            noun = pools.invented(2)
        noun = (
            f"{rng.choice(ORDER)} {noun}" if kind not in MEASURED and rng.random() < 0.2 else noun
        )
        if noun.split()[-1] in seen:
            continue
        seen.add(noun.split()[-1])
        both = noun.split()[-1] != noun and rng.random() < 0.5  # "first owner" and "second owner"
        again = rng.choice([word for word in ORDER if not noun.startswith(word)])
        for phrase in [noun, f"{again} {noun.split()[-1]}"] if both else [noun]:
            told = value(pools, kind, about)
            told = f"{told} percent" if kind == "percent" else told
            told = f"the {told}" if kind in ("animal", "instrument") else told
            measured = kind in MEASURED or kind in ("percent", "number", "price")
            says = MEASURE_SAYS if measured else NOUN_SAYS
            asks = MEASURE_ASKS if measured else WHO_IS if kind == "person" else NOUN_ASKS
            thing = about.kind not in PEOPLE and kind != "person"
            if thing and not measured and rng.random() < 0.1:
                says = ["Its {noun} is {value}."]
            text = sentence(way(about, says, rng), noun=phrase, name=about.name, value=told)
            text = re.sub(r"\ba (?=[aeiou])", "an ", text)
            made.append(_fact(text, asks, noun=phrase, name=about.name))
    return made


def _verb_facts(pools: Pools, about: Subject, count: int) -> list[Fact]:
    rng = pools.rng
    made: list[Fact] = []
    for base, past, part in rng.sample([verb for verb in _VERBS if _side(pools, verb[0])], count):
        if rng.random() < 0.06:
            base = pools.invented(2).rstrip("e")
            past = part = base + "ed"
        words = {"base": base, "past": past, "part": part, "name": about.name}
        told = {"person": "", "year": "", "city": ""}
        for kind in told:
            told[kind] = value(pools, kind, about)
        roll = rng.random()
        if roll < 0.2:
            text = sentence(way(about, BOTH_SAYS, rng), **words, **told)
            asks = WHO_ASKS if rng.random() < 0.5 else WHEN_ASKS
            made.append(_fact(text, asks, **words))
            continue
        parts = [(WHO_SAYS, WHO_ASKS), (WHEN_SAYS, WHEN_ASKS), (WHERE_SAYS, WHERE_ASKS)]
        for says, asks in rng.sample(parts, 2 if roll > 0.85 else 1):
            made.append(_fact(sentence(way(about, says, rng), **words, **told), asks, **words))
    return made


def _fact(text: str, asks: list[str], **words: str) -> Fact:
    asked = [sentence(template, **words) for template in asks]
    return Fact(text, asked[:-2], asked[-2:])
