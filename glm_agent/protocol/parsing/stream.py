r"""The wire format of glm-4-9b-chat: parsing a reply while it streams.

    reply   = segment ("<|assistant|>" segment)*
    segment = metadata "\n" content

Empty metadata means an answer, a tool's name means a call whose content is the payload. The model
then stops with `<|user|>` after an answer and `<|observation|>` after calls. It does not always
keep to the form, so these are the rules:

- A first line that is exactly a declared name, blanks around it aside, is a call.
- A first line shaped like a name that nobody declared, with a JSON object after it, is a call to
  an unknown tool if the reply ended with `<|observation|>`, and text if not.
- A function's arguments end where their object closes. What follows is another segment, as if
  `<|assistant|>` stood between; of leftovers, and of a second object: `following.py`.
- Brackets, quotes and commas go on with arguments that are not strict JSON, or empty.
- In text, a declared name with arguments after it may be a call too: `watch.py`, `late.py`.
- Everything else is text, from its first character; only the newline of empty metadata is not.
- `strict` keeps to the first two rules and strict JSON.

Text flows as soon as it can't begin a call any more. `CallStarted` comes with the name's line,
`CallReady` with the closing bracket of an object that is strict JSON; with the first character
after one that had to be mended; and one token later than the bracket for `{}`, which may be
followed by the real object unless the tool takes no arguments. Raw payloads and calls of the last
two rules come with their segment's end. One pass, linear cost, the same events however it is cut.

Does not do: repairing payloads (`arguments`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ...events import CallDelta, CallReady, CallStarted, ReplyEvent, TextDelta
from ...messages import Control, Piece, ToolCall, ToolSpec
from ..arguments.ladder import Arguments, read_arguments
from .first_line import NAME, may_be_name
from .following import SECOND_OBJECT, Following
from .late import read_late
from .open_call import OpenCall
from .payload import ANSWER, CALL, SEGMENT, STOPS, PayloadTail
from .state import State
from .watch import Names, Watch

__all__ = ["ANSWER", "CALL", "SEGMENT", "STOPS", "Glm4Parser", "PayloadTail"]

# Text is taken in parts of this size, so that what is left of it is never copied often.
_PART = 4096


class Glm4Parser:
    """Parse one reply. Calls are numbered from `first_call`: `call_{first_call}`, and on.

    `dropped` is what is neither in a text nor in a call: the newline after a name or before an
    answer, white space and spelled-out control tokens around a payload, and what stood around a
    call that was not written in the format. What comes after the stop token is not in it.
    """

    thinking = ""

    def __init__(
        self, tools: Sequence[ToolSpec] = (), first_call: int = 1, strict: bool = False
    ) -> None:
        self.stop: str | None = None
        self.truncated = False
        self.dropped: list[str] = []
        self._strict = strict
        self._tools = {tool.name: tool for tool in tools}
        self._names = Names(() if strict else tools)
        self._next_call = first_call
        self._events: list[ReplyEvent] = []
        self._parts: list[str | ToolCall] = []
        self._has_text = False
        self._state = State.HEAD
        self._head = ""
        self._held: list[str] = []
        self._text: list[str] = []
        self._watch = Watch(self._names)
        self._after_call = False
        self._newline = False  # whether the segment began with one, as an answer does
        self._call: OpenCall | None = None
        self._following = Following({})
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
            for start in range(0, len(piece), _PART):
                self._take_text(piece[start : start + _PART])
        elif piece.token == SEGMENT:
            if self._state is State.HELD and not self._ended:
                self._waiting = []
            else:
                self._end_segment()

    def _take_text(self, text: str) -> None:
        while text:
            text = self._step(text)

    def _step(self, text: str) -> str:
        """Take text up to where the state changes; what is left of it."""
        if self._state is State.HEAD:
            return self._take_head(text)
        if self._state is State.PAYLOAD and self._call:
            return self._take_payload(self._call, text)
        if self._state is State.FOLLOWING:
            return self._take_following(text)
        if self._state is State.TEXT:
            self._take_plain(text)
        else:
            self._held.append(text)
            start = text.lstrip()[:1] if self._state is State.UNKNOWN else ""
            if start == "{":
                self._state = State.HELD
            elif start:
                self._release()
        return ""

    # --- the first line ---------------------------------------------------------------------------

    def _take_head(self, text: str) -> str:
        line, newline, rest = text.partition("\n")
        self._head += line
        if not may_be_name(self._head, self._tools):
            head = self._take_out_head()
            self._state = State.TEXT
            return f"{head}{newline}{rest}"
        if newline:
            self._end_head(self._take_out_head())
        return rest

    def _end_head(self, line: str) -> None:
        """A first line is complete that may be a name."""
        name = line.strip()
        if name in self._tools:
            self._drop_around(name, f"{line}\n")
            self._start_call(name, *self._where)
        elif NAME.fullmatch(name):
            self._held = [f"{line}\n"]
            self._state = State.UNKNOWN
        else:
            self._state = State.TEXT
            if line:
                self._take_plain(f"{line}\n")
            else:
                self._drop("\n")
                self._newline = True

    @property
    def _where(self) -> tuple[str, ...]:
        """The repair that it takes to begin a call at the segment's first line."""
        return ("after-call",) if self._after_call else ()

    def _take_out_head(self) -> str:
        head, self._head = self._head, ""
        return head

    # --- text -------------------------------------------------------------------------------------

    def _release(self) -> None:
        """What was held is text after all."""
        held, self._held = "".join(self._held), []
        self._state = State.TEXT
        self._take_plain(held)

    def _take_plain(self, text: str) -> None:
        self._give_text(self._watch.feed(text))
        if self._watch.held is not None:
            self._state = State.LATE
            self._held = [self._watch.held]

    def _give_text(self, text: str) -> None:
        if not text:
            return
        # So that the deltas put together are the reply's text, in which parts stand on own lines.
        if self._has_text and not self._text:
            self._events.append(TextDelta("\n"))
        self._text.append(text)
        self._events.append(TextDelta(text))

    def _end_text(self) -> None:
        if self._text:
            self._parts.append("".join(self._text))
            self._has_text = True
            self._text = []

    def _drop(self, text: str) -> None:
        if text:
            self.dropped.append(text)

    def _drop_around(self, kept: str, text: str) -> None:
        before, _, after = text.partition(kept)
        self._drop(before)
        self._drop(after)

    # --- calls ------------------------------------------------------------------------------------

    def _start_call(self, name: str, *repairs: str) -> OpenCall:
        self._end_text()
        tool = self._tools.get(name)
        raw = tool is not None and tool.kind != "function"
        # An empty schema, as of a tool that nobody described, admits any arguments.
        takes_nothing = tool is not None and tool.parameters.get("properties") == {}
        id_ = f"call_{self._next_call}"
        self._next_call += 1
        self._call = OpenCall(
            id_, name, repairs, raw=raw, strict=self._strict, takes_nothing=takes_nothing
        )
        self._state = State.PAYLOAD
        self._events.append(CallStarted(id_, name))
        return self._call

    def _take_payload(self, call: OpenCall, text: str) -> str:
        given, rest = call.feed(text)
        self._give_payload(call, given)
        if call.closed:
            made = call.call()
            self._finish_call(call, made)
            self._following = Following(made.arguments or {})
            self._state = State.FOLLOWING
        elif rest:
            self._finish_call(call, call.call())
            self._begin_segment()
            self._after_call = not call.continued_by_token
        return rest

    def _take_following(self, text: str) -> str:
        following = self._following
        rest = following.feed(text)
        if following.second is not None or rest:
            self.dropped += following.dropped
        if following.second is not None:
            self._refuse(following.second, following)
        elif rest:
            self._begin_segment()
            self._after_call = not following.continued_by_token
        return rest

    def _refuse(self, payload: str, following: Following) -> None:
        """A second object is a call that can't be made: it may be meant otherwise."""
        call = self._start_call(self._call.name if self._call else "", "after-call")
        self._give_payload(call, payload)
        made = ToolCall(call.id, call.name, payload, None, SECOND_OBJECT, ("after-call",))
        self._finish_call(call, made)
        self._following = Following(following.second_arguments)
        self._state = State.FOLLOWING

    def _end_call(self, call: OpenCall, *, cut: bool, ended: bool) -> None:
        given, rest = call.end()
        self._give_payload(call, given)
        self._finish_call(call, call.call(cut=cut, ended=ended))
        self._end_rest(rest)

    def _end_rest(self, rest: str) -> None:
        """Text that only the segment's end told from leftovers of a call."""
        if rest:
            self._state = State.TEXT
            self._take_plain(rest)
            self._give_text(self._watch.close())

    def _give_payload(self, call: OpenCall, text: str) -> None:
        if text:
            self._events.append(CallDelta(call.id, text))

    def _finish_call(self, open_call: OpenCall, call: ToolCall) -> None:
        self.dropped += filter(None, open_call.dropped)
        self._parts.append(call)
        self._events.append(CallReady(call))

    # --- the end of a segment ---------------------------------------------------------------------

    def _begin_segment(self) -> None:
        self._state = State.HEAD
        self._watch = Watch(self._names)
        self._after_call = False
        self._newline = False

    def _end_segment(self, *, last: bool = False, cut: bool = False) -> None:
        if self._state is State.HEAD:
            self._end_unfinished_head(last=last, cut=cut)
        elif self._state is State.UNKNOWN:
            self._release()
        elif self._state is State.HELD:
            self._end_held()
        if self._state is State.TEXT:
            self._end_plain(called=last and self.stop == CALL)
        if self._state is State.PAYLOAD and self._call:
            self._end_call(self._call, cut=cut, ended=not last or self.stop is not None)
        elif self._state is State.FOLLOWING:
            rest = self._following.close()
            self.dropped += self._following.dropped
            self._end_rest(rest)
        elif self._state is State.LATE:
            self._end_late(last=last, cut=cut)
        self._end_text()
        self._begin_segment()

    def _end_unfinished_head(self, *, last: bool, cut: bool) -> None:
        """A reply ends in its first line: a name alone is a call, unless something speaks for text.

        A name that was cut may be half of a longer one.
        """
        line = self._take_out_head()
        name = line.strip()
        called = last and self.stop == CALL
        answered = last and self.stop == ANSWER
        if name in self._tools and not cut and not answered and (called or not self._after_call):
            self._drop_around(name, line)
            self._start_call(name, *self._where)
        else:
            self._state = State.TEXT
            self._take_plain(line)

    def _end_held(self) -> None:
        """The stop token is known: a call to an unknown tool, or text."""
        line, _, rest = "".join(self._held).partition("\n")
        tail = PayloadTail()
        payload = tail.feed(rest) + tail.close()
        if self.stop == CALL and read_arguments(payload, self._strict).value is not None:
            self._held = []
            self._drop_around(line.strip(), f"{line}\n")
            self._take_text(self._take_payload(self._start_call(line.strip(), *self._where), rest))
        else:
            self._release()

    def _end_plain(self, *, called: bool) -> None:
        rest = self._watch.close()
        name = rest.strip()
        if called and not self._text and name in self._names.functions:
            self._drop_around(name, rest)
            self._start_call(name, "leading-newline")
        else:
            self._give_text(rest)

    def _end_late(self, *, last: bool, cut: bool) -> None:
        """Text was held that may be calls. Only the last segment has a stop token."""
        held, self._held = "".join(self._held), []
        called = last and self.stop == CALL
        late = None
        if not cut and not (last and self.stop == ANSWER):
            late = read_late(held, self._names, self._watch.evidence, called=called)
        if late is None:
            self._give_text(held)
            return
        where = "after-text" if self._text else "leading-newline" if self._newline else ""
        for found in late.calls:
            repairs = (*((where,) if where else ()), *found.repairs)
            call = self._start_call(found.name, *repairs)
            where = ""
            self._give_payload(call, found.payload)
            read = found.arguments or Arguments(None)
            made = ToolCall(call.id, call.name, found.payload, read.value, read.error, repairs)
            self._finish_call(call, made)
        self.dropped += late.dropped
        self._give_text(late.rest)
