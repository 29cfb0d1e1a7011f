"""The kernel's own start-up, run as a script by the kernel's interpreter, never imported.

IPython's kernel as it is, with three things changed at the source, where it is cheap:
stdout and stderr leave in the order in which they were written (stock ipykernel buffers them
apart); output beyond a bound is counted instead of sent, keeping the end of it for the end of the
cell; no single message is huge. Does not defend against anything: but for the rlimits, code in
here can undo all of it, so the other side bounds everything again. Needs ipykernel and nothing
else of glm_sandbox.
"""
# ruff: noqa: E402 (bounds are taken up before anything heavy is loaded)
# pyright: basic, reportPrivateImportUsage=false, reportArgumentType=false, reportOptionalMemberAccess=false

import array
import os
import socket
import sys

if __name__ == "__main__":
    del sys.path[0]  # this file's folder; IPython puts the work folder there


def settle_in():
    """Take up bounds, and show the host our work folder; nothing of the model's has run yet.

    GLM_SANDBOX_RLIMITS: "NOFILE=1024,NPROC=128". GLM_SANDBOX_HELLO: the descriptor of a Unix
    socket that gets a handle of the work folder; the socket tells the host our process id too.
    """
    for item in filter(None, os.environ.pop("GLM_SANDBOX_RLIMITS", "").split(",")):
        import resource

        name, _, value = item.partition("=")
        limit = getattr(resource, "RLIMIT_" + name)
        most = resource.getrlimit(limit)[1]  # what we were started with may be tighter
        bound = int(value) if most == resource.RLIM_INFINITY else min(int(value), most)
        resource.setrlimit(limit, (bound, bound))
    hello = os.environ.pop("GLM_SANDBOX_HELLO", "")
    if hello:
        os.setpgid(0, 0)  # what an interrupt goes to: we and the programs that the code runs
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
        with socket.socket(fileno=int(hello)) as host:
            handles = array.array("i", [folder])
            host.sendmsg([b"here"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])
        os.close(folder)


settle_in()
# Listening Unix sockets that the host made: shell, iopub, stdin, control, heartbeat. Then no
# folder with sockets need be shared, in which this side could put other things.
SOCKETS = [int(n) for n in os.environ.pop("GLM_SANDBOX_SOCKETS", "").split(",") if n]
PRELOAD = [n for n in os.environ.pop("GLM_SANDBOX_PRELOAD", "").split(",") if n]

import asyncio
import codecs
import contextlib
import importlib
import select
import shutil
import signal
import threading
import warnings
from collections import deque

import ipykernel.kernelapp
import zmq
from ipykernel.heartbeat import Heartbeat
from ipykernel.iostream import OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.session import Session
from traitlets import default

HEAD = max(1_000_000, 2 * int(os.environ.pop("GLM_SANDBOX_OUTPUT", "0")))  # characters a cell
TAIL = HEAD // 5
LONGEST = 2_000_000  # characters of one string in a message
LONGEST_IMAGE = 12_000_000


