"""Pages rendered in a real Chromium, and what such pages cannot reach."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import anyio
import pytest
from glm_tools.web import extract
from glm_tools.web.guard import Guard
from glm_tools.web.rendering import Rendered, Renderer, RenderError, chromium_path
from glm_tools.web.wire import AddressRefused, FetchError, FetchTimeout

if TYPE_CHECKING:
    from tests.glm_tools.conftest import Site

pytestmark = [pytest.mark.slow, pytest.mark.anyio]
pytest.importorskip("playwright", reason="needs the extra render (Playwright)")
if chromium_path() is None:
    pytest.skip("needs a Chromium of the system", allow_module_level=True)


class Forbidden:
    """A listener on loopback that no page may reach; `seen` counts its connections."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.seen = 0
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.seen += 1
            with connection:
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nContent-Type: text/html"
                    b"\r\nContent-Length: 6\r\nConnection: close\r\n\r\nSECRET"
                )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture
def forbidden() -> Iterator[Forbidden]:
    listener = Forbidden()
    yield listener
    listener.socket.shutdown(socket.SHUT_RDWR)
    listener.socket.close()
    listener.thread.join()


async def render(site: Site, url: str, timeout: float = 60.0, **settings: int) -> Rendered:
    renderer = Renderer(Guard([site.address]), timeout, **settings)
    try:
        return await renderer.render(url)
    finally:
        await renderer.aclose()


async def test_a_page_built_by_a_script_is_read_as_readers_see_it(site: Site) -> None:
    site.page("/words", "fetched words", "text/plain")
    site.page("/sheet.css", ".secret { display: none }", "text/css")
    url = site.page(
        "/",
        "<title>App</title><link rel=stylesheet href=/sheet.css><div id=app></div><script>"
        "const app = document.getElementById('app');"
        "fetch('/words').then(a => a.text()).then(text => {"
        "  app.innerHTML = '<p>Built by script: ' + text + ' <a href=/next>on</a></p>'"
        "    + '<p class=secret>not for readers</p>';"
        "});</script>",
    )
    rendered = await render(site, url)
    page = extract(rendered.body, rendered.url, rendered.content_type, view="full")
    assert page.title == "App"
    assert page.markdown == "Built by script: fetched words 【0†on】"
    assert page.links[0].url == site.url("/next")


async def test_nothing_private_is_reached_from_a_page(site: Site, forbidden: Forbidden) -> None:
    """Redirects, fetch, WebSocket, frames, other spellings and names of loopback."""
    at = forbidden.address
    site.redirect("/away", f"http://{at}/")
    script = f"""<p id=said>alive</p><iframe src="http://{at}/"></iframe><iframe src=/away></iframe>
    <script>
    const urls = ["http://{at}/", "/away", "http://localhost:{forbidden.port}/",
      "http://127.1:{forbidden.port}/", "http://[::ffff:127.0.0.1]:{forbidden.port}/",
      "http://0.0.0.0:{forbidden.port}/", "https://{at}/", "http://169.254.169.254/latest/"];
    const tell = text => document.getElementById('said').append(' ' + text);
    for (const url of urls) fetch(url).then(a => a.text()).then(
      text => tell('leaked ' + text), () => tell('stopped'));
    for (const url of urls.slice(0, 2)) fetch(url, {{mode: 'no-cors'}}).catch(() => 0);
    const socket = new WebSocket("ws://{at}/");
    socket.onerror = () => tell('closed');
    navigator.sendBeacon("http://{at}/", "x");
    new RTCPeerConnection({{iceServers: [{{urls: "stun:{at}"}}]}}).createDataChannel("x");
    </script>"""
    rendered = await render(site, site.page("/", script))
    text = rendered.body.decode()
    assert "alive" in text
    assert "closed" in text
    assert "leaked" not in text.split("<script", 1)[0]
    assert text.split("<script", 1)[0].count("stopped") >= 7
    assert "SECRET" not in text
    assert forbidden.seen == 0


@pytest.mark.parametrize("hop", ["http", "script", "meta"])
async def test_a_redirect_to_a_private_address(site: Site, forbidden: Forbidden, hop: str) -> None:
    target = f"http://{forbidden.address}/"
    if hop == "http":
        url = site.redirect("/", target)
    elif hop == "script":
        url = site.page("/", f"<script>location = '{target}'</script>")
    else:
        url = site.page("/", f"<meta http-equiv=refresh content='0; url={target}'>")
    try:
        rendered = await render(site, url)
    except FetchError:
        pass
    else:
        assert b"SECRET" not in rendered.body
        assert rendered.url == url
    assert forbidden.seen == 0


async def test_files_and_pages_of_the_browser(site: Site) -> None:
    script = """<p id=said>alive</p><iframe src="file:///etc/passwd"></iframe><script>
    const tell = text => document.getElementById('said').append(' ' + text);
    fetch('file:///etc/passwd').then(() => tell('leaked'), () => tell('stopped'));
    try { window.open('chrome://version') } catch {}
    try { location = 'file:///etc/passwd' } catch {}
    </script>"""
    rendered = await render(site, site.page("/", script))
    assert b"alive stopped" in rendered.body
    assert b"root:" not in rendered.body
    for url in ("file:///etc/passwd", "chrome://version", "view-source:file:///etc/passwd"):
        with pytest.raises(AddressRefused):
            await render(site, url)


async def test_a_download_is_no_page(site: Site) -> None:
    url = site.page("/", b"MZ" * 100, "application/octet-stream")
    with pytest.raises(RenderError):
        await render(site, url)


async def test_an_error_page_is_no_page(site: Site) -> None:
    with pytest.raises(RenderError, match="404"):
        await render(site, site.url("/missing"))


async def test_an_endless_script_costs_its_time_and_no_other_page(site: Site) -> None:
    endless = site.page("/endless", "<p>x</p><script>while (true) {}</script>")
    good = site.page("/good", "<script>document.write('good')</script>")
    renderer = Renderer(Guard([site.address]), 15.0)
    try:
        with pytest.raises(FetchTimeout):
            await renderer.render(endless)
        assert b"good" in (await renderer.render(good)).body
    finally:
        await renderer.aclose()
    assert not renderer.running


async def test_pages_share_a_browser_and_nothing_else(site: Site) -> None:
    url = site.page(
        "/",
        "<script>document.write('[' + document.cookie + localStorage.getItem('k') + ']');"
        "document.cookie = 'c=1'; localStorage.setItem('k', 'v')</script>",
    )
    renderer = Renderer(Guard([site.address]), 60.0, idle=0.5)
    try:
        assert not renderer.running
        assert b"[null]" in (await renderer.render(url)).body
        assert renderer.running
        assert b"[null]" in (await renderer.render(url)).body
        with anyio.fail_after(30):
            while renderer.running:
                await anyio.sleep(0.1)
        assert b"[null]" in (await renderer.render(url)).body
    finally:
        await renderer.aclose()


async def test_what_a_page_loads_has_a_limit(site: Site) -> None:
    site.page("/large", b"x" * 400_000, "text/plain")
    url = site.page(
        "/",
        "<p id=said>alive</p><script>fetch('/large').then(a => a.text()).then("
        "() => document.getElementById('said').append(' all'),"
        "() => document.getElementById('said').append(' cut'))</script>",
    )
    assert b"alive cut</p>" in (await render(site, url, max_bytes=100_000)).body


async def test_without_a_chromium_the_error_says_what_to_install(site: Site) -> None:
    renderer = Renderer(Guard([site.address]), executable="/no/such/chromium")
    with pytest.raises(RenderError, match="Chromium"):
        await renderer.render(site.url("/"))
    await renderer.aclose()
