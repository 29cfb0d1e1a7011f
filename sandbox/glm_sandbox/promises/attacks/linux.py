"""Attacks on a kernel from inside it that only Linux has the means for.

As in `everywhere.py`, whose names are there when the text of this file is run in the kernel. Does
not do: judging from outside (`check.py`).
"""
# pyright: basic

import ctypes
import errno
import fcntl
import glob
import os
import pty
import socket
import subprocess

if __name__ != "__main__":  # on the host, for the table at the end
    from .everywhere import (
        FILES,
        NETWORK,
        PRIVILEGE,
        aim,
        attempt,
        breach,
        connect,
        holds_secret,
        in_child,
        read,
    )


def call(name, *arguments):
    """A system call by its name: held back if it is refused or does not exist."""
    libc = ctypes.CDLL(None, use_errno=True)
    number = aim.CALLS.get(name)
    if number is None:  # not on this processor
        return
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) >= 0:
        breach(name)
    elif ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS):
        breach(f"{name} answered {errno.errorcode.get(ctypes.get_errno())}")


def status(field):
    """A line of /proc/self/status."""
    with open("/proc/self/status") as file:
        return next(line.split()[1] for line in file if line.startswith(field + ":"))


def processes_of_the_host():
    """Finding a process of the host, and reading files through its root and working folder."""
    for path in glob.glob("/proc/[0-9]*"):
        if aim.MARKER.encode() in read(path + "/cmdline"):
            breach(path)
        for place in ("/root", "/cwd"):
            if holds_secret(read(path + place + aim.IN_TMP)):
                breach(path + place)


def interfaces():
    """Looking for a network interface other than loopback."""
    with open("/proc/net/dev") as file:
        for line in file.read().splitlines()[2:]:
            if line.split(":")[0].strip() != "lo":
                breach(line.split(":")[0].strip())


def abstract_socket():
    """Connecting to a service of the host on an abstract Unix socket."""
    attempt("an abstract socket", lambda: connect(socket.AF_UNIX, "\0" + aim.ABSTRACT))


def raw_packets():
    """Opening packet, raw, vsock, Bluetooth and audit sockets."""
    kinds = [(17, 3, 0x300), (17, 2, 0x300), (2, 3, 1), (10, 3, 58), (40, 1, 0), (31, 3, 1)]
    for kind in [*kinds, (16, 3, 9)]:
        attempt(kind, lambda kind=kind: socket.socket(*kind))


def capabilities():
    """Reading its own capabilities in /proc/self/status."""
    for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if int(status(field), 16):
            breach(f"{field} {status(field)}")


def filters():
    """Reading no_new_privs and seccomp in /proc/self/status."""
    if status("NoNewPrivs") != "1":
        breach("no_new_privs is off")
    if status("Seccomp") != "2":
        breach("there is no seccomp filter")


def namespaces():
    """Unshare with each kind of namespace, setns."""

    def unshare(flag):
        if ctypes.CDLL(None).unshare(flag) != 0:
            raise OSError

    for bit in (17, 25, 26, 27, 28, 29, 30):
        in_child(f"unshare {1 << bit:#x}", lambda bit=bit: unshare(1 << bit))
    call("setns", 0, 0)


def mounts():
    """Mount, umount2, pivot_root, chroot, the new mount calls."""
    for name in ("mount", "umount2", "pivot_root", "fsopen", "open_tree", "move_mount"):
        call(name, 0, 0, 0, 0, 0)
    in_child("chroot", lambda: os.chroot("/mnt"))


def tracing():
    """Tracing a child and reading its memory."""
    with subprocess.Popen(["/bin/sleep", "5"]) as child:
        call("ptrace", 16, child.pid, 0, 0)
        call("process_vm_readv", child.pid, 0, 0, 0, 0, 0)
        child.kill()


def inner_rooms():
    """Calls for bpf, perf, keyrings, io_uring, userfaultfd, modules, kexec, handles, quotas, clocks."""  # noqa: E501
    reach = ("bpf", "perf_event_open", "keyctl", "add_key", "request_key", "io_uring_setup")
    load = ("userfaultfd", "init_module", "finit_module", "kexec_load", "open_by_handle_at")
    for name in (*reach, *load, "quotactl", "acct", "reboot", "swapon", "settimeofday"):
        call(name, 0, 0, 0, 0, 0)
    call("sethostname", 0, 5)


def terminal_input():
    """Pushing input into a terminal with TIOCSTI, as in CVE-2017-5226."""
    try:
        _, terminal = pty.openpty()
    except OSError:
        return

    def push():
        os.setsid()
        fcntl.ioctl(terminal, 0x540E, 0)  # TIOCSCTTY
        fcntl.ioctl(terminal, 0x5412, b"x")  # TIOCSTI

    in_child("TIOCSTI", push)


ATTACKS = {
    FILES: (processes_of_the_host,),
    NETWORK: (interfaces, abstract_socket, raw_packets),
    PRIVILEGE: (capabilities, filters, namespaces, mounts, tracing, inner_rooms, terminal_input),
}
