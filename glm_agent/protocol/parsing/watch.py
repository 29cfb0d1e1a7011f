r"""Finding calls in the middle of text, while it streams.

Models put calls where the format has none: after prose, after a newline, in an envelope. Text is
therefore watched for these beginnings, N being a declared name:

- N, then `{` or a fence, on the same line or the next ones, where N starts a line or a sentence
- the line N, for a tool that takes raw text
- `{"name": "N"`, bare, in an array, or in a fence, at the start of a line

From such a beginning on the text is held until the segment ends, because only the stop token and
what follows can tell (`late.py`). What is inside a code fence is never one.

Only what may still become a beginning is held back before: a name's start, white space. Cost is
linear: no more than `_CONTEXT` characters are looked at again.

Does not do: deciding whether it is a call.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Container, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ...messages import ToolSpec

GAP = 64  # how much white space may stand between a name and what follows
LONGEST_NAME = 256
LANGUAGES = ("", "json", "python", "py")  # of a fence around arguments
_CONTEXT = 640

_SPACE = " \t\r\n"
_BLANK = " \t\r"
_TRIGGER = re.compile(r"[{\[`\n]")
_SENTENCE_ENDS = "。！？!?；;…"
_COLONS = ":："
_GLUE = "_-/\\$@:#."  # between these and a name there is no boundary
# Where `boundary` may hold; it has the last word.
_MAY_START = r"(?<![\w\-/\\$@:#.])|(?<=\.)|(?<=[^\x00-\x7f])(?=[\x00-\x7f])"
_LANGUAGE = re.compile(r"```[ \t]{0,8}(\w{0,16})[ \t]{0,8}")


class Evidence(Enum):
    """How sure a beginning is. `WEAK` is a call only if the stop token says so."""

    STRONG = auto()
    WEAK = auto()


@dataclass(frozen=True, slots=True)
class _Found:
    """A beginning, or with `sure` False what may become one with more text."""

    start: int
    evidence: Evidence = Evidence.WEAK
    sure: bool = True


class Names:
    """The declared names, in the forms in which they are looked up."""

    def __init__(self, tools: Sequence[ToolSpec]) -> None:
        short = [tool for tool in tools if 0 < len(tool.name) <= LONGEST_NAME]
        self.functions = {tool.name for tool in short if tool.kind == "function"}
        self.raw = {tool.name for tool in short if tool.kind != "function"}
        all_names = self.functions | self.raw
        self.lengths = sorted({len(name) for name in self.functions}, reverse=True)
        self._sorted = sorted(all_names)
        self.letters = "".join({letter for name in all_names for letter in name})
        first = "".join(re.escape(letter) for letter in sorted({name[0] for name in all_names}))
        self.may_start = re.compile(f"(?:{_MAY_START})(?=[{first}])") if first else None

    def is_name(self, text: str) -> bool:
        """Whether it is a declared name."""
        return text in self.functions or text in self.raw

    def any_starts_with(self, text: str) -> bool:
        """Whether `text` is the start of a name, or one."""
        place = bisect_left(self._sorted, text)
        return place < len(self._sorted) and self._sorted[place].startswith(text)

    def function_before(self, text: str, end: int) -> int | None:
        """Where the longest function's name starts that stands alone and ends at `end`."""
        for length in self.lengths:
            start = end - length
            if start >= 0 and text[start:end] in self.functions and boundary(text, start):
                return start
        return None

    def function_at(self, text: str, start: int) -> int | None:
        """Where the longest function's name ends that starts at `start` and has an end there."""
        for length in self.lengths:
            end = start + length
            if text[start:end] in self.functions and text[end : end + 1] in ("", *_SPACE, "{"):
                return end
        return None


def boundary(text: str, start: int) -> bool:
    """Whether a name may start here: what stands before is no part of it."""
    before = text[start - 1 : start] if start else ""
    if before == ".":
        # The end of a sentence, or half of a dotted name. A sentence has blanks.
        line = text[max(0, start - 2 * GAP) : start].rpartition("\n")[2].strip(_BLANK)
        return " " in line or "\t" in line
    if before in _GLUE and before:
        return False
    if before.isalnum():
        # Chinese prose has no blanks, so a Latin name ends it; a Chinese name would continue it.
        return text[start].isascii() and not before.isascii()
    return True


