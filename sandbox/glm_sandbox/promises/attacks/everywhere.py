"""Attacks on a kernel from inside it, each a function that says what it tries and what it reached.

An attack calls `breach(what)` for everything that it reached; on kind "local" most of them reach
something, which the tests use to show that they would be noticed. Does not do: what only one
system has the means for (`linux.py`, `macos.py`), or judging from outside (`check.py`).
"""
# pyright: basic

import glob
import os
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
    try:
        pid = os.fork()
    except OSError:  # where there may be none, there is only this process to try it in
        attempt(what, action)
        return
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


def home_folder():
    """Reading a file in the launcher's home folder."""
    if holds_secret(read(aim.IN_HOME)):
        breach(aim.IN_HOME)


def temporary_folder():
    """Reading a file in the host's folder for temporary files."""
    if holds_secret(read(aim.IN_TMP)):
        breach(aim.IN_TMP)


def passwords_and_keys():
    """Reading /etc/shadow, /etc/sudoers, SSH keys, keychains, the memory of the machine."""
    found = ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/proc/kcore", "/dev/mem"]
    found += ["/etc/master.passwd", "/Library/Keychains/System.keychain"]
    for home in ("/root", "/home/*", "/Users/*"):
        found += glob.glob(f"{home}/.ssh/*") + glob.glob(f"{home}/Library/Keychains/*")
    found += glob.glob("/etc/ssh/*key")
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


def hard_links():
    """Giving a file of the host a second name in the work folder."""
    try:
        os.link(aim.IN_TMP, "linked")
    except OSError:
        return
    if holds_secret(read("linked")):
        breach(aim.IN_TMP)
    os.unlink("linked")


def environment():
    """Looking for a variable of the launcher in os.environ and every /proc/*/environ."""
    if aim.SECRET in str(dict(os.environ)):
        breach("os.environ")
    for path in glob.glob("/proc/*/environ"):
        if holds_secret(read(path)):
            breach(path)


def descriptors():
    """Reading through every open descriptor, and out of every open folder."""
    for handle in range(4096):
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
    tops += [*glob.glob("/proc/*/root/mnt"), *glob.glob("/proc/*/cwd"), aim.SESSIONS]
    looked = 0
    for top in tops:
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
    paths += ["/var/run/mDNSResponder", *glob.glob("/Users/*/.docker/run/docker.sock")]
    paths += glob.glob("/private/tmp/com.apple.launchd.*/Listeners")
    for path in filter(None, paths):
        attempt(path, lambda path=path: connect(socket.AF_UNIX, path))


def tcp():
    """Connecting to a service on the host's loopback."""
    attempt("a service on loopback", lambda: connect(socket.AF_INET, tuple(aim.TCP)))


def udp():
    """Sending a datagram to a service on the host's loopback."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
            line.sendto(b"x", tuple(aim.UDP))
    except OSError:
        pass
    time.sleep(0.1)


def routes():
    """Asking for a route to addresses reserved for examples; nothing is sent."""

    def ask(family, address):
        with socket.socket(family, socket.SOCK_DGRAM) as line:
            line.connect((address, 53))

    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        attempt(address, lambda family=family, address=address: ask(family, address))


def names():
    """Resolving a name of the network."""
    attempt("a name was resolved", lambda: socket.getaddrinfo("example.com", 80))


def socket_by_path():
    """Connecting to a service of the host on a Unix socket by its path."""
    attempt("a socket by path", lambda: connect(socket.AF_UNIX, aim.UNIX))


def becoming_root():
    """Setuid, setgid, setgroups, and a program with the setuid bit."""
    if os.getuid() == 0:
        breach("it runs as root")
    in_child("setuid", lambda: os.setuid(0))
    in_child("setresuid", lambda: os.setresuid(0, 0, 0))
    in_child("setgid", lambda: os.setresgid(0, 0, 0))
    in_child("setgroups", lambda: os.setgroups([0]))
    for program in (["/usr/bin/su", "-c", "id -u"], ["/usr/bin/sudo", "-n", "id", "-u"]):
        try:
            done = subprocess.run(
                program, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
            )
        except OSError:  # there is none, or it may not be run
            continue
        if done.stdout.strip() == b"0":
            breach(program[0])


def device_files():
    """Making block and character devices."""
    for kind in (stat.S_IFBLK, stat.S_IFCHR):
        path = f"device-{kind}"
        attempt("mknod", lambda path=path, kind=kind: os.mknod(path, kind | 0o666, 0x103))


ATTACKS = {
    FILES: (
        *(home_folder, temporary_folder, passwords_and_keys, writing_the_system),
        *(planting_a_file, hard_links, environment, descriptors, signals_to_the_host),
        *(files_of_another_session, sockets_of_engines),
    ),
    NETWORK: (tcp, udp, routes, names, socket_by_path),
    PRIVILEGE: (becoming_root, device_files),
}


def carry_out(name):
    """Run one attack and say how it went."""
    reached.clear()
    globals()[name]()
    print("BREACH " + "; ".join(reached[:5]) if reached else "HELD")
