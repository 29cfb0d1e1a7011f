"""Chat completions, against the shapes in which servers stream calls, well-formed and not."""

from __future__ import annotations

from typing import Any

import pytest

from glm_agent.errors import ServerError
from glm_agent.events import CallDelta, CallReady, CallStarted, TextDelta, ThinkingDelta
from glm_agent.messages import (
    Assistant,
    ToolCall,
    ToolSpec,
)
from glm_agent.models import OpenAICompatibleModel

from ..conftest import BROWSER, PYTHON, WEATHER, Exchange, Loopback, reply_of

pytestmark = pytest.mark.anyio
TIME = ToolSpec("get_time", "Time", {"type": "object", "properties": {}})
TOOLS = (WEATHER, TIME, PYTHON, BROWSER)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "1", "object": "chat.completion.chunk", "choices": [choice]}


def call(index: int | None, arguments: Any = None, name: str | None = None, **more: Any):
    function = {"name": name, "arguments": arguments}
    function = {key: value for key, value in function.items() if value is not None}
    if index is not None:
        more["index"] = index
    return {**more, "function": function}


def calls(*fragments: dict[str, Any]) -> dict[str, Any]:
    return chunk(tool_calls=list(fragments))


@pytest.fixture
async def model(server: Loopback):
    model = OpenAICompatibleModel(server.url, "glm", mode="chat", timeout=5)
    yield model
    await model.aclose()


@pytest.fixture
async def model_of_glm_z1(server: Loopback):
    model = OpenAICompatibleModel(server.url, "glm", mode="chat", timeout=5, protocol="glm-z1")
    yield model
    await model.aclose()


async def said(server: Loopback, model, *chunks: Any, tools=TOOLS, first_call: int = 1):
    server.on("/chat/completions", lambda x: x.sse(*chunks))
    return await reply_of(model, tools=tools, first_call=first_call)


async def test_an_answer_streams(server, model) -> None:
    replied = await said(
        server,
        model,
        chunk(role="assistant", content=""),
        chunk(content="Hello there"),
        chunk(content=", 你好"),
        chunk("stop"),
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
    )
    assert replied.events == [TextDelta("Hello there"), TextDelta(", 你好")]
    assert replied.message == Assistant(("Hello there, 你好",))
    assert (replied.reply.usage.prompt_tokens, replied.reply.usage.completion_tokens) == (5, 3)


async def test_a_call_in_fragments(server, model) -> None:
    """Z.ai and vLLM: the name first, then the arguments piece by piece."""
    replied = await said(
        server,
        model,
        calls(call(0, "", "get_weather", id="chatcmpl-tool-7", type="function")),
        calls(call(0, '{"ci')),
        calls(call(0, 'ty": "北京"}')),
        chunk("tool_calls"),
    )
    ready = ToolCall("call_1", "get_weather", '{"city": "北京"}', {"city": "北京"})
    assert replied.events == [
        CallStarted("call_1", "get_weather"),
        CallDelta("call_1", '{"ci'),
        CallDelta("call_1", 'ty": "北京"}'),
        CallReady(ready),
    ]
    assert replied.message.parts == (ready,)


