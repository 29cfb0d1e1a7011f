r"""The wire formats of GLM-4.5 and later: parsing a reply while it streams.

    GLM-4.5, 4.6    <tool_call>name\n(<arg_key>key</arg_key>\n<arg_value>value</arg_value>\n)*</tool_call>
    GLM-4.7, 5      <tool_call>name(<arg_key>key</arg_key><arg_value>value</arg_value>)*</tool_call>

Text may stand before, between and after calls; white space around it belongs to the format. The
tags are tokens of the vocabulary, and only as such (`Control`) do they act. So a value may spell a
tag, and stays a value. Where a server gives only text, `Protocol.split` takes spelled tags for real.

A call is announced when its name is complete, and ready when it is closed. What is not quite in the
form (see `XmlParser`) is mended, and noted on the call. One pass, cost linear in the reply, and the
same events however it is cut into pieces.

Does not do: thinking (`thinking.py`), the inside of a call (`xml_tags.py`).
"""  # noqa: E501 (the form is one line)

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import ClassVar

from ...events import ReplyEvent
from ...messages import Piece, ToolCall, ToolSpec
from .stream import CALL, SEGMENT, STOPS
from .xml_call import JsonBody, XmlCall
from .xml_gaps import Written
from .xml_names import LONGEST_NAME, Names
from .xml_tags import CLOSE, KEY, KEY_END, OPEN, TAGS, CallReader

# What ends a name; strict mode knows only tags and the newline.
_NAME_END = re.compile(r'[\n{"]')
_STRICT_NAME_END = re.compile("\n")
# Control tokens without a meaning in text. The others (tags, mostly) are shown as they are spelled.
_SILENT = re.compile(r"<\|.*\|>|\[\w*MASK\]|<(?:sop|eop)>")
_THINKING = ("<think>", "</think>")


class _State(Enum):
    TEXT = auto()
    NAME = auto()  # after <tool_call>
    ENVELOPE = auto()  # in an object that holds the name, too
    CALL = auto()


