"""Events as a person reads them: calls, highlighted code, folded observations, the answer.

`LiveOutput` decides what is shown, a `Screen` how: `PlainScreen` for files and pipes, `RichScreen`
for terminals. All text of models and tools goes through `visible` first (law 6).

Does not do: JSON (`jsonl.py`), reading input (`chat.py`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, TextIO

from ..citations import Citation
from ..events import (
    Answer,
    CallReady,
    CallStarted,
    Event,
    Observed,
    TextDelta,
    ThinkingDelta,
    UsageReport,
)
from ..messages import Observation, ToolCall, Usage
from .text import Folded, VisibleStream, fold, visible

# How much of an observation is shown, in lines and in characters of a line.
_LINES = 10
_WIDTH = 400
# Calls that fit are shown in one line.
_SHORT = 88


class Screen(Protocol):
    """Where a run is shown. Texts are printable already."""

    def text(self, text: str) -> None:
        """Write a part of a line."""
        ...

    def thought(self, line: str) -> None:
        """Write a line of what the model thinks."""
        ...

    def call(self, line: str) -> None:
        """Write the line of a call."""
        ...

    def code(self, code: str, language: str) -> None:
        """Write a call's code."""
        ...

    def observation(self, lines: list[str], failed: bool) -> None:
        """Write what came back."""
        ...

    def source(self, label: str, title: str, url: str) -> None:
        """Write what a mark in the answer names; `url` is empty where it names nothing."""
        ...

    def note(self, line: str) -> None:
        """Write something by the way."""
        ...

    def busy(self, what: str | None) -> None:
        """Show what is being waited for; None when it is over."""
        ...