async def test_several_calls(server, model) -> None:
    replied = await said(
        server,
        model,
        chunk(content="I look."),
        calls(call(0, '{"city": "Bonn"}', "get_weather", id="a")),
        calls(call(1, '{"city": ', "get_weather", id="b"), call(2, "{}", "get_time", id="c")),
        calls(call(1, '"Ulm"}')),
        chunk("tool_calls"),
        first_call=4,
    )
    assert replied.message.text == "I look."
    assert [(c.id, c.name, c.arguments) for c in replied.message.calls] == [
        ("call_4", "get_weather", {"city": "Bonn"}),
        ("call_5", "get_weather", {"city": "Ulm"}),
        ("call_6", "get_time", {}),
    ]


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        # the same id, a new one, or none at all (GLM-4#194)
        ([call(0, "{}", "get_time", id="x"), call(1, "{}", "get_time", id="x")], [{}, {}]),
        ([call(0, "{", "get_time"), call(0, "}")], [{}]),
        ([call(0, "{", "get_time", id="x"), call(0, "}", id="y")], [{}]),
        # without an index: a name with a new id is a new call
        ([call(None, "{}", "get_time", id="x"), call(None, "{}", "get_time", id="y")], [{}, {}]),
        ([call(None, '{"a', "get_time", id="x"), call(None, '": 1}')], [{"a": 1}]),
        # the name again in every fragment
        ([call(0, "{", "get_time"), call(0, "}", "get_time")], [{}]),
        # the name in pieces
        ([call(0, None, "get_"), call(0, None, "time"), call(0, "{}")], [{}]),
        # no arguments at all
        ([call(0, None, "get_time")], [{}]),
        ([call(0, "", "get_time")], [{}]),
        # an object instead of its text
        ([call(0, {"a": "北"}, "get_time")], [{"a": "北"}]),
    ],
)
async def test_fragments_of_all_kinds(server, model, fragments, expected) -> None:
    chunks = [calls(fragment) for fragment in fragments]
    replied = await said(server, model, *chunks, chunk("tool_calls"))
    assert [c.name for c in replied.message.calls] == ["get_time"] * len(expected)
    assert [c.arguments for c in replied.message.calls] == expected
    assert replied.started == ["get_time"] * len(expected)


def order(replied) -> list[str]:
    """Which calls were begun and ready, and where text came, in order."""
    names = {CallStarted: "begun", CallReady: "ready", TextDelta: "text"}
    return [
        f"{names[type(e)]} {e.call.id if isinstance(e, CallReady) else getattr(e, 'call_id', '')}"
        for e in replied.events
        if type(e) in names
    ]


class TestReadyEarly:
    """A call is ready when its arguments are whole, not when the reply ends."""

    async def test_before_the_next_call_begins(self, server, model) -> None:
        replied = await said(
            server,
            model,
            calls(call(0, '{"city": "{Bonn', "get_weather", id="a")),
            calls(call(0, '}"}')),
            calls(call(1, '{"code": "1}"}', "python", id="b")),
            chunk(content="Done."),
            chunk("tool_calls"),
        )
        expected = ["begun call_1", "ready call_1", "begun call_2", "ready call_2", "text "]
        assert order(replied) == expected
        assert replied.message.calls[0].arguments == {"city": "{Bonn}"}
        assert replied.message.calls[1].payload == "1}"

    async def test_in_the_order_in_which_they_began(self, server, model) -> None:
        replied = await said(
            server,
            model,
            calls(call(0, '{"city": ', "get_weather"), call(1, '{"city": "Ulm"}', "get_weather")),
            calls(call(0, '"Bonn"}')),
            chunk("tool_calls"),
        )
        assert order(replied)[2:] == ["ready call_1", "ready call_2"]

    @pytest.mark.parametrize(
        ("fragments", "arguments"),
        [
            # an empty object first, from servers that put it where arguments are still unknown
            (["{}", '{"city": "Bonn"}'], None),
            (["{}"], {}),
            # the whole once more at the end, and blanks
            (['{"city": "Bonn"}', '{"city": "Bonn"}'], {"city": "Bonn"}),
            (['{"city": "Bonn"}', "\n"], {"city": "Bonn"}),
            # never whole, in spite of its looks
            (["}}}", '{"city"', ": 1}", "}}"], None),
        ],
    )
    async def test_what_servers_send_besides(self, server, model, fragments, arguments) -> None:
        first, *rest = fragments
        chunks = [calls(call(0, first, "get_weather")), *(calls(call(0, text)) for text in rest)]
        replied = await said(server, model, *chunks, chunk("tool_calls"))
        (only,) = replied.message.calls
        assert sum(isinstance(event, CallReady) for event in replied.events) == 1
        if arguments is not None:
            assert (only.arguments, only.error) == (arguments, None)
        deltas = "".join(e.text for e in replied.events if isinstance(e, CallDelta))
        assert deltas == only.payload


