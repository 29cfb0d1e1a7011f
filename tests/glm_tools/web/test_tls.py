"""Certificates stay on the name, whatever address was dialled."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from glm_tools.web.fetch import Fetcher, FetchError
from glm_tools.web.guard import Guard

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@dataclass
class Secure:
    port: int
    authority: Path
    names: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    """A server with a certificate for pages.example."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=pages.example", "-addext", "subjectAltName=DNS:pages.example"),
        ],
        check=True,
        capture_output=True,
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.hosts.append(self.headers["Host"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<p>hello")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that did not like the certificate

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _, name, __: made.names.append(name)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    made = Secure(server.server_address[1], certificate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


def fetcher(secure: Secure) -> Fetcher:
    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    names = [f"{name}:{secure.port}" for name in ("pages.example", "other.example")]
    return Fetcher(timeout=10.0, guard=Guard(names, resolver=resolve))


@pytest.fixture
def trusted(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> Secure:
    context = ssl.create_default_context(cafile=str(secure.authority))
    monkeypatch.setattr("glm_tools.web.wire._certificates", lambda: context)
    return secure


def test_the_name_is_what_is_asked_for_and_checked(trusted: Secure) -> None:
    page = fetcher(trusted).fetch(f"https://pages.example:{trusted.port}/")
    assert page.body == b"<p>hello"
    assert trusted.names == ["pages.example"]
    assert trusted.hosts == [f"pages.example:{trusted.port}"]


def test_a_certificate_of_another_name_is_refused(trusted: Secure) -> None:
    with pytest.raises(FetchError, match=r"(?i)certificate|hostname"):
        fetcher(trusted).fetch(f"https://other.example:{trusted.port}/")
    assert trusted.hosts == []


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Secure) -> None:
    with pytest.raises(FetchError, match=r"(?i)certificate"):
        fetcher(secure).fetch(f"https://pages.example:{secure.port}/")
    assert secure.hosts == []
