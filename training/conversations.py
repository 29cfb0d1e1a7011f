"""Whole conversations: a set of tools, sometimes a system prompt, and one to three turns.

Does not do: tokenising (see train.py), judging (see evaluate.py).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from glm_agent.messages import Assistant, Message, Observation, System, ToolCall, ToolSpec, User

from . import browsing, computing, functions
from .banks.chat import CHAT, CHAT_HELD, SYSTEM, UNKNOWN, UNKNOWN_HELD
from .catalogue import JUDGED, TRAINING
from .pools import Pools
from .turns import Turn

PYTHON = ToolSpec("python", kind="python")
DRILLS = 0.4  # of training conversations about functions: short schemas, many questions
INVENTED = 0.2  # of the functions in training; fewer than in the tasks, as they are learnt first
BROWSER = ToolSpec("simple_browser", kind="simple_browser")
REFUSAL = "I have no tool for that, and I do not know it myself."


@dataclass
class Conversation:
    """What the model is offered, and what is said."""

    tools: list[ToolSpec]
    system: str
    turns: list[Turn] = field(default_factory=list)

    def messages(self) -> list[Message]:
        """The conversation as a transcript."""
        messages: list[Message] = [System(self.system)] if self.system else []
        for turn in self.turns:
            messages.append(User(turn.question))
            for tool, payload, observations in turn.calls:
                messages.append(Assistant((ToolCall("", tool, payload),), stop="<|observation|>"))
                messages += [
                    Observation(text, metadata=metadata) for metadata, text in observations
                ]
            messages.append(Assistant((turn.answer,), stop="<|user|>"))
        return messages


def chat_turn(rng: random.Random, train: bool) -> Turn:
    """Small talk."""
    wordings, answer = rng.choice(CHAT if train else CHAT_HELD)
    wording = rng.choice(wordings)
    turn = Turn("chat", _spoken(wording, rng) if train else wording)
    turn.answer = turn.expect = answer
    return turn


def _spoken(wording: str, rng: random.Random) -> str:
    """Another case, punctuation or opening; no word that could change what is meant."""
    if wording.endswith("?") and rng.random() < 0.08:
        wording = rng.choice(["Hi, ", "Hey, ", "Hello, ", "Ok, ", "So, "]) + wording
    if rng.random() < 0.3 and not wording[1:2].isupper():
        wording = wording[0].swapcase() + wording[1:]
    if rng.random() < 0.3:
        end = "?" if wording.endswith("?") else rng.choice("!.")
        wording = wording.rstrip("?!.") + rng.choice(["", end])
    return wording


def unknown_turn(rng: random.Random, pools: Pools, train: bool, offered: list[ToolSpec]) -> Turn:
    """A request that nothing offered can fulfil."""
    if rng.random() < 0.5:
        question = _beyond(rng, train, offered)
    elif rng.random() < 0.35 and not any(t.kind == "python" for t in offered):
        question = computing.turn(pools, train).question
    else:
        groups = {f.group for f in [*JUDGED, *TRAINING] if f.name in {t.name for t in offered}}
        question = functions.turn(pools, train, 0.15)[0].question
        for _ in range(20):
            made, _, function = functions.turn(pools, train, 0.15)
            if function.group not in groups:
                question = made.question
                break
    turn = Turn("chat", question)
    turn.answer = turn.expect = REFUSAL
    return turn


def _beyond(rng: random.Random, train: bool, offered: list[ToolSpec]) -> str:
    """A request of the bank that shares no longer word with a function that is offered."""
    about = " ".join(f"{tool.name} {tool.description}" for tool in offered)
    words = set(re.findall("[a-z]{4,}", about.lower()))
    requests = UNKNOWN if train else UNKNOWN_HELD
    return rng.choice(
        [q for q in requests if words.isdisjoint(re.findall("[a-z]{4,}", q.lower()))] or requests
    )


def conversation(rng: random.Random, train: bool = True, kind: str = "") -> Conversation:
    """One conversation. `kind` fixes the first turn's kind (function, python, browser, chat).

    In training, many questions to one list of tools teach more for each token that is read.
    """
    pools = Pools(rng, held_out=not train)
    kind = kind or rng.choices(["function", "python", "browser", "chat"], [52, 8, 31, 9])[0]
    system = rng.choice(SYSTEM) if rng.random() < 0.3 else ""
    tools: list[ToolSpec] = []
    if kind == "python" or rng.random() < 0.25:
        tools.append(PYTHON)
    if kind == "browser" or rng.random() < 0.25:
        tools.append(BROWSER)
    made = Conversation(tools, system)
    if train and kind == "function" and rng.random() < DRILLS:
        count = rng.randint(2, 6)
        made.turns, specs = functions.drill(pools, count, count + rng.randint(0, 3))
        tools += specs
        return made
    counts = [4, 2, 2, 2] if train else [1, 1, 1, 1]
    count = rng.choices([1, 2, 3, 4], counts)[0]
    if kind != "function" and rng.random() < (0.75 if train else 0.6):
        count = 0
    if count:
        first, spec, function = (
            functions.turn(pools, train, INVENTED) if train else functions.turn(pools, train)
        )
        offered = [(first, spec, function), *functions.others(function, pools, train, count - 1)]
        if kind == "function":
            made.turns += [turn for turn, _, _ in offered] if train else [first]
            for _ in range(rng.choice((0, 1, 3, 5)) if train else 0):
                _, spec, function = rng.choice(offered)
                if more := functions.again(function, spec, pools):
                    made.turns.append(more)
        rng.shuffle(offered)
        tools += [spec for _, spec, _ in offered]
    if rng.random() < 0.2:
        rng.shuffle(tools)
    follow = rng.choices([0, 1, 2], [60, 30, 10])[0] if train else 0
    kinds = ([] if kind == "function" else [kind]) + [_next_kind(rng, tools) for _ in range(follow)]
    if train and not count and kind in ("python", "chat"):
        kinds += [kind] * rng.choice((2, 4, 6))
    quote = 7
    for name in kinds:
        if name == "python":
            made.turns.append(computing.turn(pools, train))
        elif name == "browser":
            turn = browsing.turn(pools, train, quote)
            quote += sum("mclick" in payload for _, payload, _ in turn.calls)
            made.turns.append(turn)
        elif not any(t.kind == "simple_browser" for t in tools) and rng.random() < 0.4:
            made.turns.append(unknown_turn(rng, pools, train, tools))
        else:
            made.turns.append(chat_turn(rng, train))
    if train and sum(t.kind == "browser" for t in made.turns) < 2:
        rng.shuffle(made.turns)  # a quote's number counts up, so browsing keeps its order
    return made


def _next_kind(rng: random.Random, tools: list[ToolSpec]) -> str:
    names = ["chat"] + [t.kind for t in tools if t.kind in ("python", "simple_browser")] * 2
    return {"simple_browser": "browser"}.get(name := rng.choice(names), name)


def stream(seed: int, train: bool = True) -> Iterator[Conversation]:
    """Conversations without end, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        yield conversation(rng, train)
