"""Attacks on a kernel from inside it, each a function that says what it tries and what it reached.

The text of this file is run in the kernel that is checked, with the targets in `aim`; nothing else
of glm_sandbox is there. On the host it is imported for the table at its end only. An attack calls
`breach(what)` for everything that it reached; on kind "local" most of them reach something, which
the tests use to show that they would be noticed. Does not do: judging from outside (`check.py`).
"""
# pyright: basic

import ctypes
import errno
import fcntl
import glob
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
import time
from types import SimpleNamespace

FILES = "no file of the host outside the allow-list"
NETWORK = "no network"
PRIVILEGE = "no privilege"

aim = SimpleNamespace()  # filled from `Scene.names()`
reached = []


def breach(what):
    """Note what was reached."""
    reached.append(str(what))


def attempt(what, action):
    """A breach unless `action` fails."""
    try:
        action()
    except (OSError, ValueError, AttributeError):
        return
    breach(what)


def in_child(what, action):
    """`attempt` in a child of its own, for what would change this process for good."""
    pid = os.fork()
    if not pid:
        try:
            action()
        except BaseException:
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1] == 0:
        breach(what)


def read(path):
    """The first bytes of a file; none where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(1_000_000) or b""
    except (OSError, ValueError):
        return b""


def holds_secret(data):
    """Whether the secret is in some bytes."""
    return aim.SECRET.encode() in data


def connect(family, address):
    """Connect, within two seconds."""
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(2)
        line.connect(address)


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


def home_folder():
    """Reading a file in the launcher's home folder."""
    if holds_secret(read(aim.IN_HOME)):
        breach(aim.IN_HOME)


def temporary_folder():
    """Reading a file in the host's folder for temporary files."""
    if holds_secret(read(aim.IN_TMP)):
        breach(aim.IN_TMP)


def passwords_and_keys():
    """Reading /etc/shadow, /etc/sudoers, SSH keys, the memory of the machine."""
    found = ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/proc/kcore", "/dev/mem"]
    for pattern in ("/root/.ssh/*", "/home/*/.ssh/*", "/etc/ssh/*key"):
        found += glob.glob(pattern)
    for path in found:
        if read(path):
            breach(path)


def writing_the_system():
    """Writing to the system, the interpreter, /proc/sys, /sys, the kernel's own start-up."""
    for folder in ("", "/etc", "/usr", "/usr/bin", "/root", "/home", "/run", "/var", "/opt"):
        path = f"{folder}/glm-check-{aim.TOKEN}"
        attempt(path, lambda path=path: os.close(os.open(path, os.O_WRONLY | os.O_CREAT)))
        if os.path.exists(path):
            os.unlink(path)
    existing = [sys.executable, os.__file__, "/run/glm/inside.py", "/etc/passwd"]
    existing += ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname"]
    for path in [*existing, "/proc/sysrq-trigger", "/sys/power/state"]:
        attempt(path, lambda path=path: os.close(os.open(path, os.O_WRONLY)))


def planting_a_file():
    """Writing a file beside the launcher's own temporary ones."""
    try:
        os.makedirs(aim.FOLDER, exist_ok=True)
        with open(aim.FOLDER + "/planted", "w") as file:
            file.write("x")
    except OSError:
        pass


def environment():
    """Looking for a variable of the launcher in os.environ and every /proc/*/environ."""
    if aim.SECRET in str(dict(os.environ)):
        breach("os.environ")
    for path in glob.glob("/proc/*/environ"):
        if holds_secret(read(path)):
            breach(path)


def descriptors():
    """Reading through every open descriptor, and out of every open folder."""
    for handle in map(int, os.listdir("/proc/self/fd")):
        try:
            mode = os.fstat(handle).st_mode
            if stat.S_ISREG(mode) and holds_secret(os.pread(handle, 100_000, 0)):
                breach(handle)
        except OSError:
            continue
        for depth in range(1, 9) if stat.S_ISDIR(mode) else ():
            try:
                out = os.open("../" * depth + aim.IN_TMP.lstrip("/"), os.O_RDONLY, dir_fd=handle)
            except OSError:
                continue
            if holds_secret(os.read(out, 10_000)):
                breach(handle)
            os.close(out)