async def test_the_old_function_call(server, model) -> None:
    replied = await said(
        server,
        model,
        chunk(function_call={"name": "get_time", "arguments": ""}),
        chunk(function_call={"arguments": "{}"}),
        chunk("function_call"),
    )
    assert replied.message.calls[0].arguments == {}


async def test_arguments_that_are_no_json(server, model) -> None:
    """GLM-4#307: an error for the model, not for the run."""
    replied = await said(server, model, calls(call(0, "{city: Bonn", "get_weather")), chunk("stop"))
    (broken,) = replied.message.calls
    assert broken.arguments is None
    assert "not valid JSON" in (broken.error or "")


async def test_a_call_cut_by_the_limit(server, model) -> None:
    replied = await said(
        server, model, calls(call(0, '{"city": "Bo', "get_weather")), chunk("length")
    )
    assert replied.message.truncated
    assert "cut by the token limit" in (replied.message.calls[0].error or "")


async def test_an_answer_cut_by_the_limit(server, model) -> None:
    replied = await said(server, model, chunk(content="Hello wor"), chunk("length"))
    assert replied.message.truncated
    assert replied.message.text == "Hello wor"


async def test_thinking(server, model) -> None:
    replied = await said(
        server,
        model,
        chunk(reasoning_content="Let me "),
        chunk(reasoning="see"),
        chunk(content="4"),
        chunk("stop"),
    )
    assert replied.message.thinking == "Let me see"
    assert replied.events[:2] == [ThinkingDelta("Let me "), ThinkingDelta("see")]
    assert replied.message.text == "4"


async def test_thinking_left_in_the_text(server, model_of_glm_z1) -> None:
    """A server without a reasoning parser; the tags may be cut anywhere."""
    replied = await said(
        server,
        model_of_glm_z1,
        chunk(content="<thi"),
        chunk(content="nk>So.</think>\n4"),
        chunk("stop"),
    )
    assert replied.events == [ThinkingDelta("So."), TextDelta("4")]
    assert (replied.message.thinking, replied.message.parts) == ("So.", ("4",))


async def test_thinking_taken_out_by_the_server(server, model_of_glm_z1) -> None:
    """The text does not begin within a thought, as the model's own output does."""
    replied = await said(
        server,
        model_of_glm_z1,
        chunk(reasoning_content="So."),
        chunk(content="It is 4"),
        chunk("stop"),
    )
    assert (replied.message.thinking, replied.message.parts) == ("So.", ("It is 4",))


async def test_content_in_parts(server, model) -> None:
    parts = [{"type": "text", "text": "Hi"}, {"type": "image_url"}, 3]
    assert (await said(server, model, chunk(content=parts), chunk("stop"))).text == "Hi"


async def test_text_after_a_call(server, model) -> None:
    replied = await said(
        server,
        model,
        chunk(content="Before."),
        calls(call(0, "{}", "get_time")),
        chunk(content="Af"),
        chunk(content="ter."),
        chunk("tool_calls"),
    )
    assert replied.message.text.startswith("Before.")
    assert "After." in replied.message.text
    assert replied.text == replied.message.text
    assert len(replied.message.calls) == 1


async def test_an_empty_reply(server, model) -> None:
    assert (await said(server, model, chunk("stop"))).message.parts == ()


async def test_a_whole_answer_instead_of_a_stream(server, model) -> None:
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call(None, '{"city": "Bonn"}', "get_weather", id="x", type="function")],
    }
    answer = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    server.on("/chat/completions", lambda x: x.json(answer))
    replied = await reply_of(model, tools=TOOLS)
    assert replied.message.calls[0].arguments == {"city": "Bonn"}


