"""Transcripts in the shapes of chat completions, from scratch and as they grow."""

from __future__ import annotations

import json

import pytest

from glm_agent.messages import (
    Assistant,
    Image,
    Observation,
    System,
    ToolCall,
    ToolSpec,
    Transcript,
    User,
)
from glm_agent.models import OpenAICompatibleModel, Request
from glm_agent.models.servers.chat_messages import chat_messages, chat_tools

from ..conftest import BROWSER, PYTHON, WEATHER, Loopback

pytestmark = pytest.mark.anyio
TIME = ToolSpec("get_time", "Time", {"type": "object", "properties": {}})
TOOLS = (WEATHER, TIME, PYTHON, BROWSER)
OK = {"choices": [{"delta": {"content": "Ok"}, "finish_reason": "stop"}]}


@pytest.fixture
async def model(server: Loopback):
    model = OpenAICompatibleModel(server.url, "glm", mode="chat", timeout=5)
    yield model
    await model.aclose()


def test_raw_tools_are_wrapped_as_functions() -> None:
    reply = Assistant((ToolCall("call_1", "python", "print(1)"),))
    (message,) = chat_messages([reply], [PYTHON])
    (sent,) = message["tool_calls"]
    assert json.loads(sent["function"]["arguments"]) == {"code": "print(1)"}
    assert chat_tools([PYTHON])[0]["function"]["name"] == "python"


class TestMessages:
    def test_a_conversation(self) -> None:
        messages = [
            System("Be brief."),
            User("Weather?"),
            Assistant(("I look.", ToolCall("call_1", "get_weather", "{}", {"city": "北京"}))),
            Observation("sunny", call_id="call_1", name="get_weather"),
            Assistant(("Sunny.",)),
        ]
        assert chat_messages(messages, [WEATHER]) == [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Weather?"},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": '{"city": "北京"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
            {"role": "assistant", "content": "Sunny."},
        ]

    def test_several_observations_of_one_call_become_one_message(self) -> None:
        reply = Assistant((ToolCall("call_1", "simple_browser", "mclick([0, 1])"),))
        pages = [
            Observation(f"page {i}", call_id="call_1", metadata=f"quote_result [{i}†source]")
            for i in (7, 8)
        ]
        sent = chat_messages([reply, *pages], [BROWSER])
        assert [message["role"] for message in sent] == ["assistant", "tool"]
        assert sent[1]["content"] == (
            "quote_result [7†source]\npage 7\n\nquote_result [8†source]\npage 8"
        )

    def test_observations_without_ids_follow_the_order_of_calls(self) -> None:
        reply = Assistant((ToolCall("", "get_time", "{}", {}), ToolCall("", "get_time", "{}", {})))
        sent = chat_messages([reply, Observation("1"), Observation("2"), reply], [TIME])
        ids = [entry["id"] for entry in sent[0]["tool_calls"]]
        assert len(set(ids)) == 2
        assert [message["tool_call_id"] for message in sent[1:3]] == ids
        assert not {entry["id"] for entry in sent[3]["tool_calls"]} & set(ids)

    def test_a_tool_that_said_nothing(self) -> None:
        assert chat_messages([Observation("", call_id="x")], [])[0]["content"] == "(no output)"

    def test_pictures(self) -> None:
        user, tool = chat_messages(
            [
                User("What is this?", (Image(b"\x89PNG"),)),
                Observation("", call_id="x", images=(Image(b""),)),
            ],
            [],
        )
        assert user["content"][1]["image_url"]["url"] == "data:image/png;base64,iVBORw=="
        assert tool["content"] == "[Image]"

    def test_a_broken_call_is_sent_as_json(self) -> None:
        broken = Assistant((ToolCall("call_1", "get_weather", "{city", error="not JSON"),))
        arguments = chat_messages([broken], [WEATHER])[0]["tool_calls"][0]["function"]["arguments"]
        assert json.loads(arguments) == {"input": "{city"}


class TestHistory:
    """The request's messages grow as the transcript does, and say what they would from scratch."""

    async def test_each_step_sends_what_a_fresh_model_would(self, server, model) -> None:
        server.on("/chat/completions", lambda x: x.sse(OK))
        page = Observation("page \ud83d", call_id="call_1", metadata="quote_result [7†source]")
        grown = [
            System("Be brief, 北京."),
            User("Look.", (Image(b"\x89PNG"),)),
            Assistant(("I look.", ToolCall("call_1", "simple_browser", "mclick([0, 1])"))),
            page,
            page,  # into the same message as the one before, which was sent already
            Assistant((ToolCall("call_2", "get_time", "{}", {}),)),
            Observation("", call_id="call_2"),
            Assistant(("It is late.",)),
            User("Thanks."),
        ]
        transcript = Transcript()
        for message in grown:
            transcript.append(message)
            await stream_all(model, transcript)
        bodies = server.bodies("/chat/completions")
        assert len(bodies) == len(grown)
        for count, body in enumerate(bodies, 1):
            whole = json.dumps(chat_messages(grown[:count], TOOLS))
            assert body["messages"] == json.loads(whole.replace("\\ud83d", "\ufffd"))
            assert body["tools"] == chat_tools(TOOLS)

    async def test_other_tools_and_other_transcripts_have_histories_of_their_own(
        self, server, model
    ) -> None:
        server.on("/chat/completions", lambda x: x.sse(OK))
        raw = Assistant((ToolCall("call_1", "python", "1 + 1"),))
        first = Transcript([User("a"), raw])
        branch = first.branch()
        branch.append(User("b"))
        await stream_all(model, first)
        await stream_all(model, first, tools=(TIME,))
        await stream_all(model, branch)
        sent = [body["messages"] for body in server.bodies("/chat/completions")]
        assert sent == [
            chat_messages(first, TOOLS),
            chat_messages(first, (TIME,)),
            chat_messages(branch, TOOLS),
        ]


async def stream_all(model, transcript: Transcript, tools=TOOLS) -> None:
    async for _ in model.stream(Request(transcript, tools)):
        pass
