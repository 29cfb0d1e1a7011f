"""Replies in GLM-4's wire format, for scripts."""

from __future__ import annotations

import json
from typing import Any


def says(text: str) -> str:
    """A reply that answers."""
    return f"\n{text}"


def calls(*named: tuple[str, dict[str, Any] | str]) -> str:
    """A reply that makes calls: arguments of a function, or raw text."""
    return "<|assistant|>".join(
        f"{name}\n{payload if isinstance(payload, str) else json.dumps(payload)}"
        for name, payload in named
    )
