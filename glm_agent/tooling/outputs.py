"""Turns whatever a tool returned into observations, of a bounded size.

Does not do: deciding the outcome (`dispatch.py`).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from io import BytesIO
from typing import Any, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..messages import Image, Outcome
from .base import ToolOutput

# The first bytes of each format, from the PNG specification, JPEG (ITU T.81), GIF89a and the
# WebP container specification (whose "WEBP" stands at byte 8).
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def outputs_of(value: Any) -> list[ToolOutput]:
    """What a tool returned, as one output or several; never none.

    Text stays as it is, None is an empty text. Pictures (our `Image`, PNG, JPEG, GIF or WebP
    bytes, objects that can draw themselves such as PIL images and matplotlib figures) become
    images. Models, dataclasses, dictionaries and lists become JSON, anything else `str(value)`.
    """
    if isinstance(value, ToolOutput):
        return [value]
    if isinstance(value, str):
        return [ToolOutput(value)]
    if isinstance(value, list | tuple) and value:
        items = cast("Sequence[Any]", value)
        if all(isinstance(item, ToolOutput) for item in items):
            return list(items)
        if any(isinstance(item, ToolOutput) or _image(item) for item in items):
            return [_joined([output for item in items for output in outputs_of(item)])]
    image = _image(value)
    return [ToolOutput(images=(image,)) if image else ToolOutput(_text(value))]


def cut(text: str, limit: int) -> str:
    """The text within `limit` characters: its head and tail, and between them what was left out."""
    if len(text) <= limit:
        return text
    room = limit - len(_gap(len(text)))
    if room < 2:
        return text[: max(limit, 0)]
    head, tail = room - room // 2, room // 2
    return f"{text[:head]}{_gap(len(text) - head - tail)}{text[-tail:]}"


def _gap(count: int) -> str:
    return f"\n… [{count} characters left out] …\n"


def well_formed(text: str) -> str:
    """The text with halves of surrogate pairs replaced, which no tokenizer or file could take."""
    try:
        text.encode()
    except UnicodeEncodeError:
        # A whole pair, as JSON escapes write it, is one character; half a pair is none.
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _joined(outputs: list[ToolOutput]) -> ToolOutput:
    failed: list[Outcome] = [output.outcome for output in outputs if output.outcome != "ok"]
    return ToolOutput(
        "\n".join(output.text for output in outputs if output.text),
        tuple(image for output in outputs for image in output.images),
        next((output.metadata for output in outputs if output.metadata), ""),
        failed[0] if failed else "ok",
    )


def _image(value: Any) -> Image | None:
    if isinstance(value, Image):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return Image(data, "image/webp")
        return next((Image(data, kind) for magic, kind in _MAGIC if data.startswith(magic)), None)
    if isinstance(value, type | str | int | float | dict | list | tuple | None):
        return None
    # Jupyter's display protocol (PIL images have it), then matplotlib figures.
    draw = getattr(value, "_repr_png_", None)
    if callable(draw):
        data = draw()
        return Image(data) if isinstance(data, bytes) else None
    if callable(getattr(value, "savefig", None)):
        buffer = BytesIO()
        value.savefig(buffer, format="png")
        return Image(buffer.getvalue())
    return None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(bytes(value))} bytes of binary data>"
    structured = dataclasses.is_dataclass(value) and not isinstance(value, type)
    if structured or isinstance(value, BaseModel | dict | list | tuple | set | frozenset):
        return to_json(value)
    return str(value)


def to_json(value: Any) -> str:
    """JSON on one line, Chinese left readable; `str(value)` for what is circular."""
    try:
        try:
            plain = to_jsonable_python(value, fallback=_plain, inf_nan_mode="constants")
        except (PydanticSerializationError, UnicodeDecodeError):  # bytes that are no text
            plain = to_jsonable_python(
                value, fallback=_plain, inf_nan_mode="constants", bytes_mode="base64"
            )
        return json.dumps(plain, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return str(value)


def _plain(value: Any) -> Any:
    """What JSON can hold of a foreign object: numpy and pandas know their own lists."""
    tolist = getattr(value, "tolist", None)
    return tolist() if callable(tolist) else str(value)
