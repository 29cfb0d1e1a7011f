"""The promises, attacked: every kind that isolates, started by root and by an ordinary user."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from glm_sandbox.errors import KindUnavailable
from glm_sandbox.kinds import launcher_class
from glm_sandbox.promises import BOUNDED, CLEAN, FILES, HOST, NETWORK, PRIVILEGE

from .accounts import run_as

PROGRAM = """
import asyncio, json, os, sys, warnings
warnings.simplefilter("ignore")
os.environ["TMPDIR"] = os.environ["HOME"]
from glm_sandbox.promises import check
async def main():
    async for finding in check({kind!r}, {promises!r}):
        print(json.dumps(finding.as_json()), flush=True)
asyncio.run(main())
"""
INSIDE = (FILES, NETWORK, PRIVILEGE)
KINDS = [pytest.param("bubblewrap"), pytest.param("docker", marks=pytest.mark.docker)]
USERS = ["root", "user"]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder that an ordinary user can reach, with a short name for sockets below it."""
    with tempfile.TemporaryDirectory(prefix="h") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@lru_cache
def _found(kind: str, user: str, promises: tuple[str, ...], home: Path) -> list[dict[str, object]]:
    try:
        reason = launcher_class(kind).unavailable()
    except KindUnavailable as error:
        reason = str(error)
    if reason:
        pytest.skip(f"kind {kind}: {reason}")
    groups: tuple[int, ...] = ()
    if kind == "docker":  # as a user in the group "docker" is
        socket = os.environ.get("DOCKER_HOST", "unix:///run/docker.sock").removeprefix("unix://")
        groups = (Path(socket).stat().st_gid,)
    output = run_as(user, PROGRAM.format(kind=kind, promises=promises), home, groups)
    return [json.loads(line) for line in output.splitlines()]


def found(kind: str, user: str, promises: tuple[str, ...], home: Path) -> list[dict[str, object]]:
    findings = _found(kind, user, promises, home)
    assert findings
    return findings


def broken(findings: list[dict[str, object]]) -> list[str]:
    return [f"{f['promise']}: {f['name']}: {f['detail']}" for f in findings if f["held"] is False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("promise", INSIDE)
def test_code_inside_reaches_nothing(kind: str, user: str, promise: str, home: Path) -> None:
    findings = [f for f in found(kind, user, INSIDE, home) if f["promise"] == promise]
    assert len(findings) >= 8
    assert [f["name"] for f in findings if f["held"] is None] == []
    assert broken(findings) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", USERS)
def test_the_host_does_not_follow_what_comes_back(kind: str, user: str, home: Path) -> None:
    assert broken(found(kind, user, (HOST,), home)) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("promise", [BOUNDED, CLEAN])
def test_what_it_may_use_and_leave(kind: str, user: str, promise: str, home: Path) -> None:
    findings = found(kind, user, (promise,), home)
    assert broken(findings) == []
    left = [f["name"] for f in findings if f["held"] is None]
    assert left in ([], ["processor"])  # the only bound that needs a cgroup


def test_without_isolation_the_attacks_succeed(home: Path) -> None:
    """So a promise that held was not one that nothing was tried against."""
    output = run_as("user", PROGRAM.format(kind="local", promises=INSIDE), home)
    findings = {f["name"]: f for f in map(json.loads, output.splitlines())}
    reached = {name for name, finding in findings.items() if finding["held"] is False}
    assert reached >= {
        *("home folder", "temporary folder", "planting a file", "hard links"),
        "processes of the host",
        *("signals to the host", "tcp", "udp", "abstract socket", "socket by path"),
        *("capabilities", "filters", "namespaces", "tracing", "inner rooms"),
    }
