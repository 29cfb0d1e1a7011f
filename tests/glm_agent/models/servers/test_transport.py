"""Servers that are down, hang, break off or talk nonsense: one line each, with what to do."""

from __future__ import annotations

import gc
import socket
import struct

import anyio
import pytest

from glm_agent.errors import ModelLoadError, ServerError
from glm_agent.messages import User
from glm_agent.models import OpenAICompatibleModel, Request
from glm_agent.models.servers.transport import Transport

from ..conftest import Exchange, Loopback, reply_of

pytestmark = pytest.mark.anyio
BOTH = pytest.mark.parametrize("mode", ["completions", "chat", "auto"])
ENDPOINTS = ("/completions", "/chat/completions")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def failure(url: str, mode: str = "auto", timeout: float = 5, **options) -> str:
    model = OpenAICompatibleModel(url, mode=mode, timeout=timeout, **options)
    with pytest.raises(ServerError) as caught:
        await reply_of(model)
    await model.aclose()
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def answer_all(server: Loopback, answer) -> None:
    for path in ENDPOINTS:
        server.on(path, answer)


@BOTH
async def test_nobody_listens(mode: str) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    text = await failure(url, mode)
    assert f"no server answers at {url}" in text
    assert "start it or check the URL" in text


@BOTH
async def test_a_server_that_hangs(server, mode: str) -> None:
    answer_all(server, lambda _: server.released.wait(30))
    text = await failure(server.url, mode, timeout=0.3)
    assert "said nothing for 0.3 s" in text


@BOTH
async def test_a_server_that_hangs_in_the_middle(server, mode: str) -> None:
    def answer(x: Exchange) -> None:
        x.begin_stream()
        x.raw(b'data: {"choices":[{"text":"\\nHi","delta":{"content":"Hi"}}]}\n\n')
        server.released.wait(30)

    answer_all(server, answer)
    assert "said nothing for 0.3 s" in await failure(server.url, mode, timeout=0.3)


@BOTH
async def test_a_web_page(server, mode: str) -> None:
    answer_all(server, lambda x: x.send(200, "<!DOCTYPE html><h1>Hi</h1>", "text/html"))
    text = await failure(server.url, mode)
    assert "answers text/html, not an OpenAI-compatible API" in text
    assert "ends in /v1" in text


@BOTH
@pytest.mark.parametrize("body", ["", "not json", "[1]", '"text"', "null", "\ufffd"])
async def test_json_that_is_none(server, mode: str, body: str) -> None:
    answer_all(server, lambda x: x.send(200, body, "application/json"))
    assert "sent what is not JSON" in await failure(server.url, mode)


@BOTH
@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"error": {"message": "bad key"}}, "refuses the API key (401): bad key; set GLM_"),
        (403, {}, "refuses the API key (403)"),
        (413, {"detail": "too large"}, "did not take the request (413): too large"),
        (429, {"error": "slow down"}, "too many requests (429): slow down; try again in 7 s"),
        (500, {"error": {"message": "CUDA error\nat line 3"}}, "failed (500): CUDA error at line"),
        (503, {"detail": [{"msg": "loading"}]}, 'failed (503): [{"msg": "loading"}]'),
    ],
)
async def test_statuses(server, mode: str, status: int, body: object, said: str) -> None:
    answer_all(server, lambda x: x.json(body, status, Retry_After="7"))
    assert said in await failure(server.url, mode)


@BOTH
async def test_a_status_with_a_page_says_no_html(server, mode: str) -> None:
    answer_all(server, lambda x: x.send(502, "<html><body>Bad gateway</body></html>", "text/html"))
    text = await failure(server.url, mode)
    assert "failed (502); its log says more" in text
    assert "<" not in text


async def test_neither_endpoint(server) -> None:
    text = await failure(server.url)
    assert "has no /chat/completions (404): Not Found; check the URL" in text


async def test_a_model_that_is_not_there(server) -> None:
    server.serve_models("a", "b")
    error = {"error": {"message": "The model `c` does not exist.", "code": 404}}
    answer_all(server, lambda x: x.json(error, 404))
    text = await failure(server.url, model="c")
    assert "(404): The model `c` does not exist." in text


@BOTH
async def test_redirects_are_not_followed(server, mode: str) -> None:
    answer_all(server, lambda x: x.json({}, 307, Location="http://127.0.0.1:9/v1/completions"))
    text = await failure(server.url, mode)
    assert "redirects to http://127.0.0.1:9/v1/completions; give that URL instead" in text


