"""A seccomp filter for kernels: system calls that reach for the machine fail.

Denied: mounting, new namespaces, tracing and reading other processes, kernel modules and kexec,
bpf, perf, keyrings, io_uring, userfaultfd, opening files by handle, clocks, swap, host names,
sockets other than Unix, IPv4, IPv6 and route netlink, pushing input into a terminal, and asking
sockets for network interfaces. System calls newer than this list do not exist ("not implemented").

Does not defend against: bugs in the system calls that are left; the network (a network namespace
does that; ZeroMQ needs loopback and route netlink to work at all). Classic BPF as in Linux's
Documentation/userspace-api/seccomp_filter.rst; numbers from asm/unistd_64.h (x86-64) and
asm-generic/unistd.h (arm64), constants from linux/audit.h, linux/sched.h, linux/sockios.h.
"""

from __future__ import annotations

import errno
import platform
import struct

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JEQ, _JGT, _JGE, _JSET = 0x15, 0x25, 0x35, 0x45
_RETURN = 0x06
_NR, _ARCH, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data; arguments are 8 bytes each

_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERROR = 0x00050000

_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID, -NET
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SIOC_FIRST, _SIOC_LAST = 0x8910, 0x89FF
_LAST = 462  # mseal; what came later is not known here

# fmt: off
_COMMON = {  # the same number everywhere since 5.1
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433,
    "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443,
    "process_mrelease": 448, "statmount": 457, "listmount": 458,
}
_X86_64 = {
    "ptrace": 101, "syslog": 103, "uselib": 134, "personality": 135, "ustat": 136, "sysfs": 139,
    "vhangup": 153, "modify_ldt": 154, "pivot_root": 155, "_sysctl": 156, "adjtimex": 159,
    "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167,
    "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172,
    "ioperm": 173, "create_module": 174, "init_module": 175, "delete_module": 176,
    "get_kernel_syms": 177, "query_module": 178, "quotactl": 179, "nfsservctl": 180,
    "lookup_dcookie": 212, "clock_settime": 227, "kexec_load": 246, "add_key": 248,
    "request_key": 249, "keyctl": 250, "migrate_pages": 256, "unshare": 272, "vmsplice": 278,
    "move_pages": 279, "perf_event_open": 298, "fanotify_init": 300, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310,
    "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "kexec_file_load": 320,
    "bpf": 321, "userfaultfd": 323,
}
_ARM64 = {
    "lookup_dcookie": 18, "umount2": 39, "mount": 40, "pivot_root": 41, "nfsservctl": 42,
    "chroot": 51, "quotactl": 60, "vmsplice": 75, "acct": 89, "personality": 92, "unshare": 97,
    "kexec_load": 104, "init_module": 105, "delete_module": 106, "clock_settime": 112,
    "syslog": 116, "ptrace": 117, "reboot": 142, "sethostname": 161, "setdomainname": 162,
    "settimeofday": 170, "adjtimex": 171, "add_key": 217, "request_key": 218, "keyctl": 219,
    "swapon": 224, "swapoff": 225, "migrate_pages": 238, "move_pages": 239,
    "perf_event_open": 241, "fanotify_init": 262, "name_to_handle_at": 264,
    "open_by_handle_at": 265, "clock_adjtime": 266, "setns": 268, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "bpf": 280, "userfaultfd": 282,
    "kexec_file_load": 294,
}
# fmt: on
_CLONE3 = 435
# machine -> AUDIT_ARCH, denied calls, numbers of clone, socket and ioctl
_MACHINES = {
    "x86_64": (0xC000003E, {**_COMMON, **_X86_64}, 56, 41, 16),
    "aarch64": (0xC00000B7, {**_COMMON, **_ARM64}, 220, 198, 29),
}


def known(machine: str | None = None) -> bool:
    """Whether there is a filter for a machine such as "x86_64"; None for this one."""
    return (machine or platform.machine()) in _MACHINES


def denied(machine: str | None = None) -> dict[str, int]:
    """Names and numbers of the system calls that fail whatever their arguments."""
    return dict(_MACHINES[machine or platform.machine()][1])


def program(machine: str | None = None) -> bytes:
    """The filter as an array of struct sock_filter. Raises `KeyError` for an unknown machine."""
    arch, calls, clone, socket, ioctl = _MACHINES[machine or platform.machine()]
    permission = _fail(errno.EPERM)
    missing = _fail(errno.ENOSYS)
    unsupported = _fail(errno.EAFNOSUPPORT)
    allow = _instruction(_RETURN, _ALLOW)
    namespaces = [_load(0), *_if(_JSET, _NEW_NAMESPACES, permission), allow]
    sockets = [
        _load(0),
        *(part for family in (1, 2, 10) for part in _if(_JEQ, family, allow)),  # UNIX, INET, INET6
        *_if_not(_JEQ, 16, unsupported),  # NETLINK
        _load(2),
        *_if(_JEQ, 0, allow),  # NETLINK_ROUTE
        unsupported,
    ]
    controls = [
        _load(1),
        *_if(_JEQ, _TIOCSTI, permission),
        *_if(_JEQ, _TIOCLINUX, permission),
        *_if_not(_JGE, _SIOC_FIRST, allow),
        *_if_not(_JGT, _SIOC_LAST, permission),
        allow,
    ]
    code = [
        _instruction(_LOAD, _ARCH),
        *_if_not(_JEQ, arch, _instruction(_RETURN, _KILL)),  # another architecture's calls
        _instruction(_LOAD, _NR),
        *_if(_JGT, _LAST, missing),  # also x32's, which have bit 30 set
        *_if(_JEQ, _CLONE3, missing),  # its flags are out of a filter's reach; clone is used then
        *(part for number in sorted(calls.values()) for part in _if(_JEQ, number, permission)),
        *_branch(clone, namespaces),
        *_branch(socket, sockets),
        *_branch(ioctl, controls),
        allow,
    ]
    return b"".join(code)


def _instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _load(argument: int) -> bytes:
    """The lower half of an argument; both machines are little-endian."""
    return _instruction(_LOAD, _ARGUMENT + 8 * argument)


def _fail(number: int) -> bytes:
    return _instruction(_RETURN, _ERROR | number)


def _if(test: int, value: int, then: bytes) -> list[bytes]:
    return [_instruction(test, value, 0, 1), then]


def _if_not(test: int, value: int, then: bytes) -> list[bytes]:
    return [_instruction(test, value, 1, 0), then]


def _branch(number: int, block: list[bytes]) -> list[bytes]:
    """`block`, which ends in a return, for one system call."""
    return [_instruction(_JEQ, number, 0, len(block)), *block]
