"""Servers that send on, flood, drip, lie about lengths or speak no HTTP."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from ..conftest import Site
from .conftest import Agent, Forbidden, refused

pytestmark = pytest.mark.anyio


# -- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_any_redirect_is_checked(
    agent: Agent, site: Site, forbidden: Forbidden, status: int
) -> None:
    start = site.redirect("/", forbidden.url(), status)
    assert refused(await agent(f'open_url("{start}")'))


@pytest.mark.parametrize(
    "location",
    [
        "//127.0.0.1:{port}/",
        "///127.0.0.1:{port}/",
        r"\\127.0.0.1:{port}\x",
        "/\\127.0.0.1:{port}/",
        "http://user:word@127.0.0.1:{port}/",
        "http://example.com@127.0.0.1:{port}/",
        "http:127.0.0.1:{port}/",
        "HTTPS://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/_x",
        "javascript:location='http://127.0.0.1:{port}/'",
        "data:text/html,hello",
        "http://\xe2\x93\x9bocalhost:{port}/",
        "http://localhost:{port}/\x00",
        " http://localhost:{port}/",
        "http://[::1]:{port}/",
        "?" + "x" * 10_000,
    ],
)
async def test_where_a_redirect_may_not_go(
    agent: Agent, site: Site, forbidden: Forbidden, location: str
) -> None:
    start = site.redirect("/", location.replace("{port}", str(forbidden.port)))
    assert refused(await agent(f'open_url("{start}")'))


async def test_a_redirect_after_good_ones(agent: Agent, site: Site, forbidden: Forbidden) -> None:
    for step in range(4):
        site.redirect(f"/{step}", f"/{step + 1}")
    site.redirect("/4", forbidden.url("localhost"))
    assert refused(await agent(f'open_url("{site.url("/0")}")'))
    assert len(site.seen) == 6  # with the page that is loaded afterwards


async def test_a_loop(agent: Agent, site: Site) -> None:
    site.redirect("/a", "/b")
    site.redirect("/b", "/a")
    assert refused(await agent(f'open_url("{site.url("/a")}")'))


async def test_meta_refresh_and_other_ways_to_send_on(
    agent: Agent, site: Site, forbidden: Forbidden
) -> None:
    url = forbidden.url()
    pages = {
        "/meta": f'<meta http-equiv=refresh content="0;url={url}">',
        "/script": f"<script>location='{url}'</script>",
        "/frame": f"<iframe src='{url}'></iframe><frameset><frame src='{url}'></frameset>",
        "/image": f"<img src='{url}'><link rel=stylesheet href='{url}'><object data='{url}'>",
        "/base": f"<base href='{url}'><img src=x><link rel=preload href=y>",
    }
    for path, body in pages.items():
        site.page(path, body, Refresh=f"0; url={url}", Link=f"<{url}>; rel=preload")
        (seen,) = await agent(f'open_url("{site.url(path)}")')
        assert refused([seen]) == (path not in {"/image", "/base"})  # these show a picture


async def test_a_redirect_takes_no_cookie_along(
    agent: Agent, site: Site, forbidden: Forbidden
) -> None:
    start = site.page(
        "/", "", status=302, Location=forbidden.url(), Set_Cookie="a=1; Domain=127.0.0.1"
    )
    assert refused(await agent(f'open_url("{start}")'))


# -- floods, drips, lies

Raw = Callable[[BaseHTTPRequestHandler, Site], object]


def drip(head: bytes, each: bytes) -> Raw:
    def answer(request: BaseHTTPRequestHandler, site: Site) -> None:
        request.wfile.write(head)
        while not site.stopping.wait(0.05):
            request.wfile.write(each)

    return answer


def flood(head: bytes, each: bytes) -> Raw:
    def answer(request: BaseHTTPRequestHandler, site: Site) -> None:
        request.wfile.write(head)
        while not site.stopping.is_set():
            request.wfile.write(each)

    return answer


def say(data: bytes) -> Raw:
    return lambda request, site: request.wfile.write(data)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
BOMB = gzip.compress(b"<p>" + b"\0" * 30_000_000)
DEAD: dict[str, Raw] = {
    "nothing at all": say(b""),
    "silence": lambda request, site: site.stopping.wait(),
    "no HTTP": say(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "noise": say(bytes(range(256)) * 50),
    "a status that is no number": say(b"HTTP/1.1 OK 200\r\n\r\n<p>x"),
    "a status of four digits": say(b"HTTP/1.1 2000 OK\r\n\r\n<p>x"),
    "a drip of the status line": drip(b"HTTP/1.1 200 ", b"O"),
    "a drip of headers": drip(OK, b"X: y\r\n"),
    "a drip of one header": drip(OK + b"X: ", b"y"),
    "a drip of the body": drip(OK + b"\r\n<p>", b"x"),
    "a drip of chunks": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "a drip of a chunk's length": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "endless interim answers": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a flood of headers": flood(OK, b"X: y\r\n"),
    "a flood of one header": flood(OK + b"X: ", b"y" * 10_000),
    "a flood of the body": flood(OK + b"\r\n<p>", b"x" * 65_536),
    "a flood of chunks": flood(
        OK + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    ),
    "a flood of trailers": flood(
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X: y\r\n"
    ),
    "a gzip bomb": say(OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB),
    "a deflate bomb": say(
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"\0" * 30_000_000)
    ),
    "a bomb in a bomb": say(OK + b"Content-Encoding: gzip, gzip\r\n\r\n" + gzip.compress(BOMB)),
    "many encodings": say(OK + b"Content-Encoding: " + b"gzip, " * 5000 + b"gzip\r\n\r\nx"),
    "gzip that is none": say(OK + b"Content-Encoding: gzip\r\n\r\n<p>hello"),
    "an encoding nobody asked for": say(OK + b"Content-Encoding: br\r\n\r\n<p>hello"),
    "a body shorter than its length": say(OK + b"Content-Length: 5000\r\n\r\n<p>hello"),
    "a chunk larger than memory": say(
        OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n<p>hello"
    ),
    "a chunk of negative length": say(OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n<p>hello"),
    "a chunk without a length": say(OK + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n"),
    "an error status": say(b"HTTP/1.1 500 Oops\r\n\r\n<p>not a source"),
    "an error that looks like a page": say(
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<h1>News</h1><p>All about it"
    ),
    "no content": say(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "not modified": say(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "a new protocol": say(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nx"
    ),
    "an archive called a page": say(OK + b"\r\nPK\x03\x04" + b"x" * 100),
    "a picture": say(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n"),
    "a program": say(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n\x7fELF\0\0"
    ),
}


@pytest.mark.parametrize("name", DEAD)
async def test_what_is_no_page(agent: Agent, site: Site, name: str) -> None:
    site.pages["/"] = lambda request: DEAD[name](request, site)
    agent.fetching = {"timeout": 1.0, "max_bytes": 1_000_000}
    before = time.monotonic()
    assert refused(await agent(f'open_url("{site.url("/")}")'))
    assert time.monotonic() - before < 60  # it ends; how fast depends on the machine


LIVE: dict[str, Raw] = {
    "a body longer than its length": say(OK + b"Content-Length: 8\r\n\r\n<p>hello world"),
    "two lengths that differ in case": say(OK + b"content-length: 8\r\n\r\n<p>hello"),
    "no headers": say(b"HTTP/1.0 200 OK\r\n\r\n<p>hello"),
    "bare newlines": say(b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n<p>hello"),
    "headers that are no text": say(OK + b"X: \xff\xfe\x00\r\n\r\n<p>hello"),
    "gzip with a tail": say(
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"<p>hello") + b"tail"
    ),
    "gzip that is cut": say(
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"<p>hello" * 5000)[:60]
    ),
    "raw deflate": say(
        OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"<p>hello")[2:-4]
    ),
    "an interim answer": say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"\r\n<p>hello"),
}


@pytest.mark.parametrize("name", LIVE)
async def test_what_is_still_a_page(agent: Agent, site: Site, name: str) -> None:
    site.pages["/"] = lambda request: LIVE[name](request, site)
    (page,) = await agent(f'open_url("{site.url("/")}")')
    assert "hello" in page.text or page.metadata == "system_error"


async def test_one_that_hangs_does_not_hold_up_the_others(agent: Agent, site: Site) -> None:
    site.pages["/hangs"] = lambda request: site.stopping.wait()
    paths = ["/hangs", "/a", "/b"]
    for path in paths[1:]:
        site.page(path, f"<p>here is {path}")
    agent.fetching = {"timeout": 2.0}
    _, *quotes = await agent('search("x")\nmclick([0, 1, 2])', *map(site.url, paths))
    assert [quote.outcome for quote in quotes] == ["error", "ok", "ok"]
    assert "Timeout while loading" in quotes[0].text


async def test_ten_that_hang_are_over_together(agent: Agent, site: Site) -> None:
    site.pages["/hangs"] = lambda request: site.stopping.wait()
    agent.fetching = {"timeout": 0.5}
    agent.settings = {"results": 10}
    before = time.monotonic()
    _, dead = await agent(f'search("x")\nmclick({list(range(10))})', *[site.url("/hangs")] * 10)
    assert dead.text.count("Timeout while loading") == 10
    assert time.monotonic() - before < 10 * 0.5 + 30
