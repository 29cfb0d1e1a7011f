"""Every example does what it says, with the embedded model."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
WEIGHTS = ROOT / "glm_agent" / "models" / "embedded" / "model.safetensors"
embedded = pytest.mark.skipif(
    not WEIGHTS.is_file(), reason="the embedded model's weights are not in this checkout"
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Examples write to the current folder; nothing in the environment names another model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GLM_AGENT_MODEL", raising=False)
    return tmp_path


def output_of(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a script prints, run as `__main__` in this process."""
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def process(
    *arguments: str | Path, path: Sequence[Path] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run an interpreter of its own to its end. `path` goes in front of the import path."""
    importable = [*path, ROOT, ROOT / "tools", ROOT / "sandbox"]
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, importable)), **environment},
    )


def events_of(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The events that `glm-agent run --json` printed."""
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def the(events: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The only event of a kind."""
    (event,) = [event for event in events if event["type"] == kind]
    return event


def test_every_example_is_listed_in_the_readme_and_tested_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    names = [path.name for path in EXAMPLES.iterdir() if path.name[:2].isdigit()]
    assert len(names) == 6
    for name in names:
        assert name in listed
        assert f'"{name}"' in here


@embedded
def test_weather(capsys: pytest.CaptureFixture[str]) -> None:
    bonn, oslo, atlantis = output_of("01_weather.py", capsys).strip().split("\n\n")
    assert 'get_weather {"city": "Bonn"}' in bonn
    assert "21" in answer(bonn)
    assert "cloudy" in answer(bonn)
    assert 'get_weather {"city": "Oslo"}' in oslo
    assert "-3" in answer(oslo)
    assert "There is no weather station in Atlantis. (error)" in atlantis
    assert "no weather station in Atlantis" in answer(atlantis)


def answer(turn: str) -> str:
    """What the model said in a turn that 01_weather.py printed."""
    return turn.split("model: ")[1]


@embedded
def test_data_analysis(capsys: pytest.CaptureFixture[str], own_folder: Path) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    mean, product, plot = output_of("02_data_analysis.py", capsys).split("\nyou: ")[1:]
    assert "[python]" in mean
    assert "211.75" in mean.split("model: ")[1]
    assert "1591" in product.split("model: ")[1]
    assert "[observation with a picture]" in plot
    assert "Bergen    211.75" in plot
    assert "most of it in Oct" in plot.split("model: ")[1]
    assert (own_folder / "rainfall.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


@embedded
def test_research(capsys: pytest.CaptureFixture[str]) -> None:
    turn = output_of("03_research.py", capsys)
    fact = "The Halden Lighthouse was completed in 1887."
    assert "browse: search(" in turn
    assert "browse: mclick(" in turn
    assert f"{fact} 【7†source】" in turn
    assert f"   | {fact}" in turn.split("source 7:")[1]


AGENT = EXAMPLES / "04_yaml_agent" / "agent.yaml"


def test_the_yaml_files_have_no_mistakes() -> None:
    ran = process("-m", "glm_agent", "tools", "check", AGENT, AGENT.with_name("tools.yaml"))
    assert (ran.returncode, ran.stdout) == (0, "2 files checked, no mistakes\n"), ran.stderr


def test_the_yaml_agent_has_no_python_of_its_own() -> None:
    assert not list((EXAMPLES / "04_yaml_agent").rglob("*.py"))


@embedded
def test_the_yaml_agent_reads_its_own_pages() -> None:
    question = "When was the Blue Door Bakery opened?"
    events = events_of(process("-m", "glm_agent", "run", "--agent", AGENT, question, "--json"))
    assert [event["name"] for event in events if event["type"] == "call"] == ["simple_browser"] * 2
    assert the(events, "answer")["text"] == "The Blue Door Bakery was opened in 1958. 【7†source】"


@embedded
def test_the_yaml_registry_lends_a_function_to_any_run() -> None:
    question = "What is the weather like in Lisbon?"
    registry = EXAMPLES / "04_yaml_agent" / "tools.yaml"
    events = events_of(process("-m", "glm_agent", "run", "--tools", registry, question, "--json"))
    assert the(events, "call")["arguments"] == {"city": "Lisbon"}
    assert "27" in the(events, "answer")["text"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the tool package was installed from a wheel, as pip would."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("tool_package")
    source = EXAMPLES / "05_tool_package"
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:  # installing pure Python is unpacking it
        archive.extractall(folder / "site")
    return folder / "site"


def test_an_installed_package_brings_its_tool(installed: Path) -> None:
    ran = process("-m", "glm_agent", "tools", "list", "--json", path=[installed])
    found = {row["name"]: row for row in json.loads(ran.stdout)}
    assert found["roman_numeral"]["package"] == "glm-agent-roman"
    assert found["roman_numeral"]["description"] == "Writes a number as a Roman numeral."
    assert {"python", "simple_browser"} < set(found)


def test_without_the_package_its_tool_is_unknown() -> None:
    ran = process("-m", "glm_agent", "tools", "show", "roman_numeral")
    assert ran.returncode == 2
    assert "roman_numeral" in ran.stderr


@embedded
def test_an_agent_uses_the_tool_of_a_package(installed: Path) -> None:
    events = events_of(
        process(
            *("-m", "glm_agent", "run", "--tool", "roman_numeral", "--json"),
            "Write 12 as a Roman numeral.",
            path=[installed],
        )
    )
    assert the(events, "call")["arguments"] == {"number": 12}
    assert the(events, "observation")["text"] == "XII"
    assert "XII" in the(events, "answer")["text"]


def test_glm_4_9b_says_what_it_needs_where_there_is_no_gpu() -> None:
    ran = process(EXAMPLES / "06_glm_4_9b_gpu.py", CUDA_VISIBLE_DEVICES="")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Not run: ")
    assert "about 20 GB of free memory" in ran.stdout
    assert "zai-org/glm-4-9b-chat-hf" in ran.stdout
