"""A stateful Python interpreter for model-written code.

Starts on first use, runs one execution at a time (others wait their turn), and after a loss goes
on with a fresh process, saying so. Does not do: isolating, or anything else that a kind does
(`kinds`); what the code inside cannot reach is their promise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import anyio

from .collect import Collector
from .conversation import Conversation, wait_until_ready
from .errors import KernelClosed, KernelStartError, MissingDependency
from .kinds.base import Channels, Launcher
from .results import ExecutionResult, Limits, Status

GRACE = 2.0  # seconds that interrupted code has to come to an end


class Kernel:
    """One session's interpreter. Made by `KernelPool`; an async context manager.

    Args:
        launcher: Where its process comes from.
        limits: Its bounds.
        on_close: Called once it is closed.
    """

    def __init__(
        self,
        launcher: Launcher,
        limits: Limits,
        on_close: Callable[[Kernel], object] | None = None,
    ) -> None:
        self._on_close = on_close
        self._launcher = launcher
        self._limits = limits
        self._lock = anyio.Lock()
        self._channels: Channels | None = None
        self._lost = False
        self._closed = False
        self._busy = False

    @property
    def running(self) -> bool:
        """Whether a process was started and not seen to end."""
        return self._channels is not None

    async def alive(self) -> bool:
        """Whether its process runs, as far as can be seen."""
        return self._channels is not None and await self._launcher.ended() is None

    async def start(self) -> None:
        """Start the process now rather than on first use. Raises `KernelStartError`."""
        async with self._lock:
            await self._ensure_running()

    async def execute(self, code: str, timeout: float | None = None) -> ExecutionResult:  # noqa: ASYNC109 (the interrupt on timeout is this method's job)
        """Run code as a notebook cell.

        Args:
            code: What to run; IPython's `!command` and `%magic` lines work.
            timeout: Seconds after which it is interrupted; None for the limits' `seconds`.

        Raises:
            KernelStartError: no kernel process could be started.
            KernelClosed: the kernel was closed.
        """
        seconds = self._limits.seconds if timeout is None else timeout
        code = code.encode("utf-8", "replace").decode()  # lone surrogates cannot be sent
        async with self._lock:
            began, wall = time.perf_counter(), time.time()
            channels = await self._ensure_running()
            state_lost, self._lost = self._lost, False
            before = await self._launcher.snapshot()
            collector = Collector(self._limits)
            conversation = Conversation(channels, self._launcher, code, collector)
            self._busy = True
            try:
                status, detail = await self._finish(conversation, collector, seconds)
            except BaseException:  # cancelled: leave a kernel that can be used
                with anyio.CancelScope(shield=True):
                    if await self._stop_code(conversation) != "done":
                        await self._lose()
                raise
            finally:
                self._busy = False
            after = await self._launcher.snapshot()
            changed = before.changes(after, since=wall)
            await self._launcher.keep(changed, before.removed(after))
            text, images, truncated = collector.finish()
            return ExecutionResult(
                status=status,
                text=text,
                images=images,
                files=changed,
                truncated=truncated,
                seconds=time.perf_counter() - began,
                state_lost=state_lost or self._lost,
                detail=detail,
            )

    async def _finish(
        self, conversation: Conversation, collector: Collector, seconds: float
    ) -> tuple[Status, str]:
        """See an execution through to its end, whichever that is."""
        ending = await conversation.wait(seconds)
        if ending == "late":
            detail = f"stopped after {seconds:g} seconds"
            ending = await self._stop_code(conversation)
            if ending != "done":
                detail += "; it did not react, so the kernel was ended"
                await self._lose()
            return "timeout", detail
        if ending != "done":
            how = await self._launcher.ended()
            await self._lose()
            return "died", f"the kernel ended: {how}" if how else "the kernel's output broke off"
        reply = conversation.reply or {}
        for page in conversation.payload("page"):
            collector.message("display_data", page)
        if any(not entry.get("keepkernel") for entry in conversation.payload("ask_exit")):
            await self._lose()
        if reply.get("status") in {"error", "aborted"} and not collector.error:
            collector.traceback(reply)
        return ("error" if collector.error else "ok"), ""

    async def _stop_code(self, conversation: Conversation) -> str:
        await self._launcher.interrupt()
        return await conversation.wait(GRACE)

    async def interrupt(self) -> None:
        """Send SIGINT to the running execution, as Ctrl-C would; nothing where none runs."""
        if self._busy:
            await self._launcher.interrupt()

    async def restart(self) -> None:
        """Go on with a fresh process and no variables; files stay. Waits for a running one."""
        async with self._lock:
            await self._lose()
            self._lost = False  # asked for, so nobody need be told
            await self._ensure_running()

    async def put(self, name: str, data: bytes) -> None:
        """Write a file into the work folder. Raises `FileRefused`."""
        await self._have_files()
        await self._launcher.put(name, data)

    async def get(self, name: str) -> bytes:
        """Read a file of the work folder. Raises `FileRefused`."""
        await self._have_files()
        return await self._launcher.get(name)

    async def files(self) -> list[str]:
        """Names of the files in the work folder, without hidden ones."""
        await self._have_files()
        return await self._launcher.files()

    async def aclose(self) -> None:
        """End the process and its children, and remove what was made for it. Idempotent."""
        self._closed = True
        with anyio.CancelScope(shield=True):
            await self._launcher.kill()  # whatever runs sees that, and lets go of the lock
            async with self._lock:
                self._channels = None
                await self._launcher.aclose()
        if self._on_close is not None:
            self._on_close(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _check_open(self) -> None:
        if self._closed:
            raise KernelClosed("the kernel is closed; get another from the pool")

    async def _have_files(self) -> None:
        """Start the kernel where its files come into being only with it."""
        self._check_open()
        if self._channels is None and not self._launcher.files_first:
            async with self._lock:
                await self._ensure_running()

    async def _lose(self) -> None:
        """End the process; the next execution starts another and says so."""
        self._channels = None
        self._lost = True
        await self._launcher.stop()

    async def _ensure_running(self) -> Channels:
        self._check_open()
        if self._channels is not None and await self._launcher.ended() is not None:
            await self._lose()
        if self._channels is None:
            try:
                channels = await self._launcher.start()
                await wait_until_ready(channels, self._launcher, self._limits.start_seconds)
            except KernelStartError as error:
                words = error.stderr or self._launcher.last_words()
                await self._launcher.stop()
                if "No module named 'ipykernel" in words:
                    raise MissingDependency(
                        "the kernel's Python has no ipykernel; install it there: "
                        "pip install ipykernel",
                    ) from None
                raise KernelStartError(str(error), words) from None
            except BaseException:
                await self._launcher.stop()
                raise
            self._check_open()  # closed while starting
            self._channels = channels
        return self._channels
