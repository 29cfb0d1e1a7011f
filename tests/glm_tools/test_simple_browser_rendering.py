"""Pages that scripts build, through the browser, in a real Chromium behind the guard."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from glm_tools.simple_browser import SimpleBrowser
from glm_tools.web.rendering import chromium_path

from .conftest import Site

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(
        find_spec("playwright") is None or chromium_path() is None,
        reason="needs the extra render and a Chromium",
    ),
]

BUILT = """<title>App</title><div id=root></div><script>const year = 1887</script>
<script>document.getElementById('root').innerHTML =
  `<p>The tower was built in ${year}. <a href="/next">next</a>`</script>"""


async def test_a_page_without_text_is_rendered_and_kept(site: Site) -> None:
    url = site.page("/app", BUILT)
    site.page("/next", "<p>static")
    browser = SimpleBrowser(allow_private=[site.address], timeout=30.0)
    try:
        (page,) = await browser.act(f'open_url("{url}")')
        assert "The tower was built in 1887. 【0†next】" in page.text
        asked = len(site.seen)
        (again,) = await browser.act(f'open_url("{url}")')
        (quote,) = await browser.act("mclick([0])")
    finally:
        await browser.aclose()
    assert again.text == page.text
    assert quote.text == "static"
    assert [path for path, _ in site.seen[asked:]] == ["/next"]


async def test_never_means_never(site: Site) -> None:
    browser = SimpleBrowser(allow_private=[site.address], render="never")
    (page,) = await browser.act(f'open_url("{site.page("/app", BUILT)}")')
    assert page.text.endswith(f"Failed to load page w/ URL: {site.url('/app')}")
    assert len(site.seen) == 1
