"""Keeps a model's batch going in the model's thread, as long as there is something to do.

Each pass is a job of its own (`worker.py`), so whatever else was asked of the thread meanwhile,
such as a new reply, comes before the next pass. When all readers have fallen behind, or there are
no replies, nothing runs until somebody calls `wake`.

Does not do: what a pass does (`batch.py`).
"""

from __future__ import annotations

import threading

from .batch import Batch
from .handoff import Bell
from .reply import Reply
from .worker import Worker


class Desk:
    """Runs `batch` in `worker`; `closed` is what replies end with that go on when it is closed."""

    def __init__(self, batch: Batch, worker: Worker, closed: Exception) -> None:
        self._batch = batch
        self._worker = worker
        self._closed = closed
        self.bell = Bell()
        """What the readers of its replies are woken with, after each pass."""
        self._lock = threading.Lock()
        self._due = False

    def add(self, reply: Reply) -> None:
        """In the thread: take a reply on."""
        self._batch.add(reply)
        self._go_on()

    def wake(self) -> None:
        """From any thread: look whether there is something to do."""
        self._schedule()

    def close(self) -> None:
        """In the thread: end all replies, since the model is closed."""
        self._batch.close(self._closed)

    def _schedule(self) -> bool:
        """Have a pass run, if none is due; whether one will be."""
        with self._lock:
            if not self._due:
                try:
                    self._worker.submit(self._run)
                except RuntimeError:
                    return False  # the worker is closed
                self._due = True
        return True

    def _go_on(self) -> None:
        if not self._schedule():
            self.close()

    def _run(self) -> None:
        with self._lock:
            self._due = False
        try:
            more = self._batch.step()
        except BaseException as error:  # noqa: BLE001 - of any kind: no reader must wait for ever
            self._batch.close(error)
            return
        finally:
            self.bell.ring()
        if more:
            self._go_on()
