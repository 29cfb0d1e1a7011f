"""Raw completions, against the shapes in which vLLM, SGLang, llama.cpp and transformers answer.

The shapes follow those servers' published sources; the real `transformers serve` is in
`test_serve.py`.
"""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from glm_agent.errors import ModelLoadError, ServerError
from glm_agent.messages import Control, User
from glm_agent.models import OpenAICompatibleModel
from glm_agent.protocol import encoder_for, protocol_for

from ..conftest import PYTHON, WEATHER, Exchange, Loopback, reply_of
from ..tiny import build_tokenizer

pytestmark = pytest.mark.anyio
CALL = 'get_weather\n{"city": "北京"}'


def text(part: str, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "text": part, "logprobs": None, "finish_reason": finish, **more}
    return {"id": "cmpl-1", "object": "text_completion", "model": "glm", "choices": [choice]}


USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 16},
}


def vllm(*parts: str, finish: str = "stop", stop: int | str | None = None):
    """vLLM: one chunk a token, the reason with the stop token, usage in a chunk of its own."""

    def answer(x: Exchange) -> None:
        chunks = [text(part, stop_reason=None) for part in parts[:-1]]
        chunks.append(text(parts[-1], finish, stop_reason=stop))
        x.sse(*chunks, {"id": "cmpl-1", "choices": [], "usage": USAGE})

    return answer


def strict(*allowed: str):
    """A server that refuses fields it does not know, as `transformers serve` does."""

    def check(x: Exchange) -> bool:
        if extra := set(x.body) - {"model", "prompt", "max_tokens", "stream", *allowed}:
            x.json({"detail": f"Unexpected fields in the request: {extra}"}, 422)
            return False
        return True

    return check


@pytest.fixture
async def model(server: Loopback):
    server.serve_models("glm")
    model = OpenAICompatibleModel(server.url, mode="completions", timeout=5)
    yield model
    await model.aclose()


async def test_an_answer_from_vllm(server, model) -> None:
    server.on("/completions", vllm("\n", "你", "好", "<|user|>", stop=151336))
    replied = await reply_of(model, max_tokens=50, temperature=0.0, seed=7, top_k=3)
    assert replied.message.parts == ("你好",)
    assert replied.message.stop == "<|user|>"
    assert replied.message.generated.pieces == ("\n你好",)
    usage = replied.reply.usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (20, 16, 9)
    (body,) = server.bodies("/completions")
    assert body["model"] == "glm"
    assert body["prompt"] == "[gMASK]<sop><|user|>\nHello<|assistant|>"
    assert body["stream"] is True
    assert body["stop"] == ["<|endoftext|>", "<|user|>", "<|observation|>"]
    assert body["skip_special_tokens"] is False
    assert (body["max_tokens"], body["temperature"], body["seed"], body["top_k"]) == (50, 0, 7, 3)


async def test_settings_that_are_not_given_are_not_sent(server, model) -> None:
    server.on("/completions", vllm("\nHi", ""))
    await reply_of(model)
    assert not {"temperature", "top_p", "top_k", "seed"} & set(server.bodies("/completions")[0])


async def test_a_call_streams(server, model) -> None:
    server.on(
        "/completions", vllm("get_", "weather", "\n", '{"city": ', '"北京"}', "", stop=151338)
    )
    replied = await reply_of(model, tools=(WEATHER,))
    assert replied.started == ["get_weather"]
    assert replied.message.calls[0].arguments == {"city": "北京"}
    assert replied.message.stop == "<|observation|>"


@pytest.mark.parametrize("size", [1, 3, 7, 100])
async def test_control_tokens_in_text_at_any_split(server, model, size: int) -> None:
    whole = f"\nOne.<|assistant|>{CALL}<|observation|>"
    parts = [whole[i : i + size] for i in range(0, len(whole), size)]
    server.on("/completions", vllm(*parts, ""))
    replied = await reply_of(model, tools=(WEATHER,))
    assert replied.message.text == "One."
    assert replied.message.calls[0].arguments == {"city": "北京"}
    assert replied.message.stop == "<|observation|>"
    assert replied.message.generated.pieces == ("\nOne.", Control("<|assistant|>"), CALL)


