"""The bank of small talk that the embedded model is trained on."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from glm_agent.messages import ToolSpec
from training.banks.chat import CHAT, CHAT_HELD, UNKNOWN, UNKNOWN_HELD
from training.conversations import REFUSAL, chat_turn, unknown_turn
from training.pools import Pools


def _plain(wording: str) -> str:
    return re.sub(r"[^\w'-]+", " ", wording.lower()).strip()


def test_no_wording_appears_twice() -> None:
    wordings = [w for entry, _ in CHAT + CHAT_HELD for w in entry] + UNKNOWN + UNKNOWN_HELD
    counts = Counter(map(_plain, wordings))
    assert [wording for wording, count in counts.items() if count > 1] == []


ENTRIES = [
    (known, held, answer) for (known, answer), (held, _) in zip(CHAT, CHAT_HELD, strict=True)
]


@pytest.mark.parametrize(("known", "held", "answer"), ENTRIES, ids=[e[2] for e in ENTRIES])
def test_an_entry_has_many_wordings_and_a_short_answer(
    known: list[str], held: list[str], answer: str
) -> None:
    assert len(known) >= 25
    assert len(held) >= 5
    assert len(answer.split()) < 15


def test_answers_differ() -> None:
    answers = [answer for _, answer in CHAT]
    assert len(set(answers)) == len(answers)


def _runs(wording: str) -> set[str]:
    """The words of a wording, and two or three in a row."""
    words = _plain(wording).split()
    return {" ".join(words[i : i + n]) for n in (1, 2, 3) for i in range(len(words) - n + 1)}


def test_a_held_out_wording_can_be_told_by_words_of_its_own_entry() -> None:
    uses = [Counter(run for w in known for run in _runs(w)) for known, _ in CHAT]
    everywhere = sum(uses, Counter[str]())
    for own, (held, _) in zip(uses, CHAT_HELD, strict=True):
        for wording in held:
            assert any(own[run] * 2 > everywhere[run] for run in _runs(wording)), wording


def test_training_never_shows_a_held_out_wording() -> None:
    rng = random.Random(1)
    hidden = {_plain(w) for held, _ in CHAT_HELD for w in held}
    shown = {_plain(chat_turn(rng, True).question) for _ in range(20000)}
    assert not hidden & shown
    assert {_plain(chat_turn(rng, False).question) for _ in range(300)} <= hidden


def test_what_an_offered_function_can_do_is_not_refused() -> None:
    rng = random.Random(2)
    weather = ToolSpec("get_weather", "Current weather of a place", {"type": "object"})
    for _ in range(200):
        turn = unknown_turn(rng, Pools(rng, held_out=True), False, [weather])
        assert turn.answer == REFUSAL
        if turn.question in UNKNOWN_HELD:
            assert "weather" not in turn.question
