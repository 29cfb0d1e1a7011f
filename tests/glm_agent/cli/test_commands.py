"""`tools`, `models`, `--version`, and that the documentation shows the real help."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import glm_agent
from glm_agent.cli.app import group

from ..models.tiny import build_checkpoint
from .conftest import COMMAND, CommandLine, Server

ROOT = Path(__file__).resolve().parents[3]


def test_the_version_is_the_package_s(cli: CommandLine):
    assert cli.run("--version").stdout == f"glm-agent {glm_agent.__version__}\n"


def test_tools_list_names_what_is_installed(cli: CommandLine):
    done = cli.run("tools", "list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["python", "simple_browser"]
    rows = json.loads(cli.run("tools", "list", "--json").stdout)
    assert {(row["name"], row["kind"], row["package"]) for row in rows} == {
        ("python", "python", "glm-agent"),
        ("simple_browser", "simple_browser", "glm-agent"),
    }


def test_tools_show_prints_what_the_model_is_told(cli: CommandLine):
    (cli.folder / "w.py").write_text('def f(n: int = 3) -> str:\n    """Do f."""\n    return ""\n')
    (cli.folder / "t.yaml").write_text("tools:\n  - python: w:f\n")
    shown = json.loads(cli.run("tools", "show", "f", "--tools", "t.yaml").stdout)
    assert (shown["name"], shown["kind"], shown["description"]) == ("f", "function", "Do f.")
    assert shown["parameters"]["properties"] == {"n": {"type": "integer", "default": 3}}
    assert json.loads(cli.run("tools", "show", "python").stdout)["kind"] == "python"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--device", "gpu", "device 'gpu' is none of torch's"), ("--dtype", "int3", "dtype 'int3'")],
)
def test_run_says_what_a_device_or_number_format_may_be(
    cli: CommandLine, option: str, value: str, said: str
):
    folder = build_checkpoint(cli.folder / "tiny")
    done = cli.run("run", "Hello", "--no-tools", "--model", str(folder), option, value)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize("arguments", [("pyhton",), ("g", "--tools", "t.yaml")])
def test_tools_show_of_an_unknown_name_says_what_there_is(
    cli: CommandLine, arguments: tuple[str, ...]
):
    (cli.folder / "w.py").write_text('def f() -> str:\n    """Do f."""\n    return ""\n')
    (cli.folder / "t.yaml").write_text("tools:\n  - python: w:f\n")
    done = cli.run("tools", "show", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "places", "said"),
    [
        ("tools:\n  - pyhton: a:b\n", ["2:5"], "python"),
        ("tools:\n\t- python: a:b\n", ["2:1"], "tab"),
        ("tools: []\ntools: []\n", ["2:1"], "tools"),
        ("tools:\n  - builtin: pythno\n", ["2:14"], "python"),
        ("model: embedded\nlimts: {}\n", ["2:1"], "limits"),
        ("model: embedded\nlimits: {steps: 0}\n", ["2:9"], "at least one step"),
    ],
)
def test_tools_check_gives_the_place_of_every_mistake(
    cli: CommandLine, text: str, places: list[str], said: str
):
    (cli.folder / "bad.yaml").write_text(text)
    done = cli.run("tools", "check", "bad.yaml")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert [line.split(": ", 1)[0] for line in lines] == [f"bad.yaml:{place}" for place in places]
    assert said in done.stdout
    assert done.stderr == ""


def test_tools_check_of_good_files(cli: CommandLine):
    (cli.folder / "tools.yaml").write_text("tools:\n  - python\n")
    (cli.folder / "agent.yaml").write_text("model: embedded\ntools: [python]\n")
    done = cli.run("tools", "check", "tools.yaml", "agent.yaml")
    assert (done.returncode, done.stdout) == (0, "2 files checked, no mistakes\n")


@pytest.mark.parametrize("options", [(), ("--agent",)])
def test_tools_schema_is_a_json_schema(cli: CommandLine, options: tuple[str, ...]):
    schema = json.loads(cli.run("tools", "schema", *options).stdout)
    assert "tools" in schema["properties"]
    assert ("instructions" in schema["properties"]) == bool(options)


def test_models_list_begins_with_what_is_here(cli: CommandLine):
    done = cli.run("models", "list", "--json", GLM_AGENT_MODEL="http://127.0.0.1:1/v1")
    assert "http://127.0.0.1:1/v1" in json.loads(done.stdout)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full disk to write to")
@pytest.mark.parametrize("arguments", [("--help",), ("tools", "schema"), ("run", "hi", "--json")])
def test_a_full_disk_is_told_in_one_line(cli: CommandLine, server: Server, arguments):
    server.replies = ["\nHello.<|user|>"]
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [*COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=cli.environment | {"GLM_AGENT_MODEL": server.url},
            check=False,
        )
    assert process.returncode == 3
    assert process.stderr == "error: the output cannot be written: No space left on device\n"


def test_models_info_says_when_weights_are_missing(cli: CommandLine):
    pytest.importorskip("transformers")
    config = {"model_type": "glm", "architectures": ["GlmForCausalLM"], "dtype": "bfloat16"}
    (cli.folder / "config.json").write_text(json.dumps(config))
    done = cli.run("models", "info", ".")
    assert (done.returncode, done.stderr) == (0, "")
    assert "not in this folder (18.8 GB)" in done.stdout


def test_models_info_says_what_a_model_takes_and_what_fits(cli: CommandLine):
    """The numbers of glm-4-9b-chat, without torch."""
    (cli.folder / "config.json").write_text('{"model_type": "glm"}')
    done = cli.run(
        "models", "info", ".", "--context", "8K", "--batch", "4", PYTHONPROFILEIMPORTTIME="1"
    )
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "4 conversations of 8,192 tokens:" in lines
    table = {line.split()[0]: line.split() for line in lines if line.startswith("  ")}
    assert table["bf16"][1:5] == ["18.8", "GB", "1.3", "GB"]
    assert {"int8", "int4", "fp8"} <= set(table)
    if "no GPU; RAM: " in done.stdout:
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "json" in loaded
        assert loaded.isdisjoint({"torch", "transformers"})
    fields = json.loads(cli.run("models", "info", ".", "--context", "8192", "--json").stdout)
    bf16 = next(form for form in fields["memory"]["formats"] if form["format"] == "bf16")
    assert (bf16["weights"], bf16["kv"]) == (18_799_902_720, 8192 * 40_960)
    assert isinstance(bf16["fits"], bool)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--context", "many"), "'many' is no number of tokens; write 8192, 32K or 1M"),
        (("--context", "0"), "is no number of tokens"),
        (("--context", "1M"), "takes at most 131,072 tokens of context, not 1,048,576"),
        (("--batch", "0"), "--batch"),
    ],
)
def test_models_info_refuses_numbers_that_are_none(
    cli: CommandLine, arguments: tuple[str, ...], said: str
):
    (cli.folder / "config.json").write_text('{"model_type": "glm"}')
    done = cli.run("models", "info", ".", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_run_takes_packed_weights_and_a_context(cli: CommandLine):
    folder = str(build_checkpoint(cli.folder / "tiny"))
    base = ("run", "Hello", "--no-tools", "--model", folder, "--device", "cpu")
    done = cli.run(*base, "--quantize", "int3")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "quantize 'int3' is not known; use int8, int4 or fp8" in done.stderr
    done = cli.run(*base, "--context", "4")
    assert done.returncode == 3
    assert "takes at most 3" in done.stderr


def test_models_info_of_a_server_asks_nothing(cli: CommandLine):
    done = cli.run("models", "info", "http://127.0.0.1:1/v1", "--json")
    described = json.loads(done.stdout)
    assert (described["kind"], described["protocol"]) == ("server", "glm-4")
    assert "glm-4" in cli.run("models", "info", "http://127.0.0.1:1/v1").stdout


@pytest.mark.parametrize("name", ["./nowhere", "ftp://127.0.0.1/", ""])
def test_models_info_of_nothing_is_an_error_in_one_line(cli: CommandLine, name: str):
    done = cli.run("models", "info", name)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """The command and those in it, packages' as well, as they are written after `glm-agent`."""
    yield " ".join(path)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))


def test_the_documentation_shows_the_real_help():
    place = ROOT / "scripts" / "update_cli_docs.py"
    spec = importlib.util.spec_from_file_location("update_cli_docs", place)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    shown = {" ".join(arguments.split()) for arguments in script.BLOCK.findall(written)}
    assert shown == set(commands(group))
    assert script.updated(written) == written, "run: python scripts/update_cli_docs.py"


def test_help_is_printed_without_loading_anything_heavy(cli: CommandLine):
    done = cli.run("run", "--help", PYTHONPROFILEIMPORTTIME="1")
    assert "Usage: glm-agent run [OPTIONS] PROMPT" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "click" in loaded
    assert loaded.isdisjoint({"torch", "pydantic", "rich", "prompt_toolkit", "jupyter_client"})
