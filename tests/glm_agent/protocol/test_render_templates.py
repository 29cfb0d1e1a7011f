"""Rendering equals transformers' rendering of the published chat templates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from glm_agent.messages import Assistant, Observation, System, ToolCall, ToolSpec, User
from glm_agent.protocol import encoder_for, protocol_for

from .conversations import FAMILIES, XML, Chance, template_of, template_text

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


GOLDEN = {
    "glm-4-0414": "GLM-4-0414.RECONSTRUCTED-UNVERIFIED",
    "glm-z1": "GLM-Z1-0414",
    "glm-4.5": "GLM-4.6",
    "glm-4.7": "GLM-4.7-Flash",
    "glm-5": "GLM-5.1",
}


@pytest.mark.parametrize("family", GOLDEN)
def test_the_kept_renderings(shared: Path, family: str) -> None:
    """One conversation with two calls, as it was rendered when the templates were collected."""
    golden = json.loads((shared / "glm4" / "golden" / "other_families.json").read_text("utf-8"))
    tools = [ToolSpec(**tool["function"]) for tool in golden["tools"]]
    if family in XML:
        first, second = ({"city": "北京", "days": 3}, {"city": "上海"})
        calls = (ToolCall("1", "get_weather", "", first), ToolCall("2", "get_weather", "", second))
        reply = Assistant(calls, thinking="think")
        rest = [reply, Observation("3C"), Observation("9C")]
    else:
        call = ToolCall("1", "get_weather", '{"city": "北京"}')
        rest = [Assistant((call,)), Observation("3C")]
    prompt = protocol_for(family).render([System("SYS"), User("北京天气"), *rest], tools)
    assert prompt.text == golden["rendered"][GOLDEN[family]]
