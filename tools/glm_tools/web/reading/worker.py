"""Reading pages in worker processes: at most so long, in at most so much memory, then killed.

Threads or signals would not do: native parsers ignore both (measured: an element with 100,000
attributes keeps lxml busy for more than 20 s). A worker is started on first use, reused for the
pages that follow and ends by itself when it is idle.

Does not do: the parsing (`child.py`).
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import subprocess
import sys
import threading
from typing import Any, cast

from .page import Link, Page, View

logger = logging.getLogger(__name__)

_START = 20.0  # seconds that a worker may take to start
_GRACE = 1.0  # seconds by which the child's own alarm comes first
_PAGES = 400  # after so many, a worker is replaced: what a parser leaks goes with it
_MOST_ANSWER = 100_000_000
_CODE = (
    "import sys; sys.path[:] = {path!r}; from glm_tools.web.reading.child import serve; "
    "serve({seconds!r}, {memory!r}, {idle!r})"
)
_KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")


class ReadError(Exception):
    """A page could not be read. The text says why, for the log; it is not for the model."""


class ReadTimeout(ReadError):
    """Reading the page took longer than its limit."""


class Readers:
    """A few worker processes that read pages. Safe to use from several threads.

    Args:
        seconds: For one page; above, its worker is killed.
        memory: Bytes of address space for one worker (Linux).
        workers: How many pages are read at the same time.
        idle: Seconds after which a worker without work ends.
    """

    def __init__(
        self, seconds: float = 5.0, memory: int = 1_500_000_000, workers: int = 4, idle: float = 60
    ) -> None:
        self.seconds = seconds
        self._memory = memory
        self._idle = idle
        self._free = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._resting: list[_Worker] = []
        self._closed = False

    def read(self, data: bytes, url: str, content_type: str, view: View) -> Page:
        """Read a page.

        Raises:
            ReadTimeout: It took longer than `seconds`.
            ReadError: The parser failed or its process died.
        """
        with self._free:
            worker = self._take()
            try:
                try:
                    answer = worker.ask(data, url, content_type, view)
                except _WentIdle:
                    worker.kill()
                    worker = self._start()
                    answer = worker.ask(data, url, content_type, view)
            except BaseException:
                worker.kill()
                raise
            self._give_back(worker)
            return _unpacked(answer)

    def close(self) -> None:
        """End the workers that rest; those that work end after their page."""
        with self._lock:
            self._closed = True
            resting, self._resting = self._resting, []
        for worker in resting:
            worker.kill()

    def _take(self) -> _Worker:
        with self._lock:
            while self._resting:
                worker = self._resting.pop()
                if worker.usable():
                    return worker
                worker.kill()
        return self._start()

    def _start(self) -> _Worker:
        return _Worker(self.seconds, self._memory, self._idle)

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if not self._closed and worker.answered < _PAGES:
                self._resting.append(worker)
                return
        worker.kill()


class _WentIdle(ReadError):
    """The process ended, of idleness, just as it was asked."""


class _Worker:
    def __init__(self, seconds: float, memory: int, idle: float) -> None:
        self.answered = 0
        self._seconds = seconds
        self._owner = os.getpid()
        path = [os.path.abspath(entry) for entry in sys.path]  # noqa: PTH100 # strings go in
        code = _CODE.format(path=path, seconds=seconds, memory=memory, idle=idle)
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        try:
            self._process = subprocess.Popen(  # noqa: S603 # our own module
                [sys.executable, "-B", "-S", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            raise ReadError(f"no process to read pages in: {error}") from error

    def usable(self) -> bool:
        """Whether the process lives and is this process's own, not one from before a fork."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, data: bytes, url: str, content_type: str, view: View) -> bytes:
        """The packed page. Raises ReadError; the worker is then to be killed."""
        limit = self._seconds + _GRACE + (0 if self.answered else _START)
        timer = threading.Timer(limit, self._process.kill)
        timer.daemon = True
        timer.start()
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            request = {"size": len(data), "url": url, "type": content_type, "view": view}
            stdin.write(json.dumps(request).encode("ascii") + b"\n")
            stdin.write(data)
            stdin.flush()
            head = stdout.readline(10_000)
            answer: dict[str, Any] = json.loads(head) if head else {}
            size = answer.get("size")
            body = stdout.read(size) if isinstance(size, int) and size < _MOST_ANSWER else b""
        except (OSError, ValueError) as error:
            raise self._ended() from error
        finally:
            timer.cancel()
        if not isinstance(size, int) or len(body) != size:
            raise self._ended()
        self.answered += 1
        if trouble := answer.get("trouble"):
            raise ReadError(str(trouble))
        return body

    def _ended(self) -> ReadError:
        """Why there is no answer: the time was up, or the process just ended."""
        try:
            code = self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code == 0:
            return _WentIdle("the process that reads pages went idle")
        if code in {-14, -9}:  # SIGALRM; SIGKILL, by the timer or for want of memory
            return ReadTimeout(f"not read within {self._seconds:g} s")
        return ReadError(f"the process that reads pages ended with status {code}")

    def kill(self) -> None:
        """End the process and free what belongs to it."""
        if self._owner != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                logger.debug("the pipe to a worker was broken")


def _unpacked(data: bytes) -> Page:
    """The page in an answer. The child has seen hostile bytes, so its answer is checked."""
    try:
        fields, links = cast("tuple[list[str], list[list[Any]]]", json.loads(data))
        url, title, markdown, charset, date, language = map(str, fields)
        found = tuple(Link(int(number), str(text), str(href)) for number, text, href in links)
    except (ValueError, TypeError) as error:
        raise ReadError("the answer of a worker makes no sense") from error
    return Page(url, title, markdown, found, charset, date, language)


_default: Readers | None = None
_default_lock = threading.Lock()


def default_readers() -> Readers:
    """The workers that `extract` uses, ended with this process."""
    global _default  # noqa: PLW0603 # one for the process
    with _default_lock:
        if _default is None:
            _default = Readers()
            atexit.register(_default.close)
        return _default
