r"""The wire format of glm-4-9b-chat: parsing a reply while it streams.

    reply   = segment ("<|assistant|>" segment)*
    segment = metadata "\n" content

Empty metadata means an answer, a tool's name means a call whose content is the payload. The model
then stops with `<|user|>` after an answer and `<|observation|>` after calls. It does not always
keep to the form, so these are the rules:

- A first line that is exactly a declared name, blanks around it aside, is a call.
- A first line shaped like a name that nobody declared, with a JSON object after it, is a call to
  an unknown tool if the reply ended with `<|observation|>`, and text if not.
- Everything else is text, from its first character; only the newline of empty metadata is not.

Text flows as soon as it can't be a name any more. One pass, cost linear in the reply, and the same
events however the reply is cut into pieces.

Does not do: repairing payloads, finding calls in the middle of prose.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

from ..events import CallDelta, CallReady, CallStarted, ReplyEvent, TextDelta
from ..messages import Control, Piece, ToolCall, ToolSpec
from .arguments import CUT, Arguments, read_arguments

ANSWER = "<|user|>"
CALL = "<|observation|>"
SEGMENT = "<|assistant|>"
STOPS = ("<|endoftext|>", ANSWER, CALL)

# What a name looks like that no tool has, with blanks after it.
_NAME = re.compile(r"[A-Za-z_][\w.\-]*[ \t\r]*")
# A longer first line is no name. This bounds what is held back and looked at again.
_LONGEST_NAME = 256


class _State(Enum):
    HEAD = auto()  # in the first line, which may still be a name
    TEXT = auto()
    PAYLOAD = auto()
    UNKNOWN = auto()  # after a line that looks like a name, before its payload
    HELD = auto()  # after such a line and a "{": the stop token will tell


class Glm4Parser:
    """Parse one reply. Calls are numbered from `first_call`: `call_{first_call}`, and on."""

    thinking = ""

    def __init__(
        self, tools: Sequence[ToolSpec] = (), first_call: int = 1, strict: bool = False
    ) -> None:
        self._strict = strict
        self.stop: str | None = None
        self.truncated = False
        self._tools = {tool.name: tool for tool in tools}
        self._next_call = first_call
        self._events: list[ReplyEvent] = []
        self._parts: list[str | ToolCall] = []
        self._has_text = False
        self._state = _State.HEAD
        self._head = ""
        self._held: list[str] = []
        self._text: list[str] = []
        self._call = ""
        self._name = ""
        self._payload: list[str] = []
        self._tail = PayloadTail()
        # Pieces that have to wait for the stop token, because the segment before them does.
        self._waiting: list[Piece] | None = None
        self._ended = False
        self._closed = False

    @property
    def parts(self) -> tuple[str | ToolCall, ...]:
        """Texts and calls so far completed, in order."""
        return tuple(self._parts)

    def feed(self, piece: Piece, /) -> list[ReplyEvent]:
        """Take the next piece; a `str` is text whatever it spells.

        A `Control` that is a stop token ends the reply: what comes after it is dropped. Control
        tokens that have no meaning in a reply are dropped too.
        """
        if self._closed:
            raise ValueError("this reply is closed; make a new parser for the next one")
        if not self._ended:
            if isinstance(piece, Control) and piece.token in STOPS:
                self._end(piece.token, cut=False)
            elif self._waiting is not None:
                self._waiting.append(piece)
            else:
                self._take(piece)
        return self._given()

    def close(self, stop: str | None = None, truncated: bool = False) -> list[ReplyEvent]:
        """End the reply. `stop` is the stop token that fired, None when it is not known."""
        self._closed = True
        if not self._ended:
            self.truncated = truncated
            self._end(stop, cut=truncated)
        return self._given()

    def _given(self) -> list[ReplyEvent]:
        events, self._events = self._events, []
        return events

    def _end(self, stop: str | None, *, cut: bool) -> None:
        self._ended = True
        self.stop = stop
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._end_segment()
            for piece in waiting:
                self._take(piece)
        self._end_segment(last=True, cut=cut)

    def _take(self, piece: Piece) -> None:
        if isinstance(piece, str):
            self._take_text(piece)
        elif piece.token == SEGMENT:
            if self._state is _State.HELD and not self._ended:
                self._waiting = []
            else:
                self._end_segment()

    def _take_text(self, text: str) -> None:
        if not text:
            return
        if self._state is _State.HEAD:
            self._take_head(text)
        elif self._state is _State.TEXT:
            self._give_text(text)
        elif self._state is _State.PAYLOAD:
            self._give_payload(self._tail.feed(text))
        else:
            self._held.append(text)
            start = text.lstrip()[:1] if self._state is _State.UNKNOWN else ""
            if start == "{":
                self._state = _State.HELD
            elif start:
                self._release()

    def _take_head(self, text: str) -> None:
        line, newline, rest = text.partition("\n")
        self._head += line
        if not self._may_be_name(self._head):
            self._head += newline + rest
            self._state = _State.TEXT
            self._give_text(self._take_out_head())
        elif newline:
            self._end_head(self._take_out_head())
            self._take_text(rest)

    def _end_head(self, line: str) -> None:
        """A first line is complete that may be a name."""
        name = line.strip()
        if name in self._tools:
            self._start_call(name)
        elif _NAME.fullmatch(name):
            self._held = [f"{line}\n"]
            self._state = _State.UNKNOWN
        else:
            self._state = _State.TEXT
            self._give_text(f"{line}\n" if line else "")

    def _take_out_head(self) -> str:
        head, self._head = self._head, ""
        return head

    def _may_be_name(self, line: str) -> bool:
        """Whether `line` is the start of a line with a name; once it is not, no more text helps."""
        if len(line) > _LONGEST_NAME:
            return False
        start = line.lstrip(" \t\r")
        return (
            not start
            or _NAME.fullmatch(start) is not None
            or start.rstrip(" \t\r") in self._tools
            or any(name.startswith(start) for name in self._tools)
        )

    def _release(self) -> None:
        """What was held is text after all."""
        held, self._held = "".join(self._held), []
        self._state = _State.TEXT
        self._give_text(held)

    def _give_text(self, text: str) -> None:
        if not text:
            return
        # So that the deltas put together are the reply's text, in which parts stand on own lines.
        if self._has_text and not self._text:
            self._events.append(TextDelta("\n"))
        self._text.append(text)
        self._events.append(TextDelta(text))

    def _start_call(self, name: str) -> None:
        self._call = f"call_{self._next_call}"
        self._next_call += 1
        self._name = name
        self._payload = []
        self._tail = PayloadTail()
        self._state = _State.PAYLOAD
        self._events.append(CallStarted(self._call, name))

    def _give_payload(self, text: str) -> None:
        if text:
            self._payload.append(text)
            self._events.append(CallDelta(self._call, text))

    def _end_call(self, cut: bool) -> None:
        self._give_payload(self._tail.close())
        payload = "".join(self._payload)
        tool = self._tools.get(self._name)
        if tool is None or tool.kind == "function":
            read = read_arguments(payload)
            # A whole object needs nothing more, so the limit did not hurt it.
            if cut and (read.value is None or not payload):
                read = Arguments(None, CUT)
        else:
            read = Arguments(None, CUT if cut else None)
        call = ToolCall(self._call, self._name, payload, read.value, read.error, read.repairs)
        self._parts.append(call)
        self._events.append(CallReady(call))

    def _end_segment(self, *, last: bool = False, cut: bool = False) -> None:
        if self._state is _State.HEAD:
            self._end_unfinished_head(last=last, cut=cut)
        elif self._state is _State.UNKNOWN:
            self._release()
        elif self._state is _State.HELD:
            self._end_held()
        if self._state is _State.PAYLOAD:
            self._end_call(cut)
        elif self._text:
            self._parts.append("".join(self._text))
            self._has_text = True
            self._text = []
        self._state = _State.HEAD

    def _end_unfinished_head(self, *, last: bool, cut: bool) -> None:
        """A reply ends in its first line: a name alone is a call, unless something speaks for text.

        A name that was cut may be half of a longer one.
        """
        line = self._take_out_head()
        name = line.strip()
        answered = last and self.stop == ANSWER
        if name in self._tools and not cut and not answered:
            self._start_call(name)
        else:
            self._give_text(line)

    def _end_held(self) -> None:
        """The stop token is known: a call to an unknown tool, or text."""
        line, _, rest = "".join(self._held).partition("\n")
        tail = PayloadTail()
        payload = tail.feed(rest) + tail.close()
        if self.stop == CALL and read_arguments(payload).value is not None:
            self._held = []
            self._start_call(line.strip())
            self._give_payload(self._tail.feed(rest))
        else:
            self._release()


class PayloadTail:
    """Holds back what has to be stripped from a payload if nothing follows it.

    That is white space, and stop tokens that a server spelled out instead of stopping at them.
    """

    def __init__(self, tokens: Sequence[str] = STOPS) -> None:
        self._tokens = tuple(tokens)
        self._longest = max(map(len, tokens))
        self._whole: list[str] = []
        self._begun = ""

    def feed(self, text: str) -> str:
        """Take text, give out what is surely not the tail."""
        text = self._begun + text
        end = self._begin(text)
        self._begun = text[end:]
        start = self._strip(text, end)
        if start == 0:
            self._whole.append(text[:end])
            return ""
        given = "".join([*self._whole, text[:start]])
        self._whole = [text[start:end]]
        return given

    def close(self) -> str:
        """Give out what turned out not to be a tail: the begin of a token that never came."""
        return "".join([*self._whole, self._begun]) if self._begun else ""

    def _begin(self, text: str) -> int:
        """Where a token starts that the end of `text` cuts off; the length if there is none."""
        start = text.rfind("<", max(0, len(text) - self._longest + 1))
        begun = text[start:] if start >= 0 else ""
        if begun and any(t != begun and t.startswith(begun) for t in self._tokens):
            return start
        return len(text)

    def _strip(self, text: str, end: int) -> int:
        """Where the white space and tokens start that `text[:end]` ends with."""
        while end > 0:
            if text[end - 1].isspace():
                end -= 1
            elif token := next((t for t in self._tokens if text.endswith(t, 0, end)), None):
                end -= len(token)
            else:
                break
        return end
