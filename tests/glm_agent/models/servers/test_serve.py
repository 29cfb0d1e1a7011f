"""A real server on loopback: `transformers serve`, as a process of its own.

It takes string prompts only, refuses fields it does not know, and strips control tokens from its
text, so what is a call must be told without the stop token.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from glm_agent import Agent, CallStarted, Event, Limits, tool
from glm_agent.errors import LimitExceeded, ServerError
from glm_agent.messages import Assistant, Observation, User
from glm_agent.models import OpenAICompatibleModel, load_model
from glm_agent.models.load import EMBEDDED_FOLDER

from ..conftest import WEATHER, reply_of

httpx2 = pytest.importorskip("httpx2")
pytest.importorskip("fastapi", reason="needs transformers[serving]")
pytestmark = [pytest.mark.slow, pytest.mark.anyio]


@contextmanager
def serving(folder: Path, tmp: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    tmp.mkdir(exist_ok=True)
    log = tmp / "serve.log"
    command = [
        *(sys.executable, "-c", "from transformers.cli.transformers import main; main()"),
        *("serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"),
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp / "hub")}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            try:
                if httpx2.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                    break
            except httpx2.HTTPError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1", process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def caller_url(caller, tmp_path_factory) -> Iterator[str]:
    with serving(caller, tmp_path_factory.mktemp("serve")) as (url, _):
        yield url


async def test_a_call(caller_url) -> None:
    model = load_model(caller_url)
    for _ in range(2):
        replied = await reply_of(model, tools=(WEATHER,), max_tokens=60)
        assert replied.message.calls[0].arguments == {"city": "北京"}
        assert len(replied.events) > 3
        assert replied.reply.usage.completion_tokens > 10
    assert isinstance(model, OpenAICompatibleModel)
    assert model.mode == "completions"
    await model.aclose()


async def test_a_conversation_goes_on_from_its_own_text(caller_url) -> None:
    model = load_model(caller_url)
    first = (await reply_of(model, tools=(WEATHER,), max_tokens=60)).message
    again = [User("Hello"), first, Observation("sunny", call_id="call_1")]
    replied = await reply_of(model, *again, tools=(WEATHER,), max_tokens=60, first_call=2)
    assert replied.message.calls[0].id == "call_2"
    await model.aclose()


async def test_a_reply_cut_at_the_limit(caller_url) -> None:
    model = load_model(caller_url)
    message = (await reply_of(model, tools=(WEATHER,), max_tokens=6)).message
    assert message.truncated
    await model.aclose()


async def test_the_same_as_in_this_process(caller_url, caller) -> None:
    remote, local = load_model(caller_url), load_model(caller, device="cpu")
    there = (await reply_of(remote, tools=(WEATHER,), max_tokens=60)).message
    here = (await reply_of(local, tools=(WEATHER,), max_tokens=60)).message
    assert there.parts == here.parts
    assert there.generated.pieces == here.generated.pieces
    await remote.aclose()
    await local.aclose()


async def test_death_in_the_middle(tiny, tmp_path) -> None:
    with serving(tiny, tmp_path) as (url, process):
        model = load_model(url, timeout=30)
        with pytest.raises(ServerError) as caught:  # noqa: PT012
            async for _ in model.stream(_long()):
                process.kill()
        assert "broke off in the middle" in str(caught.value)
        with pytest.raises(ServerError, match="no server answers"):
            await reply_of(model)
        await model.aclose()


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"22 degrees in {city}"


async def test_a_session_survives_its_server(caller, tmp_path) -> None:
    """Killed in mid-stream: a typed error, and what was said goes on with another server."""
    with serving(caller, tmp_path / "first") as (url, process):
        model = load_model(url, timeout=30)
        steps = 0

        def kill_at_the_second_call(event: Event) -> None:
            nonlocal steps
            steps += isinstance(event, CallStarted)
            if steps == 2:
                process.kill()
                steps += 1

        async with Agent(model, [get_weather]).session() as session:
            with pytest.raises(ServerError, match="broke off in the middle") as caught:
                await session.run("Weather?", on_event=kill_at_the_second_call)
            assert caught.value.transcript is session.transcript
            with pytest.raises(ServerError, match=r"no server answers at .*; start it or check"):
                await session.run("Once more?")
            transcript = session.transcript
        await model.aclose()
    roles = [message.role for message in transcript]
    assert roles[:3] == ["user", "assistant", "observation"]
    assert transcript[2].text == "22 degrees in 北京"
    answered = [m.call_id for m in transcript if isinstance(m, Observation)]
    called = [c.id for m in transcript if isinstance(m, Assistant) for c in m.calls]
    assert answered == called
    with serving(caller, tmp_path / "second") as (url, _):
        model = load_model(url)
        # The checkpoint does nothing but call.
        agent = Agent(model, [get_weather], limits=Limits(steps=2))
        async with agent.session(transcript) as session:
            with pytest.raises(LimitExceeded):
                await session.run("And now?")
            assert session.transcript[-1].text == "22 degrees in 北京"
            assert len(session.transcript) == len(transcript) + 5
        await model.aclose()


async def test_a_wrong_url_and_a_wrong_name(caller_url) -> None:
    wrong = load_model(caller_url.replace("/v1", "/v2"))
    with pytest.raises(ServerError, match="check the URL"):
        await reply_of(wrong)
    await wrong.aclose()
    named = OpenAICompatibleModel(caller_url, "no-such-model", timeout=30)
    with pytest.raises(ServerError, match=r"no-such-model|model") as caught:
        await reply_of(named)
    assert "\n" not in str(caught.value)
    await named.aclose()


def _long():
    from glm_agent.models import Request, Settings

    return Request([User("Hello")], settings=Settings(max_tokens=480))


@pytest.mark.skipif(
    not (EMBEDDED_FOLDER / "model.safetensors").is_file(), reason="no embedded model here"
)
async def test_the_embedded_model(tmp_path) -> None:
    with serving(EMBEDDED_FOLDER, tmp_path) as (url, _):
        remote, local = load_model(url), load_model("embedded", device="cpu")
        for question in ("Hello!", "What is the weather in Berlin?"):
            there = (await reply_of(remote, question, tools=(WEATHER,))).message
            here = (await reply_of(local, question, tools=(WEATHER,))).message
            assert there.parts == here.parts
        await remote.aclose()
        await local.aclose()
