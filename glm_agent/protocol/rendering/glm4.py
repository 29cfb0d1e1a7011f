r"""The wire format of glm-4-9b-chat: rendering.

    prompt  = "[gMASK]<sop>" message* "<|assistant|>"
    message = "<|" role "|>" metadata "\n" content
    role    = system | user | assistant | observation

There is no end-of-turn token: a turn ends where the next role token starts. Text follows the
Python code published with the model in June 2024 (metadata line and content are encoded apart);
`variant="jinja"` follows the chat template published later, in which the two are one string and
one newline before each tool heading is lost.

Does not do: parsing (see `stream.py`), other families.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Literal

from ...messages import Assistant, Control, Message, Observation, Piece, System, ToolCall, ToolSpec
from ..prompt import Part, Prompt
from . import base as rendering
from . import glm4_text
from .base import ASSISTANT, CONTROLS, OBSERVATION, PREFIX, STOPS, SYSTEM, USER, Place, seen

__all__ = ["CONTROLS", "NAME", "STOPS", "Glm4Renderer", "Variant", "render", "tools_text"]

NAME = "glm-4"

Variant = Literal["python", "jinja"]


class Glm4Renderer(rendering.Renderer):
    """Writes transcripts for glm-4-9b-chat.

    `persona` is the name the model is given when tools are listed (published copies differ:
    GhatGLM, ChatGLM, GLM-4). `date` adds the line `当前日期: {date}` after it. `keep_empty=False`
    drops messages without content, as the published code does: a tool that printed nothing then
    leaves no observation, and the model sees its call unanswered.
    """

    def __init__(
        self,
        tools: Sequence[ToolSpec] = (),
        *,
        variant: Variant = "python",
        persona: str = glm4_text.PERSONA,
        date: str | None = None,
        keep_empty: bool = True,
    ) -> None:
        super().__init__(tools)
        self._variant: Variant = variant
        self._persona = persona
        self._date = date
        self._keep_empty = keep_empty

    def head(self) -> Iterator[Part]:
        """The prefix, and the system message that lists the tools."""
        yield from PREFIX
        if self.tools:
            text = tools_text(self.tools, self._variant, self._persona, self._date)
            yield from self._block(SYSTEM, "", text)

    def message(self, message: Message, place: Place) -> Iterator[Part]:
        """One message."""
        if isinstance(message, System):
            if message.content:
                yield from self._block(SYSTEM, "", message.content)
        elif isinstance(message, Observation):
            content = seen(message)
            if content or self._keep_empty:
                yield from self._block(OBSERVATION, message.metadata, content)
        elif isinstance(message, Assistant):
            yield from self._assistant(message)
        elif message.content or self._keep_empty:
            yield from self._block(USER, "", message.content)

    def _assistant(self, message: Assistant) -> Iterator[Part]:
        if message.generated is not None and message.generated.format == NAME:
            yield ASSISTANT
            yield from message.generated.opening or ()
            yield message.generated
            return
        for part in message.parts:
            is_call = isinstance(part, ToolCall)
            metadata, content = (part.name, part.payload) if is_call else ("", part)
            if content or self._keep_empty:
                yield from self._block(ASSISTANT, metadata, content)

    def _block(self, role: Control, metadata: str, content: str) -> Iterator[Piece]:
        yield role
        if self._variant == "jinja":
            yield f"{metadata}\n{content}"
        else:
            yield f"{metadata}\n"
            if content:
                yield content


def render(
    messages: Sequence[Message],
    tools: Sequence[ToolSpec] = (),
    *,
    variant: Variant = "python",
    persona: str = glm4_text.PERSONA,
    date: str | None = None,
    keep_empty: bool = True,
    add_generation_prompt: bool = True,
) -> Prompt:
    """Render a transcript for glm-4-9b-chat; for the options see `Glm4Renderer`."""
    renderer = Glm4Renderer(
        tools, variant=variant, persona=persona, date=date, keep_empty=keep_empty
    )
    return rendering.render(renderer, messages, add_generation_prompt=add_generation_prompt)


def tools_text(
    tools: Sequence[ToolSpec],
    variant: Variant = "python",
    persona: str = glm4_text.PERSONA,
    date: str | None = None,
) -> str:
    """The text of the system message that lists the tools."""
    parts = [glm4_text.preamble(persona)]
    if date is not None:
        parts.append(f"\n\n当前日期: {date}")
    parts.append("\n\n# 可用工具")
    # transformers compiles templates with trim_blocks, which eats one of two newlines.
    gap = "\n\n" if variant == "python" else "\n"
    for tool in tools:
        if tool.kind == "function":
            parts.append(f"{gap}{function_text(tool)}")
        else:
            parts.append(f"{gap}## {tool.kind}\n\n{glm4_text.BUILTIN[tool.kind]}")
    return "".join(parts)


def function_text(tool: ToolSpec) -> str:
    """A function as glm-4-9b-chat and the 0414 models list it."""
    schema = json.dumps(tool.function(), ensure_ascii=False, indent=4)
    return f"## {tool.name}\n\n{schema}\n{glm4_text.FUNCTION_FOOTER}"
