"""Loading a page, against a real server: what comes back, and what is refused before a byte is sent."""

from __future__ import annotations

import gzip
import socket
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from glm_tools.web.address import allowed_domains
from glm_tools.web.fetch import AddressRefused, Fetcher, FetchError, FetchTimeout
from glm_tools.web.guard import Guard

from glm_agent.errors import ConfigurationError

from ..conftest import Site


def fetcher(site: Site, **settings: Any) -> Fetcher:
    settings = {"timeout": 10.0, "allow_private": [site.address]} | settings
    return Fetcher(**settings)


def guarded(site: Site, *addresses: str, **settings: Any) -> Fetcher:
    """Whatever name is asked for leads to `addresses`; the port is not what refuses."""
    guard = Guard(ports={80, site.port}, resolver=resolver(*addresses), **settings)
    return Fetcher(guard=guard)


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
        ("application/pdf", b"no such thing"),
        ("", b"PK\x03\x04"),
        ("application/zip", b"PK\x03\x04"),
        ("image/png", b"x"),
        ("text/html", b"\x89PNG\r\n"),
        ("application/octet-stream", b"\0\1\2"),
    ],
)
def test_archives_and_pictures_are_not_read(site: Site, kind: str, body: bytes) -> None:
    with pytest.raises(FetchError, match="read"):
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
    site.page("/", "secret")
    with pytest.raises(FetchError, match=r"not public|cannot be resolved"):
        Fetcher(guard=Guard(ports={site.port})).fetch(f"http://{host}:{site.port}/")
    assert site.seen == []


def test_a_name_that_leads_home_is_refused(site: Site) -> None:
    with pytest.raises(AddressRefused, match="not public"):
        guarded(site, "127.0.0.1").fetch(f"http://pages.example:{site.port}/")
    assert site.seen == []


def test_one_private_address_among_public_ones_is_enough(site: Site) -> None:
    with pytest.raises(AddressRefused):
        guarded(site, "93.184.216.34", "127.0.0.1").fetch(f"http://pages.example:{site.port}/")
    assert site.seen == []


def test_the_checked_address_is_the_one_dialled(site: Site) -> None:
    # The allowed name resolves once per connection; the Host header keeps the name.
    resolve = resolver("127.0.0.1")
    url = f"http://pages.example:{site.port}/"
    site.page("/", "x")
    guard = Guard([f"pages.example:{site.port}"], resolver=resolve)
    Fetcher(guard=guard).fetch(url)
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


def test_cookies_live_while_a_page_is_loaded(site: Site) -> None:
    site.page("/end", "x")
    both = fetcher(site)
    both.fetch(site.page("/", "", status=302, Location="/end", Set_Cookie="a=1; Path=/"))
    both.fetch(site.url("/end"))
    assert [headers.get("Cookie") for _, headers in site.seen] == [None, "a=1", None]


def test_cookies_do_not_cross_to_another_host(site: Site) -> None:
    other = f"localhost:{site.port}"
    site.page("/end", "x")
    cookie = "a=1; Domain=localhost; Path=/"
    start = site.page("/", "", status=302, Location=f"http://{other}/end", Set_Cookie=cookie)
    fetcher(site, allow_private=[site.address, other]).fetch(start)
    assert [headers.get("Cookie") for _, headers in site.seen] == [None, None]


def test_the_body_of_a_redirect_is_not_read(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    site.page("/end", "here")
    site.page("/", bomb, status=302, Location="/end", Content_Encoding="gzip")
    assert fetcher(site, max_bytes=1000).fetch(site.url()).body == b"here"


@pytest.mark.parametrize(
    "head",
    [
        '<meta http-equiv="refresh" content="0; url=/end">',
        "<META HTTP-EQUIV=Refresh CONTENT='1;URL=end'>",
        '<noscript><meta content="0;url=&#47;end" http-equiv="refresh"></noscript>',
    ],
)
def test_a_page_that_only_sends_on_is_a_redirect(site: Site, head: str) -> None:
    site.page("/end", "here")
    assert fetcher(site).fetch(site.page("/", head)).body == b"here"


def test_a_page_that_reloads_itself_is_a_page(site: Site) -> None:
    url = site.page("/", '<meta http-equiv="refresh" content="0; url=/#x"><p>here')
    assert fetcher(site).fetch(url).url == url
    later = site.page("/news", '<meta http-equiv="refresh" content="300; url=/news2"><p>here')
    assert fetcher(site).fetch(later).url == later


def test_a_page_cannot_send_on_to_a_private_address(site: Site) -> None:
    site.page("/secret", "secret")
    target = f"http://localhost:{site.port}/secret"
    start = site.page("/", f'<meta http-equiv="refresh" content="0; url={target}">')
    with pytest.raises(AddressRefused):
        fetcher(site).fetch(start)
    assert [path for path, _ in site.seen] == ["/"]


def test_a_look_up_that_hangs_is_left_behind(site: Site) -> None:
    def hangs(*_: object, **__: object) -> list[tuple[Any, ...]]:
        site.stopping.wait(20)
        return []

    with pytest.raises(FetchTimeout):
        Fetcher(0.2, guard=Guard(resolver=hangs)).fetch("http://slow.example/")


def test_https_is_never_sent_in_the_clear(site: Site) -> None:
    site.page("/", "secret")
    with pytest.raises(FetchError):
        fetcher(site).fetch(f"https://{site.address}/")
    assert site.seen == []


# -- the operator's domains


def test_nothing_but_the_listed_domains_is_loaded(site: Site) -> None:
    site.page("/", "x")
    fetch = guarded(site, "127.0.0.1", allow_domains=["Example.com"]).fetch
    for refused in ("example.org", "notexample.com", "example.com.evil.org"):
        with pytest.raises(AddressRefused, match="among the domains"):
            fetch(f"http://{refused}/")
    for listed in ("example.com", "www.EXAMPLE.com", "example.com."):
        with pytest.raises(AddressRefused, match="not public"):  # one step further
            fetch(f"http://{listed}/")
    assert site.seen == []


def test_a_list_of_domains_leaves_the_private_hosts_in_place(site: Site) -> None:
    guard = Guard([site.address], allow_domains=[])
    assert Fetcher(guard=guard).fetch(site.page("/", "x")).body == b"x"


@pytest.mark.parametrize(
    ("entry", "domain"),
    [
        ("example.com", "example.com"),
        ("*.Example.com", "example.com"),
        (".example.com", "example.com"),
        ("例子.测试", "xn--fsqu00a.xn--0zwm56d"),
        ("intranet", "intranet"),
    ],
)
def test_how_a_domain_is_written(entry: str, domain: str) -> None:
    assert allowed_domains([entry]) == {domain}


@pytest.mark.parametrize("entry", ["", "*", "http://a.b", "a.b:80", "a b", "a.b/c", 5, "u@a.b"])
def test_what_is_no_domain(entry: Any) -> None:
    with pytest.raises(ConfigurationError, match="not a domain"):
        allowed_domains([entry])


def test_a_string_is_no_list_of_domains() -> None:
    with pytest.raises(ConfigurationError, match="must be a list"):
        allowed_domains("example.com")


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
        "http://example.com:6379/",
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
        Guard().target(url)


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
    assert Guard().target(url).url == checked


def test_a_bad_allow_list_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        Fetcher(allow_private=["everything"])
