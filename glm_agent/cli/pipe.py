"""Noticing that whoever read our output has gone away, also while nothing is written.

`glm-agent run … | head -1` ends as soon as `head` has its line, not when the kernel next prints
something.

Does not do: writes that fail; they raise BrokenPipeError by themselves.
"""

from __future__ import annotations

import _thread
import os
import select
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

_LOOK = 0.2  # seconds between two looks whether the watch is over


@contextmanager
def watched(file: TextIO) -> Generator[None]:
    """Raise BrokenPipeError in the block when the reader of `file` goes away.

    To be used in the main thread, around code that Ctrl-C can interrupt. Without effect where
    `file` is no pipe, or the system cannot tell.
    """
    pipe = _pipe(file)
    if pipe is None:
        yield
        return
    watch = _Watch(pipe)
    try:
        yield
    except KeyboardInterrupt:
        if watch.gone:
            raise BrokenPipeError from None
        raise
    finally:
        watch.end()


class _Watch:
    def __init__(self, pipe: int) -> None:
        self.gone = False
        self._pipe = pipe
        self._over = False
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name="glm-agent output", daemon=True).start()

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._pipe, 0)  # errors are always told: POLLERR, on macOS POLLHUP
        while not self._over:
            if poll.poll(_LOOK * 1000):
                with self._lock:
                    if not self._over:
                        self.gone = True
                        _thread.interrupt_main()
                return

    def end(self) -> None:
        with self._lock:
            self._over = True


def _pipe(file: TextIO) -> int | None:
    """The descriptor of a pipe or socket; None for anything else."""
    if not hasattr(select, "poll"):
        return None
    try:
        number = file.fileno()
        mode = os.fstat(number).st_mode
    except (OSError, ValueError, AttributeError):
        return None
    return number if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else None
