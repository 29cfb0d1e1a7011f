"""The inside of a call in the XML form of GLM-4.5 and later: keys, values and their tags.

    (<arg_key>key</arg_key> <arg_value>value</arg_value>)*

`CallReader` takes what follows the name, piece by piece, and feeds an `XmlCall` with it.

Does not do: names, and what is outside of calls (`xml_stream.py`), values (`xml_call.py`).
"""

from __future__ import annotations

from enum import Enum, auto

from ...messages import ToolCall
from .xml_call import XmlCall
from .xml_gaps import Gap

OPEN, CLOSE = "<tool_call>", "</tool_call>"
KEY, KEY_END = "<arg_key>", "</arg_key>"
VALUE, VALUE_END = "<arg_value>", "</arg_value>"
TAGS = (OPEN, CLOSE, KEY, KEY_END, VALUE, VALUE_END)


class _State(Enum):
    GAP = auto()  # outside of all tags
    STRAY = auto()  # in text that has no place there
    KEY = auto()
    KEY_READ = auto()  # between </arg_key> and <arg_value>
    VALUE = auto()
    BODY = auto()  # in a payload without tags


class CallReader:
    """Reads one call after its name. `gap` is what strict mode wants between two tags."""

    def __init__(self, call: XmlCall, gap: str, strict: bool) -> None:
        self.call = call
        self._wanted = gap
        self._strict = strict
        self._held: list[str] = []  # a key, or stray text
        self._nested = 0  # calls opened within a value
        self._enter_gap(_State.GAP)

    def text(self, text: str) -> None:
        """The next text, whatever it spells."""
        if self._state is _State.VALUE:
            self.call.text(text)
        elif self._state is _State.BODY:
            self.call.body(text)
        elif self._state in (_State.KEY, _State.STRAY):
            self._held.append(text)
        elif rest := self._gap.feed(text):
            self._end_gap(rest)

    def body(self, text: str) -> None:
        """A payload without tags begins with `text`."""
        self._state = _State.BODY
        self.call.body(text)

    def fused_key(self, key: str) -> None:
        """The tag before the first key was missing, and the key is read."""
        self.call.mend("fused-name")
        self._held = [key]
        self._enter_gap(_State.KEY_READ)

    def tag(self, token: str) -> bool:
        """The next tag. True: it ends the call, and `close` is to be told of it."""
        if self._state is _State.VALUE:
            return self._tag_in_value(token)
        if self._state is _State.BODY and not (self.call.whole or token == CLOSE):
            self.call.body(token)
            return False
        if token in (CLOSE, OPEN):
            return True
        if self._state is _State.KEY:
            self._tag_in_key(token)
        elif self._state is _State.KEY_READ:
            self._tag_after_key(token)
        elif self._state is _State.STRAY and token == KEY_END:
            self.call.mend("missing-tag")
            self._enter_gap(_State.KEY_READ)
        elif self._state is _State.BODY or token in (KEY_END, VALUE_END):
            self.call.mend("stray-tag")
        else:
            self._begin_argument(token)
        return False

    def close(self, token: str = "", *, cut: bool = False, ended: bool = True) -> ToolCall:
        """The call is over: by `token`, or because the reply ended, or was `cut` by the limit.

        `ended` says that the model ended it: by the token, or by the stop token of the reply.
        """
        if token != CLOSE and not cut:
            self.call.mend("unclosed-call")
        if self._state is _State.VALUE:
            if not cut:
                self.call.mend("missing-tag")
            self.call.end_value(cut=cut)
        elif cut:
            pass
        elif self._state is _State.GAP:
            self._end_at_tag()
        elif self._state is _State.STRAY:
            self._fail_at_text()
        elif self._state in (_State.KEY, _State.KEY_READ):
            self._fail_without_value()
        return self.call.close(cut=cut, ended=ended)

    def _enter_gap(self, state: _State) -> None:
        self._state = state
        self._gap = Gap(self._strict)

    def _end_gap(self, rest: str) -> None:
        """Text came where only tags belong."""
        call = self.call
        if self._state is _State.KEY_READ:
            self._end_at_tag()
            call.mend("missing-tag")
            self._begin_value()
            call.text(rest)
        elif not self._strict and not call.arguments and (call.raw or rest.startswith("{")):
            self.body(self._gap.lines + rest if call.raw else rest)
        else:
            self._state = _State.STRAY
            self._held = [rest]

    def _end_at_tag(self) -> None:
        """A gap has ended as it should; see what it was."""
        if self._strict and self._gap.text != self._wanted:
            self.call.fail(f"between its tags stands {self._gap.text!r}, not {self._wanted!r}")
        elif self._gap.spelled:
            self.call.mend("spelled-newline")

    def _begin_argument(self, token: str) -> None:
        if self._state is _State.STRAY:
            self._fail_at_text()
        else:
            self._end_at_tag()
        if token == KEY:
            self._state = _State.KEY
        else:
            self._begin_value()

    def _begin_value(self) -> None:
        self.call.begin_value(self._take_out())
        self._state = _State.VALUE
        self._nested = 0

    def _tag_in_key(self, token: str) -> None:
        if token == KEY_END:
            self._enter_gap(_State.KEY_READ)
        elif token == VALUE:
            self.call.mend("missing-tag")
            self._begin_value()
        else:
            self._held.append(token)

    def _tag_after_key(self, token: str) -> None:
        if token == VALUE:
            self._end_at_tag()
            self._begin_value()
        elif token == KEY:
            self._fail_without_value()
            self._state = _State.KEY
        else:
            self.call.mend("stray-tag")

    def _tag_in_value(self, token: str) -> bool:
        if token == CLOSE and not self._nested:
            return True
        if token == VALUE_END and not self._nested:
            self.call.end_value()
            self._enter_gap(_State.GAP)
            return False
        self._nested += {OPEN: 1, CLOSE: -1}.get(token, 0)
        self.call.text(token)
        return False

    def _fail_at_text(self) -> None:
        self.call.fail(f"there is text between its tags: {self._take_out().strip()[:80]!r}")

    def _fail_without_value(self) -> None:
        self.call.fail(f"the argument {self._take_out().strip()[:80]!r} has no value")

    def _take_out(self) -> str:
        held, self._held = "".join(self._held), []
        return held