def break_off(x: Exchange) -> None:
    """Reset the connection, as a process does that is killed."""
    x.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    x.handler.rfile.close()
    x.handler.wfile.close()
    x.handler.connection.close()
    raise ConnectionAbortedError


@BOTH
async def test_a_server_that_dies_in_the_middle(server, mode: str) -> None:
    def answer(x: Exchange) -> None:
        x.begin_stream()
        x.raw(b'data: {"choices":[{"text":"\\nHi","delta":{"content":"Hi"}}]}\n\n')
        break_off(x)

    answer_all(server, answer)
    assert "broke off in the middle of its reply" in await failure(server.url, mode)


@BOTH
async def test_a_stream_that_ends_without_an_end(server, mode: str) -> None:
    chunk = {"choices": [{"text": "\nHi", "delta": {"content": "Hi"}}]}
    answer_all(server, lambda x: x.sse(chunk, done=False))
    assert "broke off in the middle of its reply" in await failure(server.url, mode)


@BOTH
@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"error": {"message": "out of memory"}}, "failed in the middle: out of memory"),
        ({"error": "worker died"}, "failed in the middle: worker died"),
        ('data: {"error": "he said "no""}\n\n', 'failed in the middle: he said "no'),
        ("data: {half\n\n", "sent what is not JSON: {half"),
        ("data: 17\n\n", "sent what is not JSON: 17"),
    ],
)
async def test_errors_in_a_stream(server, mode: str, event: object, said: str) -> None:
    chunk = {"choices": [{"text": "\nHi", "delta": {"content": "Hi"}}]}
    answer_all(server, lambda x: x.sse(chunk, event))
    assert said in await failure(server.url, mode)


async def test_a_line_without_end(server) -> None:
    def answer(x: Exchange) -> None:
        x.begin_stream()
        for _ in range(40):
            x.raw(b"data: " + b"x" * 100_000)
        x.end_stream()

    answer_all(server, answer)
    assert "sent a broken stream" in await failure(server.url)


async def test_a_stream_without_end(server, monkeypatch) -> None:
    monkeypatch.setattr("glm_agent.models.servers.transport.MAX_STREAM", 2000)
    chunk = {"choices": [{"text": "word " * 20, "delta": {"content": "word " * 20}}]}
    answer_all(server, lambda x: x.sse(*[chunk] * 100))
    assert "sends without end" in await failure(server.url)


@pytest.mark.parametrize(
    "noise",
    [
        "data:\n\n",  # FastGPT#1719
        "data: \n\n",
        ": keep-alive\n\n",
        "event: ping\ndata: {}\n\n",
        "\n\n\n",
        'data: {"choices": []}\n\n',
        'data: {"choices": null}\n\n',
        'data: {"choices": [null]}\n\n',
        'data: {"choices": [{"text": null, "delta": null}]}\n\n',
        'data: {"choices": [{"text": 5, "delta": {"content": 5, "tool_calls": [3, {}]}}]}\n\n',
    ],
)
@pytest.mark.parametrize("mode", ["completions", "chat"])
async def test_noise_between_events(server, noise: str, mode: str) -> None:
    if mode == "chat" and "tool_calls" in noise:
        noise = noise.replace(", {}", "")
    first = {"choices": [{"text": "\nH", "delta": {"content": "H"}}]}
    last = {"choices": [{"text": "i", "delta": {"content": "i"}, "finish_reason": "stop"}]}
    answer_all(server, lambda x: x.sse(noise, first, noise, last, noise))
    model = OpenAICompatibleModel(server.url, mode=mode)
    assert (await reply_of(model)).text == "Hi"
    await model.aclose()


async def test_events_without_blank_lines_between(server) -> None:
    lines = (
        'data: {"choices":[{"text":"\\nH"}]}\n'
        'data: {"choices":[{"text":"i","finish_reason":"stop"}]}\n'
        "data: [DONE]\n\n"
    )
    server.on("/completions", lambda x: x.sse(lines, done=False))
    model = OpenAICompatibleModel(server.url)
    assert (await reply_of(model)).text == "Hi"
    await model.aclose()


FINAL = {"choices": [{"text": "\nHi", "delta": {"content": "Hi"}, "finish_reason": "stop"}]}


