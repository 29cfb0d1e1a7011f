"""Function-calling turns: from the authored banks and from invented functions.

Authored functions give natural questions; invented ones (random verbs, nouns and parameters, often
words that do not exist) force choosing by description and copying instead of remembering.
Does not do: python, browsing, chat, rendering.
"""

from __future__ import annotations

import json
import random
from typing import Any

from glm_agent.messages import ToolSpec

from .bank import Function, Param
from .catalogue import JUDGED, KEPT, KEPT_NAMES, TRAINING
from .disguise import disguise, shares_a_word, used_in
from .pools import Pools
from .turns import Turn, answer_for
from .words import any_word

SHORT = (
    0.5  # of results in training are a word: what is called is harder to learn than what came back
)


def disguised(function: Function, pools: Pools) -> Function:
    """A variant of the function that does not happen to have a held-out function's name."""
    made = disguise(function, pools.rng)
    return made if made.name not in KEPT_NAMES else disguised(function, pools)


_JSON_TYPES = {"strings": "string", "integers": "integer", "numbers": "number"}


def schema_of(param: Param, rng: random.Random, describe: bool = True) -> dict[str, Any]:
    """The JSON Schema of one parameter, in the order in which `@tool` writes it."""
    schema: dict[str, Any] = {"type": param.type}
    if param.type in _JSON_TYPES:
        schema = {"type": "array"}
    if describe:
        schema["description"] = param.description
    if param.type in _JSON_TYPES:
        schema["items"] = {"type": _JSON_TYPES[param.type]}
    if param.choices:
        schema["enum"] = list(param.choices)
    return schema


def spec_of(function: Function, rng: random.Random, required: set[str]) -> ToolSpec:
    """A tool spec as the model sees it; now and then without descriptions of parameters."""
    describe = rng.random() < 0.75
    properties = {}
    for name, param in function.params.items():
        schema = schema_of(param, rng, describe)
        if name not in required and rng.random() < 0.3:
            schema["default"] = None if rng.random() < 0.5 else _default(param, rng)
            if schema["default"] is None:
                del schema["default"]
        properties[name] = schema
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    needed = [name for name in function.params if name in required]
    if needed:
        parameters["required"] = needed
    return ToolSpec(function.name, function.description, parameters)


def _default(param: Param, rng: random.Random) -> Any:
    if param.choices:
        return rng.choice(param.choices)
    return {"string": None, "integer": int(param.low), "number": param.low, "boolean": False}.get(
        param.type
    )


def value_of(param: Param, pools: Pools) -> tuple[Any, str]:
    """A value for the call, and the words a question uses for it."""
    rng = pools.rng
    if param.choices:
        value = rng.choice(param.choices)
        return value, value
    if param.type == "string":
        # Any words at all, now and then: what is copied must not depend on what it is.
        odd = not pools.held_out and rng.random() < 0.15
        value = _odd_value(rng) if odd else pools.pick(param.pool)
        return value, value
    if param.type == "boolean":
        flag = rng.random() < 0.5
        return flag, param.phrases[0] if flag else param.phrases[1]
    if param.type == "integer":
        return _integer(param, rng)
    if param.type == "number":
        return _number(param, rng)
    count = rng.randint(2, 4)
    if param.type == "strings":
        items: list[Any] = pools.many(param.pool, count)
        return items, _listing(items)
    pairs = [
        _integer(param, rng) if param.type == "integers" else _number(param, rng)
        for _ in range(count)
    ]
    return [v for v, _ in pairs], _listing([w for _, w in pairs])


