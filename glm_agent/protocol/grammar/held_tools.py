"""Tools that take raw text, as the functions that a grammar holds in formats that have no others.

Does not do: how such a function is described to the model (`raw_tools.py`).
"""

from __future__ import annotations

from dataclasses import replace

from ...messages import ToolSpec
from ..rendering.raw_tools import RAW_PARAMETER, as_function

_NUMBER = "(?:0|[1-9][0-9]{0,4})"
ACTION = (
    rf'search\("[^\n]+"(?:, ?recency_days ?= ?-?{_NUMBER})?\)'
    rf"|mclick\(\[ ?{_NUMBER}(?:, ?{_NUMBER}){{0,9}} ?\]\)"
    r'|open_url\("[^\n"]+"\)'
    rf"|scroll\(-?{_NUMBER}(?:, ?id ?= ?{_NUMBER})?\)"
    rf'|find\("[^\n]+"(?:, ?id ?= ?{_NUMBER})?\)'
    r"|back\(\)"
)
"""One line for `simple_browser`, as a regular expression."""


def held(tool: ToolSpec) -> ToolSpec:
    """`tool` as a function that takes what the tool does: action lines, or text that is not empty.

    One that is a function already is given back.
    """
    if tool.kind == "function":
        return tool
    name = RAW_PARAMETER[tool.kind]
    text = {"type": "string", "minLength": 1}
    if tool.kind == "simple_browser":
        text = {"type": "string", "pattern": rf"^(?:{ACTION})(?:\n(?:{ACTION}))*\n?$"}
    schema = {"type": "object", "properties": {name: text}, "required": [name]}
    return replace(as_function(tool), parameters=schema)
