"""The Seatbelt profile as data: what it allows, and that no path becomes a part of it.

It was never applied by a macOS; `profiles.py` says what the reading of it is based on.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from glm_sandbox.isolation import seatbelt
from glm_sandbox.isolation.interpreter import Interpreter
from glm_sandbox.isolation.seatbelt import View

from .profiles import Profile, read

SESSION = "/private/var/folders/ab/T/glm-1"
PYTHON = Interpreter(
    "/Users/me/project/.venv/bin/python",
    ("/Users/me/project/.venv/bin", "/Users/me/project/.venv/lib", "/Users/me/.pyenv/lib"),
    ("/opt/packages/site-packages",),
)
VIEW = View(
    ("/Users/me/glm/inside.py", f"{SESSION}/1/c.json"),
    (f"{SESSION}/work", f"{SESSION}/tmp"),
    f"{SESSION}/1/s",
)


@pytest.fixture(scope="module")
def made() -> Profile:
    return Profile(*seatbelt.profile(PYTHON, VIEW))


ALLOWED = [
    ("file-read-data", f"{SESSION}/work/data.csv"),
    ("file-write-create", f"{SESSION}/work/数据/图 1.png"),
    ("file-write-unlink", f"{SESSION}/tmp/x"),
    ("file-write-create", f"{SESSION}/1/s/k-1"),
    ("file-read-data", f"{SESSION}/1/c.json"),
    ("file-read-data", "/Users/me/glm/inside.py"),
    ("file-read-data", "/Users/me/project/.venv/lib/python3.12/site-packages/numpy/__init__.py"),
    ("file-map-executable", "/Users/me/project/.venv/lib/python3.12/site-packages/numpy/core.so"),
    ("file-map-executable", "/opt/packages/site-packages/zmq/_zmq.so"),
    ("file-map-executable", "/usr/lib/libSystem.B.dylib"),
    ("file-read-data", "/System/Library/Fonts/PingFang.ttc"),
    ("file-read-data", "/dev/urandom"),
    ("file-write-data", "/dev/null"),
    ("sysctl-read", "hw.logicalcpu"),
    ("sysctl-read", "kern.osrelease"),
    ("signal", "self"),
    ("process-info-pidinfo", "self"),
    ("system-socket", "AF_UNIX"),
]
DENIED = [
    ("file-read-data", "/Users/me/.ssh/id_ed25519"),
    ("file-read-metadata", "/Users/me/.ssh/id_ed25519"),
    ("file-read-data", "/Users/me/project/secrets.env"),
    ("file-read-data", "/Users/me/glm/other.py"),
    ("file-read-data", "/Users/me/Library/Keychains/login.keychain-db"),
    ("file-read-data", "/Library/Keychains/System.keychain"),
    ("file-read-data", "/private/etc/master.passwd"),
    ("file-read-data", "/private/tmp/of-another"),
    ("file-read-data", "/private/var/folders/ab/T/glm-2/work/other-session"),
    ("file-read-data", f"{SESSION}/stderr"),
    ("file-read-data", f"{SESSION}/work2/beside"),
    ("file-write-create", f"{SESSION}/1/c.json"),
    ("file-write-create", f"{SESSION}/planted"),
    ("file-write-data", "/Users/me/glm/inside.py"),
    ("file-write-data", "/Users/me/project/.venv/lib/python3.12/os.py"),
    ("file-write-create", "/private/tmp/x"),
    ("file-write-data", "/dev/random"),
    ("file-write-data", "/dev/disk0"),
    ("file-link", f"{SESSION}/work/linked"),
    ("file-clone", f"{SESSION}/work/cloned"),
    ("file-map-executable", f"{SESSION}/work/own.so"),
    ("process-exec", "/bin/sh"),
    ("process-exec", f"{SESSION}/work/own"),
    ("process-fork", ""),
    ("process-info-pidinfo", "others"),
    ("signal", "others"),
    ("sysctl-read", "kern.procargs2.1"),
    ("sysctl-read", "kern.proc.all"),
    ("sysctl-write", "kern.hostname"),
    ("mach-lookup", "com.apple.SecurityServer"),
    ("mach-lookup", "com.apple.pasteboard.1"),
    ("mach-register", "com.example.own"),
    ("mach-priv-task-port", "others"),
    ("ipc-posix-shm-read-data", "/shared"),
    ("iokit-open", "IOHIDParamUserClient"),
    ("user-preference-read", "com.apple.finder"),
    ("appleevent-send", "com.apple.Terminal"),
    ("system-socket", "AF_SYSTEM"),
    ("an operation of a later macOS", ""),
]


@pytest.mark.parametrize(("operation", "what"), ALLOWED)
def test_allows_what_python_needs(made: Profile, operation: str, what: str) -> None:
    assert made.allows(operation, what)


@pytest.mark.parametrize(("operation", "what"), DENIED)
def test_denies_all_else(made: Profile, operation: str, what: str) -> None:
    assert not made.allows(operation, what)


@pytest.mark.parametrize("operation", ["network-bind", "network-inbound", "network-outbound"])
@pytest.mark.parametrize(
    ("domain", "what", "allowed"),
    [
        ("unix-socket", f"{SESSION}/1/s/k-3", True),
        ("unix-socket", f"{SESSION}/work/own.sock", False),
        ("unix-socket", "/private/var/run/mDNSResponder", False),
        ("unix-socket", "/private/var/run/docker.sock", False),
        ("ip", "localhost:8888", False),
        ("ip", "*:53", False),
        ("tcp", "*:*", False),
        ("udp", "*:*", False),
    ],
)
def test_the_only_network_is_the_kernels_own_sockets(
    made: Profile, operation: str, domain: str, what: str, allowed: bool
) -> None:
    assert made.allows(operation, what, domain) is allowed


def test_only_the_interpreter_can_be_executed(tmp_path: Path) -> None:
    """Also by its real name, and the application that a framework's interpreter hands over to."""
    version = tmp_path / "Python.framework" / "Versions" / "3.12"
    application = version / "Resources" / "Python.app" / "Contents" / "MacOS" / "Python"
    for program in (version / "bin" / "python3.12", application):
        program.parent.mkdir(parents=True)
        program.touch()
    link = tmp_path / "venv" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(version / "bin" / "python3.12")
    python = Interpreter(str(link), (str(link.parent),), ())
    made = Profile(*seatbelt.profile(python, VIEW))
    assert made.allows("process-exec", str(link))
    assert made.allows("process-exec", str(version / "bin" / "python3.12"))
    assert made.allows("process-exec", str(application))
    assert not made.allows("process-exec", str(version / "bin" / "pip"))
    # The loader asks for every link on the way, under the link's own name.
    assert made.allows("file-read-metadata", str(link))
    assert made.allows("file-read-metadata", str(version))
    assert not made.allows("file-read-data", str(version / "bin"))


