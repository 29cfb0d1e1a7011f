r"""The grammar of a reply of GLM-4.5 and later.

    reply     ("\n"? "<think>" text "</think>")? rest         GLM-4.5, 4.6
              text "</think>" rest                            after a prompt that began to think
              rest                                            after one that ended it
    rest      answer | text? calls "<|observation|>"          `auto`; else one of the two
    answer    text, then "<|user|>" or the end-of-text token
    calls     call (line? call)*
    call      "<tool_call>" name line arguments "</tool_call>"

`line` is a newline with GLM-4.5 and 4.6, and nothing with GLM-4.7 and 5. Where a call is required,
no text comes before it. The tags are control tokens of the vocabulary, and never text.

Does not do: arguments (`tag_arguments.py`), the formats with a name on a line of its own
(`name_line.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ...messages import Control, Piece, ToolSpec
from . import json_rules, tag_arguments
from .held_tools import held
from .raw_text import spelled
from .tag_arguments import XmlArguments

LINES = {"glm-4.5": "\n", "glm-4.7": "", "glm-5": ""}
"""What stands between two tags, in each family."""


def xml_grammar(
    family: str, tools: Sequence[ToolSpec], opening: Sequence[Piece], *, answer: bool, several: bool
) -> str:
    """The grammar of a reply with calls of `tools`, after a prompt that ends with `opening`.

    `answer` says whether the reply may be an answer, and have text before calls; `several`, whether
    there may be more calls than one.

    Raises:
        UnsupportedSchemaError: A tool's schema cannot be held in this format.
    """
    line = LINES[family]
    newline = f" {spelled(line)}" if line else ""
    gap = f"{newline.strip()}?" if line else ""
    arguments = XmlArguments(line)
    calls = [
        f"call{index}: {spelled(tool.name + line)} {arguments.of(held(tool))}"
        for index, tool in enumerate(tools)
    ]
    rests: list[str] = []
    if answer or not tools:
        rests += ["TEXT", "TEXT <|user|>"]  # a text alone leaves the end-of-text token
    if tools:
        rests.append(f"{'TEXT' if answer else gap} calls <|observation|>")
    lines = [f"start: {_thinking(opening)} rest", f"rest: {' | '.join(rests)}"]
    if tools:
        lines.append(f"calls: call ({gap} call)*" if several else "calls: call")
        one = " | ".join(f"call{index}" for index in range(len(tools)))
        lines.append(f"call: <tool_call> ({one}) </tool_call>")
    return "\n".join(
        [
            *lines,
            *calls,
            "TEXT: /(?s:.*)/",
            json_rules.TERMINALS,
            tag_arguments.TERMINALS,
            *arguments.rules.rules,
        ]
    )


def _thinking(opening: Sequence[Piece]) -> str:
    """What comes first, by how the prompt began the reply."""
    last = next((piece.token for piece in reversed(opening) if isinstance(piece, Control)), None)
    if last == "<think>":
        return "TEXT </think>"
    return "" if last == "</think>" else '("\\n"? <think> TEXT </think>)?'