class Watch:
    """Watches one segment's text.

    `feed` gives out what is surely text. When a beginning is found, `held` is the text from there
    on, `evidence` says how sure it is, and no more is to be fed.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._buffer = ""
        self._given = 0  # up to where the buffer was given out
        self._scanned = 0
        self._whole = True  # whether the buffer has the segment's start
        self._fences = _Fences()
        self._unread: list[str] = []  # given out, but not yet searched for fences
        self._idle = not names.letters
        self._blank = True  # whether only white space was given out
        self.held: str | None = None
        self.evidence = Evidence.WEAK

    def feed(self, text: str) -> str:
        """Take text; give out what can be no beginning of a call."""
        if self._idle:
            return text
        self._buffer += text
        given: list[str] = []
        hold: int | None = None
        while trigger := _TRIGGER.search(self._buffer, self._scanned):
            found = self._look(trigger.start())
            if found and found.sure:
                given.append(self._give(found.start))
                if not self._fences.inside("".join(self._take_unread())):
                    self.evidence = found.evidence
                    self.held = self._buffer[self._given :]
                    return "".join(given)
            elif found:
                hold = max(found.start, self._given)
                self._scanned = trigger.start()
                break
            self._scanned = trigger.end()
        else:
            self._scanned = len(self._buffer)
        given.append(self._give(self._tail() if hold is None else hold))
        self._trim()
        return "".join(given)

    def close(self) -> str:
        """What was held back, when the text ends."""
        return self._give(len(self._buffer))

    def _give(self, end: int) -> str:
        end = max(end, self._given)
        text = self._buffer[self._given : end]
        self._given = end
        if text:
            self._unread.append(text)
            self._blank = self._blank and text.isspace()
        return text

    def _take_unread(self) -> list[str]:
        unread, self._unread = self._unread, []
        return unread

    def _trim(self) -> None:
        cut = min(self._given, self._scanned) - _CONTEXT
        if cut > _CONTEXT:
            self._buffer = self._buffer[cut:]
            self._given -= cut
            self._scanned -= cut
            self._whole = False

    # --- beginnings -------------------------------------------------------------------------------

    def _look(self, at: int) -> _Found | None:
        sign = self._buffer[at]
        if sign == "\n":
            return self._raw_line(at)
        if sign == "`":
            return self._fence(at)
        named = self._named(at) if sign == "{" else None
        return named or self._envelope(at, at)

    def _named(self, at: int) -> _Found | None:
        """A function's name before `at`, white space aside."""
        text = self._buffer
        end = self._skip_back(at)
        start = self._names.function_before(text, end)
        if start is None:
            return None
        return _Found(self._skip_back(start), self._evidence(start))

    def _raw_line(self, at: int) -> _Found | None:
        text = self._buffer
        floor = max(0, at - LONGEST_NAME - GAP)
        start = text.rfind("\n", floor, at) + 1
        if not start and (floor or not self._whole):
            return None
        if text[start:at].strip(_BLANK) not in self._names.raw:
            return None
        return _Found(self._skip_back(start))

    def _fence(self, at: int) -> _Found | None:
        text = self._buffer
        if text[at - 1 : at] == "`" and at:
            return None
        named = self._named(at)
        waiting = _Found(named.start if named else self._skip_back(at), sure=False)
        if len(text) < at + 3:
            return waiting if text[at:] in ("`", "``") else None
        language = _LANGUAGE.match(text, at)
        if not language:
            return None
        inside = self._skip(language.end())
        if inside == len(text):
            return waiting if inside - at <= GAP else None
        if language[1].lower() not in LANGUAGES:
            return None
        if "\n" not in text[self._skip_back(at) : at]:
            named = None
        if named and text[inside] == "{":
            return named
        call = text[inside : inside + 10]
        if named and "tool_call(".startswith(call):
            return _Found(named.start, named.evidence, sure=call == "tool_call(")
        return self._envelope(inside, at)

    def _envelope(self, at: int, start: int) -> _Found | None:
        """`{"name": "N"` at `at`; `start` is where its fence stands, if it has one."""
        if not self._starts_line(start):
            return None
        known = match_envelope(self._buffer, at, self._names.functions)
        if known is False:
            return None
        alone = self._blank and not self._buffer[self._given : start].strip(_SPACE)
        evidence = Evidence.STRONG if alone else Evidence.WEAK
        return _Found(self._skip_back(start), evidence, sure=known is not True)

    def _evidence(self, start: int) -> Evidence:
        """How sure a call is whose name starts at `start`."""
        text = self._buffer
        before = text[max(0, start - GAP) : start].rstrip(_BLANK)
        if before.endswith("\n") or (not before and self._whole and start < GAP):
            # What a colon announces may be an example.
            said = text[max(0, start - 2 * GAP) : start].rstrip(_SPACE)
            return Evidence.WEAK if said.endswith(tuple(_COLONS)) else Evidence.STRONG
        ended = before.endswith(tuple(_SENTENCE_ENDS))
        if before.endswith("."):
            ended = text[start - 1] != "."
        return Evidence.STRONG if ended else Evidence.WEAK

    def _starts_line(self, at: int) -> bool:
        before = self._buffer[max(0, at - GAP) : at].rstrip(_BLANK)
        if before:
            return before.endswith("\n")
        return at < GAP and self._whole

    def _skip_back(self, end: int) -> int:
        text = self._buffer
        start = max(0, end - GAP)
        return start + len(text[start:end].rstrip(_SPACE))

    def _skip(self, start: int) -> int:
        end = min(len(self._buffer), start + GAP)
        return start + len(self._buffer[start:end]) - len(self._buffer[start:end].lstrip(_SPACE))

    def _tail(self) -> int:
        """From where on the end of the buffer may become a beginning."""
        text = self._buffer
        end = self._skip_back(len(text))
        floor = max(0, end - LONGEST_NAME)
        run = text[floor:end]
        start = floor + len(run.rstrip(self._names.letters))
        whole = end < len(text)  # white space follows, so the name must be whole
        if start == end or self._names.may_start is None:
            return end
        for found in self._names.may_start.finditer(text, start, end):
            place = found.start()
            part = text[place:end]
            known = self._names.is_name(part) if whole else self._names.any_starts_with(part)
            if known and boundary(text, place):
                return self._skip_back(place)
        return end


