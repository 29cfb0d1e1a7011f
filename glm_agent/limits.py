"""How far a run may go before it is stopped.

Does not do: watching the limits (the loop does), limits of single tools (`Tool.timeout`).
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. A run that needs more ends with `LimitExceeded`; None is no limit.

    Args:
        steps: replies of the model; the calls of the last one are still carried out.
        seconds: wall-clock time, tools included.
        tokens: prompt and completion tokens of all steps, looked at before each step.

    Raises:
        ConfigurationError: a limit that leaves no room to run at all.
    """

    steps: int | None = 10
    seconds: float | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise ConfigurationError(f"limit steps={self.steps}: a run needs at least one step")
        if self.seconds is not None and not self.seconds > 0:
            raise ConfigurationError(f"limit seconds={self.seconds}: it must be above zero")
        if self.tokens is not None and self.tokens < 1:
            raise ConfigurationError(f"limit tokens={self.tokens}: it must be at least one")
