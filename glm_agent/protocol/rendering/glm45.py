r"""The wire formats of GLM-4.5 and later: rendering.

    prompt      = "[gMASK]<sop>" message* "<|assistant|>" opening
    reply       = "\n<think>" thinking "</think>" ("\n" text)? call*
    call        = "\n<tool_call>" name "\n" argument* "</tool_call>"
    argument    = "<arg_key>" key "</arg_key>\n<arg_value>" value "</arg_value>\n"
    observation = "<|observation|>" ("\n<tool_response>\n" text "\n</tool_response>")+

is GLM-4.5's and 4.6's. GLM-4.7 and GLM-5 leave out all newlines, and begin the reply in the prompt
with `<think>`, or with `</think>` where thinking is off. All these markers are control tokens of
their vocabularies. A string is written as it is, any other value as JSON. Thinking is shown only in
the replies to the last user message.

Sources: the chat templates of GLM-4.6, GLM-4.7-Flash and GLM-5.1.

Does not do: parsing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from ...messages import (
    Assistant,
    Control,
    Generated,
    Message,
    Observation,
    Piece,
    System,
    ToolCall,
    ToolSpec,
    User,
)
from ..prompt import Part
from ..reply import split_controls
from . import base as rendering
from .base import ASSISTANT, OBSERVATION, PREFIX, SYSTEM, USER, Place, Renderer, joined, seen
from .raw_tools import as_function, call_arguments
from .rest import Rest

THINK, END_THINK = Control("<think>"), Control("</think>")
CALL, END_CALL = Control("<tool_call>"), Control("</tool_call>")
KEY, END_KEY = Control("<arg_key>"), Control("</arg_key>")
VALUE, END_VALUE = Control("<arg_value>"), Control("</arg_value>")
RESPONSE, END_RESPONSE = Control("<tool_response>"), Control("</tool_response>")
NO_THINK = Control("/nothink")

MARKERS = tuple(
    control.token for control in (THINK, END_THINK, CALL, END_CALL, KEY, END_KEY, VALUE, END_VALUE)
)
CONTROLS = (*rendering.CONTROLS, *MARKERS, RESPONSE.token, END_RESPONSE.token)

_BEFORE_TOOLS = """\
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
"""
_AFTER_TOOLS = """\
</tools>

For each function call, output the function name and arguments within the following XML format:
"""


class Glm45Renderer(Renderer):
    """Writes transcripts for GLM-4.5 and GLM-4.6.

    `enable_thinking=False` asks for replies without thinking. `keep_thinking` keeps it in all
    replies, where the template drops it from those before the last user message. With
    `variant="jinja"` a reply's texts come before its calls, a `</think>` in its text cuts it, and
    observations lose their metadata.
    """

    name = "glm-4.5"
    line = "\n"  # what stands between markers
    rewrites = True

    def __init__(
        self,
        tools: Sequence[ToolSpec] = (),
        *,
        variant: rendering.Variant = "loop",
        enable_thinking: bool = True,
        keep_thinking: bool = False,
    ) -> None:
        super().__init__([as_function(tool) for tool in tools])
        self._declared = {tool.name: tool for tool in tools}
        self._jinja = variant == "jinja"
        self._thinks = enable_thinking
        self._keeps = keep_thinking
        self.rewrites = not keep_thinking
        self.opening = self._opening(enable_thinking)

    def _opening(self, thinks: bool) -> tuple[Piece, ...]:
        return () if thinks else ("\n", THINK, END_THINK)

    def head(self) -> Iterator[Part]:
        """The prefix, and the system message that lists the tools."""
        yield from PREFIX
        if self.tools:
            yield SYSTEM
            listed = "".join(f"{self.tool_text(tool)}\n" for tool in self.tools)
            form = split_controls(self._form(), MARKERS)
            yield from joined(["\n", _BEFORE_TOOLS, listed, _AFTER_TOOLS, *form])

    def tool_text(self, tool: ToolSpec) -> str:
        """A tool in the list, on one line."""
        wrapped = {"type": "function", "function": tool.function()}
        return json.dumps(wrapped, ensure_ascii=False)

    def _form(self) -> str:
        pairs = (
            f"<arg_key>{{arg-key-{n}}}</arg_key>{self.line}"
            f"<arg_value>{{arg-value-{n}}}</arg_value>{self.line}"
            for n in (1, 2)
        )
        name = f"<tool_call>{{function-name}}{self.line}"
        return f"{name}{''.join(pairs)}...{self.line}</tool_call>"

    def message(self, message: Message, place: Place) -> Iterator[Part]:
        """One message."""
        if isinstance(message, System):
            yield from (SYSTEM, *joined([self.line, message.content]))
        elif isinstance(message, User):
            yield from (USER, *self._user(message.content))
        elif isinstance(message, Observation):
            if not isinstance(place.before, Observation):
                yield OBSERVATION
            yield from joined(self._observation(message))
        else:
            yield ASSISTANT
            yield from joined(self._assistant(message, place))

    def _user(self, text: str) -> Iterator[Part]:
        if self._thinks:
            yield from joined([self.line, text])
        else:
            # A switch that the user typed would be text, and so no switch.
            yield from joined([self.line, text.removesuffix(NO_THINK.token)])
            yield NO_THINK

    def _observation(self, message: Observation) -> Iterator[Piece]:
        text = seen(message)
        if message.metadata and not self._jinja:
            text = f"{message.metadata}\n{text}"
        yield from (self.line, RESPONSE, f"{self.line}{text}{self.line}", END_RESPONSE)

    def _assistant(self, message: Assistant, place: Place) -> Iterator[Part]:
        shows = place.current or self._keeps
        generated = message.generated
        if generated is None or generated.format != self.name:
            yield from self._written(message, place, shows)
            return
        opening = generated.opening
        if opening is None:  # not known, but what the reply is tells
            closes = END_THINK in generated.pieces or bool(message.thinking)
            opening = self._opening(closes or self._thinks)
        inside = self._begins_inside(generated, opening)
        if not shows and (inside or THINK in generated.pieces or END_THINK in generated.pieces):
            yield from self.without_thinking()
            yield Rest(generated, inside)
        else:
            yield from (*opening, generated)

    def _begins_inside(self, generated: Generated, opening: tuple[Piece, ...]) -> bool:
        """Whether a reply begins within its thinking; here, with nothing but blanks before it."""
        text = ""
        for piece in generated.pieces:
            if isinstance(piece, Control):
                return piece == THINK and not text.strip()
            text += piece
        return False

    def _written(self, message: Assistant, place: Place, shows: bool) -> Iterator[Piece]:
        """A reply from its parts."""
        parts: Sequence[str | ToolCall] = message.parts
        thinking: str | None = message.thinking or None
        if self._jinja:
            text = message.text
            if thinking is None and END_THINK.token in text:
                thinking, text = self.cut_thinking(text)
            parts = [text, *message.calls]
        yield from self.thinking(thinking, place, shows)
        for _, group in groupby(parts, lambda part: isinstance(part, str)):
            texts: list[str] = []
            for part in group:
                if isinstance(part, str):
                    texts.append(part)
                else:
                    yield from self._call(part)
            if text := "\n".join(texts).strip():
                yield f"{self.line}{text}"

    def cut_thinking(self, text: str) -> tuple[str | None, str]:
        """The template's way of finding thinking in a text that has a `</think>`."""
        pieces = text.split(END_THINK.token)
        thinking = pieces[0].rstrip("\n").split(THINK.token)[-1].lstrip("\n")
        return thinking or None, pieces[-1].lstrip("\n")

    def thinking(self, thinking: str | None, place: Place, shows: bool) -> Iterator[Piece]:
        """The thinking that a reply starts with."""
        if shows and thinking:
            yield from (self.line, THINK, thinking.strip(), END_THINK)
        else:
            yield from self.without_thinking()

    def without_thinking(self) -> Iterator[Piece]:
        """How a reply starts from which the thinking was dropped."""
        yield from ("\n", THINK, END_THINK)

    def _call(self, call: ToolCall) -> Iterator[Piece]:
        yield from (self.line, CALL, f"{call.name}{self.line}")
        arguments = call_arguments(call, self._declared)
        if arguments is None:  # nothing but the payload tells what the model wrote
            yield ("" if self.line else "\n") + f"{call.payload}\n"
        for key, value in (arguments or {}).items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield from (KEY, str(key), END_KEY, self.line, VALUE, text, END_VALUE, self.line)
        yield END_CALL


