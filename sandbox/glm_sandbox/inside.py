"""The kernel's own start-up, run as a script by the kernel's interpreter, never imported.

IPython's kernel as it is, with three things changed at the source, where it is cheap:
stdout and stderr leave in the order in which they were written (stock ipykernel buffers them
apart); output beyond a bound is counted instead of sent, keeping the end of it for the end of the
cell; no single message is huge. All of it is courtesy: code in here can undo it, so the other
side bounds everything again. Needs ipykernel and nothing else of glm_sandbox.
"""
# pyright: basic, reportArgumentType=false

import os
import sys
import threading
from collections import deque

if __name__ == "__main__":
    del sys.path[0]  # this file's folder; IPython puts the work folder there

from ipykernel.iostream import OutStream
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.session import Session
from traitlets import default

HEAD = max(1_000_000, 2 * int(os.environ.pop("GLM_SANDBOX_OUTPUT", "0")))  # characters a cell
TAIL = HEAD // 5
LONGEST = 2_000_000  # characters of one string in a message
LONGEST_IMAGE = 32_000_000


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
os.register_at_fork(after_in_child=LEDGER.drop)


class Stream(OutStream):
    """stdout or stderr, written through the ledger."""

    def write(self, string):
        """Write text."""
        if not isinstance(string, str):
            raise TypeError(f"write() argument must be str, not {type(string)}")
        if self.pub_thread is None:
            raise ValueError("I/O operation on closed file")
        if LEDGER.write(self, dict(self.parent_header), string):
            if self._is_master_process():
                self._schedule_flush()
            else:
                self.pub_thread.schedule(self._flush)
        return len(string)

    def _watch_pipe_fd(self):
        """Pass on what is written to the descriptor, without the copy to the original one."""
        decoder = __import__("codecs").getincrementaldecoder("utf-8")("replace")
        try:
            while self._should_watch and (data := os.read(self._fid, 65536)):
                self.write(decoder.decode(data))
        except Exception:  # noqa: BLE001 (as ipykernel does: told when the stream is closed)
            self._exc = sys.exc_info()

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
    """`value` with the long strings in it cut in the middle; an image is left out whole."""
    if isinstance(value, str):
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
    """Sends no huge message."""

    def send(self, stream, msg_or_type, content=None, *args, **kwargs):
        """Send a message."""
        if isinstance(msg_or_type, dict):
            msg_or_type = {**msg_or_type, "content": clip(msg_or_type.get("content"))}
        else:
            content = clip(content)
        return super().send(stream, msg_or_type, content, *args, **kwargs)


class App(IPKernelApp):
    """The kernel with our session and streams."""

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
        if self.shell:
            self.shell.events.register("post_run_cell", lambda _result: LEDGER.release())


if __name__ == "__main__":
    arguments, sys.argv = sys.argv[1:], [""]
    App.launch_instance(argv=arguments)
