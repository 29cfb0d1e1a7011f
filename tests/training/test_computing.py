"""The wordings of Python questions: what is held out can be known from what is trained on."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from training import computing
from training.banks.computing import CODE, KINDS, split
from training.pools import Pools

ALL = [(code, wordings) for code, _, _, wordings in KINDS] + [("{code}", CODE)]


def _words(wording: str) -> set[str]:
    plain = re.sub(r"{\w+}", " ", wording.lower())
    return set(re.findall(r"[a-z]+|[^\s\w.,:;!?'\"()]", plain))


@pytest.mark.parametrize(("code", "wordings"), ALL, ids=[code for code, _ in ALL])
def test_held_out_wordings_use_known_words(code: str, wordings: list[str]) -> None:
    train, held = split(wordings)
    assert len(wordings) >= 18
    assert not set(map(str.lower, train)) & set(map(str.lower, held))
    known = set[str]().union(*map(_words, train))
    assert {wording: _words(wording) - known for wording in held if _words(wording) - known} == {}


def test_a_wording_belongs_to_one_kind() -> None:
    kinds: dict[str, set[str]] = {}
    for code, values, _, wordings in KINDS:
        for wording in wordings:
            pattern = re.sub(r"{[abcm]}", "{n}", wording.lower()).rstrip(" .?!")
            kinds.setdefault(pattern, set()).add(f"{code} {values}")
    assert {pattern: found for pattern, found in kinds.items() if len(found) > 1} == {}


def test_wordings_are_not_repeated() -> None:
    for _, wordings in ALL:
        assert [text for text, n in Counter(wordings).items() if n > 1] == []


def test_a_question_says_the_words_and_numbers_of_its_code() -> None:
    rng = random.Random(8)
    for held in (False, True):
        pools = Pools(rng, held_out=held)
        for _ in range(1500):
            turn = computing.turn(pools, not held)
            ((_, code, ((_, text),)),) = turn.calls
            for word in re.findall(r'"([^"]+)"', code):
                assert word in turn.question or word == "aeiou"
            assert text == turn.expect
            assert not re.search(r"{\w*}", turn.question)
