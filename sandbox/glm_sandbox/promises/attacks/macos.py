"""Attacks on a kernel from inside it that only macOS has the means for.

As in `everywhere.py`, whose names are there when the text of this file is run in the kernel.
Written for kind "seatbelt" and, like it, never run on a Mac. Does not do: judging from outside.
"""
# pyright: basic

import ctypes
import os
import subprocess
import sys

if __name__ != "__main__":  # on the host, for the table at the end
    from .everywhere import FILES, NETWORK, PRIVILEGE, aim, attempt, breach


def other_programs():
    """Running programs: a child by fork, by posix_spawn, and a shell."""

    def fork():
        if not os.fork():
            os._exit(0)

    attempt("fork", fork)
    for program in (["/bin/ls", "/"], ["/bin/sh", "-c", ":"], [sys.executable, "-c", ""]):
        attempt(program[0], lambda program=program: subprocess.run(program, check=False))
        spawn = f"posix_spawn {program[0]}"
        attempt(spawn, lambda program=program: os.posix_spawn(program[0], program, {}))


def arguments_of_others():
    """Asking for the arguments and environment of a process of the host, and for all processes."""
    libc = ctypes.CDLL(None)
    room = ctypes.create_string_buffer(1 << 20)
    # sys/sysctl.h: CTL_KERN, then KERN_PROCARGS2 and a process, or KERN_PROC with KERN_PROC_ALL
    for asked in ((1, 49, aim.BYSTANDER), (1, 14, 0)):
        name, size = (ctypes.c_int * len(asked))(*asked), ctypes.c_size_t(len(room))
        if libc.sysctl(name, len(asked), room, ctypes.byref(size), None, 0) == 0 and size.value:
            breach(f"sysctl {asked[1]}")


def services_of_the_system():
    """Looking up services: keychains, the clipboard, preferences, launching programs, Apple events."""  # noqa: E501
    libc = ctypes.CDLL(None)
    top = ctypes.c_uint.in_dll(libc, "bootstrap_port")
    names = ("SecurityServer", "securityd.xpc", "pasteboard.1", "cfprefsd.agent")
    for name in (*names, "coreservices.launchservicesd", "coreservices.appleevents"):
        found = ctypes.c_uint()
        if libc.bootstrap_look_up(top, b"com.apple." + name.encode(), ctypes.byref(found)) == 0:
            breach(name)


def code_of_its_own():
    """Loading a library that it wrote itself: a copy of one of Python's."""
    import _ctypes

    with open(_ctypes.__file__, "rb") as library, open("own.so", "wb") as copy:
        copy.write(library.read())
    attempt("own.so", lambda: ctypes.CDLL(os.path.abspath("own.so")))
    os.unlink("own.so")


ATTACKS = {
    FILES: (arguments_of_others,),
    NETWORK: (services_of_the_system,),
    PRIVILEGE: (other_programs, code_of_its_own),
}