class Glm47Renderer(Glm45Renderer):
    """Writes transcripts for GLM-4.7 and GLM-4.7-Flash.

    The options are those of `Glm45Renderer`; `keep_thinking` is the template's
    `clear_thinking=False`.
    """

    name = "glm-4.7"
    line = ""

    def _opening(self, thinks: bool) -> tuple[Piece, ...]:
        return (THINK,) if thinks else (END_THINK,)

    def _user(self, text: str) -> Iterator[Part]:
        yield from joined([text])

    def _begins_inside(self, generated: Generated, opening: tuple[Piece, ...]) -> bool:
        return opening[-1:] == (THINK,)

    def without_thinking(self) -> Iterator[Piece]:
        """How a reply starts from which the thinking was dropped."""
        yield END_THINK


class Glm5Renderer(Glm47Renderer):
    """Writes transcripts for GLM-5 and GLM-5.1.

    As GLM-4.7, but tools are listed without their wrapping, thinking is written as it is, and a
    reply to the last user message that has none says so. With `keep_thinking`, the template
    writes a reply without thinking in two ways, by what came later; only `variant="jinja"` does.
    """

    name = "glm-5"

    def __init__(
        self,
        tools: Sequence[ToolSpec] = (),
        *,
        variant: rendering.Variant = "loop",
        enable_thinking: bool = True,
        keep_thinking: bool = False,
    ) -> None:
        super().__init__(
            tools,
            variant=variant,
            enable_thinking=enable_thinking,
            keep_thinking=keep_thinking,
        )
        self.in_order = not (self._jinja and keep_thinking)

    def tool_text(self, tool: ToolSpec) -> str:
        """A tool in the list, on one line."""
        return json.dumps(tool.function(), ensure_ascii=False)

    def cut_thinking(self, text: str) -> tuple[str | None, str]:
        """The template's way of finding thinking in a text that has a `</think>`."""
        pieces = text.split(END_THINK.token)
        return pieces[0].split(THINK.token)[-1], pieces[-1]

    def thinking(self, thinking: str | None, place: Place, shows: bool) -> Iterator[Piece]:
        """The thinking that a reply starts with."""
        if thinking is None:
            in_template = self._thinks if place.current else place.thoughtful
            if in_template if self._jinja else self._thinks:
                thinking = ""
        if shows and thinking is not None:
            yield from (THINK, thinking, END_THINK)
        else:
            yield END_THINK
