r"""The wire formats of GLM-4.5 and later: parsing a reply while it streams.

    GLM-4.5, 4.6    <tool_call>name\n(<arg_key>key</arg_key>\n<arg_value>value</arg_value>\n)*</tool_call>
    GLM-4.7, 5      <tool_call>name(<arg_key>key</arg_key><arg_value>value</arg_value>)*</tool_call>

Text may stand before, between and after calls; white space around it belongs to the format. The
tags are tokens of the vocabulary, and only as such (`Control`) do they act. So a value may spell a
tag, and stays a value. Where a server gives only text, `Protocol.split` takes spelled tags for real.

A call is announced when its name is complete, and ready when it is closed. What is not quite in the
form (see `XmlParser`) is mended, and noted on the call. One pass, cost linear in the reply, and the
same events however it is cut into pieces.

Does not do: thinking (`thinking.py`), typing values (`xml_values.py`).
"""  # noqa: E501 (the form is one line)

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import ClassVar

from ..events import ReplyEvent
from ..messages import Piece, ToolCall, ToolSpec
from .stream import CALL, SEGMENT, STOPS
from .xml_call import JsonBody, XmlCall
from .xml_gaps import Gap, Written
from .xml_names import LONGEST_NAME, Names

OPEN, CLOSE = "<tool_call>", "</tool_call>"
KEY, KEY_END = "<arg_key>", "</arg_key>"
VALUE, VALUE_END = "<arg_value>", "</arg_value>"
TAGS = (OPEN, CLOSE, KEY, KEY_END, VALUE, VALUE_END)

# What ends a name; strict mode knows only tags and the newline.
_NAME_END = re.compile(r'[\n{"]')
_STRICT_NAME_END = re.compile("\n")
# Control tokens without a meaning in text. The others (tags, mostly) are shown as they are spelled.
_SILENT = re.compile(r"<\|.*\|>|\[\w*MASK\]|<(?:sop|eop)>")
_THINKING = ("<think>", "</think>")


