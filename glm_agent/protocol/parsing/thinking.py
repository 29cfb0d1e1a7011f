"""Thinking: what a model writes between `<think>` and `</think>` before it answers or calls.

`ThinkingParser` takes the thinking out of a reply and leaves the rest to the parser of the family:

    GLM-Z1            ThinkingParser(Glm4Parser(…), inside=True, spelled=True)
    Z1-Rumination     ThinkingParser(Glm4Parser(…), spelled=True)
    GLM-4.5, 4.6      ThinkingParser(XmlParser45(…))
    GLM-4.7, 5        ThinkingParser(XmlParser47(…), inside=True)

Does not do: parsing answers and calls, deciding what thinking a prompt keeps (the renderers do).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from ...events import CallReady, CallStarted, ReplyEvent, ThinkingDelta
from ...messages import Control, Piece, ToolCall
from ..reply import StreamParser
from .stream import SEGMENT
from .xml_stream import OPEN, TAGS

BEGIN, END = "<think>", "</think>"


class _State(Enum):
    START = auto()  # nothing but white space so far
    THINKING = auto()
    AFTER = auto()  # in the white space after it
    REPLY = auto()


class ThinkingParser:
    """Parse one reply that may begin with thinking; `parser` gets the rest.

    Args:
        parser: A fresh parser of the family's replies without thinking.
        inside: Whether the prompt ended with `<think>`, so that the reply begins within. A reply
            that says `<think>` all the same loses nothing.
        spelled: Whether the tags are ordinary text, because the vocabulary has no tokens for them
            (GLM-Z1). Then they count at the begin of the reply alone; tokens count everywhere but
            in a call.
        strict: Take nothing but `</think>` for the end of thinking. Otherwise a `<tool_call>` in
            it is one, too: some models forget the tag (vllm#56635).

    Thinking that the token limit cuts leaves a truncated reply without text.
    """

    def __init__(
        self,
        parser: StreamParser,
        *,
        inside: bool = False,
        spelled: bool = False,
        strict: bool = False,
    ) -> None:
        self._parser = parser
        self._inside = inside
        self._spelled = spelled
        self._strict = strict
        self._state = _State.START
        self._held = ""  # white space, or what may be the begin of a tag
        self._thoughts: list[str] = []
        self._events: list[ReplyEvent] = []
        self._calling = False
        self._begun = False  # whether there was text that is not thinking
        self._ended = False
        self._closed = False

    @property
    def parts(self) -> tuple[str | ToolCall, ...]:
        """Texts and calls so far completed, in order."""
        return self._parser.parts

    @property
    def thinking(self) -> str:
        """What was thought so far, exactly as written; several thoughts on lines of their own."""
        return "".join(self._thoughts)

    @property
    def stop(self) -> str | None:
        """The stop token that ended the reply, as fed or as given to `close`."""
        return self._parser.stop

    @property
    def truncated(self) -> bool:
        """Whether the reply was cut at the token limit."""
        return self._parser.truncated

    def on_chat_server(self) -> ThinkingParser:
        """This parser, for the text of a chat server. To be called before `feed`.

        Such a server takes the thinking out itself, or leaves it at the begin of its text, the
        tags spelled; never does the text begin within.
        """
        self._inside = False
        self._spelled = True
        return self

    def feed(self, piece: Piece, /) -> list[ReplyEvent]:
        """Take the next piece. A `str` is text, in which only a family with spelled tags has any.

        A `Control` that is a stop token ends the reply: what comes after it is dropped.
        """
        if self._closed:
            raise ValueError("this reply is closed; make a new parser for the next one")
        if not self._ended:
            if isinstance(piece, str):
                self._take_text(piece)
            else:
                self._take_control(piece)
        return self._given()

    def close(self, stop: str | None = None, truncated: bool = False) -> list[ReplyEvent]:
        """End the reply. `stop` is the stop token that fired, None when it is not known."""
        self._closed = True
        if not self._ended:
            self._flush()
        self._pass_on(self._parser.close(stop, truncated))
        return self._given()

    def _given(self) -> list[ReplyEvent]:
        events, self._events = self._events, []
        return events

    def _pass_on(self, events: Sequence[ReplyEvent]) -> None:
        for event in events:
            if isinstance(event, CallStarted | CallReady):
                self._calling = isinstance(event, CallStarted)
        self._events += events

    # --- text ------------------------------------------------------------------------------------

    def _take_text(self, text: str) -> None:
        if not text:
            return
        if self._state is _State.START:
            self._take_start(self._held + text)
        elif self._state is _State.THINKING:
            self._take_thought(self._held + text)
        elif self._state is _State.AFTER:
            self._take_after(text)
        else:
            self._reply(text)

    def _take_start(self, text: str) -> None:
        found = text.lstrip()
        self._held = ""
        if self._spelled and found.startswith(BEGIN):
            self._begin()
            self._take_text(found.removeprefix(BEGIN))
        elif not found or (self._spelled and BEGIN.startswith(found)):
            self._held = text
        elif self._inside:
            self._begin()
            self._take_text(text)
        else:
            self._state = _State.REPLY
            self._reply(text)

    def _take_thought(self, text: str) -> None:
        self._held = ""
        if not self._spelled:
            self._think(text)
            return
        thought, tag, rest = text.partition(END)
        if tag:
            self._think(thought)
            self._finish()
            self._take_text(rest)
            return
        end = len(text) - _begun(text, END)
        self._held = text[end:]
        self._think(text[:end])

    def _take_after(self, text: str) -> None:
        """The white space after the tag belongs to the format; strict mode makes it a line's end.

        In GLM-4's form the line of metadata was empty before the thinking began, so what follows
        would have to be an answer. Models call all the same. Texts around a later thought are kept
        apart.
        """
        if rest := text.lstrip():
            self._state = _State.REPLY
            if self._strict or self._begun:
                self._reply("\n")
            self._reply(rest)

    def _reply(self, text: str) -> None:
        self._begun = True
        self._pass_on(self._parser.feed(text))

    # --- thoughts --------------------------------------------------------------------------------

    def _begin(self) -> None:
        """A thought begins; one that is not the first begins on a line of its own."""
        self._state = _State.THINKING
        self._inside = False
        if self._thoughts:
            self._think("\n")

    def _think(self, text: str) -> None:
        if text:
            self._thoughts.append(text)
            self._events.append(ThinkingDelta(text))

    def _finish(self) -> None:
        self._state = _State.AFTER
        self._spelled = False

    def _flush(self) -> None:
        """Give out what was held back, because something else than text follows it."""
        held, self._held = self._held, ""
        if self._state is _State.THINKING or (self._state is _State.START and self._inside):
            self._think(held)
        elif held:
            self._reply(held)

    # --- control tokens --------------------------------------------------------------------------

    def _take_control(self, piece: Control) -> None:
        token = piece.token
        if token == BEGIN and not self._calling and self._state is not _State.THINKING:
            if self._state is not _State.START:
                self._flush()
            self._held = ""
            self._begin()
        elif token == END and self._state in (_State.START, _State.THINKING):
            if self._state is _State.THINKING:
                self._flush()
            self._held = ""
            self._finish()
        elif self._thinks and not self._ends_thinking(token):
            self._control_in_thought(piece)
        elif not (token in (BEGIN, END) and not self._calling):
            self._flush()
            self._state = _State.REPLY
            self._pass_on(self._parser.feed(piece))
            self._ended = self._parser.stop is not None

    @property
    def _thinks(self) -> bool:
        return self._state is _State.THINKING or (self._state is _State.START and self._inside)

    def _ends_thinking(self, token: str) -> bool:
        return token == SEGMENT or (token == OPEN and not self._strict)

    def _control_in_thought(self, piece: Control) -> None:
        if piece.token in TAGS:
            if self._state is _State.START:
                self._begin()
            self._flush()
            self._think(piece.token)
        elif piece.token != BEGIN:
            self._flush()
            self._pass_on(self._parser.feed(piece))
            self._ended = self._parser.stop is not None


def _begun(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the begin of `tag`."""
    for length in range(min(len(text), len(tag) - 1), 0, -1):
        if tag.startswith(text[-length:]):
            return length
    return 0