def _odd_value(rng: random.Random) -> str:
    words = [any_word(rng) for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
    return " ".join(word.capitalize() for word in words) if rng.random() < 0.3 else " ".join(words)


def _integer(param: Param, rng: random.Random) -> tuple[int, str]:
    high = param.high if rng.random() < 0.8 else max(param.high, 10 ** rng.randint(1, 5))
    value = rng.randint(int(param.low), int(high))
    return value, str(value)


def _number(param: Param, rng: random.Random) -> tuple[float | int, str]:
    if rng.random() < 0.3:
        return _integer(param, rng)
    value = round(rng.uniform(param.low, param.high), rng.choice((1, 1, 2)))
    return value, str(value)


def _listing(items: list[Any]) -> str:
    words = [str(item) for item in items]
    return ", ".join(words[:-1]) + " and " + words[-1]


VERBS = "get find list create update delete check compute count fetch send open close start stop reset show rank sort merge split convert measure book cancel reserve schedule assign approve reject archive publish export import scan sync rename copy move lock unlock enable disable track log record rate tag label inspect repair estimate compare".split()
NOUNS = "status report balance list price score level index rate limit count summary schedule record history profile queue ticket order note alert token key tag group plan budget quota stock batch panel channel grade rank route badge label card file form job task slot table".split()
OBJECTS = "user account city machine shelf garden river engine lamp ship robot museum lab farm factory library hotel car train bakery school clinic server office warehouse tank pump tower bridge planet".split()
ARG_NAMES = "name id key label value amount size width height depth weight speed level index count limit offset page start end source target owner tag kind mode color city region code date time title text message query topic path file email phone zone floor shelf batch".split()
_ARG_POOLS = "word word city first_name full_name code code phrase title topic company product color animal filename date time email country path url language month team username room device".split()


def invent(pools: Pools) -> Function:
    """A function that no bank has, with questions made from its own words."""
    rng = pools.rng
    word = lambda real: rng.choice(real) if rng.random() < 0.55 else pools.invented()
    verb, noun, thing = word(VERBS), word(NOUNS), word(OBJECTS)
    name = rng.choice(
        [
            f"{verb}_{noun}",
            f"{verb}_{thing}_{noun}",
            f"{verb}{noun.capitalize()}",
            f"{thing}_{noun}",
            noun,
        ]
    )
    description = rng.choice([
        f"{verb.capitalize()} the {noun} of a {thing}", f"{verb.capitalize()} {noun}s for a given {thing}.", f"Use this to {verb} the {thing} {noun}.",
        f"{verb.capitalize()} a {thing}'s {noun}.", f"Will {verb} the {noun} of one {thing}", f"{verb.capitalize()} {thing} {noun}",
    ])  # fmt: skip
    params: dict[str, Param] = {}
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))):
        arg = rng.choice(ARG_NAMES) if rng.random() < 0.7 else pools.invented()
        arg = arg if rng.random() < 0.8 else f"{thing}_{arg}"
        text = rng.choice(
            [
                f"The {arg} of the {thing}",
                f"{arg.capitalize()} to use",
                f"{arg}",
                f"Which {arg} to {verb}",
            ]
        ).replace("_", " ")
        kind = rng.random()
        if kind < 0.5:
            params[arg] = Param("string", text, pool=rng.choice(_ARG_POOLS))
        elif kind < 0.7:
            params[arg] = Param("integer", text, low=1, high=rng.choice((10, 100, 5000)))
        elif kind < 0.82:
            params[arg] = Param("number", text, low=0, high=rng.choice((1, 10, 500)))
        elif kind < 0.9:
            params[arg] = Param(
                "string",
                text,
                choices=tuple(pools.many(rng.choice(["color", "word", "adjective"]), 3)),
            )
        elif kind < 0.95:
            params[arg] = Param(
                "strings", text, pool=rng.choice(["word", "first_name", "food", "city"])
            )
        else:
            params[arg] = Param("integers", text, low=1, high=99)
    plain = lambda a: a.replace("_", " ")
    names = list(params)
    spoken = names[:]
    if rng.random() < 0.4:
        rng.shuffle(spoken)
    said = rng.choice([", ".join, " and ".join])([f"{plain(a)} {{{a}}}" for a in spoken])
    of = f" of the {thing}" if rng.random() < 0.5 else ""
    asks: list[str] = []
    if params:
        asks = [
            f"{verb.capitalize()} the {noun}{of} with {said}",
            f"Please {verb} the {thing} {noun}: {said}",
            f"Can you {verb} the {noun} for {said}?",
            f"I need to {verb} a {noun}{of}, {said}.",
            f"{thing} {noun}, {said}",
            f"What is the {noun}{of} where {said}?",
            f"Use {name} with {said}",
            f"{noun} {said}",
        ]
    if len(names) == 1:
        asks += [
            f"{verb.capitalize()} the {noun} of {thing} {{{names[0]}}}",
            f"What is the {noun} for {{{names[0]}}}?",
            f"{verb} {{{names[0]}}} {noun}",
            f"{noun} of {{{names[0]}}}",
            f"I want the {thing} {noun} of {{{names[0]}}}.",
        ] * 2
    if not names:
        asks = [
            f"{verb.capitalize()} the {thing} {noun}",
            f"Please {verb} the {noun} now",
            f"What is the {noun}{of}?",
            f"Could you {verb} the {noun}{of}?",
            f"I want to {verb} the {thing} {noun}.",
            f"call {name}",
        ]
    return Function(name, description, params, tuple(asks), "invented")


def polish(question: str, rng: random.Random, values: list[str]) -> str:
    """Small changes that a person's writing shows: case, punctuation, courtesy."""
    roll = rng.random()
    if roll < 0.12 and question[:1].isupper() and not any(question.startswith(v) for v in values):
        question = question[0].lower() + question[1:]
    if rng.random() < 0.12:
        question = question.rstrip("?.!")
    roll = rng.random()
    if roll < 0.05:
        question = (
            rng.choice(["Hi, ", "Hello! ", "Hey, ", "Please: ", "Quick one: ", "Ok, ", "Now "])
            + question
        )
    elif roll < 0.1:
        question = question.rstrip() + rng.choice(
            [" Thanks!", " Please.", " thanks", " Thank you."]
        )
    return question


