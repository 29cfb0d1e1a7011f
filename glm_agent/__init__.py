"""glm-agent: the agent framework for GLM-4.

    from glm_agent import Agent, tool

    @tool
    def get_weather(city: str) -> str:
        \"\"\"Current weather in a city.\"\"\"
        return f"22 degrees in {city}"

    print(Agent(tools=[get_weather]).run_sync("What is the weather in Bonn?").answer)

Everything public is listed in `__all__` and loaded when it is first used: importing the package
loads no torch, no Jupyter and no HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import errors, events, messages
    from ._version import __version__
    from .agent import Agent, RunResult, Session
    from .citations import Citation
    from .errors import (
        ConfigurationError,
        GlmAgentError,
        InvalidArguments,
        LimitExceeded,
        ModelError,
        ModelLoadError,
        Problem,
        RegistryError,
        RunError,
        ServerError,
        ToolDefinitionError,
        ToolError,
        ToolRefused,
        UnknownToolError,
    )
    from .events import (
        Answer,
        CallDelta,
        CallReady,
        CallStarted,
        Event,
        Observed,
        TextDelta,
        ThinkingDelta,
        UsageReport,
    )
    from .limits import Limits
    from .messages import (
        Assistant,
        Image,
        Message,
        Observation,
        Source,
        System,
        ToolCall,
        ToolSpec,
        Transcript,
        Usage,
        User,
    )
    from .models import (
        Model,
        OpenAICompatibleModel,
        ScriptedModel,
        Settings,
        TransformersModel,
        load_model,
    )
    from .sync import SyncSession
    from .tooling import Tool, ToolContext, ToolOutput, load_registry, tool

__all__ = [
    "Agent",
    "Answer",
    "Assistant",
    "CallDelta",
    "CallReady",
    "CallStarted",
    "Citation",
    "ConfigurationError",
    "Event",
    "GlmAgentError",
    "Image",
    "InvalidArguments",
    "LimitExceeded",
    "Limits",
    "Message",
    "Model",
    "ModelError",
    "ModelLoadError",
    "Observation",
    "Observed",
    "OpenAICompatibleModel",
    "Problem",
    "RegistryError",
    "RunError",
    "RunResult",
    "ScriptedModel",
    "ServerError",
    "Session",
    "Settings",
    "Source",
    "SyncSession",
    "System",
    "TextDelta",
    "ThinkingDelta",
    "Tool",
    "ToolCall",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolOutput",
    "ToolRefused",
    "ToolSpec",
    "Transcript",
    "TransformersModel",
    "UnknownToolError",
    "Usage",
    "UsageReport",
    "User",
    "__version__",
    "errors",
    "events",
    "load_model",
    "load_registry",
    "messages",
    "tool",
]

_HOMES = {
    "_version": ("__version__",),
    "agent": ("Agent", "RunResult", "Session"),
    "citations": ("Citation",),
    "errors": (
        "ConfigurationError",
        "GlmAgentError",
        "InvalidArguments",
        "LimitExceeded",
        "ModelError",
        "ModelLoadError",
        "Problem",
        "RegistryError",
        "RunError",
        "ServerError",
        "ToolDefinitionError",
        "ToolError",
        "ToolRefused",
        "UnknownToolError",
    ),
    "events": (
        "Answer",
        "CallDelta",
        "CallReady",
        "CallStarted",
        "Event",
        "Observed",
        "TextDelta",
        "ThinkingDelta",
        "UsageReport",
    ),
    "limits": ("Limits",),
    "messages": (
        "Assistant",
        "Image",
        "Message",
        "Observation",
        "Source",
        "System",
        "ToolCall",
        "ToolSpec",
        "Transcript",
        "Usage",
        "User",
    ),
    "models": (
        "Model",
        "OpenAICompatibleModel",
        "ScriptedModel",
        "Settings",
        "TransformersModel",
        "load_model",
    ),
    "sync": ("SyncSession",),
    "tooling": ("Tool", "ToolContext", "ToolOutput", "load_registry", "tool"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("errors", "events", "messages")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
