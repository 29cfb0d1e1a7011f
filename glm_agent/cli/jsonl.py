"""Events as JSON lines, for programs that read `glm-agent run --json`.

One event a line, flushed at once. Control characters are escaped, so that a line is a line for
every reader and the output is safe to look at in a terminal.

Does not do: pictures of observations (their place in the text is what the model saw).
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TextIO, cast

from ..events import Answer, CallReady, Event, Observed, TextDelta, ThinkingDelta, UsageReport
from ..messages import ToolCall
from .failures import Failure

# json.dumps leaves these as they are; some readers take them for line ends, terminals obey some.
_RAW = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class JsonLines:
    """Writes events to `file`, one a line."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def show(self, event: Event) -> None:
        """Write an event, if it has a line of its own."""
        record = event_record(event)
        if record is not None:
            self._write(record)

    def fail(self, failure: Failure) -> None:
        """Write the last line of a run that failed."""
        self._write({"type": "error", "kind": failure.kind, "message": failure.message})

    def _write(self, record: Mapping[str, Any]) -> None:
        self._file.write(dumps(record) + "\n")
        self._file.flush()


def event_record(event: Event) -> dict[str, Any] | None:
    """The JSON object for an event; None for the parts of a call that is not complete yet."""
    if isinstance(event, TextDelta):
        return {"type": "text", "text": event.text}
    if isinstance(event, ThinkingDelta):
        return {"type": "thinking", "text": event.text}
    if isinstance(event, CallReady):
        return _call(event.call)
    if isinstance(event, Observed):
        seen = event.observation
        record: dict[str, Any] = {
            "type": "observation",
            "call_id": seen.call_id,
            "name": seen.name,
            "outcome": seen.outcome,
            "metadata": seen.metadata,
            "text": seen.text,
        }
        if seen.sources:
            record["sources"] = [{"title": page.title, "url": page.url} for page in seen.sources]
        return record
    if isinstance(event, Answer):
        return {
            "type": "answer",
            "text": event.text,
            "citations": [dataclasses.asdict(citation) for citation in event.citations],
        }
    if isinstance(event, UsageReport):
        usage = event.usage
        return {
            "type": "usage",
            "steps": usage.steps,
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "computed_tokens": usage.computed_tokens,
            "completion_tokens": usage.completion_tokens,
            "seconds": round(usage.seconds, 3),
        }
    return None


def dumps(value: Any) -> str:
    """JSON on one line, as UTF-8 text; numbers that JSON lacks (NaN, Infinity) become strings."""
    try:
        text = _ENCODER.encode(value)
    except ValueError:
        text = _ENCODER.encode(_finite(value))
    return _RAW.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _call(call: ToolCall) -> dict[str, Any]:
    record: dict[str, Any] = {"type": "call", "id": call.id, "name": call.name}
    if call.arguments is None:
        record["content"] = call.payload
    else:
        record["arguments"] = dict(call.arguments)
    return record


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: _finite(item) for key, item in items}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in cast("Sequence[Any]", value)]
    return value
