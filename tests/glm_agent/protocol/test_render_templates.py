"""Rendering equals transformers' rendering of the published chat templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from glm_agent.protocol import encoder_for, protocol_for

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


@pytest.mark.parametrize("family", FAMILIES)
def test_ids_are_those_of_the_templates_text(
    shared: Path, small_tokenizer: Tokenizer, family: str
) -> None:
    """Where no text spells a control token, a tokenizer makes the same ids of the whole string."""
    protocol = protocol_for(family)
    tokenizer = Tokenizer.from_str(small_tokenizer.to_str())
    tokenizer.add_special_tokens(list(protocol.controls))
    known = tokenizer.get_added_tokens_decoder().values()
    template = template_of(shared, family)
    compared = 0
    for seed in range(600):
        chance = Chance(seed)
        messages, tools = chance.conversation(family)
        options = chance.options(family)
        text = template_text(template, family, messages, tools, **options)
        kind = JINJA.get(family, {"variant": "jinja"})
        prompt = protocol.render(messages, tools, **kind, **options)
        written = [piece for piece in prompt.flat() if isinstance(piece, str)]
        if any(token.content in piece for token in known for piece in written):
            continue
        compared += 1
        expected = tokenizer.encode(text, add_special_tokens=False).ids
        assert prompt.encode(encoder_for(tokenizer)) == expected, f"seed {seed}"
    assert compared > 20