class _Fences:
    """Whether a place is inside a Markdown code fence, from all the text before it."""

    _LINE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)

    def __init__(self) -> None:
        self._open = ""
        self._line = ""  # the start of the last line, which has no end yet

    def inside(self, text: str) -> bool:
        """Take the next text; whether its end is inside a fence."""
        text = self._line + text
        last = text.rfind("\n") + 1
        for line in self._LINE.finditer(text, 0, last):
            self._open = self._after(line)
        self._line = text[last:][:80]
        line = self._LINE.match(self._line)
        return bool(self._after(line) if line else self._open)

    def _after(self, line: re.Match[str]) -> str:
        """The fence that is open after `line`, empty if there is none."""
        fence, rest = line[1], line[2]
        if not self._open:
            return "" if fence[0] == "`" and "`" in rest else fence
        closes = fence.startswith(self._open) and not rest.strip()
        return "" if closes else self._open


_ENVELOPE = re.compile(
    r"\[?[ \t\r\n]{0,64}\{[ \t\r\n]{0,64}([\"'])name\1[ \t]{0,8}:[ \t]{0,8}([\"'])"
)


def match_envelope(text: str, at: int, names: Container[str]) -> slice | bool:
    """Whether an envelope of a declared name begins at `at`, and where the name stands then.

    True means that more text must tell.
    """
    found = _ENVELOPE.match(text, at)
    if found is None:
        return _may_become_envelope(text[at : at + 2 * GAP + 32])
    start = found.end()
    end = text.find(found[2], start, start + LONGEST_NAME + 1)
    if end < 0:
        return len(text) <= start + LONGEST_NAME
    return slice(start, end) if text[start:end] in names else False


def _may_become_envelope(text: str) -> bool:
    squeezed = re.sub(r"[ \t\r\n]+", "", text).replace("'", '"')
    return len(text) < 2 * GAP + 32 and any(
        form.startswith(squeezed) for form in ('[{"name":"', '{"name":"')
    )