class _State(Enum):
    TEXT = auto()
    NAME = auto()  # after <tool_call>
    GAP = auto()  # in a call, outside of all tags
    STRAY = auto()  # in text that has no place there
    KEY = auto()
    KEY_READ = auto()  # between </arg_key> and <arg_value>
    VALUE = auto()
    BODY = auto()  # a payload without tags
    ENVELOPE = auto()  # an object that holds the name, too


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
        self._held: list[str] = []  # a name, a key, stray text, or an envelope, not complete yet
        self._gap = Gap(strict)
        self._envelope = JsonBody()
        self._lost = ""
        self._nested = 0  # calls opened within a value
        self._call: XmlCall | None = None
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
            self._call.mend(f"missing {CLOSE}")
            self._end_call(cut=cut)
        self._written.end_text()

    def _take_out(self) -> str:
        held, self._held = "".join(self._held), []
        return held

    # --- text ------------------------------------------------------------------------------------

    def _take_text(self, text: str) -> None:
        if not text:
            return
        if self._state is _State.TEXT:
            self._written.text(text)
        elif self._state is _State.NAME:
            self._take_name(text)
        elif self._state in (_State.GAP, _State.KEY_READ):
            if rest := self._gap.feed(text):
                self._end_gap(rest)
        elif self._call is None:
            self._envelope.feed(text)
            self._held.append(text)
        elif self._state is _State.VALUE:
            self._call.text(text)
        elif self._state is _State.BODY:
            self._call.body(text)
        else:
            self._held.append(text)

    def _release(self, rest: str = "") -> None:
        """What came after a `<tool_call>` is no call; it is text, with the tag."""
        self._state = _State.TEXT
        self._written.text(OPEN + self._take_out() + rest)

    # --- names -----------------------------------------------------------------------------------

    def _take_name(self, text: str) -> None:
        found = (_STRICT_NAME_END if self._strict else _NAME_END).search(text)
        end = found.start() if found else len(text)
        head = self._take_out() + text[:end]
        rest = text[end:]
        self._held = [head]
        if len(head) > LONGEST_NAME:
            self._release(rest)
        elif found is None:
            return
        elif found[0] == "{":
            self._take_object(head, rest)
        elif found[0] == '"':
            self._take_fused_object(head.strip(), rest)
        elif not head.strip() and not self._strict:
            self._held = []
            self._take_text(rest[1:])
        elif (name := self._names.read(head)) is not None:
            self._start_call(name)
            self._take_text(rest)
        else:
            self._release(rest)

    def _take_object(self, head: str, rest: str) -> None:
        """A `{` came in place of tags: `name{…}`, `name>{…}` or an envelope."""
        if not head.strip(" \t\r>"):
            self._begin_envelope(rest)
        elif (name := self._names.read(head)) is not None:
            self._start_call(name)
            self._begin_body(rest)
        else:
            self._release(rest)

    def _take_fused_object(self, head: str, rest: str) -> None:
        """The begin of an object was lost: `name","arguments":{…}}` or `namekey":…}`."""
        if head in self._names.tools:
            self._begin_envelope(head + rest, lost='{"name":"')
        elif (fused := self._names.fused(head)) is not None:
            self._start_call(fused[0])
            self._begin_body(f'{{"{fused[1]}{rest}')
        else:
            self._release(rest)

    # --- calls -----------------------------------------------------------------------------------

    def _start_call(self, name: str) -> None:
        self._written.end_text()
        self._held = []
        self._call = XmlCall(
            f"call_{self._next_call}",
            name,
            self._names.tools.get(name),
            strict=self._strict,
            emit=self._events.append,
        )
        self._next_call += 1
        self._enter_gap(_State.GAP)

    def _enter_gap(self, state: _State) -> None:
        self._state = state
        self._gap = Gap(self._strict)

    def _end_gap(self, rest: str) -> None:
        """Text came where only tags belong."""
        call = self._running
        if self._state is _State.KEY_READ:
            self._mend_gap()
            call.mend(f"missing {VALUE}")
            self._begin_value(rest)
        elif not self._strict and not call.arguments and (call.raw or rest.startswith("{")):
            self._begin_body(self._gap.lines + rest if call.raw else rest)
        else:
            self._state = _State.STRAY
            self._held = [rest]

    def _mend_gap(self) -> None:
        """A gap has ended at a tag; see what it was."""
        if self._strict and self._gap.text != self.gap:
            self._running.mend("white space between tags")
        elif self._gap.spelled:
            self._running.mend("newlines written as \\n")

    def _begin_value(self, text: str = "") -> None:
        self._running.begin_value(self._take_out())
        self._state = _State.VALUE
        self._nested = 0
        self._take_text(text)

    def _end_value(self) -> None:
        self._running.end_value()
        self._enter_gap(_State.GAP)

    def _begin_body(self, text: str) -> None:
        self._state = _State.BODY
        self._running.body(text)

    def _end_call(self, *, cut: bool = False) -> None:
        call = self._running
        if self._state is _State.VALUE:
            call.mend(f"missing {VALUE_END}")
            call.end_value(cut=cut)
        elif self._state is _State.GAP:
            self._mend_gap()
        elif self._state is _State.STRAY:
            call.fail(f"there is text between its tags: {self._take_out().strip()[:80]!r}")
        elif self._state in (_State.KEY, _State.KEY_READ):
            call.fail(f"the argument {self._take_out().strip()[:80]!r} has no value")
        self._written.parts.append(call.close(cut=cut))
        self._call = None
        self._held = []
        self._state = _State.TEXT

    @property
    def _running(self) -> XmlCall:
        assert self._call is not None
        return self._call

    def _begin_envelope(self, text: str, lost: str = "") -> None:
        """An object with name and arguments begins; `lost` is what its begin lacks."""
        self._state = _State.ENVELOPE
        self._held = [text]
        self._lost = lost
        self._envelope = JsonBody()
        self._envelope.feed(lost + text)

    def _end_envelope(self, *, cut: bool = False) -> None:
        found = None
        if self._envelope.whole or not cut:
            found = self._names.envelope(self._lost + "".join(self._held))
        if found is None:
            self._release()
            return
        self._start_call(found.name)
        for repair in found.repairs:
            self._running.mend(repair)
        self._begin_body(found.arguments)
        self._end_call()

    # --- tags ------------------------------------------------------------------------------------

    def _take_control(self, token: str) -> None:
        if token in TAGS:
            self._tag[self._state](self, token)
        elif _SILENT.fullmatch(token) is None and not (
            self._state is _State.TEXT and token in _THINKING
        ):
            self._take_text(token)

    def _tag_in_text(self, token: str) -> None:
        if token == OPEN:
            self._state = _State.NAME
        elif token != CLOSE:
            self._written.text(token)

    def _tag_in_name(self, token: str) -> None:
        head = "".join(self._held)
        fused = self._names.fused(head.strip()) if token == KEY_END and not self._strict else None
        if fused is not None:
            self._start_call(fused[0])
            self._running.mend(f"missing {KEY}")
            self._state = _State.KEY
            self._held = [fused[1]]
        elif token == CLOSE and not head.strip():
            self._held = []
            self._state = _State.TEXT
            return
        elif (name := self._names.read(head)) is not None:
            self._start_call(name)
        elif token == KEY and not head.strip():
            self._start_call("")
            self._running.fail(f"it has no name; write it after {OPEN}")
        else:
            self._release()
        self._tag[self._state](self, token)

    def _tag_in_gap(self, token: str) -> None:
        call = self._running
        if token == CLOSE:
            self._end_call()
        elif token == OPEN:
            call.mend(f"missing {CLOSE}")
            self._end_call()
            self._tag_in_text(token)
        elif token in (KEY_END, VALUE_END):
            call.mend(f"a stray {token}")
        else:
            self._mend_gap()
            if token == KEY:
                self._state = _State.KEY
            else:
                self._begin_value()

    def _tag_in_stray(self, token: str) -> None:
        if token == KEY_END:
            self._running.mend(f"missing {KEY}")
            self._enter_gap(_State.KEY_READ)
        elif token in (CLOSE, OPEN):
            self._state = _State.STRAY
            self._tag_in_gap(token)
        else:
            self._running.fail(f"there is text between its tags: {self._take_out().strip()[:80]!r}")
            self._enter_gap(_State.GAP)
            self._tag_in_gap(token)

    def _tag_in_key(self, token: str) -> None:
        if token == KEY_END:
            self._enter_gap(_State.KEY_READ)
        elif token == VALUE:
            self._running.mend(f"missing {KEY_END}")
            self._begin_value()
        elif token in (CLOSE, OPEN):
            self._tag_in_gap(token)
        else:
            self._held.append(token)

    def _tag_after_key(self, token: str) -> None:
        if token == VALUE:
            self._mend_gap()
            self._begin_value()
        elif token in (CLOSE, OPEN):
            self._tag_in_gap(token)
        elif token == KEY:
            self._running.fail(f"the argument {self._take_out().strip()[:80]!r} has no value")
            self._state = _State.KEY
        else:
            self._running.mend(f"a stray {token}")

    def _tag_in_value(self, token: str) -> None:
        if token == OPEN:
            self._nested += 1
        elif token == CLOSE and self._nested:
            self._nested -= 1
        elif token == CLOSE:
            self._end_call()
            return
        elif token == VALUE_END and not self._nested:
            self._end_value()
            return
        self._running.text(token)

    def _tag_in_body(self, token: str) -> None:
        call = self._running
        if token == CLOSE:
            self._end_call()
        elif token == OPEN and call.whole:
            self._tag_in_gap(token)
        elif call.whole:
            call.mend(f"a stray {token}")
        else:
            call.body(token)

    def _tag_in_envelope(self, token: str) -> None:
        if token == CLOSE or (token == OPEN and self._envelope.whole):
            self._end_envelope()
            if token == OPEN:
                self._state = _State.NAME
        elif not self._envelope.whole:
            self._take_text(token)

    _tag: ClassVar[dict[_State, Callable[[XmlParser, str], None]]] = {
        _State.TEXT: _tag_in_text,
        _State.NAME: _tag_in_name,
        _State.GAP: _tag_in_gap,
        _State.STRAY: _tag_in_stray,
        _State.KEY: _tag_in_key,
        _State.KEY_READ: _tag_after_key,
        _State.VALUE: _tag_in_value,
        _State.BODY: _tag_in_body,
        _State.ENVELOPE: _tag_in_envelope,
    }


class XmlParser45(XmlParser):
    """The parser of GLM-4.5 and GLM-4.6."""

    gap = "\n"


class XmlParser47(XmlParser):
    """The parser of GLM-4.7 and GLM-5."""

    gap = ""
