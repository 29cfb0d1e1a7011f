"""Runs the replies of one model together: one pass over the weights brings all of them on.

Replies join and leave at every pass. A pass has the next token of each reply that is being written,
and a chunk of the prompts that are being read, so a long prompt does not hold the others up; nor
does a reply whose reader is slow, which rests until there is room, or one that is cancelled, which
is gone at the next pass. There are never more than `most` at once, nor more than memory was set
aside for; the rest wait in line.

Where memory runs out in a pass, first what is kept for others is given up, then the youngest reply
is put off until another one has ended, and then, if it is alone, it fails. Where a pass fails for
another reason, each of its replies is tried alone, so that one's failure is not the others'.

Does not do: threads (`desk.py`); it is driven by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ..fitting.fit import AT_ONCE
from . import passes
from .kv_store import KvStore
from .reply import Reply
from .static import StaticDecoder

if TYPE_CHECKING:
    import torch

MOST = 32
"""Replies at once, unless told otherwise."""

BESIDE = 512
"""Tokens of prompts in a pass where other replies are being written, which wait for it."""

# A reply waits for another that is just reading what it would read too, if it is this much.
_WORTH_WAITING = 64


class Batch:
    """The replies of `model`.

    Args:
        model: A causal model of transformers.
        caches: What is kept from reply to reply.
        most: Replies at once.
        room: Bytes that the caches of running replies may take together; None is no limit. One
            reply is let in in any case.
        token_bytes: What a token takes in a cache; 0 where that is not known.
        lookup: Tokens that a reply guesses at once when it runs alone.
        static: Where replies are decoded, as far as it takes them.
        exhausted: What to say to a reply for which there is no memory, given its tokens.
    """

    def __init__(
        self,
        model: Any,
        caches: KvStore,
        *,
        most: int = MOST,
        room: int | None = None,
        token_bytes: int = 0,
        lookup: int = 0,
        static: StaticDecoder | None = None,
        exhausted: Callable[[int], str] | None = None,
    ) -> None:
        self._model = model
        self._caches = caches
        self._most = most
        self._room = room
        self._token_bytes = token_bytes
        self._lookup = lookup
        self._static = static
        self._exhausted = exhausted or _exhausted
        self._waiting: deque[Reply] = deque()
        self._running: list[Reply] = []
        self._tight = False  # memory ran out: nobody comes in before somebody has left
        self._again = False  # something went wrong, and is to be tried again

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def add(self, reply: Reply) -> None:
        """Put a reply in line."""
        self._waiting.append(reply)

    def warm(self) -> None:
        """Do once what takes long the first time: compiling steps, where they are compiled."""
        import torch

        if self._static is not None:
            # Whatever fails here is told to the reply that it fails for.
            with torch.inference_mode(), suppress(RuntimeError, MemoryError):
                self._static.warm()

    def step(self) -> bool:
        """One pass; False if there was nothing to do until a reader makes room or a reply is added.

        Raises nothing that a reply fails with: its reader is told.
        """
        import torch

        with torch.inference_mode():
            self._again = False
            self._dismiss()
            self._admit()
            ready = [reply for reply in self._running if not reply.reader.full]
            for group in self._plan(ready):
                self._pass(group)
            self._dismiss()
        return bool(ready) or self._again

    def close(self, error: BaseException | None = None) -> None:
        """End all replies, as `error` where there is one."""
        for reply in (*self._running, *self._waiting):
            reply.end(self._caches)
            reply.reader.finish(error)
        self._running.clear()
        self._waiting.clear()

    # ── who runs ───────────────────────────────────────────────────────────────────────────────

    def _dismiss(self) -> None:
        """Let those go that have ended, and those that nobody listens to any more."""
        running: list[Reply] = []
        for reply in self._running:
            if reply.ended or reply.reader.stopped:
                self._end(reply)
            else:
                running.append(reply)
        self._running = running
        if any(reply.reader.stopped for reply in self._waiting):
            gone = [reply for reply in self._waiting if reply.reader.stopped]
            self._waiting = deque(reply for reply in self._waiting if not reply.reader.stopped)
            for reply in gone:
                self._end(reply)

    def _end(self, reply: Reply, error: BaseException | None = None) -> None:
        reply.end(self._caches)
        reply.reader.finish(error)
        self._tight = False

    def _admit(self) -> None:
        for reply in list(self._waiting):
            if len(self._running) >= self._most or (self._running and self._tight):
                return
            if self._running and not self._has_room(reply):
                return  # and not the next one that is smaller, or large ones would wait for ever
            if self._is_being_read(reply):
                continue
            self._waiting.remove(reply)
            try:
                reply.begin(self._model, self._caches)
            except RuntimeError as error:
                self._waiting.appendleft(reply)
                reply.put_off(self._caches)
                self._recover([reply], error)
                return
            self._running.append(reply)

    def _has_room(self, reply: Reply) -> bool:
        if self._room is None:
            return True
        tokens = sum(running.tokens for running in self._running) + reply.tokens
        # A layer makes room for an eighth more than it holds.
        return tokens * self._token_bytes * 9 // 8 <= self._room

    def _is_being_read(self, reply: Reply) -> bool:
        """Whether another reply reads much of the same prompt, which can then be copied."""
        if not self._caches.budget:
            return False
        best = max(
            (
                other.wanted.common(reply.wanted)
                for other in self._running
                if other.reading and not other.reader.full and other.packable
            ),
            default=0,
        )
        if best < _WORTH_WAITING:
            return False
        return best >= self._caches.shared(reply.wanted) + _WORTH_WAITING

    # ── what is run ────────────────────────────────────────────────────────────────────────────

    def _plan(self, ready: Sequence[Reply]) -> list[list[Reply]]:
        """Give each its part; those that go into a pass together."""
        writing = [reply for reply in ready if not reply.reading]
        # Guesses cost little while the weights are what takes the time, so not beside many.
        guesses = min(self._lookup, 2 * self._lookup // max(1, len(ready)))
        for reply in writing:
            reply.write(guesses)
        planned = list(writing)
        left = BESIDE if writing else AT_ONCE
        for reply in ready:
            if reply.reading and left > 0:
                left -= len(reply.read(left).ids)
                planned.append(reply)
        seated: list[Reply] = []
        together: list[Reply] = []
        alone: list[list[Reply]] = []
        for reply in planned:
            if not reply.packable:
                alone.append([reply])
            elif not reply.reading and self._static is not None and self._static.takes(reply.part):
                seated.append(reply)
            else:
                together.append(reply)
        return [group for group in (seated, together, *alone) if group]

    def _logits(self, replies: Sequence[Reply]) -> torch.Tensor:
        parts = [reply.part for reply in replies]
        static = self._static
        if static is None or any(reply.reading for reply in replies):
            return passes.run(self._model, parts)
        logits = static.run(parts) if all(map(static.takes, parts)) else None
        return passes.run(self._model, parts) if logits is None else logits

    def _pass(self, replies: list[Reply]) -> None:
        parts = [reply.part for reply in replies]
        read = False
        try:
            logits = self._logits(replies)
            read = True
            best = self._best(replies, logits)
        except (RuntimeError, MemoryError) as error:
            if read:
                passes.undo(parts)
            self._recover(replies, error)
            return
        row = 0
        for reply, part in zip(replies, parts, strict=True):
            rows = slice(row, row + part.rows)
            row += part.rows
            if reply.ended:
                continue  # its grammar failed
            try:
                reply.take(
                    logits[rows],
                    best[rows] if best is not None and reply.decided_by_best else None,
                )
            except Exception as error:  # noqa: BLE001 - told to this reply's reader, not the others'
                self._fail(reply, error)

    def _best(self, replies: Sequence[Reply], logits: torch.Tensor) -> list[int] | None:
        """The likeliest token of each row, grammars held; None where nobody asks for it.

        Done for all at once: on a GPU, asking for one token takes as long as asking for all.
        """
        masks: list[tuple[int, bytes]] = []
        asked = False
        row = 0
        for reply in replies:
            rows = reply.part.rows
            if rows and reply.decided_by_best:
                asked = True
                if reply.constraint is not None:
                    try:
                        masks.append((row, reply.constraint.mask()))
                    except ModelError as error:
                        self._fail(reply, error)
            row += rows
        if not asked:
            return None
        if masks:
            from .constraint import limit_rows

            logits = limit_rows(logits, masks)
        return logits.argmax(-1).tolist()

    # ── what goes wrong ────────────────────────────────────────────────────────────────────────

    def _recover(self, replies: list[Reply], error: RuntimeError | MemoryError) -> None:
        self._again = True
        if is_out_of_memory(error) and self._static is not None:
            with suppress(RuntimeError, MemoryError):
                self._static.clear()
        lost = [r for r in self._running if r.cache is not None and not r.cache.sound]
        if not is_out_of_memory(error):
            if len(replies) == 1:
                self._fail(replies[0], error)
                return
            for reply in replies:
                self._pass([reply])
            return
        if len(self._caches):
            # What is kept for others is worth less than these replies.
            self._caches.clear()
        elif self._running and replies[0] in self._waiting:
            self._tight = True
        elif len(self._running) > 1:
            lost.append(self._running[-1])
            self._tight = True
        else:
            self._fail(replies[0], ModelError(self._exhausted(replies[0].tokens_read)), error)
            return
        for reply in dict.fromkeys(lost):
            reply.put_off(self._caches)
            if reply in self._running:
                self._running.remove(reply)
                self._waiting.appendleft(reply)
        release(self._model.device)

    def _fail(self, reply: Reply, error: BaseException, cause: BaseException | None = None) -> None:
        if cause is not None:
            error.__cause__ = cause
        if reply in self._running:
            self._running.remove(reply)
        elif reply in self._waiting:
            self._waiting.remove(reply)
        self._end(reply, error)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or this machine, had no memory left."""
    import torch

    # The CPU's allocator has no exception of its own.
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def release(device: torch.device) -> None:
    """Give memory that torch has set aside back, for pieces of another size."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _exhausted(tokens: int) -> str:
    return f"memory ran out at {tokens} tokens; shorten the conversation"