class XmlParser:
    r"""Parse one reply. Calls are numbered from `first_call`: `call_{first_call}`, and on.

    Mended, unless `strict`: a missing `</tool_call>` or `</arg_value>` at the end, a missing
    `<arg_key>` after a declared name, a missing tag between a key and its value, stray closing
    tags, a newline spelled `\n`, and JSON in place of the tags: `name{…}`, `name>{…}`,
    `{"name": …, "arguments": …}`. In strict mode these are calls with an error, or text.

    A `<tool_call>` in a value belongs to the value, up to its own `</tool_call>`.
    """

    thinking = ""
    gap: ClassVar[str]
    """What stands between two tags; strict mode insists on it."""

    def __init__(
        self, tools: Sequence[ToolSpec] = (), first_call: int = 1, strict: bool = False
    ) -> None:
        self.stop: str | None = None
        self.truncated = False
        self._strict = strict
        self._names = Names(tools, strict)
        self._next_call = first_call
        self._events: list[ReplyEvent] = []
        self._written = Written(self._events.append)
        self._state = _State.TEXT
        self._space: list[str] = []  # before a name
        self._held: list[str] = []  # a name or an envelope that is not complete
        self._envelope = JsonBody()
        self._lost = ""
        self._call: CallReader | None = None
        self._ended = False
        self._closed = False

    @property
    def parts(self) -> tuple[str | ToolCall, ...]:
        """Texts and calls so far completed, in order."""
        return tuple(self._written.parts)

    def feed(self, piece: Piece, /) -> list[ReplyEvent]:
        """Take the next piece; a `str` is text whatever it spells.

        A `Control` that is a stop token ends the reply: what comes after it is dropped.
        """
        if self._closed:
            raise ValueError("this reply is closed; make a new parser for the next one")
        if not self._ended:
            if isinstance(piece, str):
                self._take_text(piece)
            elif piece.token in STOPS:
                self._end(piece.token, cut=False)
            elif piece.token == SEGMENT:
                self._end_part(cut=False)
            else:
                self._take_control(piece.token)
        return self._given()

    def close(self, stop: str | None = None, truncated: bool = False) -> list[ReplyEvent]:
        """End the reply. `stop` is the stop token that fired, None when it is not known."""
        self._closed = True
        if not self._ended:
            self.truncated = truncated
            self._end(stop, cut=truncated)
        return self._given()

    def _given(self) -> list[ReplyEvent]:
        events = self._events.copy()
        self._events.clear()
        return events

    def _end(self, stop: str | None, *, cut: bool) -> None:
        self._ended = True
        self.stop = stop
        self._end_part(cut=cut)

    def _end_part(self, *, cut: bool) -> None:
        """The reply, or a segment of it, is over, whatever is open."""
        if self._state is _State.NAME:
            name = self._names.read("".join(self._held))
            # A name that was cut may be half of a longer one.
            if name is None or cut or (name not in self._names.tools and self.stop != CALL):
                self._release()
            else:
                self._start_call(name)
        elif self._state is _State.ENVELOPE:
            self._end_envelope(cut=cut)
        if self._call is not None:
            self._end_call(self._call, cut=cut)
        self._written.end_text()

    # --- text ------------------------------------------------------------------------------------

    def _take_text(self, text: str) -> None:
        if not text:
            return
        if self._call is not None:
            self._call.text(text)
        elif self._state is _State.TEXT:
            self._written.text(text)
        elif self._state is _State.NAME:
            self._take_name(text)
        else:
            self._envelope.feed(text)
            self._held.append(text)

    def _release(self, rest: str = "") -> None:
        """What came after a `<tool_call>` is no call; it is text, with the tag."""
        self._state = _State.TEXT
        self._written.text("".join([OPEN, *self._space, *self._held, rest]))
        self._held, self._space = [], []

    # --- names -----------------------------------------------------------------------------------

    def _take_name(self, text: str) -> None:
        head = "".join(self._held)
        if not head and not self._strict:
            # Kept apart, for it may be long, and text if no name follows.
            name = text.lstrip()
            self._space.append(text[: len(text) - len(name)])
            text = name
        found = (_STRICT_NAME_END if self._strict else _NAME_END).search(text)
        end = found.start() if found else len(text)
        head += text[:end]
        rest = text[end:]
        self._held = [head] if head else []
        if len(head) > LONGEST_NAME:
            self._release(rest)
        elif found is None:
            return
        elif found[0] == "{":
            self._take_object(head, rest)
        elif found[0] == '"':
            self._take_fused_object(head.strip(), rest)
        elif (name := self._names.read(head)) is not None:
            self._start_call(name).text(rest)
        else:
            self._release(rest)

    def _take_object(self, head: str, rest: str) -> None:
        """A `{` came in place of tags: `name{…}`, `name>{…}` or an envelope."""
        if not head.strip(" \t\r>"):
            self._begin_envelope(head + rest)
        elif (name := self._names.read(head)) is not None:
            self._start_call(name).body(rest)
        else:
            self._release(rest)

    def _take_fused_object(self, head: str, rest: str) -> None:
        """The begin of an object was lost: `name","arguments":{…}}` or `namekey":…}`."""
        if head in self._names.tools:
            self._begin_envelope(head + rest, lost='{"name":"')
        elif (fused := self._names.fused(head)) is not None:
            call = self._start_call(fused[0])
            call.call.mend("fused-name")
            call.body(f'{{"{fused[1]}{rest}')
        else:
            self._release(rest)

    def _begin_envelope(self, text: str, lost: str = "") -> None:
        """An object with name and arguments begins; `lost` is what its begin lacks."""
        self._state = _State.ENVELOPE
        self._held = [text]
        self._lost = lost
        self._envelope = JsonBody()
        self._envelope.feed(lost + text.lstrip(" \t\r>"))

    def _end_envelope(self, *, cut: bool = False) -> None:
        found = None
        if self._envelope.whole or not cut:
            written = "".join(self._held).lstrip(" \t\r>")
            found = self._names.envelope(self._lost + written)
        if found is None:
            self._release()
            return
        call = self._start_call(found.name)
        for repair in ("envelope", *found.repairs):
            call.call.mend(repair)
        call.body(found.arguments)
        self._end_call(call, CLOSE)

    # --- calls -----------------------------------------------------------------------------------

    def _start_call(self, name: str) -> CallReader:
        self._written.end_text()
        self._held, self._space = [], []
        self._state = _State.CALL
        tool = self._names.tools.get(name)
        number, self._next_call = self._next_call, self._next_call + 1
        call = XmlCall(f"call_{number}", name, tool, strict=self._strict, emit=self._events.append)
        self._call = CallReader(call, self.gap, self._strict)
        return self._call

    def _end_call(self, call: CallReader, token: str = "", *, cut: bool = False) -> None:
        ended = bool(token or self.stop)
        self._written.parts.append(call.close(token, cut=cut, ended=ended))
        self._call = None
        self._state = _State.NAME if token == OPEN else _State.TEXT

    # --- tags ------------------------------------------------------------------------------------

    def _take_control(self, token: str) -> None:
        if token in TAGS:
            self._take_tag(token)
        elif _SILENT.fullmatch(token) is None and not (
            self._state is _State.TEXT and token in _THINKING
        ):
            self._take_text(token)

    def _take_tag(self, token: str) -> None:
        if self._call is not None:
            if self._call.tag(token):
                self._end_call(self._call, token)
        elif self._state is _State.NAME:
            self._tag_in_name(token)
        elif self._state is _State.ENVELOPE:
            self._tag_in_envelope(token)
        elif token == OPEN:
            self._state = _State.NAME
        elif token != CLOSE:
            self._written.text(token)

    def _tag_in_name(self, token: str) -> None:
        head = "".join(self._held)
        if token == KEY_END and not self._strict and (fused := self._names.fused(head.strip())):
            self._start_call(fused[0]).fused_key(fused[1])
        elif (name := self._names.read(head)) is not None:
            self._start_call(name)
            self._take_tag(token)
        elif not head.strip() and token == CLOSE:
            self._held, self._space = [], []
            self._state = _State.TEXT
        elif not head.strip() and token == KEY:
            self._start_call("").call.fail(f"it has no name; write it after {OPEN}")
            self._take_tag(token)
        else:
            self._release()
            self._take_tag(token)

    def _tag_in_envelope(self, token: str) -> None:
        if token == CLOSE or (token == OPEN and self._envelope.whole):
            self._end_envelope()
            if token == OPEN:
                self._state = _State.NAME
        elif not self._envelope.whole:
            self._take_text(token)


class XmlParser45(XmlParser):
    """The parser of GLM-4.5 and GLM-4.6."""

    gap = "\n"


class XmlParser47(XmlParser):
    """The parser of GLM-4.7 and GLM-5."""

    gap = ""
