"""Rendering equals transformers' rendering of the published chat templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from glm_agent.protocol import protocol_for

from .conversations import FAMILIES, Chance, template_of, template_text

pytest.importorskip("transformers")

JINJA: dict[str, dict[str, Any]] = {"glm-4": {"variant": "jinja", "keep_empty": False}}


def check(shared: Path, family: str, seed: int) -> None:
    """One conversation, in the template's own variant."""
    chance = Chance(seed)
    messages, tools = chance.conversation(family)
    options, asks = chance.options(family), chance.yes(0.7)
    ours = protocol_for(family).render(
        messages,
        tools,
        add_generation_prompt=asks,
        **JINJA.get(family, {"variant": "jinja"}),
        **options,
    )
    template = template_of(shared, family)
    theirs = template_text(template, family, messages, tools, add_generation_prompt=asks, **options)
    assert ours.text == theirs, f"seed {seed}"


@pytest.mark.parametrize("family", FAMILIES)
def test_any_conversation_is_written_as_the_template_does(shared: Path, family: str) -> None:
    for seed in range(200):
        check(shared, family, seed)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_thousands_of_conversations_are_written_as_the_template_does(
    shared: Path, family: str
) -> None:
    for seed in range(1000, 3500):
        check(shared, family, seed)