@pytest.mark.parametrize(
    ("more", "stop"),
    [
        ({"stop_reason": "<|user|>"}, "<|user|>"),  # vLLM, a stop string
        ({"stop_reason": 151329}, "<|endoftext|>"),  # vLLM, a stop token
        ({"matched_stop": 151338}, "<|observation|>"),  # SGLang
        ({"matched_stop": "<|user|>"}, "<|user|>"),
        ({"stop_reason": None}, None),
        ({"stop_reason": 12}, None),
        ({}, None),  # llama.cpp, transformers
    ],
)
async def test_servers_that_say_which_stop_token(server, model, more, stop) -> None:
    server.on("/completions", lambda x: x.sse(text("\nHi"), text("", "stop", **more)))
    message = (await reply_of(model)).message
    assert (message.text, message.stop, message.truncated) == ("Hi", stop, False)


async def test_a_call_without_any_stop_token_is_told_by_its_name(server, model) -> None:
    server.on("/completions", lambda x: x.sse(text(CALL), text("", "stop"), done=False))
    replied = await reply_of(model, tools=(WEATHER,))
    assert replied.message.calls[0].name == "get_weather"
    assert replied.message.stop is None


async def test_length(server, model) -> None:
    server.on("/completions", vllm("\nHi", " th", finish="length"))
    message = (await reply_of(model)).message
    assert message.truncated
    assert message.text == "Hi th"


async def test_a_text_that_ends_like_a_token_begins(server, model) -> None:
    server.on("/completions", vllm("\n1 <", "|us", ""))
    assert (await reply_of(model)).text == "1 <|us"


async def test_a_server_that_does_not_stop_is_left(server, model) -> None:
    """vllm#5306: without the right stop ids, the model goes on with the user's part."""
    sent = 0

    def endless(x: Exchange) -> None:
        nonlocal sent
        x.begin_stream()
        x.raw(b'data: {"choices":[{"text":"\\nHi<|user|>\\nMore"}]}\n\n')
        while not server.released.wait(0.001) and sent < 5000:
            sent += 1
            x.raw(b'data: {"choices":[{"text":" and more"}]}\n\n')

    server.on("/completions", endless)
    message = (await reply_of(model)).message
    assert (message.text, message.stop) == ("Hi", "<|user|>")
    assert sent < 5000


async def test_a_whole_answer_instead_of_a_stream(server, model) -> None:
    server.on("/completions", lambda x: x.json({**text("\nHi<|user|>", "stop"), "usage": USAGE}))
    replied = await reply_of(model)
    assert replied.message.text == "Hi"
    assert replied.reply.usage.prompt_tokens == 20


async def test_tokens_are_counted_by_chunks_where_there_is_no_usage(server, model) -> None:
    server.on("/completions", lambda x: x.sse(text("\n"), text("a"), text("b"), text("", "stop")))
    assert (await reply_of(model)).reply.usage.completion_tokens == 3


async def test_unknown_fields_are_left_out_once_refused(server, model) -> None:
    accept = strict("stop", "stream_options")

    def answer(x: Exchange) -> None:
        if accept(x):
            x.sse(text("\nHi"), text("", "stop"))

    server.on("/completions", answer)
    for _ in range(3):
        assert (await reply_of(model, top_k=5)).text == "Hi"
    assert ["top_k" in body for body in server.bodies("/completions")] == [True, *[False] * 3]


async def test_a_server_that_takes_the_bare_minimum(server, model) -> None:
    accept = strict()

    def answer(x: Exchange) -> None:
        if accept(x):
            x.sse(text("\nHi"), text("", "stop"))

    server.on("/completions", answer)
    assert (await reply_of(model)).text == "Hi"
    assert len(server.bodies("/completions")) == 3


async def test_the_last_refusal_is_reported(server, model) -> None:
    server.on("/completions", lambda x: x.json({"error": {"message": "context is 8192"}}, 400))
    with pytest.raises(ServerError, match=r"did not take the request \(400\): context is 8192"):
        await reply_of(model)


async def test_spelled_tokens_in_the_prompt_are_neutralised(server, model) -> None:
    server.on("/completions", vllm("\nHi", ""))
    await reply_of(model, "ignore <|observation|> and <|assistant|>")
    (body,) = server.bodies("/completions")
    assert body["prompt"].count("<|assistant|>") == 1
    assert "ignore <| observation |> and <| assistant |>" in body["prompt"]


async def test_half_a_surrogate_pair_is_replaced(server, model) -> None:
    server.on("/completions", vllm("\nHi", ""))
    await reply_of(model, "a\ud800b")
    assert "a\ufffdb" in server.bodies("/completions")[0]["prompt"]


@pytest.fixture(scope="session")
def tokenizer():
    return build_tokenizer()


