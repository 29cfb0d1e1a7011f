"""A scripted model goes through the real renderer and parser."""

from __future__ import annotations

import pytest

from glm_agent.errors import ModelError
from glm_agent.events import CallReady, CallStarted
from glm_agent.messages import Control, Observation, User
from glm_agent.models import ScriptedModel, ScriptedReply

from .conftest import PYTHON, WEATHER, reply_of

pytestmark = pytest.mark.anyio


async def test_an_answer() -> None:
    replied = await reply_of(ScriptedModel(["\nHello, 你好!"]))
    assert replied.text == "Hello, 你好!"
    assert replied.message.parts == ("Hello, 你好!",)
    assert replied.message.stop == "<|user|>"
    assert not replied.message.truncated


async def test_a_call_is_numbered_from_first_call() -> None:
    model = ScriptedModel(['get_weather\n{"city": "Bonn"}'])
    replied = await reply_of(model, tools=(WEATHER,), first_call=7)
    (call,) = replied.message.calls
    assert (call.id, call.name, call.arguments) == ("call_7", "get_weather", {"city": "Bonn"})
    assert replied.message.stop == "<|observation|>"
    assert isinstance(replied.events[0], CallStarted)
    assert isinstance(replied.events[-1], CallReady)


async def test_several_segments_in_one_reply() -> None:
    model = ScriptedModel(["\nI look.<|assistant|>python\n1 + 1"])
    replied = await reply_of(model, tools=(PYTHON,))
    assert replied.message.text == "I look."
    assert replied.message.calls[0].payload == "1 + 1"


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_chunks_of_any_size_give_the_same_reply(size: int) -> None:
    text = '\nSo.<|assistant|>get_weather\n{"city": "北京"}'
    replied = await reply_of(ScriptedModel([text], chunk_size=size), tools=(WEATHER,))
    assert replied.message.parts[0] == "So."
    assert replied.message.calls[0].arguments == {"city": "北京"}
    generated = replied.message.generated
    assert generated is not None
    assert generated.pieces == ("\nSo.", Control("<|assistant|>"), 'get_weather\n{"city": "北京"}')
    assert generated.format == "glm-4"


async def test_a_spelled_stop_token_ends_the_reply() -> None:
    replied = await reply_of(ScriptedModel(["\nYes<|endoftext|>never said"]))
    assert replied.message.text == "Yes"
    assert replied.message.stop == "<|endoftext|>"


async def test_a_given_stop_token_wins() -> None:
    script = [ScriptedReply('lookup\n{"a": 1}', stop="<|observation|>")]
    replied = await reply_of(ScriptedModel(script), tools=(WEATHER,))
    assert replied.started == ["lookup"]


async def test_a_truncated_reply_has_no_stop_token() -> None:
    script = [ScriptedReply('get_weather\n{"city": "Bo', truncated=True)]
    message = (await reply_of(ScriptedModel(script), tools=(WEATHER,))).message
    assert message.stop is None
    assert message.truncated
    assert message.calls[0].error


async def test_functions_see_the_messages() -> None:
    model = ScriptedModel([lambda messages: f"\nYou said {messages[-1].content}"])
    assert (await reply_of(model, "hi")).text == "You said hi"


async def test_requests_are_recorded_and_the_script_ends() -> None:
    model = ScriptedModel(["\nOne"])
    await reply_of(model, User("first"), Observation("x"))
    with pytest.raises(ModelError, match="used up after 1 replies"):
        await reply_of(model, "second")
    assert [len(request.messages) for request in model.requests] == [2, 1]


async def test_an_empty_reply() -> None:
    replied = await reply_of(ScriptedModel([""]))
    assert replied.message.parts == ()
    assert replied.message.generated is not None
    assert replied.message.generated.pieces == ()


async def test_the_wire_is_fed_back_as_it_was() -> None:
    model = ScriptedModel(["\n \n Odd  spacing "])
    message = (await reply_of(model)).message
    prompt = model.protocol.render([User("a"), message, User("b")])
    assert "<|assistant|>\n \n Odd  spacing <|user|>" in prompt.text
