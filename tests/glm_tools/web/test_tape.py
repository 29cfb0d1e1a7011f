"""A session on tape plays back without a network, its failures included."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from glm_tools.simple_browser import BrowserObservation, SimpleBrowser, SimpleBrowserTool
from glm_tools.web import Hit, SearchError
from glm_tools.web.tape import Recorder, Replay

from glm_agent.errors import ConfigurationError
from glm_agent.messages import ToolCall
from glm_agent.tooling.base import ToolContext

from ..conftest import Site

pytestmark = pytest.mark.anyio

ACTIONS = """search("tower")
mclick([0, 1, 2])
open_url("{url}/plain")
open_url("http://localhost:1/")
search("fails")
mclick([0])"""


class Provider:
    def __init__(self, url: str) -> None:
        self.url = url

    def search(self, query: str, recency_days: int, count: int) -> list[Hit]:
        if query == "fails":
            raise SearchError("the quota is used up")
        paths = ("/tower", "/gone", "/hangs")
        return [Hit(path, self.url + path, query, "2024-05-06") for path in paths]


def pairs(observations: list[BrowserObservation]) -> list[tuple[str, str]]:
    return [(seen.metadata, seen.text) for seen in observations]


async def test_a_session_plays_back(site: Site, tmp_path: Path) -> None:
    site.page("/tower", "<title>塔</title><p>Built in 1887. <a href=/x>x</a>")
    site.page("/plain", "新闻".encode("gbk"), "text/plain; charset=gbk")
    site.pages["/hangs"] = lambda request: site.stopping.wait()
    tape = tmp_path / "session.tape"
    actions = ACTIONS.replace("{url}", site.url("").rstrip("/"))
    settings: dict[str, Any] = {
        "allow_private": [site.address],
        "timeout": 1.0,
        "record": tape,
        "render": "never",
    }
    recorded = await SimpleBrowser(Provider(site.url("").rstrip("/")), **settings).act(actions)
    assert [seen.metadata for seen in recorded] == [
        "browser_result",
        "quote_result [7†source]",
        "system_error",
        "system_error",
        "browser_result",
        "system_error",
        "system_error",
        "system_error",
    ]
    asked = len(site.seen)
    played = await SimpleBrowser(replay=tape).act(actions)
    assert pairs(played) == pairs(recorded)
    assert [seen.sources for seen in played] == [seen.sources for seen in recorded]
    assert len(site.seen) == asked
    tool = SimpleBrowserTool(replay=tape)
    outputs = await tool.run(tool.check(ToolCall("1", "simple_browser", actions)), ToolContext())
    assert [(output.metadata, output.text) for output in outputs] == pairs(recorded)


async def test_what_is_not_on_the_tape_is_like_a_dead_page(tmp_path: Path) -> None:
    tape = tmp_path / "session.tape"
    recorder = Recorder(tape)
    recorder.write("search", json.dumps(["known", -1, 5]), {"hits": []})
    results = await SimpleBrowser(replay=tape).act(
        'search("known")\nsearch("unknown")\nopen_url("https://a.example/")'
    )
    assert [seen.failed for seen in results] == [False, True, True]
    assert results[1].text.endswith("this search is not on the tape")
    assert results[2].text.endswith("Failed to load page w/ URL: https://a.example/")


def test_repeated_questions_are_answered_in_order(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "tape")
    for title in ("one", "two"):
        hit = {"title": title, "url": "https://a.example/", "snippet": "", "date": ""}
        recorder.write("search", json.dumps(["x", -1, 5]), {"hits": [hit]})
    replay = Replay(tmp_path / "tape")
    assert [replay.search("x", -1, 5)[0].title for _ in range(3)] == ["one", "two", "two"]


async def test_the_embedded_search_is_not_on_the_tape(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    actions = 'search("When was the Halden Lighthouse completed?")\nmclick([0])'
    recorded = await SimpleBrowser(record=tape).act(actions)
    assert tape.read_bytes() == b""
    assert pairs(await SimpleBrowser(replay=tape).act(actions)) == pairs(recorded)


@pytest.mark.parametrize("data", ["x", "[1]\n", '{"kind": "fetch"}\n', "\0"])
def test_what_is_no_tape(tmp_path: Path, data: str) -> None:
    (tmp_path / "tape").write_text(data)
    with pytest.raises(ConfigurationError, match="line 1: no tape"):
        Replay(tmp_path / "tape")


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Replay(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        Recorder(tmp_path)
    with pytest.raises(ConfigurationError, match="is not a file"):
        SimpleBrowserTool(replay=tmp_path / "none")
    with pytest.raises(ConfigurationError, match="render: must be"):
        SimpleBrowserTool(render="sometimes")  # type: ignore[arg-type]
