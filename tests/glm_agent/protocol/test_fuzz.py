"""Broken replies of every family, split anywhere: see `fuzz.py` for what is made and checked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from glm_agent.protocol import protocol_for
from glm_agent.protocol.families import _FAMILIES

from .fuzz import Tally, fuzz, peak

CHUNKS = 20_000
# Of the slow run, 200,000 for each family: more than a million together.
MANY = 200_000


@pytest.mark.parametrize("family", _FAMILIES)
def test_nothing_breaks_a_parser_and_nothing_is_lost(family: str) -> None:
    did = fuzz(protocol_for(family), CHUNKS, seed=1)
    assert did.chunks >= CHUNKS
    assert did.calls > 50, "the replies are too broken to show anything"
    assert did.repaired > 5


@pytest.mark.slow
@pytest.mark.parametrize("family", _FAMILIES)
def test_nothing_breaks_a_parser_in_a_million_chunks(family: str) -> None:
    did: Tally = fuzz(protocol_for(family), MANY, seed=2)
    assert did.chunks >= MANY


@pytest.mark.slow
def test_nothing_breaks_the_parser_of_glm_4_in_a_million_chunks_of_its_own() -> None:
    assert fuzz(protocol_for("glm-4"), 1_000_000, seed=3).chunks >= 1_000_000


HELD = {
    "text": lambda size: "天气很好。 " * (size // 6),
    "call": lambda size: 'get_weather\n{"city": "' + "北京 " * (size // 3) + '"}',
    "unclosed call": lambda size: "get_weather\n" + '{"a": ' * (size // 6),
    "text that may be a call": lambda size: "好。\nget_weather\n{" + "x" * size,
    "unknown name": lambda size: "nope\n{" + "x" * size,
    "blanks": lambda size: "\n" * size,
    "half calls": lambda size: "get_weather \n" * (size // 13),
}


@pytest.mark.parametrize("family", ["glm-4", "glm-4.5", "glm-4.7"])
@pytest.mark.parametrize("reply", HELD.values(), ids=HELD)
def test_memory_grows_with_the_reply_and_no_faster(
    family: str, reply: Callable[[int], str]
) -> None:
    """Fed by character, the worst there is: each is an object of its own until it is joined."""
    small, large = (peak(protocol_for(family), reply(size)) for size in (5_000, 50_000))
    assert large < 12 * small
    assert large < 50_000 * 100