def result_text(pools: Pools) -> str:
    """What a function gives back: a JSON object, a list, a sentence, or one value."""
    rng = pools.rng

    def scalar() -> Any:
        return rng.choice([
            lambda: rng.randint(0, 10 ** rng.randint(1, 5)), lambda: round(rng.uniform(-20, 400), rng.choice((1, 2))),
            lambda: pools.pick(rng.choice(["word", "city", "code", "title", "full_name", "date", "adjective", "color", "time", "phrase", "email"])),
            lambda: rng.random() < 0.5,
        ])()  # fmt: skip

    roll = rng.random()
    if roll < 0.35:
        keys = rng.sample(
            ARG_NAMES
            + NOUNS
            + [
                "temperature",
                "condition",
                "status",
                "unit",
                "total",
                "error_code",
                "result",
                "humidity",
                "wind_speed",
                "created_at",
            ],
            rng.randint(1, 3),
        )
        if rng.random() < 0.15:
            keys[0] = pools.invented()
        return json.dumps({key: scalar() for key in keys}, ensure_ascii=False)
    if roll < 0.45:
        return json.dumps([scalar() for _ in range(rng.randint(1, 4))], ensure_ascii=False)
    if roll < 0.7:
        return sentence(pools)
    if roll < 0.78:
        return (
            json.dumps(scalar())
            if rng.random() < 0.3
            else rng.choice(
                ["Done", "OK", "ok", "Saved.", "success", "created", "No results found."]
            )
        )
    if roll < 0.8:
        return ""
    value = scalar()
    return str(value).lower() if isinstance(value, bool) else str(value)


def sentence(pools: Pools) -> str:
    """A plain statement, as many tools return."""
    p, rng = pools.pick, pools.rng
    text = rng.choice([
        lambda: f"{p('city')}: {rng.randint(-20, 40)} degrees and {p('adjective')}", lambda: f"The {p('word')} of {p('full_name')} is {p('adjective')}.",
        lambda: f"{rng.randint(1, 500)} {p('unit')} of {p('food')} sent to {p('city')}.", lambda: f"Order {p('code')} is on its way and arrives on {p('weekday')}.",
        lambda: f"Created {p('word')} {p('code')} for {p('first_name')}.", lambda: f"{p('first_name')} booked the {p('room')} at {p('time')}.",
        lambda: f"It is {rng.randint(-20, 40)} C in {p('city')} with {p('adjective')} {p('word')}.", lambda: f"{p('phrase')}, {p('phrase')}.",
        lambda: f"{rng.randint(-20, 40)} C, {p('adjective')}, wind {rng.randint(1, 90)} km/h", lambda: f"{p('title')} by {p('full_name')} ({p('year')})",
        lambda: f"{p('product')}: {p('price')}", lambda: f"The {p('device')} in the {p('room')} is now on.",
    ])()  # fmt: skip
    return text[:1].upper() + text[1:]


def _short(pools: Pools) -> str:
    """One word or number."""
    return pools.rng.choice(
        ["OK", "Done", "ok", str(pools.rng.randint(0, 999)), pools.pick("word")]
    )


def _failure(function: Function, pools: Pools) -> str:
    rng = pools.rng
    arg = rng.choice(list(function.params) or ["value"])
    return rng.choice([
        f"{function.name} failed: {rng.choice(['ValueError', 'KeyError', 'RuntimeError', 'TimeoutError', 'ConnectionError'])}: {sentence(pools).rstrip('.').lower()}",
        f"Invalid arguments for {function.name}: {arg}: {rng.choice(['field required', 'should be a valid integer', 'should be a valid string', 'should be greater than 0'])}",
        f"Timed out after {rng.randint(1, 60)} seconds.", f"Error: {pools.pick('phrase')}",
    ])  # fmt: skip


def others(
    function: Function, pools: Pools, train: bool, count: int
) -> list[tuple[Turn, ToolSpec, Function]]:
    """What is offered beside a function: near neighbours of its group, strangers, invented ones.

    Each comes with a question of its own, so that one list of tools can serve several turns.
    """
    rng = pools.rng
    known = TRAINING if train else JUDGED
    candidates = [f for f in known if f.name != function.name]
    near = [f for f in candidates if f.group == function.group]
    found: list[tuple[Turn, ToolSpec, Function]] = []
    taken = {function.name, "python", "simple_browser"}
    while len(found) < count:
        roll = rng.random()
        other = (
            rng.choice(near)
            if near and roll < 0.4
            else rng.choice(candidates)
            if roll < 0.75
            else invent(pools)
        )
        if function.group == "invented" and roll > 0.4:
            other = invent(pools)
        made, spec, other = turn_for(disguised(other, pools) if train else other, pools, train)
        if other.name not in taken:
            taken.add(other.name)
            found.append((made, spec, other))
    return found


