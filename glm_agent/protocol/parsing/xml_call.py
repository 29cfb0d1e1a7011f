"""One call in the XML form of GLM-4.5 and later, while it is being written.

Keys and values go in as they come; the events of the call come out. A call's payload is the JSON
object of its arguments, built as the values arrive, so that a consumer sees the same as with GLM-4:
a string flows character by character, any other value comes when it is complete, because only then
its type is known. The payload of a raw-text tool is the text itself.

Does not do: finding calls and tags in a reply (`xml_stream.py`), typing values (`xml_values.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from ...events import CallDelta, CallReady, CallStarted, ReplyEvent
from ...messages import ToolCall, ToolSpec
from ..arguments.ladder import CUT, read_arguments
from ..arguments.repairs import REPAIRS
from ..rendering.raw_tools import raw_payload
from .stream import PayloadTail
from .xml_values import STRING, allowed, read_value

Emit = Callable[[ReplyEvent], None]


class XmlCall:
    """A call that has begun; making one says `CallStarted`.

    `mend` and `fail` note what was wrong with the writing: what was mended, and what could not be.
    In strict mode nothing is mended, so the one is the other.
    """

    def __init__(
        self, call_id: str, name: str, tool: ToolSpec | None, *, strict: bool, emit: Emit
    ) -> None:
        self.name = name
        self.raw = tool is not None and tool.kind != "function"
        self.arguments = 0
        self._id = call_id
        self._tool = tool
        self._strict = strict
        self._emit = emit
        self._payload: list[str] = []
        self._repairs: list[str] = []
        self._errors: dict[str, None] = {}
        self._object: dict[str, object] = {}
        self._key = ""
        self._types = STRING
        self._value: list[str] = []
        self._body: JsonBody | None = None
        emit(CallStarted(call_id, name))

    def mend(self, repair: str) -> None:
        """Note that something was mended, in the words of `repairs.py`."""
        if self._strict:
            self.fail(f"it is not in the model's own form: {REPAIRS[repair]}")
        elif repair not in self._repairs:
            self._repairs.append(repair)

    def fail(self, why: str) -> None:
        """Note why the call cannot be read. All reasons are told, each once."""
        if why not in self._errors:
            self._errors[why] = None

    def begin_value(self, key: str) -> None:
        """A value begins; `key` is the name of its argument, with blanks around it."""
        self._key = key.strip()
        self._value = []
        if not self._key:
            self.fail("a value has no name; write <arg_key>name</arg_key> before each <arg_value>")
        elif self._key in self._object:
            self.fail(f"the argument {self._key!r} is there twice")
        if self.raw:
            self._types = STRING
            if self.arguments:
                self.fail(f"{self.name} takes one text, and {self._key!r} is a second one")
        else:
            self._types = allowed(self._tool.parameters if self._tool else None, self._key)
            self._give(f"{', ' if self.arguments else '{'}{_json(self._key)}: ")
            if self._types == STRING:
                self._give('"')
        self.arguments += 1

    def text(self, text: str) -> None:
        """The next part of the value."""
        self._value.append(text)
        if self._types != STRING:
            return
        if not self.raw:
            self._give(_json(text)[1:-1])
        elif self.arguments == 1:
            self._give(text)

    def end_value(self, *, cut: bool = False) -> None:
        """The value is complete, or was cut, and so is worth nothing."""
        text = "".join(self._value)
        self._value = []
        if cut:
            return
        if self._types == STRING:
            self._object[self._key] = text
            if not self.raw:
                self._give('"')
            return
        read = read_value(text, self._types, strict=self._strict)
        for repair in read.repairs:
            self.mend(repair)
        if read.error:
            self.fail(f"the value of {self._key!r} is {read.error}")
        self._object[self._key] = read.value
        # What cannot be read is shown as it was written.
        self._give(_json(text if read.error else read.value))

    @property
    def whole(self) -> bool:
        """Whether the call is written as one JSON object, and that is complete."""
        return self._body is not None and self._body.whole

    def body(self, text: str) -> None:
        """The next part of a payload that is not written as keys and values."""
        if self._body is None:
            self._body = JsonBody()
        if given := self._body.feed(text):
            # Code in an object is only found at the end; other raw text flows.
            if self.raw and self._body.is_object:
                self._value.append(given)
            else:
                self._give(given)

    def close(self, *, cut: bool = False, ended: bool = True) -> ToolCall:
        """The call is over; its `CallReady` is said.

        `cut` says that the token limit ended it, `ended` that the model did.
        """
        if self._body is not None:
            self._close_body(self._body, cut, ended)
        elif cut:
            self.fail(CUT)
        elif not self.raw:
            self._give("}" if self.arguments else "{}")
        error = CUT if CUT in self._errors else "; ".join(self._errors) or None
        arguments = None if self.raw or error else self._object
        payload = "".join(self._payload)
        call = ToolCall(self._id, self.name, payload, arguments, error, tuple(self._repairs))
        self._emit(CallReady(call))
        return call

    def _close_body(self, body: JsonBody, cut: bool, ended: bool) -> None:
        if "envelope" not in self._repairs:
            self.mend("json-body" if body.is_object else "text-body")
        rest = body.close()
        if self._tool is None or not self.raw:
            self._give(rest)
            payload = "".join(self._payload)
            read = read_arguments(payload, self._strict, cut=cut, ended=ended)
            for repair in read.repairs:
                self.mend(repair)
            if read.error:
                self.fail(read.error)
            self._object = dict(read.value or {})
            return
        if cut:
            self.fail(CUT)
        written = "".join(self._value) + rest
        self._give(raw_payload(written, self._tool) if self._value else rest)

    def _give(self, text: str) -> None:
        if text:
            self._payload.append(text)
            self._emit(CallDelta(self._id, text))


class JsonBody:
    """A payload as it comes, without white space at its end; knows when an object is complete."""

    def __init__(self) -> None:
        self._tail = PayloadTail()
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._begun = False
        self.is_object = False
        self.whole = False

    def feed(self, text: str) -> str:
        """Take text; what is surely not the tail comes back."""
        if not self._begun and text.strip():
            self._begun = True
            self.is_object = text.lstrip().startswith("{")
        if self.is_object and not self.whole:
            self._follow(text)
        return self._tail.feed(text)

    def close(self) -> str:
        """What was held back and is no tail after all."""
        return self._tail.close()

    def _follow(self, text: str) -> None:
        if self._escaped and text:
            text = text[1:]
            self._escaped = False
        for found in _MARKS.finditer(text):
            mark = found[0]
            if mark[0] == "\\":
                self._escaped = len(mark) == 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string:
                self._depth += 1 if mark in "{[" else -1
                if self._depth <= 0:
                    self.whole = True
                    return


# A backslash takes the character after it along; alone, it is the last one of its text.
_MARKS = re.compile(r'\\.|\\|["{}\[\]]', re.DOTALL)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
