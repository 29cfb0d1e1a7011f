"""A tiny checkpoint, and a loopback server that answers whatever a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from glm_agent.events import CallStarted, TextDelta
from glm_agent.messages import Message, ToolSpec, User
from glm_agent.models import Model, Reply, Request, Settings
from glm_agent.models.load import EMBEDDED_FOLDER

WEATHER = ToolSpec(
    "get_weather",
    "Weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}},
)
PYTHON = ToolSpec("python", kind="python")
BROWSER = ToolSpec("simple_browser", kind="simple_browser")

needs_embedded = pytest.mark.skipif(
    not (EMBEDDED_FOLDER / "model.safetensors").is_file(),
    reason="the embedded model's weights are not in this checkout",
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A random checkpoint that babbles."""
    from .tiny import build_checkpoint

    return build_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def caller(tmp_path_factory) -> Path:
    """A checkpoint that always calls get_weather for 北京."""
    from .tiny import build_checkpoint

    say = 'get_weather\n{"city": "北京"}<|observation|>'
    return build_checkpoint(tmp_path_factory.mktemp("models") / "caller", say=say)


@pytest.fixture(scope="module")
def loaded(tiny):
    """The engine of the checkpoint that babbles; it keeps nothing."""
    from glm_agent.models.loading import Source, load_engine

    return load_engine(Source(str(tiny)), device="cpu", protocol=None)


@dataclass
class Replied:
    """All that came out of one stream."""

    events: list[Any]
    reply: Reply

    @property
    def message(self):
        return self.reply.message

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def started(self) -> list[str]:
        return [event.name for event in self.events if isinstance(event, CallStarted)]


async def reply_of(
    model: Model,
    *messages: Message | str,
    tools: tuple[ToolSpec, ...] = (),
    first_call: int = 1,
    tool_choice: str = "auto",
    **settings: Any,
) -> Replied:
    """Stream one reply to the end."""
    asked = [User(m) if isinstance(m, str) else m for m in messages or ("Hello",)]
    request = Request(asked, tools, Settings(**settings), first_call, tool_choice)
    events = [event async for event in model.stream(request)]
    assert isinstance(events[-1], Reply)
    return Replied(events[:-1], events[-1])


Answer = Callable[["Exchange"], None]


@dataclass
class Exchange:
    """One request, and the means to answer it."""

    handler: BaseHTTPRequestHandler
    path: str
    headers: dict[str, str]
    body: Any

    def send(self, status: int, content: bytes | str, kind: str, **headers: str) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.send(status, json.dumps(value), "application/json", **headers)

    def begin_stream(self) -> None:
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.handler.send_header("Transfer-Encoding", "chunked")
        self.handler.end_headers()

    def raw(self, data: bytes) -> None:
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()

    def end_stream(self) -> None:
        self.raw(b"")

    def sse(self, *objects: Any, done: bool = True) -> None:
        """A whole stream; strings are sent as they are."""
        self.begin_stream()
        for item in objects:
            text = item if isinstance(item, str) else f"data: {json.dumps(item)}\n\n"
            self.raw(text.encode())
        if done:
            self.raw(b"data: [DONE]\n\n")
        self.end_stream()


@dataclass
class Loopback:
    """A server on 127.0.0.1. `answers` maps paths to functions; anything else is a 404."""

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[Exchange] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def on(self, path: str, answer: Answer) -> None:
        self.answers[path] = answer

    def serve_models(self, *names: str) -> None:
        data = [{"id": name, "object": "model"} for name in names]
        self.on("/models", lambda x: x.json({"object": "list", "data": data}))

    def bodies(self, path: str) -> list[Any]:
        return [request.body for request in self.requests if request.path == path]


@pytest.fixture
def server() -> Iterator[Loopback]:
    loopback = Loopback("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length)
            path = self.path.removeprefix("/v1")
            headers = {name.lower(): value for name, value in self.headers.items()}
            exchange = Exchange(self, path, headers, json.loads(data) if data else None)
            loopback.requests.append(exchange)
            answer = loopback.answers.get(path)
            if answer is None:
                exchange.json({"detail": "Not Found"}, 404)
            else:
                answer(exchange)

        do_GET = do_POST = _answer

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client hung up, which some tests are about
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

    httpd = Server(("127.0.0.1", 0), Handler)
    loopback.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield loopback
    loopback.released.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()
