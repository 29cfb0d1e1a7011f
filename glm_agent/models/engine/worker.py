"""One thread that does a model's work, one job after the other.

Everything that touches the weights runs here: torch keeps its thread pools and its CUDA streams per
thread, and jobs in one line are what keeps two passes of one model apart.

Does not do: stopping a job in the middle; jobs look for that themselves.
"""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable

Job = Callable[[], None]


class Worker:
    """A daemon thread, started at the first job, ended with `close` or with this object."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        # The thread knows only the queue, so a model that nobody holds any more can go.
        self._end = weakref.finalize(self, self._jobs.put, None)

    def submit(self, job: Job) -> None:
        """Run `job` in the thread after those before it. It must not raise."""
        with self._lock:
            if not self._end.alive:
                raise RuntimeError("this worker is closed")
            # One that is gone, as in a process that was forked from this one, is started anew.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=_run, args=(self._jobs,), name=self._name, daemon=True
                )
                self._thread.start()
            self._jobs.put(job)

    def close(self) -> None:
        """Let the jobs given so far finish, then end the thread. Blocks until then."""
        with self._lock:
            self._end()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()


def _run(jobs: queue.SimpleQueue[Job | None]) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # what it holds must not live until the next one
