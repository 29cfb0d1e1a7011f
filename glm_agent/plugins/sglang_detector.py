r"""GLM-4's calls for SGLang: a detector named `glm4`, for the servers of glm-4-9b-chat and 0414.

    sglang serve --model-path zai-org/glm-4-9b-chat-hf --tool-call-parser glm4 \
        --chat-template .../glm4.jinja

SGLang finds it by itself where glm-agent is installed beside it, through the entry-point group
`sglang.srt.plugins`, which calls `register`.

Tested against the interface of SGLang 0.5.23: its own `BaseFormatDetector`, `FunctionCallParser`
and types, imported from that version's wheel without its compiled parts and without a model;
`tests/glm_agent/plugins` does so wherever SGLang can be imported. Not run: a server with weights.
Other versions may differ.

`tool_choice` `required` or a function's name is SGLang's own affair: it holds the model to a JSON
array of its own shape.

Does not do: reasoning, GLM-4.5 and later (SGLang's own `glm` and `glm47`).
"""
# SGLang is not installed where this is checked.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportAttributeAccessIssue=false
# pyright: reportUnknownParameterType=false

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from glm_agent.errors import ConfigurationError
from glm_agent.messages import ToolSpec
from glm_agent.plugins.reading import CallPart, Part, ServedReply, read_whole, tool_spec

try:
    from sglang.srt.function_call.base_format_detector import BaseFormatDetector
    from sglang.srt.function_call.core_types import StreamingParseResult, ToolCallItem
    from sglang.srt.function_call.function_call_parser import FunctionCallParser
except ImportError as error:
    raise ConfigurationError(
        f"this plugin needs SGLang with the interface of 0.5.23 ({error}); "
        "it is loaded by SGLang itself"
    ) from error

NAME = "glm4"

# Without a brace or a line that is one word there is no call, whatever the tools are. Control
# tokens, spelled out, end a line as well.
_MAY_BE_CALL = re.compile(r"\{|(?:^|\|>)[ \t]*[\w.\-]+[ \t\r]*(?:$|<\|)", re.MULTILINE)


class Glm4Detector(BaseFormatDetector):
    """Reads calls of the form name, newline, JSON. SGLang makes one for each reply."""

    def __init__(self) -> None:
        super().__init__()
        self._reply: ServedReply | None = None

    def has_tool_call(self, text: str) -> bool:
        """Whether `text` may hold a call. SGLang asks before it says what the tools are."""
        return _MAY_BE_CALL.search(text) is not None

    def detect_and_parse(self, text: str, tools: Sequence[Any]) -> Any:
        """The calls and the content of a whole reply; calls are numbered by their tools."""
        specs = _specs(tools)
        reply = read_whole(text, specs)
        numbers = {spec.name: number for number, spec in enumerate(specs)}
        return StreamingParseResult(
            normal_text=reply.content,
            calls=[
                ToolCallItem(tool_index=numbers.get(name, -1), name=name, parameters=arguments)
                for name, arguments in reply.calls
            ],
        )

    def parse_streaming_increment(self, new_text: str, tools: Sequence[Any]) -> Any:
        """What the next part of a reply adds; calls are numbered as they come."""
        if self._reply is None:
            self._reply = ServedReply(_specs(tools))
        return _result(self._reply.feed(new_text))

    def finish(self, tools: Sequence[Any]) -> Any:
        """What was held back, at the end of the reply."""
        del tools
        return _result(self._reply.finish() if self._reply is not None else Part())

    def supports_structural_tag(self) -> bool:
        """No: a call begins with a name, and no tag of SGLang's begins without a marker."""
        return False

    def structure_info(self) -> Any:
        """Never asked, because there is no structural tag."""
        raise NotImplementedError("glm4 has no structural tag")


def register() -> None:
    """Tell SGLang of the detector, under the name `glm4`."""
    FunctionCallParser.ToolCallParserEnum[NAME] = Glm4Detector


def _specs(tools: Sequence[Any]) -> list[ToolSpec]:
    specs = [tool_spec(tool.function) for tool in tools]
    return [spec for spec in specs if spec is not None]


def _result(part: Part) -> Any:
    return StreamingParseResult(normal_text=part.content, calls=list(map(_item, part.calls)))


def _item(part: CallPart) -> Any:
    return ToolCallItem(tool_index=part.index, name=part.name, parameters=part.arguments)


register()
