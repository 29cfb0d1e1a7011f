"""Turns the messages of one execution into text and images, in bounded memory.

Everything in a message is untrusted: a field of another type, an image that is none, an endless
stream are noted or dropped, never an exception. Does not do: receiving (`conversation.py`).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from .output import HeadTail, Terminal, plain
from .results import Image, Limits
from .tracebacks import trim

SLOTS = 64  # displays that can be updated later
_IMAGES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}
_OBJECT = re.compile(r"<IPython\.core\.display\.\w+ object>")


@dataclass(slots=True)
class _Shown:
    """A display: its text (always ending a line) and images."""

    text: str = ""
    images: list[Image] = field(default_factory=list[Image])


class Collector:
    """What an execution has put out so far."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.error: bool = False
        self._blocks: list[Terminal | _Shown]
        self._by_id: dict[str, _Shown]
        self._reset()
        self._clear_next = False

    def _reset(self) -> None:
        self._blocks = [Terminal(self._limits.output)]
        self._by_id = {}
        self._image_count = self._image_bytes = self._images_left = 0

    def message(self, kind: str, content: Mapping[str, Any]) -> None:
        """Take in an iopub message of the execution."""
        if kind == "clear_output":
            if content.get("wait"):
                self._clear_next = True
            else:
                self._reset()
            return
        if self._clear_next and kind in {"stream", "display_data", "execute_result", "error"}:
            self._clear_next = False
            self._reset()
        if kind == "stream":
            self._stream(content)
        elif kind in {"display_data", "execute_result"}:
            self._display(content)
        elif kind == "update_display_data":
            shown = self._by_id.get(_display_id(content))
            if shown is not None:
                for image in shown.images:
                    self._image_count -= 1
                    self._image_bytes -= len(image.data)
                fresh = self._show(_mapping(content.get("data")))
                shown.text, shown.images = fresh.text, fresh.images
        elif kind == "error":
            self.traceback(content)

    def traceback(self, content: Mapping[str, Any]) -> None:
        """Take in an exception, from an `error` message or from the reply."""
        self.error = True
        given = content.get("traceback")
        parts = cast("Sequence[object]", given) if isinstance(given, list) else ()
        text = trim(
            _text(content.get("ename")) or "Error",
            _text(content.get("evalue")),
            [part for part in parts if isinstance(part, str)],
        )
        self.line(text)

    def too_large(self, count: int) -> None:
        """Note messages that were too large to be received."""
        self._images_left += count
        self.line(f"[{count} output{'s' if count > 1 else ''} too large to be shown]")

    def line(self, text: str) -> None:
        """Add text that begins and ends a line."""
        self._blocks.append(_Shown(self._cut(text)))

    def _stream(self, content: Mapping[str, Any]) -> None:
        last = self._blocks[-1]
        if not isinstance(last, Terminal):
            last = Terminal(self._limits.output)
            self._blocks.append(last)
            self._merge()
        left_out = content.get("left_out")
        if isinstance(left_out, int) and 0 < left_out < 1 << 60:
            last.finish().skip(left_out)
        last.write(_text(content.get("text")))

    def _display(self, content: Mapping[str, Any]) -> None:
        shown = self._show(_mapping(content.get("data")))
        name = _display_id(content)
        if name:
            self._by_id[name] = shown
            if len(self._by_id) > SLOTS:
                del self._by_id[next(iter(self._by_id))]
        self._blocks.append(shown)
        self._merge()

    def _merge(self) -> None:
        """Keep the number of blocks bounded by joining old text that nothing refers to."""
        if len(self._blocks) <= 4 * SLOTS:
            return
        live = {id(shown) for shown in self._by_id.values()}
        merged: list[Terminal | _Shown] = []
        joined = HeadTail(self._limits.output)
        images: list[Image] = []
        for block in self._blocks[: -2 * SLOTS]:
            if id(block) in live:
                continue
            _write(joined, block)
            if isinstance(block, _Shown):
                images += block.images
        kept = [block for block in self._blocks[: -2 * SLOTS] if id(block) in live]
        terminal = Terminal(self._limits.output)
        joined.into(terminal.finish())
        merged = [terminal, _Shown("", images), *kept, *self._blocks[-2 * SLOTS :]]
        self._blocks = merged

    def _show(self, data: Mapping[str, Any]) -> _Shown:
        shown = _Shown()
        notes: list[str] = []
        for kind, value in data.items():
            if kind in _IMAGES:
                image = self._image(kind, _text(value))
                if image is not None:
                    shown.images.append(image)
                else:
                    self._images_left += 1
                    notes.append(f"[an image was left out: {kind}]")
            elif kind.startswith("image/"):
                notes.append(f"[{kind}, {len(_text(value)):,} characters, cannot be shown]")
        text = _text(data.get("text/plain"))
        if _OBJECT.fullmatch(text):  # says nothing; take what it stands for
            text = _text(data.get("text/markdown")) or _text(data.get("text/latex"))
            if not text and not shown.images and not notes:
                text = _text(data.get("text/html"))
        shown.text = self._cut("\n".join(filter(None, [plain(text), *notes])))
        return shown

    def _image(self, kind: str, text: str) -> Image | None:
        room = self._limits.image_bytes - self._image_bytes
        if self._image_count >= self._limits.images or len(text) > room * 1.4 + 100:
            return None
        try:
            data = base64.b64decode(text.encode("ascii"))
        except (binascii.Error, ValueError):
            return None
        if len(data) > room or not data.startswith(_IMAGES[kind]):
            return None
        self._image_count += 1
        self._image_bytes += len(data)
        return Image(data, kind)

    def _cut(self, text: str) -> str:
        kept = HeadTail(self._limits.output)
        kept.add(text)
        return kept.text()

    def finish(self) -> tuple[str, tuple[Image, ...], bool]:
        """The text, the images, and whether anything was left out."""
        whole = HeadTail(self._limits.output)
        images: list[Image] = []
        for index, block in enumerate(self._blocks):
            _write(whole, block, last=index == len(self._blocks) - 1)
            if isinstance(block, _Shown):
                images += block.images
        text = whole.text()
        return text.rstrip("\n"), tuple(images), bool(whole.dropped or self._images_left)


def _write(whole: HeadTail, block: Terminal | _Shown, last: bool = False) -> None:
    if isinstance(block, Terminal):
        block.finish(fresh_line=not last).into(whole)
    elif block.text:
        whole.add(block.text.rstrip("\n") + "\n")


def _text(value: object) -> str:
    if isinstance(value, list):  # the notebook format allows a list of lines
        value = "".join(part for part in cast("list[object]", value) if isinstance(part, str))
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode()  # JSON can hold lone surrogates


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _display_id(content: Mapping[str, Any]) -> str:
    return _text(_mapping(content.get("transient")).get("display_id"))
