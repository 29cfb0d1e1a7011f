"""The command line as a process, and a server on this machine for it to ask."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

COMMAND = (sys.executable, "-m", "glm_agent")


class Server:
    """An OpenAI-compatible server that answers completions with one script entry after another.

    An entry is the reply's text with its stop token. `hold` keeps every reply from being finished
    until it is set; `asked` is set when the first request is there.
    """

    def __init__(self) -> None:
        self.replies: list[str] = []
        self.prompts: list[str] = []
        self.hold: threading.Event | None = None
        self.asked = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                body = json.dumps({"object": "list", "data": [{"id": "tiny-glm"}]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                server.prompts.append(body["prompt"])
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True
                # The client may hang up when it likes.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._reply(server.replies.pop(0))

            def _reply(self, reply: str) -> None:
                for start in range(0, len(reply), 7):
                    self._event({"choices": [{"index": 0, "text": reply[start : start + 7]}]})
                server.asked.set()
                if server.hold is not None:
                    server.hold.wait(60)
                usage = {"prompt_tokens": 100, "completion_tokens": len(reply) // 4}
                self._event(
                    {"choices": [{"index": 0, "text": "", "finish_reason": "stop"}], "usage": usage}
                )
                self.wfile.write(b"data: [DONE]\n\n")

            def _event(self, event: dict[str, Any]) -> None:
                self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
                self.wfile.flush()

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        if self.hold is not None:
            self.hold.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@dataclass
class CommandLine:
    """Runs `glm-agent` in an interpreter of its own."""

    folder: Path
    environment: dict[str, str]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(
        self, *arguments: str, stdin: str = "", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            cwd=self.folder,
            env=self.environment | environment,
            check=False,
        )

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start, to be interrupted or read from."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=self.folder,
            env=self.environment | environment,
        )
        self.running.append(process)
        return process


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for one test."""
    serving = Server()
    yield serving
    serving.close()


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line in a folder and a home of its own."""
    dropped = {"GLM_AGENT_MODEL", "GLM_AGENT_DEBUG", "NO_COLOR", "COLUMNS"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    root = str(Path(__file__).resolve().parents[3])
    environment |= {
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([root, f"{root}/tools", f"{root}/sandbox"]),
    }
    line = CommandLine(tmp_path, environment)
    yield line
    for process in line.running:
        process.kill()
        process.communicate()


def events(output: str) -> list[dict[str, Any]]:
    """The JSON lines of an output."""
    return [json.loads(line) for line in output.splitlines()]


def kinds(records: Sequence[dict[str, Any]]) -> list[str]:
    """The types of events, each run of one type once."""
    types: list[str] = []
    for record in records:
        if not types or types[-1] != record["type"]:
            types.append(record["type"])
    return types
