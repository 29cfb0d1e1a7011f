"""Hands items from a worker thread to the event loop, a bounded number ahead.

The thread never waits for the event loop, only for room: it puts an item down and goes on with
the next token. The reader takes all that is there at once.

Does not do: starting threads (`worker.py`), several readers.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import Any, Generic, TypeVar, cast

import anyio
import anyio.lowlevel

T = TypeVar("T")


class Stopped(Exception):
    """The reader is gone; the thread should stop. Never leaves the thread."""


class Handoff(Generic[T]):
    """Made in the event loop that reads; `put` and `finish` are for the thread."""

    def __init__(self, limit: int = 256) -> None:
        self._items: deque[T] = deque()
        self._room = threading.Semaphore(limit)
        self._wake = anyio.Event()
        self._token = anyio.lowlevel.current_token()
        self._stopped = threading.Event()
        self._finished = False
        self._error: BaseException | None = None

    @property
    def stopped(self) -> bool:
        """Whether the reader is gone."""
        return self._stopped.is_set()

    def put(self, item: T) -> None:
        """Thread: give one item, waiting for room. Raises `Stopped` when the reader is gone."""
        self._room.acquire()  # stop() makes room too
        if self.stopped:
            raise Stopped
        self._items.append(item)
        self._notify()

    def finish(self, error: BaseException | None = None) -> None:
        """Thread: there will be no more items; `error` is raised to the reader after the last."""
        self._error = error
        self._finished = True
        self._notify()

    def stop(self) -> None:
        """Reader: no more items are wanted. May be called twice."""
        self._stopped.set()
        self._room.release()

    async def take(self) -> list[T]:
        """Reader: the items that are there, waiting for at least one; empty at the end."""
        while not self._items:
            if self._finished:
                # Look again: the last items may have come between the two looks.
                if self._items:
                    break
                if self._error is not None:
                    raise self._error
                return []
            self._wake = anyio.Event()
            if not self._items and not self._finished:
                await self._wake.wait()
        taken: list[T] = []
        while self._items:
            taken.append(self._items.popleft())
        self._room.release(len(taken))
        return taken

    def _notify(self) -> None:
        # Not anyio.from_thread.run_sync: it waits for the event loop, at every token.
        native = cast("Any", self._token.native_token)
        soon = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon
        # A RuntimeError means that the event loop is gone, and with it whoever waited.
        with contextlib.suppress(RuntimeError):
            soon(self._set)

    def _set(self) -> None:
        self._wake.set()
