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

from ..messages import (
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
from . import glm4_text
from .prompt import Prompt

NAME = "glm-4"
STOPS = ("<|endoftext|>", "<|user|>", "<|observation|>")
CONTROLS = (
    "<|endoftext|>",
    "[gMASK]",
    "<sop>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|observation|>",
)

_PREFIX = (Control("[gMASK]"), Control("<sop>"))
_SYSTEM = Control("<|system|>")
_USER = Control("<|user|>")
_ASSISTANT = Control("<|assistant|>")
_OBSERVATION = Control("<|observation|>")

Variant = Literal["python", "jinja"]


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
    """Render a transcript for glm-4-9b-chat.

    `persona` is the name the model is given when tools are listed (published copies differ:
    GhatGLM, ChatGLM, GLM-4). `date` adds the line `当前日期: {date}` after it. `keep_empty=False`
    drops messages without content, as the published code does: a tool that printed nothing then
    leaves no observation, and the model sees its call unanswered.
    """
    pieces: list[Piece | Generated] = [*_PREFIX]
    if tools:
        pieces += _block(_SYSTEM, "", tools_text(tools, variant, persona, date), variant)
    for message in messages:
        pieces += _message(message, variant, keep_empty)
    if add_generation_prompt:
        pieces.append(_ASSISTANT)
    return Prompt(tuple(pieces))


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
            schema = json.dumps(tool.function(), ensure_ascii=False, indent=4)
            parts.append(f"{gap}## {tool.name}\n\n{schema}\n{glm4_text.FUNCTION_FOOTER}")
        else:
            parts.append(f"{gap}## {tool.kind}\n\n{glm4_text.BUILTIN[tool.kind]}")
    return "".join(parts)


def _message(message: Message, variant: Variant, keep_empty: bool) -> Iterator[Piece | Generated]:
    if isinstance(message, System):
        if message.content:
            yield from _block(_SYSTEM, "", message.content, variant)
    elif isinstance(message, User):
        if message.content or keep_empty:
            yield from _block(_USER, "", message.content, variant)
    elif isinstance(message, Observation):
        lines = [message.text] if message.text else []
        content = "\n".join([*lines, *["[Image]"] * len(message.images)])
        if content or keep_empty:
            yield from _block(_OBSERVATION, message.metadata, content, variant)
    else:
        yield from _assistant(message, variant, keep_empty)


def _assistant(
    message: Assistant, variant: Variant, keep_empty: bool
) -> Iterator[Piece | Generated]:
    if message.generated is not None and message.generated.format == NAME:
        yield _ASSISTANT
        yield message.generated
        return
    for part in message.parts:
        metadata, content = (part.name, part.payload) if isinstance(part, ToolCall) else ("", part)
        if content or keep_empty:
            yield from _block(_ASSISTANT, metadata, content, variant)


def _block(role: Control, metadata: str, content: str, variant: Variant) -> Iterator[Piece]:
    yield role
    if variant == "jinja":
        yield f"{metadata}\n{content}"
    else:
        yield f"{metadata}\n"
        if content:
            yield content
