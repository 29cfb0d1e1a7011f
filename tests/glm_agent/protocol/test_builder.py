"""A prompt built step by step is the one rendered from scratch, at a cost that does not grow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer

from glm_agent.messages import Assistant, Generated, Message, Observation, ToolSpec, User
from glm_agent.protocol import PromptBuilder, TokenizerEncoder, encoder_for, protocol_for
from glm_agent.protocol.rendering.base import Place, Renderer

from .conversations import FAMILIES, THINKING, XML, Chance

seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def encoder(small_tokenizer: Tokenizer) -> TokenizerEncoder:
    """One that has every family's control tokens."""
    tokenizer = Tokenizer.from_str(small_tokenizer.to_str())
    later = protocol_for("glm-4.5").controls
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in later])
    return encoder_for(tokenizer)


class Counting:
    """An encoder that counts the texts that it is given."""

    def __init__(self, encoder: TokenizerEncoder) -> None:
        self._encoder = encoder
        self.vocabulary = encoder.vocabulary
        self.texts = 0

    def text(self, text: str, /) -> list[int]:
        self.texts += 1
        return self._encoder.text(text)

    def control(self, token: str, /) -> int:
        return self._encoder.control(token)


def any_options(chance: Chance, family: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if family in THINKING and chance.yes(0.4):
        options["keep_thinking"] = True
    if family in XML:
        options["enable_thinking"] = chance.yes(0.6)
    if chance.yes(0.3):
        options["variant"] = "jinja"
    return options


def with_generated(chance: Chance, message: Message, family: str) -> Message:
    """At times, the reply as a model would have generated it."""
    if not isinstance(message, Assistant) or chance.yes(0.5):
        return message
    protocol = protocol_for(family)
    asked = protocol.render([])
    rendered = protocol.render([message], add_generation_prompt=False)
    pieces = tuple(rendered.flat())[len(asked.pieces) :]
    opening = chance.one([None, asked.opening])
    generated = Generated(pieces, format=family, opening=opening)
    return Assistant(message.parts, thinking=message.thinking, generated=generated)


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=seeds)
def test_step_by_step_is_from_scratch(encoder: TokenizerEncoder, family: str, seed: int) -> None:
    """The prompt after every step, its ids, and the ids that `grow` has told so far."""
    chance = Chance(seed)
    options = any_options(chance, family)
    messages, tools = chance.conversation(family)
    messages += chance.conversation(family)[0]
    messages = [with_generated(chance, message, family) for message in messages]
    protocol = protocol_for(family, **options)
    builder = protocol.builder(tools)
    followed: list[int] = []
    done = 0
    while True:
        expected = protocol.render(messages[:done], tools)
        assert len(builder) == done
        assert builder.prompt() == expected
        ids = expected.encode(encoder)
        assert builder.prompt().encode(encoder) == ids
        growth = builder.grow(encoder)
        assert growth.kept <= len(followed)
        followed = [*followed[: growth.kept], *growth.ids]
        assert followed == ids
        silent = builder.prompt(add_generation_prompt=False)
        assert silent == protocol.render(messages[:done], tools, add_generation_prompt=False)
        if done == len(messages):
            break
        step = 1 + chance.count(2)
        builder.extend(messages[done : done + step])
        done = min(done + step, len(messages))


def step(number: int) -> list[Message]:
    """One turn of a loop with a tool."""
    return [Assistant((f"Step {number}.",)), Observation(f"result {number}")]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_step_costs_what_is_new_in_it(encoder: TokenizerEncoder, family: str) -> None:
    costs: list[tuple[int, int]] = []
    counting = Counting(encoder)
    builder = protocol_for(family).builder([ToolSpec("f")])
    builder.extend([User("hi")])
    builder.grow(counting)
    for number in range(200):
        before = counting.texts
        builder.extend(step(number))
        growth = builder.grow(counting)
        costs.append((counting.texts - before, len(growth.ids) - len(str(number)) * 2))
    texts = {texts for texts, _ in costs}
    assert len(texts) == 1
    assert max(ids for _, ids in costs) < 60
    # Encoding the whole prompt asks for nothing that was encoded before.
    before = counting.texts
    builder.prompt().encode(counting)
    assert counting.texts == before


@pytest.mark.parametrize("family", XML)
def test_a_message_is_rendered_twice_at_most(family: str) -> None:
    rendered: dict[int, int] = {}

    class Watched(Renderer):
        """Counts how often a message is rendered."""

        def __init__(self, inner: Renderer) -> None:
            super().__init__(())
            self._inner = inner
            self.rewrites = inner.rewrites

        def head(self) -> Any:
            return self._inner.head()

        def message(self, message: Message, place: Place) -> Any:
            rendered[id(message)] = rendered.get(id(message), 0) + 1
            return self._inner.message(message, place)

    builder = PromptBuilder(Watched(protocol_for(family).renderer(())))
    kept: list[Message] = []
    for turn in range(20):
        messages = [User("hi"), *step(turn), Assistant(("a",), thinking="hm")]
        kept += messages
        builder.extend(messages)
    assert max(rendered.values()) == 2
    assert len(rendered) == len(kept)


@pytest.mark.parametrize("family", XML)
def test_a_user_message_changes_no_more_than_the_turn_before(
    encoder: TokenizerEncoder, family: str
) -> None:
    builder = protocol_for(family).builder()
    builder.extend([User("1"), Assistant(("a",), thinking="hm"), User("2")])
    first = len(builder.grow(encoder).ids)
    builder.extend([Assistant(("b",), thinking="hm")])
    builder.grow(encoder)
    builder.extend([User("3")])
    growth = builder.grow(encoder)
    tail = len(protocol_for(family).render([]).encode(encoder)) - 2
    assert growth.kept >= first - tail
    kept = protocol_for(family, keep_thinking=True).builder()
    kept.extend([User("1"), Assistant(("a",), thinking="hm")])
    asked = len(kept.grow(encoder).ids)
    kept.extend([User("2")])
    assert kept.grow(encoder).kept >= asked - tail


def test_another_vocabulary_starts_anew(
    small_tokenizer: Tokenizer, encoder: TokenizerEncoder
) -> None:
    builder = protocol_for("glm-4").builder()
    builder.extend([User("hi")])
    first = builder.grow(encoder_for(small_tokenizer))
    again = builder.grow(encoder)
    assert first.kept == again.kept == 0
    assert builder.grow(encoder).ids == ()
    assert builder.prompt().encode(encoder) == list(again.ids)
