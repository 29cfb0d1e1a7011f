r"""The grammar of a reply for servers: xgrammar's "structural tag", which vLLM and SGLang take.

In a request to `/completions` it is `"response_format": {"type": "structural_tag", "format": …}`,
a field that both servers have (vLLM's `CompletionRequest` of 0.11 and later, SGLang's of 0.5 and
later; the format is that of xgrammar's documentation).

It says the same as `reply.py`, but for the control tokens: a server lets a reply end with any of
its stop tokens where the format is complete, and a call is the last thing in a reply.

Does not do: sending it (`models.servers`), other servers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...messages import ToolSpec
from .held_tools import ACTION, held
from .json_rules import closed
from .reply import AUTO, NONE, callable_tools
from .schema_check import check_tools

FAMILIES = frozenset({"glm-4", "glm-4-0414"})
"""The families whose format can be sent to a server."""


def structural_tag(
    family: str, tools: Sequence[ToolSpec], choice: str = AUTO
) -> dict[str, Any] | None:
    """The format of a reply, None for a family that has no grammar.

    Raises:
        UnsupportedSchemaError: A tool's schema cannot be held.
        ConfigurationError: There is no tool of the name that `choice` asks for.
    """
    offered = callable_tools(tools, choice)
    if family not in FAMILIES:
        return None
    check_tools(offered)
    replies = [_sequence("\n", {"type": "any_text"})] if choice in (AUTO, NONE) else []
    if family != "glm-4":
        offered = [held(tool) for tool in offered]
    replies += [_sequence(f"{tool.name}\n", _payload(tool)) for tool in offered]
    chosen = replies[0] if len(replies) == 1 else {"type": "or", "elements": replies}
    return {"type": "structural_tag", "format": chosen}


def _sequence(begin: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"type": "sequence", "elements": [{"type": "const_string", "value": begin}, content]}


def _payload(tool: ToolSpec) -> dict[str, Any]:
    if tool.kind == "function":
        return {"type": "json_schema", "json_schema": {"type": "object", **closed(tool.parameters)}}
    if tool.kind == "simple_browser":
        return {"type": "regex", "pattern": rf"(?:{ACTION})(?:\n(?:{ACTION}))*\n?"}
    return {"type": "any_text"}