def processes_of_the_host():
    """Finding a process of the host, and reading files through its root and working folder."""
    for path in glob.glob("/proc/[0-9]*"):
        if aim.MARKER.encode() in read(path + "/cmdline"):
            breach(path)
        for place in ("/root", "/cwd"):
            if holds_secret(read(path + place + aim.IN_TMP)):
                breach(path + place)


def signals_to_the_host():
    """SIGTERM and SIGKILL to a process of the host by its number."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(aim.BYSTANDER, number)
        except OSError:
            pass
    time.sleep(0.1)


def files_of_another_session():
    """Looking for a file of another kernel, also below every /proc/*/root."""
    tops = ["/mnt", "/tmp", "/var/tmp", "/dev/shm", "/run", "/home"]
    looked = 0
    for top in [*tops, *glob.glob("/proc/*/root/mnt"), *glob.glob("/proc/*/cwd")]:
        for folder, _, names in os.walk(top):
            looked += 1
            if looked > 5000:
                return
            if f"other-{aim.TOKEN}" in names:
                breach(folder)


def sockets_of_engines():
    """Connecting to container engines' and the system's sockets."""
    paths = ["/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock"]
    paths += ["/run/podman/podman.sock", "/run/dbus/system_bus_socket", "/run/systemd/private"]
    paths += [aim.DOCKER, *glob.glob("/run/user/*/bus"), *glob.glob("/tmp/.X11-unix/*")]
    for path in filter(None, paths):
        attempt(path, lambda path=path: connect(socket.AF_UNIX, path))


def tcp():
    """Connecting to a service on the host's loopback."""
    attempt("a service on loopback", lambda: connect(socket.AF_INET, tuple(aim.TCP)))


def udp():
    """Sending a datagram to a service on the host's loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        try:
            line.sendto(b"x", tuple(aim.UDP))
        except OSError:
            pass
    time.sleep(0.1)


def routes():
    """Asking for a route to addresses reserved for examples; nothing is sent."""
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            attempt(address, lambda line=line, address=address: line.connect((address, 53)))


def interfaces():
    """Looking for a network interface other than loopback."""
    with open("/proc/net/dev") as file:
        for line in file.read().splitlines()[2:]:
            if line.split(":")[0].strip() != "lo":
                breach(line.split(":")[0].strip())


def names():
    """Resolving a name of the network."""
    attempt("a name was resolved", lambda: socket.getaddrinfo("example.com", 80))


def abstract_socket():
    """Connecting to a service of the host on an abstract Unix socket."""
    attempt("an abstract socket", lambda: connect(socket.AF_UNIX, "\0" + aim.ABSTRACT))


def socket_by_path():
    """Connecting to a service of the host on a Unix socket by its path."""
    attempt("a socket by path", lambda: connect(socket.AF_UNIX, aim.UNIX))


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


def becoming_root():
    """Setuid, setgid, setgroups, and a program with the setuid bit."""
    if os.getuid() == 0:
        breach("it runs as root")
    in_child("setuid", lambda: os.setresuid(0, 0, 0))
    in_child("setgid", lambda: os.setresgid(0, 0, 0))
    in_child("setgroups", lambda: os.setgroups([0]))
    if os.path.exists("/usr/bin/su"):
        command = ["/usr/bin/su", "-c", "id -u"]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
        )
        if done.stdout.strip() == b"0":
            breach("su")


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


def device_files():
    """Making block and character devices."""
    for kind in (stat.S_IFBLK, stat.S_IFCHR):
        path = f"device-{kind}"
        attempt("mknod", lambda path=path, kind=kind: os.mknod(path, kind | 0o666, 0x103))


ATTACKS = {
    FILES: (
        *(home_folder, temporary_folder, passwords_and_keys, writing_the_system),
        *(planting_a_file, environment, descriptors, processes_of_the_host),
        *(signals_to_the_host, files_of_another_session, sockets_of_engines),
    ),
    NETWORK: (
        *(tcp, udp, routes, interfaces, names, abstract_socket, socket_by_path, raw_packets),
    ),
    PRIVILEGE: (
        *(capabilities, filters, becoming_root, namespaces, mounts, tracing, inner_rooms),
        *(terminal_input, device_files),
    ),
}


def carry_out(name):
    """Run one attack and say how it went."""
    reached.clear()
    globals()[name]()
    print("BREACH " + "; ".join(reached[:5]) if reached else "HELD")