class TestAuto:
    async def test_completions_first(self, server) -> None:
        answer_all(server, lambda x: x.sse(FINAL))
        model = OpenAICompatibleModel(server.url)
        assert model.mode == "auto"
        await reply_of(model)
        assert model.mode == "completions"
        assert server.bodies("/chat/completions") == []
        await model.aclose()

    @pytest.mark.parametrize("status", [404, 405, 501])
    async def test_chat_where_there_are_none(self, server, status: int) -> None:
        server.on("/completions", lambda x: x.json({"detail": "no"}, status))
        server.on("/chat/completions", lambda x: x.sse(FINAL))
        model = OpenAICompatibleModel(server.url)
        for _ in range(2):
            assert (await reply_of(model)).text == "Hi"
        assert model.mode == "chat"
        assert len(server.bodies("/completions")) == 1
        await model.aclose()

    async def test_a_chat_model_behind_completions(self, server) -> None:
        said = {"error": {"message": "This is a chat model and not supported in v1/completions"}}
        server.on("/completions", lambda x: x.json(said, 404))
        server.on("/chat/completions", lambda x: x.sse(FINAL))
        model = OpenAICompatibleModel(server.url, "m")
        assert (await reply_of(model)).text == "Hi"
        await model.aclose()

    @pytest.mark.parametrize("name", ["glm-4.6", "zai-org/GLM-4.5-Air", "glm-5"])
    async def test_later_families_are_left_to_their_servers(self, server, name: str) -> None:
        server.serve_models(name)
        answer_all(server, lambda x: x.sse(FINAL))
        model = OpenAICompatibleModel(server.url)
        await reply_of(model)
        assert model.mode == "chat"
        await model.aclose()


class TestConnections:
    async def test_one_connection_is_kept(self, server) -> None:
        ports: list[int] = []

        def answer(x: Exchange) -> None:
            ports.append(x.handler.client_address[1])
            x.sse(FINAL)

        server.on("/completions", answer)
        model = OpenAICompatibleModel(server.url)
        for _ in range(4):
            await reply_of(model)
        assert len(set(ports)) == 1
        await model.aclose()

    async def test_a_connection_that_was_closed_meanwhile(self, server) -> None:
        def answer(x: Exchange) -> None:
            x.sse(FINAL)
            # without saying so, as servers do that have waited long enough
            x.handler.close_connection = True

        server.on("/completions", answer)
        model = OpenAICompatibleModel(server.url)
        for _ in range(4):
            assert (await reply_of(model)).text == "Hi"
        await model.aclose()

    async def test_a_request_that_kills_the_server_is_not_sent_for_ever(self, server) -> None:
        server.on("/completions", break_off)
        assert "broke the connection" in await failure(server.url)
        assert len(server.bodies("/completions")) == 2

    @pytest.mark.parametrize("status", [429, 503])
    async def test_a_server_that_asks_to_come_back(self, server, status: int) -> None:
        """RFC 9110, 10.2.3: it has not taken the request, so sending it again is safe."""
        busy = iter([True, True, False])

        def answer(x: Exchange) -> None:
            if next(busy):
                x.json({"error": "busy"}, status, Retry_After="0")
            else:
                x.sse(FINAL)

        server.on("/completions", answer)
        model = OpenAICompatibleModel(server.url, mode="completions")
        assert (await reply_of(model)).text == "Hi"
        assert len(server.bodies("/completions")) == 3
        await model.aclose()

    @pytest.mark.parametrize(
        ("status", "after", "sent"),
        [
            (429, "0", 3),  # not for ever
            (429, "60", 1),  # not for long
            (429, "nan", 1),
            (429, "-1", 1),
            (429, "Mon, 23 Nov 2026 12:00:00 GMT", 1),
            (500, "0", 1),  # it may have begun
            (400, "0", 1),
        ],
    )
    async def test_and_when_it_is_not_asked_again(self, server, status, after, sent) -> None:
        server.on("/completions", lambda x: x.json({"error": "no"}, status, Retry_After=after))
        model = OpenAICompatibleModel(server.url, "m", mode="completions")
        model._completions._traits.way = (False, 0)  # the one way to ask
        with pytest.raises(ServerError):
            await reply_of(model)
        assert len(server.bodies("/completions")) == sent
        await model.aclose()

    async def test_leaving_the_stream_hangs_up(self, server) -> None:
        left = anyio.Event()
        token = anyio.lowlevel.current_token()

        def answer(x: Exchange) -> None:
            x.begin_stream()
            try:
                while not server.released.wait(0.001):
                    x.raw(b'data: {"choices":[{"text":"\\nword"}]}\n\n')
            except OSError:
                anyio.from_thread.run_sync(left.set, token=token)
                raise

        server.on("/completions", answer)
        model = OpenAICompatibleModel(server.url)
        async with anyio.create_task_group() as group:

            async def listen() -> None:
                async for _ in model.stream(Request([User("x")])):
                    group.cancel_scope.cancel()

            group.start_soon(listen)
        with anyio.fail_after(20):
            await left.wait()
        await model.aclose()

    async def test_a_closed_model_says_so(self, server) -> None:
        model = OpenAICompatibleModel(server.url)
        await model.aclose()
        await model.aclose()
        with pytest.raises(ServerError, match="was closed"):
            await reply_of(model)

    def test_one_event_loop_after_the_other(self, server) -> None:
        """Connections end with their loop; nothing is left for the garbage collector to find."""
        server.on("/completions", lambda x: x.sse(FINAL))
        model = OpenAICompatibleModel(server.url)
        for _ in range(3):
            assert anyio.run(lambda: reply_of(model)).text == "Hi"
        gc.collect()  # an open socket would be a ResourceWarning, and those are errors here


