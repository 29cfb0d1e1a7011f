r"""GLM-4's calls for vLLM: a tool parser named `glm4`, for the servers of glm-4-9b-chat and 0414.

    vllm serve zai-org/glm-4-9b-chat-hf --enable-auto-tool-choice --tool-call-parser glm4 \
        --tool-parser-plugin glm_agent.plugins.vllm_tool_parser --chat-template .../glm4.jinja

Tested against the interface of vLLM 0.33.0: its own `ToolParser`, `ToolParserManager`, serving
`Parser` and request types, imported from that version's wheel without its compiled parts and
without a model; `tests/glm_agent/plugins` does so wherever vLLM can be imported. Not run: a
server with weights. Other versions may differ.

`tool_choice` `required` or a function's name is vLLM's own affair: it holds the model to JSON of
its own shape.

Does not do: reasoning, GLM-4.5 and later (vLLM's own `glm45` and `glm47`).
"""
# vLLM is not installed where this is checked.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false, reportAttributeAccessIssue=false
# pyright: reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glm_agent.errors import ConfigurationError

# Not relative: vLLM may load this file by its path, outside of its package.
from glm_agent.plugins.reading import CallPart, Part, ServedReply, read_whole, tool_spec

try:
    from vllm.entrypoints.generate.base.protocol import (
        DeltaFunctionCall,
        DeltaMessage,
        DeltaToolCall,
        ExtractedToolCallInformation,
        FunctionCall,
        ToolCall,
    )
    from vllm.renderers.chat_utils import make_tool_call_id
    from vllm.tool_parsers.abstract_tool_parser import ToolParser, ToolParserManager
except ImportError as error:
    raise ConfigurationError(
        f"this plugin needs vLLM with the interface of 0.33.0 ({error}); "
        "load it with vllm serve --tool-parser-plugin"
    ) from error

NAME = "glm4"


class Glm4ToolParser(ToolParser):
    """Reads calls of the form name, newline, JSON. vLLM makes one for each reply."""

    engine_based_streaming = True  # vLLM then calls `finish_streaming` at the end of a stream

    def __init__(self, tokenizer: Any, tools: Any = None) -> None:
        super().__init__(tokenizer, tools)
        self._reply: ServedReply | None = None

    def adjust_request(self, request: Any) -> Any:
        """Keep the control tokens in the text: `<|assistant|>` stands between two calls."""
        request = super().adjust_request(request)
        if request.tools and request.tool_choice != "none":
            request.skip_special_tokens = False
        return request

    def extract_tool_calls(self, model_output: str, request: Any) -> Any:
        """The calls and the content of a whole reply."""
        reply = read_whole(model_output, self._specs(request))
        return ExtractedToolCallInformation(
            tools_called=bool(reply.calls),
            tool_calls=[
                ToolCall(
                    id=make_tool_call_id(), function=FunctionCall(name=name, arguments=arguments)
                )
                for name, arguments in reply.calls
            ],
            content=reply.content or None,
        )

    def extract_tool_calls_streaming(  # noqa: PLR0917 - the interface is so
        self,
        previous_text: str,
        current_text: str,
        delta_text: str,
        previous_token_ids: Sequence[int],
        current_token_ids: Sequence[int],
        delta_token_ids: Sequence[int],
        request: Any,
    ) -> Any:
        """What the next part of a reply adds; None while that is nothing."""
        del previous_text, current_text, previous_token_ids, current_token_ids, delta_token_ids
        if self._reply is None:
            self._reply = ServedReply(self._specs(request))
        return _message(self._reply.feed(delta_text))

    def finish_streaming(self) -> Any:
        """What was held back, at the end of the reply."""
        return _message(self._reply.finish()) if self._reply is not None else None

    def _specs(self, request: Any) -> list[Any]:
        if getattr(request, "tool_choice", None) == "none":
            return []
        # A tool of the chat API holds its function, one of the responses API is it.
        specs = [tool_spec(getattr(tool, "function", tool)) for tool in self.tools]
        return [spec for spec in specs if spec is not None]


def _message(part: Part) -> Any:
    if not part.content and not part.calls:
        return None
    return DeltaMessage(content=part.content or None, tool_calls=list(map(_call, part.calls)))


def _call(part: CallPart) -> Any:
    if part.name is None:
        return DeltaToolCall(index=part.index, function=DeltaFunctionCall(arguments=part.arguments))
    return DeltaToolCall(
        index=part.index,
        id=make_tool_call_id(),
        type="function",
        function=DeltaFunctionCall(name=part.name, arguments=""),
    )


ToolParserManager.register_module(name=NAME, module=Glm4ToolParser)
