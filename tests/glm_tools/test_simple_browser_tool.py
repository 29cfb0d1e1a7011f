"""The browser as a tool: found by name, set up from YAML-like settings, one browser a session."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from glm_tools.simple_browser import SimpleBrowserTool

from glm_agent.errors import ConfigurationError
from glm_agent.messages import ToolCall
from glm_agent.tooling.base import SessionResources, ToolContext, ToolOutput

pytestmark = pytest.mark.anyio


async def call(tool: SimpleBrowserTool, context: ToolContext, text: str) -> list[ToolOutput]:
    return await tool.run(tool.check(ToolCall("1", "simple_browser", text)), context)


async def test_it_is_found_by_its_name() -> None:
    (point,) = entry_points(group="glm_agent.tools", name="simple_browser")
    assert point.load() is SimpleBrowserTool


async def test_its_spec_is_the_builtin_kind() -> None:
    spec = SimpleBrowserTool().spec
    assert (spec.name, spec.kind, dict(spec.parameters)) == ("simple_browser", "simple_browser", {})


async def test_search_click_and_an_error_come_back_as_outputs() -> None:
    context = ToolContext()
    outputs = await call(
        SimpleBrowserTool(),
        context,
        'search("Who designed the Karsten Bridge?")\nmclick([0])\njump(1)',
    )
    assert [(output.metadata, output.outcome) for output in outputs] == [
        ("browser_result", "ok"),
        ("quote_result [7†source]", "ok"),
        ("system_error", "error"),
    ]
    assert "The Karsten Bridge was designed by Marta Karsten." in outputs[1].text
    await context.resources.aclose()


async def test_a_session_keeps_its_page_and_its_numbers() -> None:
    tool, context = SimpleBrowserTool(), ToolContext()
    await call(tool, context, 'search("ferry")')
    (first,) = await call(tool, context, "mclick([0])")
    (second,) = await call(tool, context, "mclick([0])")
    assert (first.metadata, second.metadata) == (
        "quote_result [7†source]",
        "quote_result [8†source]",
    )
    await context.resources.aclose()


async def test_sessions_share_nothing_that_shows() -> None:
    tool, one, two = SimpleBrowserTool(), ToolContext(), ToolContext(resources=SessionResources())
    await call(tool, one, 'search("ferry")\nmclick([0])')
    (nothing,) = await call(tool, two, "mclick([0])")
    assert nothing.outcome == "error"
    await one.resources.aclose()
    outputs = await call(tool, two, 'search("ferry")\nmclick([0])')
    assert outputs[1].metadata == "quote_result [7†source]"
    await two.resources.aclose()


async def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "cat.md").write_text("The cat sleeps until noon.")
    (found,) = await call(
        SimpleBrowserTool(pages=str(tmp_path), results=1), ToolContext(), 'search("cat")'
    )
    assert (
        found.text
        == " # 【0†cat†pages.glm-agent.example】\nThe cat sleeps until noon.\nVisible: 0% - 100%"
    )


@pytest.mark.parametrize("text", ["", "\n", "{}", '{"action": "search"}', "\0", "【7†source】"])
async def test_a_call_without_actions_is_answered(text: str) -> None:
    (answer,) = await call(SimpleBrowserTool(), ToolContext(), text)
    assert (answer.metadata, answer.outcome) == ("system_error", "error")
    assert 'write search("query")' in answer.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"search": "google"}, "'google' is not known"),
        ({"search": 5}, "5 is not known"),
        ({"pages": "no/such/folder"}, "not a folder"),
        ({"allow_private": ["x"]}, "host:port"),
        ({"allow_private": "127.0.0.1:80"}, "must be a list"),
        ({"timeout": 0}, "timeout: must be a number above 0"),
        ({"max_bytes": "many"}, "max_bytes: must be"),
        ({"results": -1}, "results: must be"),
    ],
)
async def test_settings_are_checked_at_once(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        SimpleBrowserTool(**settings)


async def test_offering_it_costs_nothing() -> None:
    code = (
        "import sys; from glm_tools.simple_browser import SimpleBrowserTool; SimpleBrowserTool(); "
        "print(sorted({'urllib3', 'trafilatura', 'lxml', 'sqlite3', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