class TestKeys:
    @pytest.fixture(autouse=True)
    def _no_keys(self, monkeypatch) -> None:
        monkeypatch.delenv("GLM_AGENT_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    async def sent(self, server, **options) -> str | None:
        server.on("/completions", lambda x: x.sse(FINAL))
        model = OpenAICompatibleModel(server.url, **options)
        await reply_of(model)
        await model.aclose()
        assert len({x.headers.get("authorization") for x in server.requests}) == 1
        return server.requests[-1].headers.get("authorization")

    async def test_none(self, server) -> None:
        assert await self.sent(server) is None

    async def test_given(self, server, monkeypatch) -> None:
        monkeypatch.setenv("GLM_AGENT_API_KEY", "other")
        assert await self.sent(server, api_key=" mine\n") == "Bearer mine"

    async def test_from_the_environment(self, server, monkeypatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "openai")
        assert await self.sent(server) == "Bearer openai"
        server.requests.clear()
        monkeypatch.setenv("GLM_AGENT_API_KEY", "ours")
        assert await self.sent(server) == "Bearer ours"
        server.requests.clear()
        assert await self.sent(server, api_key="") is None

    @pytest.mark.parametrize(
        ("url", "has_key"),
        [
            ("http://192.0.2.7:8000/v1", False),
            ("http://models.example/v1", False),
            ("https://models.example/v1", True),
            ("http://localhost:8000/v1", True),
            ("http://[::1]:8000/v1", True),
        ],
    )
    def test_openais_key_is_not_sent_in_the_clear(self, monkeypatch, url, has_key) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "openai")
        assert bool(Transport(url, None, 1)._headers) is has_key

    def test_keys_that_no_header_holds(self) -> None:
        with pytest.raises(ModelLoadError, match="API key has characters"):
            OpenAICompatibleModel("http://127.0.0.1:1", api_key="a\nb")

    async def test_passwords_in_the_url_stay_out_of_messages(self) -> None:
        text = await failure(f"http://user:secret@127.0.0.1:{free_port()}/v1")
        assert "secret" not in text


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/chat/completions", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/v1/completions", "http://127.0.0.1:8000/v1"),
        ("https://models.example/api/paas/v4", "https://models.example/api/paas/v4"),
    ],
)
def test_urls(given: str, base: str) -> None:
    assert Transport(given, "", 1).base == base


@pytest.mark.parametrize("options", [{"mode": "raw"}, {"timeout": 0}, {"timeout": -1}])
def test_wrong_options(options) -> None:
    with pytest.raises(ModelLoadError):
        OpenAICompatibleModel("http://127.0.0.1:1/v1", **options)


async def test_proxies_are_not_asked_for_this_machine(server, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.on("/completions", lambda x: x.sse(FINAL))
    model = OpenAICompatibleModel(server.url)
    assert (await reply_of(model)).text == "Hi"
    await model.aclose()
