"""Loading a page, against a real server: what comes back, and what is refused before a byte is sent."""

from __future__ import annotations

import gzip
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from glm_tools.web.fetch import AddressRefused, Fetcher, FetchError, FetchTimeout, checked_url

from glm_agent.errors import ConfigurationError

from ..conftest import Site


def fetcher(site: Site, **settings: Any) -> Fetcher:
    settings = {"timeout": 10.0, "allow_private": [site.address]} | settings
    return Fetcher(**settings)


def resolver(*addresses: str) -> Any:
    """A resolver that answers the same for every name, and counts."""
    calls: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        calls.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses
        ]

    resolve.calls = calls  # type: ignore[attr-defined]
    return resolve


# -- what comes back


def test_a_page_with_its_type_and_address(site: Site) -> None:
    url = site.page("/a?b=1", "<p>hello")
    page = fetcher(site).fetch(url + "#part")
    assert (page.url, page.content_type, page.body) == (
        url,
        "text/html; charset=utf-8",
        b"<p>hello",
    )


def test_redirects_are_followed(site: Site) -> None:
    site.page("/end/页", "here")
    site.redirect("/middle", "end/%E9%A1%B5", status=307)
    site.pages["/end/%E9%A1%B5"] = site.pages.pop("/end/页")
    page = fetcher(site).fetch(site.redirect("/start", "/middle", status=301))
    assert page.body == b"here"
    assert page.url == site.url("/end/%E9%A1%B5")


def test_compressed_pages_are_unpacked(site: Site) -> None:
    url = site.page("/", gzip.compress(b"small"), Content_Encoding="gzip")
    assert fetcher(site).fetch(url).body == b"small"
    assert site.seen[0][1]["Accept-Encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/json", "application/rss+xml", "TEXT/HTML"]
)
def test_text_of_any_kind_is_read(site: Site, kind: str) -> None:
    assert fetcher(site).fetch(site.page("/", "x", kind=kind)).body == b"x"


# -- what is not a page


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_an_error_status_is_an_error(site: Site, status: int) -> None:
    with pytest.raises(FetchError, match=f"status {status}"):
        fetcher(site).fetch(site.page("/", "<p>sorry", status=status))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/pdf", b"%PDF-1.7"),
        ("text/html", b"%PDF-1.7 x"),
        ("", b"PK\x03\x04"),
        ("image/png", b"x"),
        ("application/octet-stream", b"x"),
    ],
)
def test_documents_and_pictures_are_not_text(site: Site, kind: str, body: bytes) -> None:
    with pytest.raises(FetchError, match="text"):
        fetcher(site).fetch(site.page("/", body, kind=kind))


def test_an_encoding_that_was_not_asked_for(site: Site) -> None:
    with pytest.raises(FetchError, match="encoding"):
        fetcher(site).fetch(site.page("/", b"x", Content_Encoding="br"))


def test_an_endless_chain_of_redirects(site: Site) -> None:
    with pytest.raises(FetchError, match="redirects"):
        fetcher(site).fetch(site.redirect("/", "/"))
    assert len(site.seen) == 6


def test_nobody_listens(site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(FetchError):
        Fetcher(allow_private=[address]).fetch(f"http://{address}/")


def test_an_answer_that_is_not_http(site: Site) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"\x00\x01 nonsense\r\n\r\n")

    site.pages["/"] = answer
    with pytest.raises(FetchError):
        fetcher(site).fetch(site.url())


# -- limits


def test_a_large_page_is_refused(site: Site) -> None:
    url = site.page("/", b"x" * 5000)
    assert len(fetcher(site, max_bytes=5000).fetch(url).body) == 5000
    with pytest.raises(FetchError, match="larger than 4999 bytes"):
        fetcher(site, max_bytes=4999).fetch(url)