def test_links_on_the_way_can_be_passed_but_not_read(tmp_path: Path) -> None:
    real = tmp_path / "Cellar" / "python" / "3.12.1"
    (real / "lib").mkdir(parents=True)
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "python").symlink_to("../Cellar/python/current")
    (real.parent / "current").symlink_to("3.12.1")
    given = tmp_path / "opt" / "python" / "lib"
    made = Profile(*seatbelt.profile(Interpreter("/p", (str(given),), ()), VIEW))
    for passed in ("opt", "opt/python", "Cellar/python/current", "Cellar/python/3.12.1/lib"):
        assert made.allows("file-read-metadata", str(tmp_path / passed)), passed
    assert not made.allows("file-read-data", str(tmp_path / "opt"))


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    made = Profile(*seatbelt.profile(Interpreter("/p", (str(tmp_path / "a"),), ()), VIEW))
    assert made.allows("file-read-metadata", str(tmp_path / "a"))
    assert not made.allows("file-read-data", str(tmp_path / "b"))


NAMES = [
    "with space",
    "数据 目录",
    'quote"s',
    "back\\slash",
    '")) (allow default) ((x "',
    "semi;colon",
    "#|comment",
    "new\nline",
    "a=b",
    "$HOME (param)",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_never_a_part_of_the_program(name: str) -> None:
    folder = f"/private/tmp/{name}"
    python = Interpreter(f"{folder}/bin/python", (f"{folder}/lib",), ())
    view = View((f"{folder}/inside.py",), (f"{folder}/work", f"{folder}/tmp"), f"{folder}/s")
    plain = "/private/tmp/plain"
    usual = Interpreter(f"{plain}/bin/python", (f"{plain}/lib",), ())
    same = View((f"{plain}/inside.py",), (f"{plain}/work", f"{plain}/tmp"), f"{plain}/s")
    text, parameters = seatbelt.profile(python, view)
    assert text == seatbelt.profile(usual, same)[0]
    made = Profile(text, parameters)
    assert made.allows("file-write-create", f"{folder}/work/x")
    assert not made.allows("file-write-create", "/private/tmp/x")
    assert not made.allows("file-read-data", "/private/tmp/x")
    # Each is one argument to sandbox-exec, as it is.
    command = seatbelt.command(python, view, ["-c", name])
    assert f"WRITE0={folder}/work" in command
    assert command[-3:] == [f"{folder}/bin/python", "-c", name]


def test_the_command_line() -> None:
    command = seatbelt.command(PYTHON, VIEW, ["inside.py", "-f", "c.json"])
    assert command[:2] == ["/usr/bin/sandbox-exec", "-p"]
    text, parameters = seatbelt.profile(PYTHON, VIEW)
    assert command[2] == text
    rest = command[3:-4]
    assert rest[::2] == ["-D"] * (len(rest) // 2)
    assert dict(part.split("=", 1) for part in rest[1::2]) == parameters
    assert command[-4:] == [PYTHON.executable, "inside.py", "-f", "c.json"]
    assert sum(map(len, command)) < 200_000  # macOS takes a megabyte, with the environment


def test_it_begins_by_denying_everything_and_names_every_parameter() -> None:
    text, parameters = seatbelt.profile(PYTHON, VIEW)
    rules = read(text)
    assert rules[:2] == [["version", "1"], ["deny", "default"]]
    assert [rule[0] for rule in rules[2:]] == ["allow"] * (len(rules) - 2)  # type: ignore[index]
    named = {part.split('"')[1] for part in text.split("(param ")[1:]}
    assert named == set(parameters)


def test_nothing_to_show_is_not_everything() -> None:
    """A rule without a filter would hold for every path."""
    made = Profile(*seatbelt.profile(Interpreter("/p", (), ()), View((), (), "/s")))
    assert not made.allows("file-read-data", "/Users/me/x")
    assert not made.allows("file-write-create", "/Users/me/x")
    assert not made.allows("process-exec", "/bin/sh")


def test_it_is_macoss_own() -> None:
    if os.uname().sysname == "Darwin":
        pytest.skip("this is a Mac: run `glm-agent sandbox check --kind seatbelt`")
    assert (
        seatbelt.unavailable() == "it is macOS's own; on Linux take kind 'bubblewrap' or 'docker'"
    )
