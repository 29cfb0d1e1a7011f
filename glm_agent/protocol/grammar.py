r"""The grammar of a reply: what a model may write, from the tools that it is offered.

    auto      answer | [answer "<|assistant|>"] calls
    none      answer
    required  calls
    a name    one call of that tool

    answer    "\n" text, then "<|user|>" or the end-of-text token
    calls     call ("<|assistant|>" call)*, then "<|observation|>"
    call      name "\n" arguments      JSON that satisfies the tool's schema
            | "python\n" code          any text that is not empty
            | "simple_browser\n" action ("\n" action)*

In `auto` the first token that is a newline, or the begin of a tool's name, decides between an
answer and a call: the choice stays the model's own. Control tokens are tokens of the grammar, never
text: no text in it can become one. After a complete call nothing but the stop token, or
`<|assistant|>` and another call, can follow.

The grammar is in llguidance's dialect of Lark; that engine was chosen over xgrammar by measurement
(`benchmarks/grammar.py`, whose numbers are in docs/constrained-decoding.md).

Does not do: computing token masks (`models.constraint`), JSON (`json_grammar.py`), the formats of
GLM-4.5 and later and of GLM-Z1: `grammar_of` gives None for a family without a grammar.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence

from ..errors import ConfigurationError
from ..messages import ToolSpec
from .json_grammar import TERMINALS, JsonRules
from .schema_check import check_tools

AUTO, NONE, REQUIRED = "auto", "none", "required"
CHOICES = (AUTO, NONE, REQUIRED)
"""The tool choices that are no tool's name."""

FAMILIES = frozenset({"glm-4", "glm-4-0414"})
"""The families whose replies have a grammar."""

_NUMBER = "(?:0|[1-9][0-9]{0,4})"
ACTION = (
    rf'search\("[^\n]+"(?:, ?recency_days ?= ?-?{_NUMBER})?\)'
    rf"|mclick\(\[ ?{_NUMBER}(?:, ?{_NUMBER}){{0,9}} ?\]\)"
    r'|open_url\("[^\n"]+"\)'
)
"""One line for `simple_browser`, as a regular expression."""


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


def grammar_of(family: str, tools: Sequence[ToolSpec], choice: str = AUTO) -> str | None:
    """The grammar of a reply in a family's format, None for a family that has none yet.

    Raises:
        UnsupportedSchemaError: A tool's schema cannot be held.
        ConfigurationError: There is no tool of the name that `choice` asks for.
    """
    check_choice(choice, [tool.name for tool in tools])
    if family not in FAMILIES:
        return None
    offered = [tool for tool in tools if choice in CHOICES or tool.name == choice]
    if choice == NONE:
        offered = []
    check_tools(offered)
    return _glm4(offered, choice)


def _glm4(tools: Sequence[ToolSpec], choice: str) -> str:
    """See the module's text. `tools` are those that may be called."""
    json_rules = JsonRules()
    calls = [f"call{index}" for index in range(len(tools))]
    rules = [
        f"{rule}: {_line(tool.name)} {_payload(tool, json_rules)}"
        for rule, tool in zip(calls, tools, strict=True)
    ]
    answer = "answer | answer <|user|>"  # an answer alone leaves the end-of-text token
    if not tools:
        start = answer
    elif choice == AUTO:
        start = f"{answer} | answer <|assistant|> calls | calls"
    else:
        start = "calls"
    one = f"({' | '.join(calls)})"
    several = f"{one} (<|assistant|> {one})*" if choice in CHOICES else one
    lines = [f"start: {start}"]
    if not tools or choice == AUTO:
        lines.append('answer: "\\n" TEXT')
    if tools:
        lines.append(f"calls: {several} <|observation|>")
    lines += [
        "TEXT: /(?s:.*)/",
        "CODE: /(?s:.+)/",
        f"ACTION: /{ACTION}/",
        'actions: ACTION ("\\n" ACTION)* "\\n"?',
        *rules,
        TERMINALS,
        *json_rules.rules,
    ]
    return "\n".join(lines)


def _line(text: str) -> str:
    """A line as a terminal."""
    return json.dumps(f"{text}\n", ensure_ascii=False)


def _payload(tool: ToolSpec, json_rules: JsonRules) -> str:
    if tool.kind == "function":
        return f"SPACE? {json_rules.object_of(tool.parameters)} SPACE?"
    return "actions" if tool.kind == "simple_browser" else "CODE"
