"""The syscall filter: what it answers, by running it; and that it reads as the kernel reads it."""

from __future__ import annotations

import ctypes
import json
import platform
import struct
import subprocess
import sys

import pytest
from glm_sandbox.isolation import seccomp

# Installs the filter given as hexadecimal, then prints what each call answered.
PROGRAM = """
import ctypes, errno, json, socket, struct, subprocess, sys, threading
code = bytes.fromhex(sys.argv[1]); libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(code)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
answers = {}
for name, number, first in json.loads(sys.argv[2]):
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(number), ctypes.c_long(first), *[ctypes.c_long(0)] * 5)
    answers[name] = errno.errorcode.get(ctypes.get_errno(), "")
for family, kind, protocol in [(1, 1, 0), (2, 1, 0), (10, 2, 0), (16, 3, 0), (16, 3, 9), (17, 3, 0), (40, 1, 0)]:
    try: socket.socket(family, kind, protocol).close(); answers[f"socket {family} {protocol}"] = ""
    except OSError as error: answers[f"socket {family} {protocol}"] = errno.errorcode[error.errno]
threading.Thread(target=lambda: answers.update(thread="")).start()
answers["program"] = subprocess.run(["/bin/true"]).returncode
print(json.dumps(answers))
"""


@pytest.mark.skipif(not seccomp.known() or sys.platform != "linux", reason="no filter for it")
def test_what_the_kernel_answers() -> None:
    calls = [(name, number, 0) for name, number in seccomp.denied().items()]
    clone = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    calls += [("clone with a user namespace", clone, 0x10000000), ("clone3", 435, 0)]
    calls += [("a call of the future", 600, 0)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, seccomp.program().hex(), json.dumps(calls)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    answers = json.loads(done.stdout)
    assert {name for name in seccomp.denied() if answers[name] != "EPERM"} == set()
    assert answers["clone with a user namespace"] == "EPERM"
    assert answers["clone3"] == answers["a call of the future"] == "ENOSYS"
    needed = ("socket 1 0", "socket 2 0", "socket 16 0", "thread")
    assert [answers[name] for name in needed] == ["", "", "", ""]
    assert {answers[f"socket {n}"] for n in ("16 9", "17 0", "40 0")} == {"EAFNOSUPPORT"}
    assert answers["program"] == 0


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_stays_inside_and_every_path_returns(machine: str) -> None:
    code = list(struct.iter_unpack("=HBBI", seccomp.program(machine)))
    assert len(code) < 4096  # BPF_MAXINSNS, linux/bpf_common.h
    for place, (operation, yes, no, _) in enumerate(code):
        if operation & 7 == 5:  # a jump
            assert place + 1 + max(yes, no) < len(code)
    assert code[-1][0] == 6  # BPF_RET


def test_a_machine_that_is_not_known() -> None:
    assert not seccomp.known("riscv64")
    with pytest.raises(KeyError):
        seccomp.program("riscv64")


def test_the_numbers_are_those_of_the_system() -> None:
    """Against the system's own header, through libseccomp where it is there."""
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("libseccomp is not there to compare with")
    if not seccomp.known():
        pytest.skip("no table for this machine")
    wrong = {}
    for name, number in seccomp.denied().items():
        told = library.seccomp_syscall_resolve_name(name.encode())
        if told >= 0 and told != number:
            wrong[name] = (number, told)
    assert wrong == {}
    arm = 0xC00000B7
    wrong = {
        name: number
        for name, number in seccomp.denied("aarch64").items()
        if library.seccomp_syscall_resolve_name_arch(arm, name.encode()) not in (number, -1)
    }
    assert wrong == {}