def slim(function: Function, rng: random.Random) -> Function | None:
    """The function with at most one parameter, for drills in choosing; None if no question is left."""
    keep = rng.choice([*function.params, ""])
    asks = tuple(
        ask
        for ask in function.asks
        if set(used_in(ask)) <= {keep}
        and (shares_a_word(function, ask) or function.group == "invented")
    )
    if not asks or (keep and not any(used_in(ask) for ask in asks)):
        return None
    params = {keep: function.params[keep]} if keep else {}
    return Function(function.name, function.description, params, asks, function.group)


def drill(pools: Pools, count: int, turns: int) -> tuple[list[Turn], list[ToolSpec]]:
    """Short functions and many questions: what to call, again and again."""
    rng = pools.rng
    found: dict[str, tuple[Function, ToolSpec]] = {}
    while len(found) < count:
        function = invent(pools) if rng.random() < 0.25 else rng.choice(TRAINING)
        short = slim(disguised(function, pools), rng)
        if short is not None and short.name not in ("python", "simple_browser"):
            found[short.name] = (short, spec_of(short, rng, set()))
    made: list[Turn] = []
    order = list(found.values())
    for number in range(turns):
        function, _ = order[number] if number < count else rng.choice(order)
        turn, _, _ = ask_for(function, rng.choice(function.asks), pools)
        (name, payload, _) = turn.calls[0]
        result = _short(pools)
        turn.calls = [(name, payload, [("", result)])]
        turn.answer = answer_for(result)
        made.append(turn)
    rng.shuffle(order)
    rng.shuffle(made)
    return made, [spec for _, spec in order]


def turn(pools: Pools, train: bool, invented: float = 0.35) -> tuple[Turn, ToolSpec, Function]:
    """One question that a function answers, its call, what came back, and the answer."""
    rng = pools.rng
    if rng.random() < invented:
        return turn_for(invent(pools), pools, train)
    function = rng.choice(TRAINING if train else KEPT)
    return turn_for(disguised(function, pools) if train else function, pools, train)


def turn_for(function: Function, pools: Pools, train: bool) -> tuple[Turn, ToolSpec, Function]:
    """A turn that calls this function.

    Outside training, and mostly in it, the question shares a word with the function.
    """
    rng = pools.rng
    if train and function.group != "invented" and function.params and rng.random() < 0.1:
        said = ", ".join(f"{a.replace('_', ' ')} {{{a}}}" for a in function.params)
        asks = (
            f"Use {function.name} with {said}",
            f"Call {function.name}: {said}",
            f"{function.description.rstrip('.')}: {said}",
        )
        function = Function(
            function.name, function.description, function.params, asks, function.group
        )
    asks = function.asks
    if function.group != "invented" and (not train or rng.random() < 0.75):
        asks = tuple(a for a in asks if shares_a_word(function, a)) or asks
    return ask_for(function, rng.choice(asks), pools)


def again(function: Function, spec: ToolSpec, pools: Pools) -> Turn | None:
    """Another question to a function that is already offered; None if none fits its schema."""
    needed = set(spec.parameters.get("required", ()))
    asks = [ask for ask in function.asks if needed <= set(used_in(ask))]
    return ask_for(function, pools.rng.choice(asks), pools)[0] if asks else None


def ask_for(function: Function, ask: str, pools: Pools) -> tuple[Turn, ToolSpec, Function]:
    """The turn that asks this question."""
    rng = pools.rng
    used = set(used_in(ask))
    values = {
        name: value_of(param, pools) for name, param in function.params.items() if name in used
    }
    question = polish(
        ask.format(**{k: w for k, (_, w) in values.items()}), rng, [w for _, w in values.values()]
    )
    arguments = {name: values[name][0] for name in function.params if name in used}
    spec = spec_of(function, rng, used if rng.random() < 0.6 else set(list(arguments)[:1]))
    failed = rng.random() < 0.06
    if not pools.held_out and rng.random() < SHORT:
        observation, failed = _short(pools), False
    else:
        observation = _failure(function, pools) if failed else result_text(pools)
    made = Turn("function", question)
    made.call(function.name, json.dumps(arguments, ensure_ascii=False), [("", observation)])
    made.answer = answer_for(observation, failed)
    made.arguments = arguments
    made.failed = failed
    return made, spec, function