class Ledger:
    """What was written to both streams and not yet sent, in order."""

    def __init__(self):
        self.lock = threading.RLock()
        self.waiting = []  # [stream, parent header, list of text]
        self.parent = None
        self.room = HEAD
        self.tail = deque()
        self.tail_size = 0
        self.dropped = 0

    def write(self, stream, parent, text):
        """Note text written; say whether there is something new to send."""
        with self.lock:
            if parent.get("msg_id") != self.parent:
                self.release()
                self.parent, self.room = parent.get("msg_id"), HEAD
            part, rest = text[: self.room], text[self.room :]
            self.room -= len(part)
            if part:
                self._enqueue(stream, parent, part)
            if rest:
                self._keep(stream, parent, rest)
            return bool(part)

    def _enqueue(self, stream, parent, text):
        last = self.waiting[-1] if self.waiting else None
        if last and last[0] is stream and last[1] == parent and isinstance(last[2], list):
            last[2].append(text)
        else:
            self.waiting.append([stream, parent, [text]])

    def _keep(self, stream, parent, text):
        self.dropped += max(0, len(text) - TAIL)
        text = text[-TAIL:]
        self.tail.append((stream, parent, text))
        self.tail_size += len(text)
        while self.tail_size > TAIL:
            first, header, old = self.tail.popleft()
            cut = min(len(old), self.tail_size - TAIL)
            if cut < len(old):
                self.tail.appendleft((first, header, old[cut:]))
            self.tail_size -= cut
            self.dropped += cut

    def release(self):
        """Let go of the kept end, after how much was dropped before it."""
        with self.lock:
            if not self.tail:
                return
            if self.dropped:
                stream, parent, _ = self.tail[0]
                self.waiting.append([stream, parent, self.dropped])
            for stream, parent, text in self.tail:
                self._enqueue(stream, parent, text)
            self.tail.clear()
            self.tail_size = self.dropped = 0

    def take(self):
        """All that waits to be sent."""
        with self.lock:
            waiting, self.waiting = self.waiting, []
            return waiting

    def drop(self):
        """Forget what waits: a forked child must not send its parent's output again."""
        self.lock = threading.RLock()
        self.waiting = []
        self.tail.clear()
        self.tail_size = self.dropped = 0


LEDGER = Ledger()
PIPES = threading.RLock()


def settle():
    """Have what programs wrote so far stand before what comes now."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Stream):
            stream.settle()


def end_cell(_result):
    """Let go of all that a cell has put out."""
    settle()
    LEDGER.release()


def before_fork():
    """Send what stands, so that a child's output comes after it."""
    if isinstance(sys.stdout, Stream):
        sys.stdout.flush()


os.register_at_fork(before=before_fork, after_in_child=LEDGER.drop)


class Stream(OutStream):
    """stdout or stderr, written through the ledger."""

    def __init__(self, *args, **kwargs):
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        super().__init__(*args, **kwargs)

    def write(self, string):
        """Write text."""
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self.pub_thread is None:
            raise ValueError("I/O operation on closed file")
        if self._is_master_process():
            settle()
        self._enter(string)
        return len(string)

    def _enter(self, text):
        if LEDGER.write(self, dict(self.parent_header), text):
            if self._is_master_process():
                self._schedule_flush()
            else:
                self.pub_thread.schedule(self._flush)

    def settle(self):
        """Take in what programs have written to the descriptor so far."""
        while self._fid is not None and select.select([self._fid], [], [], 0)[0]:
            with PIPES:
                if not select.select([self._fid], [], [], 0)[0]:
                    return  # the other thread was quicker
                data = os.read(self._fid, 65536)
                if not data:  # the code closed the descriptor
                    self._fid, self._should_watch = None, False
                    return
                self._enter(self._decoder.decode(data))

    def _watch_pipe_fd(self):
        """Pass on what is written to the descriptor, without the copy to the original one."""
        try:
            while self._should_watch:
                select.select([self._fid], [], [])
                self.settle()
        except Exception:  # noqa: BLE001 (as ipykernel does: told when the stream is closed)
            self._exc = sys.exc_info()

    def flush(self):
        """Have it sent before going on, even if the code then holds the interpreter for good."""
        super().flush()  # waits until the sending is asked for, not until it is done
        publisher = self.pub_thread
        if not publisher or threading.get_ident() == publisher.thread.ident:
            return
        if publisher.thread.is_alive():
            sent = threading.Event()
            publisher.schedule(sent.set)
            sent.wait(self.flush_timeout)

    def _flush(self):
        self._flush_pending = False
        self._subprocess_flush_pending = False
        for stream, parent, text in LEDGER.take():
            content = {"name": stream.name, "text": ""}
            if isinstance(text, int):
                content["left_out"] = text
            else:
                content["text"] = "".join(text)
            self.session.pid = os.getpid()
            message = self.session.msg("stream", content, parent=parent)
            for hook in self._hooks:
                message = hook(message)
                if message is None:
                    break
            else:
                self.session.send(self.pub_thread, message, ident=stream.topic)