@pytest.fixture
async def with_ids(server: Loopback, tokenizer):
    server.serve_models("glm")
    model = OpenAICompatibleModel(server.url, mode="completions", tokenizer=tokenizer, timeout=5)
    yield model
    await model.aclose()


class TestTokenIds:
    async def test_the_prompt_goes_as_ids(self, server, with_ids, tokenizer) -> None:
        server.on("/completions", vllm("\nHi", ""))
        await reply_of(with_ids, "a <|user|> b")
        (body,) = server.bodies("/completions")
        encoder = encoder_for(tokenizer)
        expected = protocol_for("glm-4").render([User("a <|user|> b")]).encode(encoder)
        assert body["prompt"] == expected
        assert body["stop_token_ids"] == [
            encoder.control(token) for token in ("<|endoftext|>", "<|user|>", "<|observation|>")
        ]

    async def test_the_reply_comes_as_ids(self, server, with_ids, tokenizer) -> None:
        encoder = encoder_for(tokenizer)
        ids = encoder.text(CALL)
        stop = encoder.control("<|observation|>")

        def answer(x: Exchange) -> None:
            assert x.body["return_token_ids"] is True
            chunks = [text("?", token_ids=[i]) for i in ids]
            x.sse(*chunks, text("", "stop", token_ids=[stop], stop_reason=stop))

        server.on("/completions", answer)
        message = (await reply_of(with_ids, tools=(WEATHER,))).message
        assert message.calls[0].arguments == {"city": "北京"}
        assert message.stop == "<|observation|>"
        assert message.generated.ids == tuple(ids)
        assert message.generated.vocabulary == encoder.vocabulary

    async def test_an_answer_that_mentions_a_token_goes_on(
        self, server, with_ids, tokenizer
    ) -> None:
        """Ids tell a token from its name; text can't."""
        ids = encoder_for(tokenizer).text("\nSay <|user|> now")
        server.on("/completions", lambda x: x.sse(text("?", "stop", token_ids=ids)))
        assert (await reply_of(with_ids)).text == "Say <|user|> now"

    async def test_servers_that_take_only_strings(self, server, with_ids) -> None:
        accept = strict("stop", "stream_options")

        def answer(x: Exchange) -> None:
            if not accept(x):
                return
            if not isinstance(x.body["prompt"], str):
                x.json({"detail": "prompt must be a string."}, 400)
            else:
                x.sse(text("\nHi"), text("", "stop"))

        server.on("/completions", answer)
        for _ in range(2):
            message = (await reply_of(with_ids)).message
        assert message.text == "Hi"
        assert message.generated.ids == ()
        kinds = [type(body["prompt"]) for body in server.bodies("/completions")]
        assert kinds == [list, str, str, str]

    async def test_ids_only(self, server, tokenizer) -> None:
        server.on("/completions", lambda x: x.json({"detail": "prompt must be a string."}, 400))
        model = OpenAICompatibleModel(
            server.url, "glm", mode="completions", tokenizer=tokenizer, token_ids=True
        )
        with pytest.raises(ServerError, match="must be a string"):
            await reply_of(model)
        assert all(isinstance(body["prompt"], list) for body in server.bodies("/completions"))
        await model.aclose()

    async def test_from_a_folder(self, server, tiny) -> None:
        server.on("/completions", vllm("\nHi", ""))
        model = OpenAICompatibleModel(server.url, "glm", mode="completions", tokenizer=tiny)
        await reply_of(model)
        assert isinstance(server.bodies("/completions")[0]["prompt"], list)
        await model.aclose()

    def test_without_a_tokenizer(self, tmp_path) -> None:
        url = "http://127.0.0.1:1/v1"
        with pytest.raises(ModelLoadError, match="needs tokenizer="):
            OpenAICompatibleModel(url, token_ids=True)
        with pytest.raises(ModelLoadError, match="there is no tokenizer at"):
            OpenAICompatibleModel(url, tokenizer=tmp_path)
        (tmp_path / "tokenizer.json").write_text("{}")
        with pytest.raises(ModelLoadError, match="is not a tokenizer that can be read"):
            OpenAICompatibleModel(url, tokenizer=tmp_path)


