"""Random conversations, and the same as the published chat templates are given them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from glm_agent.messages import (
    Assistant,
    Image,
    Message,
    Observation,
    System,
    ToolCall,
    ToolKind,
    ToolSpec,
    User,
)
from glm_agent.protocol import protocol_for

TEMPLATES = {
    "glm-4": "glm-4-9b-chat.jinja",
    "glm-4-0414": "GLM-4-0414.RECONSTRUCTED-UNVERIFIED.jinja",
    "glm-z1": "GLM-Z1-0414.jinja",
    "glm-z1-rumination": "GLM-Z1-Rumination-32B-0414.jinja",
    "glm-4.5": "GLM-4.6.jinja",
    "glm-4.7": "GLM-4.7-Flash.jinja",
    "glm-5": "GLM-5.1.jinja",
}
FAMILIES = tuple(TEMPLATES)
XML = ("glm-4.5", "glm-4.7", "glm-5")
THINKING = ("glm-z1", "glm-z1-rumination", *XML)
RAW: tuple[ToolKind, ...] = ("python", "simple_browser", "cogview")

_TOKENS = sorted({token for name in FAMILIES for token in protocol_for(name).controls})
_FRAGMENTS = [
    *_TOKENS,
    *("\n", "\n\n", "\r\n", " ", "  ", "\t", "\u3000", "\x85", "\u2028", "\ufeff"),
    *(
        "你好",
        "北京",
        "，",
        "🦉",
        "👩‍👩‍👧",
        "é",
        "e\u0301",
        "a",
        "Hello",
        "1234",
        "'",
        '"',
        "\\",
        "\\n",
    ),
    *("{}", "{{ x }}", "{% if %}", "<", "|>", "<think", "think>", "<tools>", "&amp;", "】", "\0"),
]
_NAMES = ["get_weather", "查天气", "a.b-c", "f", "python"]


class Chance:
    """Seeded choices."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def one(self, options: Sequence[Any]) -> Any:
        return self._random.choice(options)

    def yes(self, odds: float) -> bool:
        return self._random.random() < odds

    def count(self, most: int) -> int:
        return self._random.randint(0, most)

    def text(self) -> str:
        """Empty at times; anything at its edges."""
        return "".join(self.one(_FRAGMENTS) for _ in range(self.count(6)))

    def value(self, depth: int = 2) -> Any:
        kind = self.count(6 if depth else 4)
        if kind == 5:
            return [self.value(depth - 1) for _ in range(self.count(2))]
        if kind == 6:
            return {self.text(): self.value(depth - 1) for _ in range(self.count(2))}
        return [self.text(), self.count(99), -0.5, None, True][kind]

    def tool(self) -> ToolSpec:
        properties = {f"{self.text()}{n}": {"type": "string"} for n in range(self.count(2))}
        schema = {"type": "object", "properties": properties, "description": self.text()}
        return ToolSpec(self.one(_NAMES), self.text(), schema)

    def call(self, *, name: str | None = None) -> ToolCall:
        arguments = {f"{self.text()}{n}": self.value() for n in range(self.count(3))}
        payload = json.dumps(arguments, ensure_ascii=False)
        return ToolCall("call_1", name or self.one(_NAMES), payload, arguments)

    def message(self) -> Message:
        kind = self.count(9)
        if kind < 3:
            return User(self.text())
        if kind < 6:
            pictures = (Image(b""),) * (self.count(8) // 7)
            metadata = self.one(["", "", "browser_result", "quote_result [7†source]"])
            return Observation(self.text(), metadata=metadata, images=pictures)
        if kind == 6:
            return System(self.text())
        parts = tuple(self.call() if self.yes(0.5) else self.text() for _ in range(self.count(3)))
        return Assistant(parts, thinking=self.one(["", "", self.text()]))

    def conversation(self, family: str) -> tuple[list[Message], list[ToolSpec]]:
        tools = [self.tool() for _ in range(self.count(3))]
        if family == "glm-4" and self.yes(0.3):
            tools += [ToolSpec(kind, kind=kind) for kind in RAW]
        return [self.message() for _ in range(self.count(8))], tools

    def options(self, family: str) -> dict[str, Any]:
        """Options that the family's template has, too."""
        if family not in XML:
            return {}
        options: dict[str, Any] = {"enable_thinking": self.yes(0.6)}
        if family != "glm-4.5":
            options["keep_thinking"] = self.yes(0.4)
        return options


def template_of(shared: Path, family: str) -> str:
    """A published template's text."""
    path = shared / "glm4" / "templates" / TEMPLATES[family]
    return path.read_text(encoding="utf-8").removesuffix("\n")


def template_text(
    template: str,
    family: str,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec] = (),
    *,
    add_generation_prompt: bool = True,
    enable_thinking: bool | None = None,
    keep_thinking: bool | None = None,
) -> str:
    """What transformers makes of the template."""
    from transformers.utils.chat_template_utils import render_jinja_template

    options: dict[str, Any] = {}
    if enable_thinking is not None:
        options["enable_thinking"] = enable_thinking
    if keep_thinking is not None:
        options["clear_thinking"] = not keep_thinking
    functions: list[Any] = [
        {"type": "function", "function": tool.function()}
        if tool.kind == "function"
        else {"type": tool.kind}
        for tool in tools
    ]
    chat = as_chat(family, messages)
    if family == "glm-4" and functions:
        chat.insert(0, {"role": "system", "content": "", "metadata": "", "tools": functions})
    rendered, _ = render_jinja_template(
        [chat],
        tools=functions or None,
        chat_template=template,
        add_generation_prompt=add_generation_prompt,
        **options,
    )
    return rendered[0]


def as_chat(family: str, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages in the form that the family's template takes."""
    chat: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, System | User):
            chat.append({"role": message.role, "content": message.content})
        elif isinstance(message, Observation):
            text = [message.text] if message.text else []
            content = "\n".join([*text, *["[Image]"] * len(message.images)])
            role = "tool" if family in XML else "observation"
            chat.append({"role": role, "content": content, "metadata": message.metadata})
        elif family in XML:
            chat.append(_xml_reply(message))
        else:
            for part in message.parts:
                metadata, content = (
                    ("", part) if isinstance(part, str) else (part.name, part.payload)
                )
                chat.append({"role": "assistant", "metadata": metadata, "content": content})
    if family == "glm-4":
        chat = [{"metadata": "", **message} for message in chat]
    return chat


def _xml_reply(message: Assistant) -> dict[str, Any]:
    reply: dict[str, Any] = {"role": "assistant", "content": message.text}
    if message.thinking:
        reply["reasoning_content"] = message.thinking
    if message.calls:
        reply["tool_calls"] = [
            {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.calls
        ]
    return reply
