"""How a failure is told on the command line: its kind, its message and the exit code.

0    answered
2    wrong usage or configuration; nothing ran
3    the run failed or hit a limit
130  interrupted (Ctrl-C); 143 terminated (SIGTERM), 129 hung up (SIGHUP)
141  whoever read the output has gone away
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass

from .. import errors

# The nearest class wins: the order is from special to general.
_KINDS: tuple[tuple[type[BaseException], str, int], ...] = (
    (errors.RegistryError, "registry", 2),
    (errors.UnknownToolError, "unknown_tool", 2),
    (errors.ToolDefinitionError, "tool_definition", 2),
    (errors.ModelLoadError, "model_load", 2),
    (errors.ConfigurationError, "configuration", 2),
    (errors.LimitExceeded, "limit", 3),
    (errors.ServerError, "server", 3),
    (errors.ModelError, "model", 3),
    (errors.RunError, "run", 3),
    (errors.GlmAgentError, "run", 3),
)


# What a disk says that takes no more of our output.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Terminated(BaseException):
    """The process was asked to end, by the signal `number` (SIGTERM, SIGHUP)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as the user sees it. `code` is the exit code."""

    kind: str
    message: str
    code: int


class Reported(Exception):
    """A failure that the user has been told of already; only the exit code is left to give."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def failure(error: BaseException) -> Failure:
    """What to tell about `error`."""
    if isinstance(error, KeyboardInterrupt):
        return Failure("interrupted", "interrupted", 130)
    if isinstance(error, Terminated):
        return Failure("interrupted", "terminated", 128 + error.number)
    for kind, name, code in _KINDS:
        if isinstance(error, kind):
            return Failure(name, str(error), code)
    if isinstance(error, OSError) and error.errno in _FULL:
        return Failure("output", f"the output cannot be written: {error.strerror}", 3)
    what = " ".join(str(error).split())
    return Failure(
        "internal",
        f"{type(error).__name__}: {what}; this should not happen,"
        " GLM_AGENT_DEBUG=1 shows where it did",
        3,
    )


def debugging() -> bool:
    """Whether the user asked for tracebacks."""
    return os.environ.get("GLM_AGENT_DEBUG", "") not in ("", "0")
