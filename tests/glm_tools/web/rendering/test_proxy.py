"""The proxy of a rendered page, spoken to by hand; and when a page needs rendering."""

from __future__ import annotations

import base64
import socket
from typing import TYPE_CHECKING

import pytest
from glm_tools.web.guard import Guard
from glm_tools.web.rendering import needs_rendering
from glm_tools.web.rendering.proxy import GuardedProxy

if TYPE_CHECKING:
    from tests.glm_tools.conftest import Site


def ask(proxy: GuardedProxy, request: str, password: str | None = None) -> str:
    word = proxy.password if password is None else password
    token = base64.b64encode(f"page:{word}".encode()).decode()
    head = f"{request}\r\nProxy-Authorization: Basic {token}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as connection:
        connection.settimeout(20)
        connection.sendall(head.encode())
        if "CONNECT" not in request:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while more := connection.recv(4096):
            answer += more
            if b"407" in answer or b"established" in answer:
                break
    return answer.decode()


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET http://127.0.0.1:1/ HTTP/1.1", "403"),
        ("GET http://127.0.0.1/ HTTP/1.1", "403"),
        ("GET http://localhost/ HTTP/1.1", "403"),
        ("GET http://[::1]/ HTTP/1.1", "403"),
        ("GET http://169.254.169.254/ HTTP/1.1", "403"),
        ("GET http://user@127.0.0.1/ HTTP/1.1", "403"),
        ("GET ftp://127.0.0.1/ HTTP/1.1", "400"),
        ("GET / HTTP/1.1", "400"),
        ("CONNECT 127.0.0.1:443 HTTP/1.1", "403"),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", "403"),
        ("CONNECT [::1]:443 HTTP/1.1", "403"),
        ("CONNECT 127.0.0.1 HTTP/1.1", "400"),
        ("CONNECT a@127.0.0.1:443 HTTP/1.1", "400"),
        ("POST http://127.0.0.1/ HTTP/1.1\r\nTransfer-Encoding: chunked", "411"),
        ("POST http://127.0.0.1/ HTTP/1.1\r\nContent-Length: 99999999999", "411"),
    ],
)
def test_what_the_proxy_refuses(request_line: str, status: str) -> None:
    with GuardedProxy(Guard(), 20, 1000) as proxy:
        assert ask(proxy, request_line).startswith(f"HTTP/1.1 {status} ")


def test_what_the_proxy_passes_on(site: Site) -> None:
    site.page("/x", "hello", X="1")
    with GuardedProxy(Guard([site.address]), 20, 10_000) as proxy:
        answer = ask(proxy, f"GET {site.url('/x')} HTTP/1.1\r\nHost: other.example\r\nA: b")
        assert answer.endswith("hello")
        assert ask(proxy, f"CONNECT {site.address} HTTP/1.1").startswith("HTTP/1.1 200 ")
    path, headers = site.seen[0]
    assert (path, headers["Host"], headers["A"]) == ("/x", site.address, "b")
    assert "Proxy-Authorization" not in headers


def test_only_its_own_page_may_use_a_proxy(site: Site) -> None:
    site.page("/x", "hello")
    with GuardedProxy(Guard([site.address]), 20, 10_000) as proxy:
        assert ask(proxy, f"GET {site.url('/x')} HTTP/1.1", "guess").startswith("HTTP/1.1 407 ")
    assert site.seen == []


def test_a_page_that_loads_too_much_is_cut_off(site: Site) -> None:
    site.page("/x", "x" * 200_000)
    with GuardedProxy(Guard([site.address]), 20, 70_000) as proxy:
        assert len(ask(proxy, f"GET {site.url('/x')} HTTP/1.1")) < 200_000


@pytest.mark.parametrize(
    ("html", "needed"),
    [
        ("<div id=root></div><script src=a></script><script src=b></script>", True),
        ("<script>1</script><noscript>Enable scripts</noscript><script>2</script>", True),
        ("<script>" + "var long = 1;" * 100 + "</script><script>2</script>", True),
        ("<div id=root></div><script src=a></script>", False),
        ("<script>1</script><script>2</script><p>" + "some words " * 30, False),
        ("<p>short", False),
        ("<script>1</script><script>never closed " + "x" * 500, True),
        ("", False),
    ],
)
def test_which_pages_need_rendering(html: str, needed: bool) -> None:
    assert needs_rendering(html.encode()) is needed
    assert needs_rendering(html.encode(), "application/json") is False