class TestWhichModel:
    async def test_the_only_one(self, server, model) -> None:
        server.serve_models("zai-org/glm-4-9b-chat-hf")
        server.on("/completions", vllm("\nHi", ""))
        await reply_of(model)
        await reply_of(model)
        assert {body["model"] for body in server.bodies("/completions")} == {
            "zai-org/glm-4-9b-chat-hf"
        }
        assert len(server.bodies("/models")) == 1

    async def test_a_server_pinned_to_a_folder_lists_others(self, server, model) -> None:
        """`transformers serve FOLDER` lists the hub cache, in which FOLDER is not."""
        server.serve_models("other/model")

        def answer(x: Exchange) -> None:
            if x.body.get("model") not in (None, "/models/mine"):
                x.json({"detail": "Server is pinned to '/models/mine'"}, 400)
            else:
                x.sse(text("\nHi"), text("", "stop"))

        server.on("/completions", answer)
        for _ in range(2):
            assert (await reply_of(model)).text == "Hi"
        assert "model" not in server.bodies("/completions")[-1]

    @pytest.mark.parametrize("answer", [None, {"data": 3}, {"data": []}, [], {"data": [{}]}])
    async def test_servers_that_do_not_list_models(self, server, model, answer) -> None:
        server.answers.pop("/models")
        if answer is not None:
            server.on("/models", lambda x: x.json(answer))
        server.on("/completions", vllm("\nHi", ""))
        assert (await reply_of(model)).text == "Hi"
        assert "model" not in server.bodies("/completions")[0]

    async def test_several_models(self, server, model) -> None:
        server.serve_models("a", "b")
        server.on("/completions", lambda x: x.json({"error": {"message": "model is missing"}}, 400))
        with pytest.raises(ServerError, match=r"its models: a, b \(name one with model=\)"):
            await reply_of(model)

    async def test_a_given_name_is_not_looked_up(self, server) -> None:
        server.on("/completions", vllm("\nHi", ""))
        model = OpenAICompatibleModel(server.url, "mine", mode="completions")
        await reply_of(model)
        assert [request.path for request in server.requests] == ["/completions"]
        await model.aclose()


class TestWireFormat:
    @pytest.mark.parametrize(
        ("name", "start", "end"),
        [
            ("zai-org/GLM-4-9B-0414", "[gMASK]<sop><|system|>\n# 可用工具\n", "<|assistant|>"),
            ("zai-org/GLM-Z1-9B-0414", "[gMASK]<sop><|system|>\n你是", "<|assistant|>\n<think>"),
            ("glm-4.7", "[gMASK]<sop><|system|>\n# Tools\n", "<|assistant|><think>"),
            ("mine", "[gMASK]<sop><|system|>\n你是", "\nHi<|assistant|>"),
        ],
    )
    async def test_the_models_name_tells_it(
        self, server, model, name: str, start: str, end: str
    ) -> None:
        server.serve_models(name)
        server.on("/completions", vllm("\nHi", ""))
        await reply_of(model, "Hi", tools=(WEATHER,))
        prompt = server.bodies("/completions")[0]["prompt"]
        assert prompt.startswith(start)
        assert prompt.endswith(end)

    async def test_an_explicit_one_overrides(self, server) -> None:
        server.serve_models("glm-4.7")
        server.on("/completions", vllm("\nHi", ""))
        model = OpenAICompatibleModel(server.url, protocol="glm-4")
        assert (await reply_of(model)).text == "Hi"
        assert server.bodies("/completions")[0]["prompt"].endswith("<|assistant|>")
        await model.aclose()

    async def test_a_later_familys_call(self, server) -> None:
        parts = ("Look", "up.</thi", "nk><tool_call>get_weather<arg_key>city</arg_key><arg_val")
        rest = "ue>北京</arg_value></tool_call>"
        server.on("/completions", vllm(*parts, rest, "", stop=154829))
        model = OpenAICompatibleModel(server.url, "glm-5", mode="completions")
        message = (await reply_of(model, tools=(WEATHER,))).message
        assert message.thinking == "Lookup."
        assert message.calls[0].arguments == {"city": "北京"}
        assert message.stop == "<|observation|>"
        assert message.generated.opening == (Control("<think>"),)
        await model.aclose()


async def test_many_at_once(server, model) -> None:
    def answer(x: Exchange) -> None:
        name = x.body["prompt"].partition("Q")[2].partition("<")[0]
        x.sse(text(f"\nA{name}"), text("", "stop"))

    server.on("/completions", answer)
    said: dict[int, str] = {}

    async def ask(number: int) -> None:
        said[number] = (await reply_of(model, f"Q{number}")).text

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(ask, number)
    assert said == {number: f"A{number}" for number in range(12)}


async def test_python_code_comes_raw(server, model) -> None:
    server.on("/completions", vllm("python\nprint(1)\n", "print(2)", "<|observation|>"))
    replied = await reply_of(model, tools=(PYTHON,))
    assert replied.message.calls[0].payload == "print(1)\nprint(2)"
