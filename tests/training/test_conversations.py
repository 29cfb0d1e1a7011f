"""The generated conversations that the embedded model is trained and judged on."""

from __future__ import annotations

import json
import random
from itertools import islice

import pytest

from glm_agent.protocol import protocol_for
from training import browsing, catalogue, computing, functions
from training.banks.values import LISTS
from training.conversations import Conversation, conversation, stream
from training.pools import Pools


def _sample(count: int, seed: int = 5, *, train: bool = True) -> list[Conversation]:
    return list(islice(stream(seed, train), count))


def test_the_same_seed_gives_the_same_conversations() -> None:
    assert _sample(20) == _sample(20)
    assert _sample(20) != _sample(20, seed=6)


def test_every_function_call_fits_the_schema_that_is_offered() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    checked = 0
    for made in _sample(300):
        offered = {tool.name: tool for tool in made.tools}
        for turn in made.turns:
            for name, payload, _ in turn.calls:
                assert name in offered
                if offered[name].kind == "function":
                    jsonschema.validate(json.loads(payload), dict(offered[name].parameters))
                    checked += 1
    assert checked > 100


def test_arguments_can_be_copied_from_the_question() -> None:
    pools = Pools(random.Random(3))
    for _ in range(300):
        turn, _, _ = functions.turn(pools, True)
        for value in (turn.arguments or {}).values():
            if isinstance(value, str):
                assert value in turn.question
            elif isinstance(value, int | float) and not isinstance(value, bool):
                assert str(value) in turn.question


def test_python_observations_are_what_the_code_gives() -> None:
    pools = Pools(random.Random(4))
    for _ in range(200):
        turn = computing.turn(pools, True)
        ((tool, code, ((_, text),)),) = turn.calls
        assert tool == "python"
        try:
            observed = repr(eval(code))  # our own one-liners
        except ArithmeticError as error:
            observed = f"{type(error).__name__}: {error}"
        assert observed == text


def test_a_browser_answer_quotes_a_page_that_was_opened() -> None:
    pools = Pools(random.Random(5))
    quoted = 0
    for _ in range(200):
        turn = browsing.turn(pools, True)
        if turn.expect:
            (metadata, text) = turn.calls[-1][2][0]
            assert turn.expect in text
            assert (
                turn.answer
                == f"{turn.expect} 【{metadata.split()[1].strip('[]').split('†')[0]}†source】"
            )
            quoted += 1
    assert quoted > 100


def test_held_out_functions_are_never_offered_in_training() -> None:
    held = catalogue.KEPT_NAMES
    assert len(held) > 40
    for made in _sample(300):
        assert not held & {tool.name for tool in made.tools}
    asked = {
        made.turns[0].calls[0][0]
        for made in _sample(200, train=False)
        if made.turns[0].kind == "function"
    }
    assert not asked & {f.name for f in catalogue.TRAINING}


def test_held_out_values_are_not_training_values() -> None:
    train, held = Pools(random.Random(1)), Pools(random.Random(1), held_out=True)
    for name in ("city", "full_name", "word", "product"):
        pool = "surname" if name == "full_name" else name
        assert pool in LISTS
        assert not set(train.lists[pool]) & set(held.lists[pool])


def test_conversations_parse_back_to_their_calls() -> None:
    protocol = protocol_for("glm-4")
    for made in _sample(60):
        for turn in made.turns:
            for name, payload, _ in turn.calls:
                reply = protocol.parse(f"{name}\n{payload}", made.tools, stop="<|observation|>")
                (call,) = reply.calls
                assert (call.name, call.payload, call.error) == (name, payload, None)


@pytest.mark.parametrize("kind", ["function", "python", "browser", "chat"])
def test_a_kind_can_be_asked_for(kind: str) -> None:
    assert conversation(random.Random(2), False, kind).turns[0].kind == kind
