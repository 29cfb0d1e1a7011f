"""Subcommands that other packages bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import CommandLine

MODULE = """
import click

@click.command()
@click.option("--loud", is_flag=True)
def hello(loud):
    "Say hello."
    click.echo("HELLO" if loud else "hello 世界")

not_a_command = 3
"""


@pytest.fixture
def stranger(cli: CommandLine) -> CommandLine:
    """A package with commands, installed for one test."""
    site = cli.folder / "site"
    info = site / "stranger-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "stranger.py").write_text(MODULE, "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[glm_agent.commands]\n"
        "hello = stranger:hello\n"
        "run = stranger:hello\n"
        "gone = stranger_not_there:it\n"
        "number = stranger:not_a_command\n"
    )
    cli.environment["PYTHONPATH"] += f":{site}"
    return cli


def test_a_package_s_command_is_listed_and_runs(stranger: CommandLine):
    helped = stranger.run("--help")
    assert helped.returncode == 0
    assert "hello    Say hello." in helped.stdout
    assert stranger.run("hello").stdout == "hello 世界\n"
    assert stranger.run("hello", "--loud").stdout == "HELLO\n"


def test_a_package_replaces_no_command_of_ours(stranger: CommandLine):
    assert "Answer PROMPT" in stranger.run("run", "--help").stdout


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("gone", "cannot be loaded (ModuleNotFoundError: No module named 'stranger_not_there')"),
        ("number", "is no click command"),
    ],
)
def test_a_command_that_cannot_be_loaded_says_so_and_harms_no_other(
    stranger: CommandLine, name: str, problem: str
):
    helped = stranger.run("--help")
    assert helped.returncode == 0
    assert f"  {name}" in helped.stdout
    done = stranger.run(name)
    assert done.returncode == 2
    assert f"Error: the command '{name}' of stranger {problem}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sandbox_comes_with_glm_sandbox(cli: CommandLine, tmp_path: Path):
    done = cli.run("sandbox", "--help")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.partition("Commands:\n")[2].splitlines()] == [
        "build",
        "check",
        "clean",
        "list",
    ]
    refused = cli.run("sandbox", "list", DOCKER_HOST=f"unix://{tmp_path}/no.sock")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: no Docker engine answers at unix://")
    assert len(refused.stderr.splitlines()) == 1
