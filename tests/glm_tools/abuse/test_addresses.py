"""Every spelling of an address that is not public, by every way in; and URLs that parsers disagree on."""

from __future__ import annotations

import socket

import pytest

from ..conftest import Site
from .conftest import Agent, Forbidden, refused

pytestmark = pytest.mark.anyio

# What getaddrinfo or a URL parser turns into an address of this machine (facts: measured with
# glibc), and names that lead there.
HOSTS = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "localhost",
    "LocalHost",
    "localhost.",
    "ip6-localhost",
    "127.1",
    "127.0.1",
    "0",
    "0.0.0.0",
    "00.00.00.00",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0127.0.0.1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[fe80::1%25lo]",
    "[fe80::1%lo]",
    "[::1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "１２７.０.０.１",
    "ⓛocalhost",
    "loc\u00adalhost",
    "local\u200bhost",
    "localhost%00.example.com",
    "localhost%2eexample.com",
    "%6cocalhost",
    "127.0.0.1%20",
]
# Cloud metadata and other addresses that no page is at. Nothing listens there; what must not
# happen is that they are dialled.
UNLOADABLE = [
    "169.254.169.254",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[ff02::1]",
    "[fec0::1]",
    "[fc00::1]",
    "[5f00::1]",
    "[2001:db8::1]",
]


@pytest.mark.parametrize("host", HOSTS)
async def test_opened_by_the_model(agent: Agent, forbidden: Forbidden, host: str) -> None:
    assert refused(await agent(f"open_url({forbidden.url(host)!r})"))


@pytest.mark.parametrize("host", HOSTS)
async def test_found_by_a_search(agent: Agent, forbidden: Forbidden, host: str) -> None:
    _, dead = await agent('search("x")\nmclick([0])', forbidden.url(host))
    assert refused([dead])


@pytest.mark.parametrize("host", HOSTS)
async def test_reached_by_a_redirect(
    agent: Agent, forbidden: Forbidden, site: Site, host: str
) -> None:
    location = forbidden.url(host).encode().decode("latin-1")
    start = site.redirect("/", location)
    assert refused(await agent(f'open_url("{start}")'))


@pytest.mark.slow
@pytest.mark.parametrize("host", HOSTS)
async def test_linked_by_a_page(agent: Agent, forbidden: Forbidden, site: Site, host: str) -> None:
    page = site.page("/", f'<p>Text <a href="{forbidden.url(host)}">next</a>')
    opened, *clicked = await agent(f'open_url("{page}")\nmclick([0])')
    assert opened.metadata == "browser_result"
    assert all(seen.metadata == "system_error" for seen in clicked)


@pytest.mark.parametrize("host", UNLOADABLE)
async def test_never_dialled(agent: Agent, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[object] = []
    connect = socket.socket.connect

    def watched(self: socket.socket, address: tuple[object, ...]) -> None:
        if address[0] != "127.0.0.1":
            dialled.append(address)
            raise OSError("this test does not go there")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", watched)
    assert refused(await agent(f'open_url("http://{host}/latest/meta-data/")'))
    assert dialled == []


async def test_the_name_of_this_machine(agent: Agent, forbidden: Forbidden) -> None:
    assert refused(await agent(f'open_url("{forbidden.url(socket.gethostname())}")'))


DIFFERENTIALS = [
    r"http://127.0.0.1:{port}\@example.com/",
    r"http://example.com\@127.0.0.1:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://example.com:80@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@example.com/",
    "http://a@b@127.0.0.1:{port}/",
    "http://example.com#@127.0.0.1:{port}/",
    "http://example.com?@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#.example.com/",
    "http://127.0.0.1:{port}?.example.com/",
    "http://127.0.0.1:{port};.example.com/",
    "http://example.com;127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    r"http:\\127.0.0.1:{port}\x",
    r"http:/\127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    r"\\127.0.0.1:{port}\x",
    "ht\ntp://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\t/",
    "http://127.0.0.1 :{port}/",
    "http://127.0.0.1\u2028:{port}/",
    "http://[::1]:{port}@example.com/",
    "http://[127.0.0.1]:{port}/",
    "http://[::1]{port}/",
    "http://127.0.0.1:{port}:80/",
    "http://127.0.0.1:0{port}/",
    "http://127.0.0.1:+{port}/",
    "http://127.0.0.1:{port}%20/",
    "http://127.0.0.1%3a{port}/",
    "http://127.0.0.1:{port}/%0d%0aHost: example.com",
    "http://127.0.0.1:{port}/\r\nHost: example.com\r\n\r\n",
    "http://０x7f000001:{port}/",
    "HTTP://127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "127.0.0.1:{port}",
    "localhost:{port}/x",
]
SCHEMES = [
    "file:///etc/passwd",
    "file://127.0.0.1:{port}/etc/passwd",
    "FILE:/etc/passwd",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_GET%20/",
    "dict://127.0.0.1:{port}/info",
    "ldap://127.0.0.1:{port}/",
    "ws://127.0.0.1:{port}/",
    "data:text/html,<p>x",
    "javascript:fetch('http://127.0.0.1:{port}/')",
    "view-source:http://127.0.0.1:{port}/",
    "blob:http://127.0.0.1:{port}/x",
    "jar:http://127.0.0.1:{port}/!/x",
    "chrome://version",
    "about:blank",
    "unix:///run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/",
]


@pytest.mark.parametrize("url", DIFFERENTIALS + SCHEMES)
async def test_urls_that_parsers_disagree_on(agent: Agent, forbidden: Forbidden, url: str) -> None:
    url = url.replace("{port}", str(forbidden.port))
    (opened,) = await agent(f"open_url({url!r})")
    assert opened.metadata == "system_error"
    _, clicked = await agent('search("x")\nmclick([0])', url)
    assert clicked.metadata == "system_error"


@pytest.mark.parametrize("port", [0, 1, 22, 25, 6379, 9200, 11211, 65536, 99999])
async def test_ports_of_other_services(agent: Agent, port: int) -> None:
    assert refused(await agent(f'open_url("http://example.com:{port}/")'))
