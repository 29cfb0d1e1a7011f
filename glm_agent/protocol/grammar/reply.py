r"""The grammar of a reply: what a model may write, from the tools that it is offered.

    auto      an answer, calls, or a text and then calls
    none      an answer
    required  calls
    a name    one call of that tool

Control tokens are tokens of the grammar, never text: no text in it can become one. After a complete
call nothing but the stop token or another call can follow.

The grammar is in llguidance's dialect of Lark; that engine was chosen over xgrammar by measurement
(`benchmarks/grammar.py`, whose numbers are in docs/constrained-decoding.md).

Does not do: computing token masks (`models.engine`), the formats themselves: `name_line.py`
has those with a name on a line of its own, `tags.py` those with calls in tags.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ...errors import ConfigurationError
from ...messages import Piece, ToolSpec
from . import name_line, tags
from .schema_check import check_tools

AUTO, NONE, REQUIRED = "auto", "none", "required"
CHOICES = (AUTO, NONE, REQUIRED)
"""The tool choices that are no tool's name."""

FAMILIES = name_line.FAMILIES | set(tags.LINES)
"""The families whose replies have a grammar: all that are supported."""


def check_choice(choice: str, tools: Sequence[str]) -> None:
    """Raise `ConfigurationError` unless `choice` can be followed with tools of these names."""
    if choice in (AUTO, NONE) or choice in tools or (choice == REQUIRED and tools):
        return
    if not tools:
        raise ConfigurationError(f"tool_choice {choice!r} needs tools, and there are none")
    near = difflib.get_close_matches(choice, [*tools, *CHOICES], 1)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigurationError(
        f"tool_choice {choice!r} is neither {', '.join(CHOICES)} nor a tool's name "
        f"({', '.join(tools)}){guess}"
    )


def callable_tools(tools: Sequence[ToolSpec], choice: str) -> list[ToolSpec]:
    """Those that `choice` lets the model call. Raises `ConfigurationError` as `check_choice`."""
    check_choice(choice, [tool.name for tool in tools])
    if choice == NONE:
        return []
    return [tool for tool in tools if choice in CHOICES or tool.name == choice]


def grammar_of(
    family: str, tools: Sequence[ToolSpec], choice: str = AUTO, opening: Sequence[Piece] = ()
) -> str | None:
    """The grammar of a reply in a family's format, None for a family that has none.

    `opening` is how the prompt began the reply (`Prompt.opening`), such as `<think>`.

    Raises:
        UnsupportedSchemaError: A tool's schema cannot be held.
        ConfigurationError: There is no tool of the name that `choice` asks for.
    """
    offered = callable_tools(tools, choice)
    if family not in FAMILIES:
        return None
    check_tools(offered)
    in_tags = family in tags.LINES
    make = tags.xml_grammar if in_tags else name_line.glm4_grammar
    several = choice in CHOICES
    return make(family, offered, opening, answer=choice in (AUTO, NONE), several=several)
