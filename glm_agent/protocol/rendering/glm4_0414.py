r"""The wire formats of GLM-4-0414, GLM-Z1 and GLM-Z1-Rumination: rendering.

    prompt  = "[gMASK]<sop>" message* "<|assistant|>"
    message = "<|" role "|>" metadata "\n" content

as for glm-4-9b-chat, with these differences: the list of tools has another heading, only functions
are listed, and a role line and its content are encoded as one text. Z1 is asked for a reply with
`<|assistant|>\n<think>`, so its reply starts within its thinking; Rumination opens that itself.
Both leave thinking out of every reply that has been made, at once. `<think>` is plain text here:
these vocabularies have no token for it.

Sources: the chat templates of GLM-Z1-9B-0414 and GLM-Z1-Rumination-32B-0414. The template of
GLM-4-0414 was not at hand: it was put together from Z1's and the model card's code, and what
follows from it is unverified.

Does not do: parsing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

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
from . import glm4_text, rumination_text
from .base import ASSISTANT, OBSERVATION, PREFIX, SYSTEM, USER, Place, Renderer, Variant, seen
from .glm4 import function_text
from .raw_tools import as_function, call_arguments

_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_CLOSE = "</think>"


class Glm0414Renderer(Renderer):
    """Writes transcripts for GLM-4-9B-0414 and GLM-4-32B-0414.

    `variant="jinja"` is the template to the letter: system messages are moved to the front, and
    observations lose their metadata.
    """

    name = "glm-4-0414"
    heading = "# 可用工具"
    gap = ""  # between a called tool's name and the end of its line

    def __init__(self, tools: Sequence[ToolSpec] = (), *, variant: Variant = "loop") -> None:
        super().__init__([as_function(tool) for tool in tools])
        self._declared = {tool.name: tool for tool in tools}
        self._jinja = variant == "jinja"
        self.in_order = not self._jinja

    def head(self) -> Iterator[Part]:
        """The prefix, and the system message that lists the tools."""
        yield from PREFIX
        if self.tools:
            yield SYSTEM
            yield "\n" + "\n".join([self.heading, *map(function_text, self.tools)])

    def arrange(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The template's order: system messages first."""
        if not self._jinja:
            return messages
        return sorted(messages, key=lambda message: not isinstance(message, System))

    def message(self, message: Message, place: Place) -> Iterator[Part]:
        """One message."""
        if isinstance(message, System):
            yield from _block(SYSTEM, "", message.content)
        elif isinstance(message, User):
            yield from _block(USER, "", self.shown(message.content))
        elif isinstance(message, Observation):
            metadata = "" if self._jinja else message.metadata
            yield from _block(OBSERVATION, metadata, self.shown(seen(message)))
        elif generated := self.fed_back(message):
            yield ASSISTANT
            yield from self.opening if generated.opening is None else generated.opening
            yield generated
        else:
            yield from self.reply(message)

    def fed_back(self, message: Assistant) -> Generated | None:
        """The reply as it was generated, if it is fed back so."""
        generated = message.generated
        return generated if generated is not None and generated.format == self.name else None

    def reply(self, message: Assistant) -> Iterator[Part]:
        """A reply from its parts: each call and each text is a block of its own."""
        for part in message.parts:
            if isinstance(part, str):
                yield from _block(ASSISTANT, "", self.shown(part))
                continue
            payload = self.shown(_payload(part, self._declared))
            # The template takes a call without a name for text, and so does the model.
            metadata = part.name + self.gap if part.name else ""
            yield from _block(ASSISTANT, metadata, payload)

    def shown(self, text: str) -> str:
        """A message's content as it is written."""
        return text


class Z1Renderer(Glm0414Renderer):
    """Writes transcripts for GLM-Z1-9B-0414, -32B-0414 and -Air.

    Thinking is left out of replies that have been made; `keep_thinking` feeds them back as they
    were generated. `variant="jinja"` also drops what stands before a `</think>` in any message,
    and the first line's indentation.
    """

    name = "glm-z1"
    # "智谱 AI 公司" where glm-4-9b-chat has "智谱AI"
    heading = (
        glm4_text.preamble(glm4_text.PERSONA).replace("智谱AI", "智谱 AI 公司") + "\n\n# 可用工具"
    )
    opening: tuple[Piece, ...] = ("\n<think>",)

    def __init__(
        self,
        tools: Sequence[ToolSpec] = (),
        *,
        variant: Variant = "loop",
        keep_thinking: bool = False,
    ) -> None:
        super().__init__(tools, variant=variant)
        self._keep_thinking = keep_thinking

    def fed_back(self, message: Assistant) -> Generated | None:
        """The reply as it was generated, if its thinking is kept."""
        return super().fed_back(message) if self._keep_thinking else None

    def reply(self, message: Assistant) -> Iterator[Part]:
        """A reply from its parts; one of which nothing is left is an empty answer."""
        if message.parts or self._jinja:
            yield from super().reply(message)
        else:
            yield from _block(ASSISTANT, "", "")

    def shown(self, text: str) -> str:
        """Content without blank lines and blanks around it, but with its first line's indent."""
        if self._jinja:
            return text.rsplit(_CLOSE, maxsplit=1)[-1].strip()
        return _BLANK_LINES.sub("", text.rstrip())


class RuminationRenderer(Z1Renderer):
    """Writes transcripts for GLM-Z1-Rumination-32B-0414.

    Its prompt lists four tools of its own (search, click, open, finish); tools that are passed
    take their place. `variant="jinja"` always lists the four, and leaves system messages out.
    """

    name = "glm-z1-rumination"
    gap = " "
    opening = ()

    def head(self) -> Iterator[Part]:
        """The prefix and the fixed instructions with the list of tools."""
        tools = rumination_text.TOOLS if self._jinja or not self.tools else self.tools
        listed = json.dumps([tool.function() for tool in tools], ensure_ascii=False)
        yield from (*PREFIX, SYSTEM, f"\n{rumination_text.INSTRUCTIONS}\n\n{listed}")

    def message(self, message: Message, place: Place) -> Iterator[Part]:
        """One message."""
        if not (self._jinja and isinstance(message, System)):
            yield from super().message(message, place)


def _payload(call: ToolCall, tools: dict[str, ToolSpec]) -> str:
    """A call's payload; the text of a raw tool becomes the JSON of a function."""
    if call.arguments is None and call.name in tools and tools[call.name].kind != "function":
        return json.dumps(call_arguments(call, tools), ensure_ascii=False)
    return call.payload


def _block(role: Control, metadata: str, content: str) -> Iterator[Piece]:
    yield role
    yield f"{metadata}\n{content}"
