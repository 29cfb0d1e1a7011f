"""One execution request and the messages that answer it.

Only messages whose parent is our own request count. The reply and the kernel's `idle` must both
have come, since code in the kernel can forge either: an `idle` that came before the reply is
believed only when nothing follows. Does not do: deciding what happens after a timeout
(`kernel.py`), or reading outputs (`collect.py`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal, cast

from .collect import Collector
from .errors import KernelStartError
from .kinds.base import Channels, Launcher

LOOK = 0.25  # seconds between two looks at the process
QUIET = 0.15  # seconds of silence after which an early idle is believed
LOST_IDLE = 5.0  # seconds of silence after the reply: the idle was lost, the channel broken
LOST_LINE = 2.0  # seconds after which a line that broke off is no longer the sign of a death

Ending = Literal["done", "late", "died", "broken"]


async def wait_until_ready(channels: Channels, launcher: Launcher, seconds: float) -> None:
    """Wait until the kernel answers and its output reaches us. Raises `KernelStartError`."""
    deadline = time.monotonic() + seconds
    answered = heard = False
    next_try = 0.0
    while not (answered and heard):
        now = time.monotonic()
        if now >= next_try:
            channels.kernel_info()
            next_try = now + 1.0
        for name, message in await channels.receive(0.05):
            heard = heard or name == "iopub"
            answered = answered or (
                name == "shell" and message.get("msg_type") == "kernel_info_reply"
            )
        ended = await launcher.ended()
        if ended:
            raise KernelStartError(f"the kernel ended while starting ({ended})", "")
        if now > deadline:
            raise KernelStartError(f"the kernel did not start within {seconds:g} seconds")


class Conversation:
    """Sends `code` and takes in what comes back."""

    def __init__(
        self, channels: Channels, launcher: Launcher, code: str, collector: Collector
    ) -> None:
        self._channels = channels
        self._launcher = launcher
        self._collector = collector
        self.reply: Mapping[str, Any] | None = None
        self._idle = False
        self._doubted = False  # the idle came first, so more may follow
        self._id = channels.execute(code)

    def payload(self, source: str) -> list[dict[str, Any]]:
        """The reply's payload entries of a source: "page" (help texts), "ask_exit" (`exit()`)."""
        entries: object = (self.reply or {}).get("payload")
        found: list[dict[str, Any]] = []
        for entry in cast("list[object]", entries) if isinstance(entries, list) else []:
            if isinstance(entry, dict) and cast("dict[str, Any]", entry).get("source") == source:
                found.append(cast("dict[str, Any]", entry))
        return found

    async def wait(self, seconds: float) -> Ending:
        """Go on until the execution is over, `seconds` are, or the kernel is."""
        deadline = time.monotonic() + seconds
        look = heard = time.monotonic()
        lost: float | None = None
        while True:
            now = time.monotonic()
            if self.reply is not None and self._idle:
                if not self._doubted or now - heard >= QUIET:
                    return "done"
            elif self.reply is not None and now - heard >= LOST_IDLE:
                return "broken"
            elif self._channels.lost:
                lost = now if lost is None else lost
                if now - lost >= LOST_LINE:
                    return "broken"
            if now >= deadline:
                return "late"
            if now - look >= LOOK:
                look = now
                if await self._launcher.ended() is not None:
                    await self._drain()
                    return "died"
            patience = QUIET if self._doubted else LOOK
            for name, message in await self._channels.receive(min(patience, deadline - now)):
                if self._take(name, message):
                    heard = time.monotonic()

    async def _drain(self) -> None:
        """Take in what a dead kernel sent before it died."""
        for _ in range(10_000):
            messages = await self._channels.receive(0.02)
            if not messages:
                return
            for name, message in messages:
                self._take(name, message)

    def _take(self, channel: str, message: Mapping[str, Any]) -> bool:
        if message.get("msg_type") == "dropped" and "header" not in message:
            self._collector.too_large(int(message["count"]))
            return True
        parent: object = message.get("parent_header")
        content = cast("object", message.get("content"))
        if not isinstance(parent, dict) or not isinstance(content, dict):
            return False
        if cast("dict[str, Any]", parent).get("msg_id") != self._id:
            return False
        kind = str(message.get("msg_type"))
        content = cast("dict[str, Any]", content)
        if channel == "shell":
            if kind == "execute_reply" and self.reply is None:
                self.reply = content
                self._doubted = self._idle
        elif kind == "status":
            if content.get("execution_state") == "idle":
                self._idle = True
                self._doubted = False
        else:
            self._collector.message(kind, content)
        return True
