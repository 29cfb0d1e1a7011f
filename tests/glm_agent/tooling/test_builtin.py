"""Tools by name, from packages; and lists of whatever a caller passes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from glm_agent.errors import ConfigurationError, ToolDefinitionError, UnknownToolError
from glm_agent.tooling import (
    FunctionTool,
    Tool,
    available_tools,
    check_registry,
    load_tools,
    tool,
    tool_named,
)

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package with entry points on the path, as an installer would."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(package: str, entry_points: str, code: str) -> None:
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[glm_agent.tools]\n{entry_points}\n")
        (tmp_path / f"{package}.py").write_text(code)

    yield install
    for name in set(sys.modules) - before:
        if name in ("dice", "broken", "quits"):
            del sys.modules[name]


DICE = '''
from glm_agent.tooling import FunctionTool, tool

def roll() -> int:
    """Roll."""
    return 4

ready = tool(roll, name="ready")

def make(sides: int, *, loaded: bool = False) -> FunctionTool:
    return FunctionTool(lambda: sides, name="dice", description=f"{sides} {loaded}")

def wrong() -> int:
    return 3

def fails(x: int = 0):
    raise ValueError("no dice")
'''
POINTS = "dice = dice:make\nready = dice:ready\nwrong = dice:wrong\nfails = dice:fails"


def test_our_own_tools_are_there() -> None:
    assert available_tools() == {"python": "glm-agent", "simple_browser": "glm-agent"}
    assert tool_named("python").spec.kind == "python"


def test_a_strangers_package_plugs_in(install: Install, tmp_path: Path) -> None:
    install("dice", POINTS, DICE)
    assert available_tools()["dice"] == "dice"
    assert tool_named("dice", sides=6).spec.description == "6 False"
    assert tool_named("ready").name == "ready"
    assert [made.name for made in load_tools(["ready"])] == ["ready"]
    path = tmp_path / "tools.yaml"
    path.write_text("tools:\n- {builtin: dice, sides: '20', loaded: true, timeout: 3}\n- ready\n")
    first, second = load_tools([path])
    assert (first.spec.description, first.timeout, second.name) == ("20 True", 3, "ready")


def test_what_is_wrong_with_settings_is_said(install: Install, tmp_path: Path) -> None:
    install("dice", POINTS, DICE)
    with pytest.raises(ConfigurationError, match="no setting 'side'; did you mean 'sides'"):
        tool_named("dice", side=6)
    with pytest.raises(ConfigurationError, match="cannot be made: TypeError"):
        tool_named("dice")
    with pytest.raises(ConfigurationError, match="takes no settings: remove x"):
        tool_named("ready", x=1)
    with pytest.raises(ConfigurationError, match="is no Tool but int"):
        tool_named("wrong")
    with pytest.raises(ConfigurationError, match="cannot be made: ValueError: no dice"):
        tool_named("fails")
    path = tmp_path / "tools.yaml"
    path.write_text("tools:\n- dice\n- {builtin: dice, sides: six}\n- {builtin: ready, x: 1}\n")
    assert [str(found).removeprefix(f"{path}:") for found in check_registry(path)] == [
        "2:3: dice needs the setting 'sides'",
        '3:26: sides: should be a valid integer (got "six")',
        "4:20: ready has no setting 'x'; known: timeout, max_chars",
    ]


@pytest.mark.parametrize(
    ("package", "code"), [("broken", "import no_such_module"), ("quits", "raise SystemExit(3)")]
)
def test_a_broken_package_is_named_and_breaks_no_other(
    install: Install, package: str, code: str
) -> None:
    install(package, f"bad = {package}:thing", code)
    assert available_tools()["bad"] == package
    with pytest.raises(
        ConfigurationError, match=f"'bad' of the package {package} cannot be imported"
    ):
        tool_named("bad")
    assert tool_named("python").name == "python"


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownToolError, match="named 'pyhton'; did you mean 'python'"):
        tool_named("pyhton")
    with pytest.raises(UnknownToolError, match="known: python, simple_browser"):
        tool_named("zzz")


def test_a_mix_of_everything(tmp_path: Path) -> None:
    @tool
    def ready() -> None: ...

    def plain(x: int) -> int:
        return x

    class Own(FunctionTool[..., Any]):
        def __init__(self) -> None:
            super().__init__(plain, name="own")

    (tmp_path / "t.py").write_text("def filed(): ...\n")
    path = tmp_path / "tools.yaml"
    path.write_text("tools: [{python: ./t.py:filed}]")
    tools = load_tools([ready, plain, Own, "python", path])
    assert [made.name for made in tools] == ["ready", "plain", "own", "python", "filed"]
    assert [made.name for made in load_tools([str(path)])] == ["filed"]
    assert load_tools([]) == []
    assert load_tools(iter([ready])) == [ready]


def test_two_tools_of_one_name_are_refused() -> None:
    def twice() -> None: ...

    with pytest.raises(ConfigurationError, match="two tools are named 'twice'"):
        load_tools([twice, twice])


@pytest.mark.parametrize("items", ["python", b"python", {"python": 1}, tool_named])
def test_what_is_no_list_is_refused(items: Any) -> None:
    with pytest.raises(ConfigurationError, match="tools come in a list"):
        load_tools(items)


@pytest.mark.parametrize("item", [3, None, object(), ["python"]])
def test_what_is_no_tool_is_refused(item: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no tool: pass a Tool, a function"):
        load_tools([item])


def test_a_class_that_needs_settings_says_so() -> None:
    class Needy(Tool):
        def __init__(self, key: str) -> None:
            raise AssertionError

    with pytest.raises(ConfigurationError, match="Needy cannot be made: TypeError"):
        load_tools([Needy])
    with pytest.raises(ToolDefinitionError, match="is a class"):
        load_tools([dict])
