"""Where replies come from: torch in this process, a server by URL, a script.

Everything is loaded on first use: importing this package imports no torch and no HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Chunk, Finish, Model, Reply, Request, Settings
    from .fitting.info import ModelInfo, model_fit, model_info
    from .load import list_models, load_model
    from .scripted import ScriptedModel, ScriptedReply
    from .servers.openai_compatible import OpenAICompatibleModel
    from .transformers_model import TransformersModel
    from .wire import WireModel

__all__ = [
    "Chunk",
    "Finish",
    "Model",
    "ModelInfo",
    "OpenAICompatibleModel",
    "Reply",
    "Request",
    "ScriptedModel",
    "ScriptedReply",
    "Settings",
    "TransformersModel",
    "WireModel",
    "list_models",
    "load_model",
    "model_fit",
    "model_info",
]

_MODULES = {
    "Chunk": "base",
    "Finish": "base",
    "Model": "base",
    "ModelInfo": "fitting.info",
    "OpenAICompatibleModel": "servers.openai_compatible",
    "Reply": "base",
    "Request": "base",
    "ScriptedModel": "scripted",
    "ScriptedReply": "scripted",
    "Settings": "base",
    "TransformersModel": "transformers_model",
    "WireModel": "wire",
    "list_models": "load",
    "load_model": "load",
    "model_fit": "fitting.info",
    "model_info": "fitting.info",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
