r"""The grammar of a reply in the formats that have a call's name on a line of its own.

    reply     answer | answer "<|assistant|>" calls | calls       `auto`; else one of them
    answer    "\n" text, then "<|user|>" or the end-of-text token
    calls     call ("<|assistant|>" call)*, then "<|observation|>"
    call      name "\n" arguments      JSON that satisfies the tool's schema
            | "python\n" code          any text that is not blank
            | "simple_browser\n" action ("\n" action)*

is GLM-4's. GLM-4-0414 and GLM-Z1 have functions only, so `python` and its like are held as such.
GLM-Z1 thinks first, in text, since its vocabulary has no tokens for the tags:

    reply     text "</think>" (answer | answer "<|assistant|>" calls | blank* calls)

Its prompt began the line of an answer, so calls belong after `<|assistant|>`, and are written there
where they are required. Models also call right after the tag; in `auto` they may. Z1-Rumination
opens its thinking itself, or leaves it out, and ends the line of a name with a blank.

In `auto` the first token that is a newline, or the begin of a tool's name, decides between an
answer and a call: the choice stays the model's own.

Does not do: JSON (`json_rules.py`), calls in tags (`tags.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from ...messages import Piece, ToolSpec
from .held_tools import ACTION, held
from .json_rules import TERMINALS, JsonRules
from .raw_text import spelled
from .schema_check import unsupported

FAMILIES = frozenset({"glm-4", "glm-4-0414", "glm-z1", "glm-z1-rumination"})

_TERMINALS = rf"""
TEXT: /(?s:.*)/
CODE: /(?s:.*\S.*)/
ACTION: /{ACTION}/
actions: ACTION ("\n" ACTION)* "\n"?
NEWLINE: /\n/
AFTER_NAME: / ?\n/
BLANKS: /\s{{0,2}}/
THOUGHT: (TEXT & ~/(?s:.*)<\/think>(?s:.*)/) "</think>"
THINKING: /\s{{0,2}}<think>/ THOUGHT
THOUGHTLESS: /\n(?s:.*)/ & ~/\s*<think>(?s:.*)/
"""


def glm4_grammar(
    family: str, tools: Sequence[ToolSpec], opening: Sequence[Piece], *, answer: bool, several: bool
) -> str:
    """The grammar of a reply with calls of `tools`, after a prompt that ends with `opening`.

    `answer` says whether the reply may be an answer, or begin with one; `several`, whether there
    may be more calls than one.

    Raises:
        UnsupportedSchemaError: A tool's schema cannot be held.
    """
    reply = _Reply(family, tools, answer=answer or not tools, several=several)
    if not family.startswith("glm-z1"):
        start = reply.segment('"\\n" TEXT')
    elif "".join(map(str, opening)).rstrip().endswith("<think>"):
        start = f"THOUGHT ({reply.after_thought()})"
    else:
        start = f"{reply.segment('THOUGHTLESS')} | THINKING ({reply.after_thought()})"
    return "\n".join([f"start: {start}", *reply.rules(), _TERMINALS, TERMINALS])


class _Reply:
    """The rules of one family's replies."""

    def __init__(
        self, family: str, tools: Sequence[ToolSpec], *, answer: bool, several: bool
    ) -> None:
        self._tools = tools if family == "glm-4" else [held(tool) for tool in tools]
        self._answer = answer
        self._several = several
        self._line = "AFTER_NAME" if family == "glm-z1-rumination" else "NEWLINE"
        self._direct = False
        self._json = JsonRules()

    def segment(self, text: str) -> str:
        """A reply from its begin, whose answers are `text`."""
        return " | ".join([*self._answers(text), *(["calls"] if self._tools else [])])

    def after_thought(self) -> str:
        """A reply after its thinking."""
        if not self._answer:
            return "BLANKS <|assistant|> calls"
        if not self._tools:
            return " | ".join(self._answers("TEXT"))
        self._direct = True
        return " | ".join([*self._answers("ANSWER"), "direct_calls"])

    def _answers(self, text: str) -> list[str]:
        if not self._answer:
            return []
        # An answer alone leaves the end-of-text token.
        after_it = [f"{text} <|assistant|> calls"] if self._tools else []
        return [text, f"{text} <|user|>", *after_it]

    def rules(self) -> list[str]:
        """All rules but the first."""
        if not self._tools:
            return []
        indices = range(len(self._tools))
        payloads = [f"payload{i}: {self._payload(tool)}" for i, tool in enumerate(self._tools)]
        calls = [
            f"call{i}: {spelled(tool.name)} {self._line} payload{i}"
            for i, tool in enumerate(self._tools)
        ]
        one = f"({' | '.join(f'call{i}' for i in indices)})"
        more = f" (<|assistant|> {one})*" if self._several else ""
        found = [f"calls: {one}{more} <|observation|>", *calls, *payloads]
        if self._direct:
            names = " | ".join(spelled(tool.name) for tool in self._tools)
            found += [
                f"NAME: {names}",
                r"ANSWER: TEXT & ~(/\s*/ NAME /[ \t\r]*(?:\n(?s:.*))?/)",
                *(
                    f"HEAD{i}: /\\s*/ {spelled(tool.name)} {self._line}"
                    for i, tool in enumerate(self._tools)
                ),
                f"direct: {' | '.join(f'HEAD{i} payload{i}' for i in indices)}",
                f"direct_calls: direct{more} <|observation|>",
            ]
        return [*found, *self._json.rules]

    def _payload(self, tool: ToolSpec) -> str:
        if tool.kind == "function":
            try:
                return f"SPACE? {self._json.object_of(tool.parameters)} SPACE?"
            except ValueError as error:
                raise unsupported(tool, str(error)) from error
        return "actions" if tool.kind == "simple_browser" else "CODE"
