"""The exception tree.

    GlmAgentError
    ├── ConfigurationError            your code or files: nothing ran (exit code 2)
    │   ├── ToolDefinitionError       a function that cannot be offered as a tool
    │   ├── RegistryError             a YAML file; `.problems` has file, line and column of each
    │   ├── UnknownToolError          a tool name that no package provides
    │   ├── UnsupportedSchemaError    a tool's JSON Schema that no grammar can hold
    │   └── ModelLoadError            a model that cannot be loaded
    │       └── DoesNotFit            it is larger than the memory; `.needed` and `.free` in bytes
    ├── RunError                      this run; what it did so far is in `.transcript` (exit code 3)
    │   ├── ModelError                the model or its server failed in the middle
    │   │   └── ServerError           the server is down, hangs, or answers nonsense
    │   └── LimitExceeded             steps, tokens or seconds are used up
    └── ToolError                     for the model: its text becomes the observation
        ├── InvalidArguments          arguments that do not fit the schema
        └── ToolRefused               the tool will not do this

Messages are one line and say what to do. Tools raise `ToolError` to tell the model something;
any other exception of a tool is reported to the model too, and never ends a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .messages import Transcript


class GlmAgentError(Exception):
    """Base of everything that glm-agent raises on purpose."""


class ConfigurationError(GlmAgentError):
    """Something in the caller's code, files or environment is wrong; nothing ran."""


class ToolDefinitionError(ConfigurationError):
    """A function, class or template cannot be offered as a tool."""


class UnknownToolError(ConfigurationError):
    """No installed package provides a tool of this name."""


class UnsupportedSchemaError(ConfigurationError):
    """A tool's JSON Schema says something to which a model's output cannot be held."""


class ModelLoadError(ConfigurationError):
    """A model cannot be found or loaded."""


class DoesNotFit(ModelLoadError):
    """A model is larger than the free memory of its device; nothing was loaded.

    `needed` and `free` are in bytes, None where a load was tried and ran out in the middle.
    """

    def __init__(self, message: str, *, needed: int | None = None, free: int | None = None) -> None:
        super().__init__(message)
        self.needed = needed
        self.free = free


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a YAML file. Line and column count from 1."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class RegistryError(ConfigurationError):
    """A YAML file has mistakes, all of them in `problems`."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RunError(GlmAgentError):
    """A run failed. `transcript` holds what had been done, so that it can go on from there."""

    transcript: Transcript | None = None


class ModelError(RunError):
    """The model failed in the middle of a run."""


class ServerError(ModelError):
    """A model server is down, hangs, or answers something that is not its protocol."""


class LimitExceeded(RunError):
    """The run used up its steps, tokens or seconds."""


class ToolError(GlmAgentError):
    """Raised by a tool to tell the model what went wrong; the text becomes the observation."""


class InvalidArguments(ToolError):
    """A call's arguments do not fit the tool's schema."""


class ToolRefused(ToolError):
    """The tool will not do what was asked."""