def clip(value, image=False):
    """`value` with the long strings in it cut in the middle; an image is left out whole.

    Lone surrogates, which no message can carry, become question marks.
    """
    if isinstance(value, str):
        if not value.isascii():
            value = value.encode("utf-8", "replace").decode()
        if len(value) <= (LONGEST_IMAGE if image else LONGEST):
            return value
        half = LONGEST // 2
        left = len(value) - 2 * half
        note = f"\n… [{left:,} characters left out] …\n"
        return "" if image else value[:half] + note + value[-half:]
    if isinstance(value, dict):
        return {k: clip(v, str(k).startswith("image/")) for k, v in value.items()}
    if isinstance(value, list):
        return [clip(v) for v in value[:10_000]]
    return value


class BoundedSession(Session):
    """Sends no huge message, and every string."""

    def send(self, stream, msg_or_type, content=None, *args, **kwargs):
        """Send a message."""
        if isinstance(msg_or_type, dict):
            msg_or_type = {**msg_or_type, "content": clip(msg_or_type.get("content"))}
        else:
            content = clip(content)
        return super().send(stream, msg_or_type, content, *args, **kwargs)


class Kernel(IPythonKernel):
    """Lets an interrupt end a cell that awaits; stock ipykernel 7.4 notices it only afterwards."""

    @contextlib.contextmanager
    def _cancel_on_sigint(self, future):
        loop = asyncio.get_running_loop()

        def cancel(_number, _frame):
            loop.call_soon_threadsafe(future.cancel)  # wakes the loop, which a plain call would not

        saved = signal.signal(signal.SIGINT, cancel)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, saved)


class GivenHeartbeat(Heartbeat):
    """Listens on the socket that was given."""

    def _try_bind_socket(self):
        self.socket.setsockopt(zmq.USE_FD, SOCKETS[self.port - 1])
        super()._try_bind_socket()


if SOCKETS:
    ipykernel.kernelapp.Heartbeat = GivenHeartbeat


class App(IPKernelApp):
    """The kernel with our session and streams, on sockets that were given."""

    def _try_bind_socket(self, s, port):
        if SOCKETS:
            s.setsockopt(zmq.USE_FD, SOCKETS[port - 1])
        return super()._try_bind_socket(s, port)

    def init_control(self, context):
        """Set up the control channel, without the debugger's way back, which is not there."""
        super().init_control(context)
        if SOCKETS:
            with contextlib.suppress(zmq.ZMQError):
                self.debug_shell_socket.disconnect(self.shell_socket.LAST_ENDPOINT)

    @default("kernel_class")
    def _kernel_class_default(self):
        return Kernel

    @default("session")
    def _session_default(self):
        return BoundedSession(parent=self)

    @default("outstream_class")
    def _outstream_default(self):
        return "__main__.Stream"

    def init_shell(self):
        """Have the kept end of the output sent when a cell ends."""
        super().init_shell()
        for name in ("FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):  # ipykernel asks for colour
            os.environ.pop(name, None)
        os.environ["TERM"] = "dumb"
        warnings.filterwarnings("ignore", "To exit: use")  # advice for a prompt that is not there
        if self.shell:
            self.shell.events.register("post_run_cell", end_cell)


def preload():
    """Import what the host named, so that it is there at once when asked for."""
    fonts = os.environ.pop("GLM_SANDBOX_FONTS", "")
    if fonts:  # a list of fonts that takes seconds to make
        with contextlib.suppress(OSError):
            shutil.copytree(fonts, os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in PRELOAD:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


if __name__ == "__main__":
    preload()
    arguments, sys.argv = sys.argv[1:], [""]
    App.launch_instance(argv=arguments)