class LiveOutput:
    """Shows a run's events on a screen as they come."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._stream = VisibleStream()
        self._column = False  # whether the line has been begun
        self._answering = False  # whether the reply's text has been shown
        self._gap = False  # whether a blank line belongs before the next text
        self._open: list[str] = []  # ids of calls without an outcome
        self._last = ""  # the call that the last block shows
        self._thought: Folded | None = None

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, ThinkingDelta):
            self._think(event.text)
            return
        self._end_thought()
        if isinstance(event, TextDelta):
            self._text(event.text)
        elif isinstance(event, CallStarted):
            self._end_line()
            self._screen.busy(f"{visible(event.name)} …")
        elif isinstance(event, CallReady):
            self._call(event.call)
        elif isinstance(event, Observed):
            self._observed(event.observation)
        elif isinstance(event, Answer):
            if not self._answering:
                self._text(event.text)
            self._end_line()
            self._sources(event.citations)
        elif isinstance(event, UsageReport):
            self._screen.busy(None)
            self._screen.text("\n")
            self._screen.note(usage_line(event.usage))

    def __enter__(self) -> Self:
        self._gap = self._answering = False
        self._open.clear()
        self._screen.busy("thinking …")
        return self

    def __exit__(self, *failure: object) -> None:
        self._screen.busy(None)
        self._end_thought()
        self._end_line()

    def note(self, line: str) -> None:
        """Show something by the way, on a line of its own."""
        self._screen.busy(None)
        self._end_thought()
        self._end_line()
        self._screen.note(visible(line))

    def _think(self, text: str) -> None:
        """Show the first lines of the thinking; how much more there was is told at its end."""
        if self._thought is None:
            self._end_line()
            self._thought = Folded(_LINES, _WIDTH)
            self._gap = self._gap or self._answering
        if lines := self._thought.feed(self._stream.feed(text)):
            self._show_thought(lines)
            self._screen.busy("thinking …")

    def _end_thought(self) -> None:
        if self._thought is None:
            return
        if lines := [*self._thought.feed(self._stream.close()), *self._thought.close()]:
            self._show_thought(lines)
        self._gap = self._gap or self._thought.shown
        self._thought = None

    def _show_thought(self, lines: list[str]) -> None:
        self._screen.busy(None)
        if self._gap:
            self._screen.text("\n")
            self._gap = False
        for line in lines:
            self._screen.thought(line)

    def _text(self, text: str) -> None:
        self._show_text(self._stream.feed(text))

    def _show_text(self, text: str) -> None:
        if not text:
            return
        self._screen.busy(None)
        if self._gap:
            self._screen.text("\n")
            self._gap = False
        self._screen.text(text)
        self._column = not text.endswith("\n")
        self._answering = True

    def _end_line(self) -> None:
        self._show_text(self._stream.close())
        if self._column:
            self._screen.text("\n")
            self._column = False

    def _sources(self, cited: Sequence[Citation]) -> None:
        """What the marks name, each once."""
        named = {citation.mark: citation for citation in cited}
        if named:
            self._screen.text("\n")
        for mark, citation in named.items():
            title = citation.title or citation.url
            self._screen.source(
                visible(mark),
                visible(f"invalid: {citation.invalid}" if citation.invalid else title),
                visible(citation.url) if _is_link(citation.url) else "",
            )

    def _call(self, call: ToolCall) -> None:
        self._end_line()
        self._screen.busy(None)
        if self._gap or self._answering:
            self._screen.text("\n")
        self._gap = self._answering = False
        self._open.append(call.id)
        self._last = call.id
        name = visible(call.name)
        if call.arguments is None:
            self._screen.call(name)
            self._screen.code(visible(call.payload), "python")
        elif len(line := f"{name}({_inline(call.arguments)})") <= _SHORT:
            self._screen.call(line)
        else:
            self._screen.call(name)
            self._screen.code(
                visible(json.dumps(dict(call.arguments), ensure_ascii=False, indent=2)), "json"
            )
        self._screen.busy(f"{name} …")

    def _observed(self, seen: Observation) -> None:
        self._end_line()
        self._screen.busy(None)
        lines, more = fold(visible(seen.text), _LINES, _WIDTH) if seen.text else ([], 0)
        if more:
            lines.append(f"… {more:,} more line{'' if more == 1 else 's'}")
        lines += [
            f"[{visible(image.media_type)}, {len(image.data):,} bytes]" for image in seen.images
        ]
        label = [visible(seen.metadata)] if seen.metadata else []
        if seen.call_id != self._last:
            label.insert(0, visible(seen.name))
        if not any(lines):
            lines = ["(nothing)"]
        if seen.outcome != "ok":
            label.append(seen.outcome)
        if seen.outcome != "ok" and len(label) == 1:
            lines[0] = f"[{seen.outcome}] {lines[0]}"
        elif label:
            lines.insert(0, f"[{': '.join(label)}]")
        self._screen.observation(lines, seen.outcome != "ok")
        self._gap = True
        self._answering = False
        if seen.call_id in self._open:
            self._open.remove(seen.call_id)
        self._screen.busy(None if self._open else "thinking …")


class PlainScreen:
    """Plain text, flushed at once: for pipes, files, and terminals without colour."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def text(self, text: str) -> None:
        """Write a part of a line."""
        self._file.write(text)
        self._file.flush()

    def thought(self, line: str) -> None:
        """Write a line of what the model thinks."""
        self.text(f"  ~ {line}".rstrip() + "\n")

    def call(self, line: str) -> None:
        """Write the line of a call."""
        self.text(f"> {line}\n")

    def code(self, code: str, language: str) -> None:
        """Write a call's code."""
        del language
        self.text("".join(f"    {line}".rstrip() + "\n" for line in code.strip("\n").split("\n")))

    def observation(self, lines: list[str], failed: bool) -> None:
        """Write what came back."""
        del failed
        first, *rest = lines
        self.text("".join([f"  < {first}\n", *(f"    {line}".rstrip() + "\n" for line in rest)]))

    def source(self, label: str, title: str, url: str) -> None:
        """Write what a mark in the answer names."""
        self.text(" ".join(part for part in (label, title, url if url != title else "") if part))
        self.text("\n")

    def note(self, line: str) -> None:
        """Write something by the way."""
        self.text(f"{line}\n")

    def busy(self, what: str | None) -> None:
        """Nothing: there is no place for it."""
        del what


def live_output(file: TextIO) -> LiveOutput:
    """The output that suits `file`: with colours if it is a terminal that wants them."""
    if is_plain(file):
        return LiveOutput(PlainScreen(file))
    from .terminal import RichScreen

    return LiveOutput(RichScreen(file))


def is_plain(file: TextIO) -> bool:
    """Whether `file` wants text without colours: no terminal, a dumb one, or NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown"):
        return True
    return not file.isatty()


def usage_line(usage: Usage) -> str:
    """What a run cost, in one line."""
    steps = f"{usage.steps} step{'' if usage.steps == 1 else 's'}"
    tokens = f"{usage.prompt_tokens:,} prompt + {usage.completion_tokens:,} completion tokens"
    return f"{steps} · {tokens} · {usage.seconds:.1f} s"


def _is_link(url: str) -> bool:
    """Whether a URL may be offered to be clicked."""
    return url.startswith(("http://", "https://")) and url.isprintable() and " " not in url


def _inline(arguments: Mapping[str, Any]) -> str:
    write: Callable[[Any], str] = lambda value: json.dumps(value, ensure_ascii=False)  # noqa: E731
    return visible(", ".join(f"{key}={write(value)}" for key, value in arguments.items())).replace(
        "\n", " "
    )
