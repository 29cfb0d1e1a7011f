"""A call while it is being written: its payload so far, and where it ends.

Does not do: finding the call's name (`stream.py`), reading the payload (`arguments.py`).
"""

from __future__ import annotations

from ...messages import ToolCall
from ..arguments.ladder import CUT, Arguments, read_arguments
from .payload import SEGMENT, AfterPayload, ObjectEnd, PayloadTail

# What goes on with arguments that seemed closed.
_GOES_ON = frozenset("{[(,}])\"':`")


class OpenCall:
    """One call. `raw` payloads, and all in `strict` mode, go on until the segment ends.

    `{}` is complete at its bracket only if the tool `takes_nothing`: some models write it before
    the object that they mean.
    """

    def __init__(
        self,
        id_: str,
        name: str,
        repairs: tuple[str, ...] = (),
        *,
        raw: bool,
        strict: bool,
        takes_nothing: bool = False,
    ) -> None:
        self.id = id_
        self.name = name
        self.dropped: list[str] = []
        self._raw = raw
        self._strict = strict
        self._repairs = repairs
        self._takes_nothing = takes_nothing
        self._payload: list[str] = []
        self._tail = PayloadTail()
        self._object = None if raw or strict else ObjectEnd()
        self._after: AfterPayload | None = None
        self._read: Arguments | None = None
        self.closed = False
        """Whether the object closed and is what it has to be: nothing can be added to the call."""
        self.continued_by_token = False
        """After `feed` gave a rest: whether a spelled-out `<|assistant|>` stands before it."""

    def feed(self, text: str) -> tuple[str, str]:
        """Take text: what of it surely is payload, and what belongs to the next segment.

        Once there is a rest, or the call is `closed`, it is complete.
        """
        given: list[str] = []
        while text:
            if self._after is None:
                end = self._object.feed(text) if self._object else None
                given.append(self._give(self._tail.feed(text[:end])))
                if end is None:
                    break
                text = text[end:]
                if self._is_sure():
                    return "".join(given), text
                self._after = AfterPayload()
            rest = self._after.feed(text)
            if not rest:
                break
            if self._is_complete(rest, self._after):
                return "".join(given), rest
            text = self._reopen(rest)
        return "".join(given), ""

    def end(self) -> tuple[str, str]:
        """The segment ends: more payload, and a rest, as from `feed`."""
        if self._after is None:
            given = self._give(self._tail.close())
            self.dropped.append(self._tail.stripped)
            return given, ""
        rest = self._after.close()
        if rest and not self._is_complete(rest, self._after):
            given, _ = self.feed(self._reopen(rest))
            more, _ = self.end()
            return given + more, ""
        if not rest:
            self.dropped += self._after.skipped
        return "", rest

    def call(self, *, cut: bool = False, ended: bool = True) -> ToolCall:
        """The call, after it ended. `cut` and `ended` are those of `read_arguments`."""
        payload = "".join(self._payload)
        read = self._read
        trailing = ("trailing-text",) if read and not self.closed else ()
        if self._raw:
            read = Arguments(None, CUT if cut else None)
        elif read is None:
            read = read_arguments(payload, self._strict, cut=cut, ended=ended)
        repairs = (*self._repairs, *read.repairs, *trailing)
        return ToolCall(self.id, self.name, payload, read.value, read.error, repairs)

    def _give(self, text: str) -> str:
        if text:
            self._payload.append(text)
        return text

    def _is_sure(self) -> bool:
        """Whether the object that just closed is strict JSON and cannot be a mere beginning."""
        read = read_arguments("".join(self._payload), strict=True)
        self.closed = read.value is not None and bool(read.value or self._takes_nothing)
        if self.closed:
            self._read = read
        return self.closed

    def _is_complete(self, rest: str, after: AfterPayload) -> bool:
        if rest[0] in _GOES_ON and not after.tokens:
            return False
        read = read_arguments("".join(self._payload))
        if read.value is None:
            return False
        self._read = read
        self.dropped += after.skipped
        self.continued_by_token = SEGMENT in after.tokens
        return True

    def _reopen(self, rest: str) -> str:
        """The object was not the end; nothing will be, but the segment's."""
        skipped = "".join(self._after.skipped) if self._after else ""
        self._after = self._object = None
        return skipped + rest