def test_a_bomb_is_defused(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    with pytest.raises(FetchError, match="larger"):
        fetcher(site, max_bytes=100_000).fetch(site.page("/", bomb, Content_Encoding="gzip"))


def test_a_server_that_drips_its_body(site: Site) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not site.stopping.wait(0.05):
            request.wfile.write(b"x")

    site.pages["/"] = answer
    with pytest.raises(FetchTimeout):
        fetcher(site, timeout=0.4).fetch(site.url())


def test_a_server_that_drips_its_headers(site: Site) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        while not site.stopping.wait(0.05):
            request.wfile.write(b"x")

    site.pages["/"] = answer
    with pytest.raises(FetchTimeout):
        fetcher(site, timeout=0.4).fetch(site.url())


def test_a_server_that_never_answers(site: Site) -> None:
    site.pages["/"] = lambda request: site.stopping.wait()
    with pytest.raises(FetchTimeout):
        fetcher(site, timeout=0.3).fetch(site.url())


# -- the guard


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_loopback_in_every_spelling_is_refused(site: Site, host: str) -> None:
    with pytest.raises(FetchError):
        Fetcher().fetch(f"http://{host}:{site.port}/")
    assert site.seen == []


def test_a_name_that_leads_home_is_refused(site: Site) -> None:
    with pytest.raises(AddressRefused, match="not public"):
        Fetcher(resolver=resolver("127.0.0.1")).fetch(f"http://pages.example:{site.port}/")
    assert site.seen == []


def test_one_private_address_among_public_ones_is_enough(site: Site) -> None:
    with pytest.raises(AddressRefused):
        Fetcher(resolver=resolver("93.184.216.34", "127.0.0.1")).fetch(
            f"http://pages.example:{site.port}/"
        )
    assert site.seen == []


def test_the_checked_address_is_the_one_dialled(site: Site) -> None:
    # The allowed name resolves once per connection; the Host header keeps the name.
    resolve = resolver("127.0.0.1")
    url = f"http://pages.example:{site.port}/"
    site.page("/", "x")
    Fetcher(allow_private=[f"pages.example:{site.port}"], resolver=resolve).fetch(url)
    assert resolve.calls == ["pages.example"]
    assert site.seen[0][1]["Host"] == f"pages.example:{site.port}"


def test_a_redirect_is_checked_like_the_first_address(site: Site) -> None:
    site.page("/secret", "secret")
    start = site.redirect("/", f"http://localhost:{site.port}/secret")
    with pytest.raises(AddressRefused):
        fetcher(site).fetch(start)
    assert [path for path, _ in site.seen] == ["/"]


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/", "http://user@127.0.0.1/", "//"],
)
def test_a_redirect_out_of_the_web(site: Site, target: str) -> None:
    with pytest.raises(FetchError):
        fetcher(site).fetch(site.redirect("/", target))


def test_the_allow_list_means_one_port_of_one_host(site: Site) -> None:
    with pytest.raises(AddressRefused):
        Fetcher(allow_private=["127.0.0.1:1"]).fetch(site.url())
    with pytest.raises(AddressRefused):
        Fetcher(allow_private=[site.address]).fetch(f"http://localhost:{site.port}/")
    assert site.seen == []


def test_proxies_and_credentials_of_the_environment_are_ignored(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    fetcher(site).fetch(site.page("/", "x"))
    assert "Authorization" not in site.seen[0][1]


def test_no_cookie_is_kept(site: Site) -> None:
    site.page("/end", "x")
    both = fetcher(site)
    both.fetch(site.page("/", "", status=302, Location="/end", Set_Cookie="a=1"))
    both.fetch(site.url("/end"))
    assert len(site.seen) == 3
    assert all("Cookie" not in headers for _, headers in site.seen)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "file:///etc/passwd",
        "data:text/html,x",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http://user:word@example.com/",
        "http://127.0.0.1\\@example.com/",
        "http://example.com\\@127.0.0.1/",
        "ht\ntp://example.com/",
        "http://exa\tmple.com/",
        "http://example.com/\0",
        "http://example.com /",
        "http://example.com:22/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://①②⑦.⓪.⓪.①/",
        "http://loc\u00adalhost/",
        "http://[fe80::1%25eth0]/",
        "http://" + "a" * 300 + ".com/",
        "http://example.com/" + "x" * 5000,
    ],
)
def test_urls_that_are_never_dialled(url: str) -> None:
    with pytest.raises(AddressRefused):
        checked_url(url)


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("HTTP://Example.COM/a?b#c", "http://example.com/a?b"),
        ("https://例子.测试/页", "https://xn--fsqu00a.xn--0zwm56d/%E9%A1%B5"),
        ("http://example.com:8080/", "http://example.com:8080/"),
        ("https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"),
    ],
)
def test_urls_are_normalised(url: str, checked: str) -> None:
    assert checked_url(url) == checked


def test_a_bad_allow_list_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        Fetcher(allow_private=["everything"])
