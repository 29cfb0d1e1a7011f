"""The parts of vLLM's and SGLang's interfaces that the plugins use, for machines without them.

Same modules, names, fields and signatures as vLLM 0.33.0 and SGLang 0.5.23; nothing else of them.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar


@dataclass
class DeltaFunctionCall:
    name: str | None = None
    arguments: str | None = None


@dataclass
class DeltaToolCall:
    index: int
    id: str | None = None
    type: str | None = None
    function: DeltaFunctionCall | None = None


@dataclass
class DeltaMessage:
    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    tool_calls: list[DeltaToolCall] = field(default_factory=list)


@dataclass
class FunctionCall:
    name: str
    arguments: str
    id: str | None = None


@dataclass
class ToolCall:
    function: FunctionCall
    id: str = ""
    type: str = "function"


@dataclass
class ExtractedToolCallInformation:
    tools_called: bool
    tool_calls: list[ToolCall]
    content: str | None = None


class ToolParser:
    supports_required_and_named = True
    engine_based_streaming = False

    def __init__(self, tokenizer: Any, tools: list[Any] | None = None) -> None:
        self.prev_tool_call_arr: list[dict[str, Any]] = []
        self.current_tool_id = -1
        self.current_tool_name_sent = False
        self.streamed_args_for_tool: list[str] = []
        self.model_tokenizer = tokenizer
        self.tools = list(tools or [])

    def adjust_request(self, request: Any) -> Any:
        return request


class ToolParserManager:
    tool_parsers: ClassVar[dict[str, type[ToolParser]]] = {}

    @classmethod
    def register_module(
        cls,
        name: str | list[str] | None = None,
        force: bool = True,
        module: type[ToolParser] | None = None,
    ) -> Any:
        assert isinstance(name, str)
        assert module is not None
        assert issubclass(module, ToolParser)
        cls.tool_parsers[name] = module
        return module

    @classmethod
    def get_tool_parser(cls, name: str) -> type[ToolParser]:
        return cls.tool_parsers[name]


_numbers = itertools.count()


def make_tool_call_id() -> str:
    return f"chatcmpl-tool-{next(_numbers)}"


@dataclass
class ToolCallItem:
    tool_index: int
    parameters: str
    name: str | None = None


@dataclass
class StreamingParseResult:
    normal_text: str = ""
    calls: list[ToolCallItem] = field(default_factory=list)


class BaseFormatDetector(ABC):
    def __init__(self) -> None:
        self._buffer = ""
        self.prev_tool_call_arr: list[dict[str, Any]] = []
        self.current_tool_id = -1
        self.current_tool_name_sent = False
        self.streamed_args_for_tool: list[str] = []
        self.bot_token = ""
        self.eot_token = ""

    @abstractmethod
    def detect_and_parse(self, text: str, tools: list[Any]) -> StreamingParseResult: ...

    def parse_streaming_increment(self, new_text: str, tools: list[Any]) -> StreamingParseResult:
        raise NotImplementedError

    @abstractmethod
    def has_tool_call(self, text: str) -> bool: ...

    def finish(self, tools: list[Any]) -> StreamingParseResult:
        return StreamingParseResult()

    def supports_structural_tag(self) -> bool:
        return True

    @abstractmethod
    def structure_info(self) -> Callable[[str], Any]: ...


class FunctionCallParser:
    ToolCallParserEnum: ClassVar[dict[str, type[BaseFormatDetector]]] = {}

    def __init__(self, tools: list[Any], tool_call_parser: str) -> None:
        self.tools = tools
        self.detector = self.ToolCallParserEnum[tool_call_parser]()

    def has_tool_call(self, text: str) -> bool:
        return bool(self.tools) and self.detector.has_tool_call(text)

    def parse_non_stream(self, full_text: str) -> tuple[str, list[ToolCallItem]]:
        found = self.detector.detect_and_parse(full_text, self.tools)
        if found.calls or self.detector.has_tool_call(full_text):
            return found.normal_text, found.calls
        return full_text, []

    def parse_stream_chunk(self, chunk_text: str) -> tuple[str, list[ToolCallItem]]:
        found = self.detector.parse_streaming_increment(chunk_text, self.tools)
        return found.normal_text, found.calls

    def parse_stream_end(self) -> tuple[str, list[ToolCallItem]]:
        found = self.detector.finish(self.tools)
        return found.normal_text, found.calls


def modules(contents: Mapping[str, tuple[Any, ...]]) -> dict[str, ModuleType]:
    """Modules that hold these objects, and the packages around them, by name."""
    made: dict[str, ModuleType] = {}
    for name, objects in contents.items():
        for depth in range(1, name.count(".") + 2):
            package = ".".join(name.split(".")[:depth])
            made.setdefault(package, ModuleType(package))
        for one in objects:
            setattr(made[name], one.__name__, one)
    return made


VLLM = {
    "vllm.entrypoints.generate.base.protocol": (
        DeltaFunctionCall,
        DeltaMessage,
        DeltaToolCall,
        ExtractedToolCallInformation,
        FunctionCall,
        ToolCall,
    ),
    "vllm.renderers.chat_utils": (make_tool_call_id,),
    "vllm.tool_parsers.abstract_tool_parser": (ToolParser, ToolParserManager),
}
SGLANG = {
    "sglang.srt.function_call.base_format_detector": (BaseFormatDetector,),
    "sglang.srt.function_call.core_types": (StreamingParseResult, ToolCallItem),
    "sglang.srt.function_call.function_call_parser": (FunctionCallParser,),
}
