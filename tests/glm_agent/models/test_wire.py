"""What a model that speaks the wire format itself does with a transcript that grows."""

from __future__ import annotations

import gc
from collections.abc import AsyncGenerator

import pytest

from glm_agent.messages import Control, Message, Observation, ToolSpec, Transcript, User
from glm_agent.models import ScriptedModel
from glm_agent.models.base import Chunk, Finish, Reply, Request
from glm_agent.protocol import Prompt

from .conftest import WEATHER

pytestmark = pytest.mark.anyio

CITY = ("<arg_key>city</arg_key>", "<arg_value>Bonn</arg_value>")
CALLS = {
    "glm-4": ('get_weather\n{"city": "Bonn"}', "\nSunny."),
    "glm-z1": ('hm</think>\nget_weather\n{"city": "Bonn"}', "hm</think>\nSunny."),
    "glm-4.5": (
        f"\n<think>hm</think>\n<tool_call>get_weather\n{CITY[0]}\n{CITY[1]}\n</tool_call>",
        "\n<think>hm</think>\nSunny.",
    ),
    "glm-4.7": (
        f"hm</think><tool_call>get_weather{''.join(CITY)}</tool_call>",
        "hm</think>Sunny.",
    ),
}


class Watched(ScriptedModel):
    """Keeps the prompts, and checks each against one from scratch."""

    async def generate(
        self, prompt: Prompt, request: Request
    ) -> AsyncGenerator[Chunk | Finish, None]:
        assert prompt == self.protocol.render(list(request.messages), request.tools)
        self.prompts = [*getattr(self, "prompts", []), prompt]
        async for chunk in super().generate(prompt, request):
            yield chunk


async def say(model: ScriptedModel, messages: list[Message] | Transcript, *tools: ToolSpec):
    """The next reply."""
    events = [event async for event in model.stream(Request(messages, tools))]
    assert isinstance(events[-1], Reply)
    return events[-1].message


@pytest.mark.parametrize("family", CALLS)
async def test_each_step_has_the_prompt_from_scratch(family: str) -> None:
    call, answer = CALLS[family]
    model = Watched([call, call, answer] * 3, protocol=family)
    transcript = Transcript()
    for _ in range(3):
        transcript.append(User("Weather?"))
        for _ in range(3):
            message = await say(model, transcript, WEATHER)
            transcript.append(message)
            transcript.extend(Observation("sunny", call_id=call.id) for call in message.calls)
    assert len(model.prompts) == 9
    assert transcript.call_count == 6


async def test_what_the_prompt_began_is_kept_with_the_reply() -> None:
    for family, opening in [
        ("glm-4", ()),
        ("glm-z1", ("\n<think>",)),
        ("glm-4.5", ()),
        ("glm-4.7", (Control("<think>"),)),
    ]:
        message = await say(ScriptedModel([CALLS[family][1]], protocol=family), [User("hi")])
        assert message.generated is not None
        assert message.generated.opening == opening
        assert message.text == "Sunny."


async def test_transcripts_side_by_side_do_not_mix() -> None:
    model = Watched(["\nA"] * 8)
    one, two = Transcript([User("1")]), Transcript([User("2")])
    for _ in range(2):
        for transcript in (one, two):
            transcript.append(await say(model, transcript))
            transcript.append(User("and?"))
    other = one.branch()
    other.append(User("else"))
    await say(model, other)
    one.append(User("more"))
    await say(model, one)


async def test_other_tools_or_another_format_start_anew() -> None:
    model = Watched(["\nA"] * 3)
    transcript = Transcript([User("1")])
    await say(model, transcript)
    await say(model, transcript, WEATHER)
    model.protocol = model.protocol.having(persona="GLM-4")
    await say(model, transcript, WEATHER)
    assert len({prompt.text for prompt in model.prompts}) == 3


async def test_nothing_is_kept_of_a_transcript_that_is_gone() -> None:
    model = ScriptedModel(["\nA"])
    transcript = Transcript([User("1")])
    await say(model, transcript)
    assert model._kept is not None
    assert len(model._kept) == 1
    model.requests.clear()
    del transcript
    gc.collect()
    assert len(model._kept) == 0