class TestCallsInContent:
    """No server parses GLM-4's calls; they come as text (GLM-4#36, #64, vllm#16771)."""

    @pytest.mark.parametrize("size", [1, 5, 100])
    async def test_a_function(self, server, model, size: int) -> None:
        text = 'get_weather\n{"city": "北京"}'
        chunks = [chunk(content=text[i : i + size]) for i in range(0, len(text), size)]
        replied = await said(server, model, *chunks, chunk("stop"))
        assert replied.message.calls[0].arguments == {"city": "北京"}
        assert replied.text == ""

    async def test_code(self, server, model) -> None:
        replied = await said(server, model, chunk(content="python\nprint(1)"), chunk("stop"))
        assert replied.message.calls[0].payload == "print(1)"

    async def test_only_of_declared_tools(self, server, model) -> None:
        text = 'get_weather\n{"city": "Bonn"}'
        replied = await said(server, model, chunk(content=text), chunk("stop"), tools=(TIME,))
        assert replied.message.calls == ()
        assert replied.text == text

    async def test_an_answer_whose_second_line_is_json_stays_text(self, server, model) -> None:
        text = 'Here it is:\n{"city": "Bonn"}'
        assert (await said(server, model, chunk(content=text), chunk("stop"))).text == text

    async def test_numbers_go_on_after_it(self, server, model) -> None:
        replied = await said(
            server,
            model,
            chunk(content="get_time\n{}"),
            calls(call(0, "{}", "get_time")),
            chunk("tool_calls"),
            first_call=3,
        )
        assert [c.id for c in replied.message.calls] == ["call_3", "call_4"]


class TestRawTools:
    async def test_they_are_offered_as_functions(self, server, model) -> None:
        await said(server, model, chunk("stop"))
        (body,) = server.bodies("/chat/completions")
        offered = {tool["function"]["name"]: tool["function"] for tool in body["tools"]}
        assert offered["get_weather"] == WEATHER.function()
        assert offered["python"]["parameters"]["required"] == ["code"]
        assert offered["simple_browser"]["parameters"]["required"] == ["actions"]
        assert all(function["description"] for function in offered.values())

    @pytest.mark.parametrize(
        ("name", "arguments", "payload"),
        [
            ("python", '{"code": "print(\\"北\\")\\n1"}', 'print("北")\n1'),
            ("python", '{"code": "a\nb"}', "a\nb"),  # a raw newline in the string
            ("python", '{"source": "x = 1"}', "x = 1"),
            ("python", "print(1)", "print(1)"),
            ("python", "17", "17"),
            ("python", '"x = 1"', "x = 1"),
            ("python", "", ""),
            ("simple_browser", '{"actions": "search(\\"a, b\\")"}', 'search("a, b")'),
        ],
    )
    async def test_and_what_they_take_is_unwrapped(
        self, server, model, name, arguments, payload
    ) -> None:
        half = len(arguments) // 2
        replied = await said(
            server,
            model,
            calls(call(0, arguments[:half], name)),
            calls(call(0, arguments[half:])),
            chunk("tool_calls"),
        )
        (raw,) = replied.message.calls
        assert (raw.payload, raw.arguments, raw.error) == (payload, None, None)
        assert "".join(e.text for e in replied.events if isinstance(e, CallDelta)) == payload


async def test_optional_fields_are_left_out_once_refused(server, model) -> None:
    def answer(x: Exchange) -> None:
        if "stream_options" in x.body or "top_k" in x.body:
            x.json({"detail": "Unexpected fields in the request"}, 422)
        else:
            x.sse(chunk(content="Hi"), chunk("stop"))

    server.on("/chat/completions", answer)
    for _ in range(2):
        assert (await reply_of(model, top_k=3, temperature=0.5)).text == "Hi"
    bodies = server.bodies("/chat/completions")
    assert ["stream_options" in body for body in bodies] == [True, False, False]
    assert bodies[-1]["temperature"] == 0.5
    assert bodies[-1]["model"] == "glm"


async def test_a_refusal_is_reported(server, model) -> None:
    server.on("/chat/completions", lambda x: x.json({"error": {"message": "too long"}}, 400))
    with pytest.raises(ServerError, match="too long"):
        await reply_of(model)
