"""The options that make an agent, shared by `run`, `chat` and others.

Does not do: giving them a meaning beyond `Agent`, `Limits` and `Settings`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ConfigurationError
from .tokens import Tokens

if TYPE_CHECKING:
    from ..agent import Agent

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_TOOLS = ("python", "simple_browser")

_YAML = click.Path(path_type=Path)
_OPTIONS = (
    click.option(
        "--model",
        "-m",
        metavar="MODEL",
        help="embedded, a folder, a hub id, or a server's URL. Without it: the agent file's model,"
        " GLM_AGENT_MODEL, or embedded.",
    ),
    click.option(
        "--device",
        metavar="DEVICE",
        help="Where a model in this process runs: cuda, cuda:1, cpu, mps.",
    ),
    click.option(
        "--dtype", metavar="DTYPE", help="Its number format: bfloat16, float16 or float32."
    ),
    click.option(
        "--quantize",
        metavar="FORMAT",
        help="Pack its weights as they are loaded: int8, int4 or fp8.",
    ),
    click.option(
        "--context",
        type=Tokens(),
        metavar="TOKENS",
        help="The most tokens that it must have memory for: 8192, 32K, 1M.",
    ),
    click.option(
        "--agent", "agent_file", type=_YAML, metavar="FILE", help="An agent written in YAML."
    ),
    click.option(
        "--tools",
        "registries",
        type=_YAML,
        multiple=True,
        metavar="FILE",
        help="Use the tools of a YAML registry. May be repeated.",
    ),
    click.option(
        "--tool",
        "-t",
        "names",
        multiple=True,
        metavar="NAME",
        help="Use an installed tool by name. May be repeated. Without --tools, --tool and --agent:"
        f" {' and '.join(DEFAULT_TOOLS)}.",
    ),
    click.option("--no-tools", is_flag=True, help="Use no tools at all."),
    click.option(
        "--tool-choice",
        metavar="CHOICE",
        help="auto, none, required, or the name of a tool: what the first reply must be.",
    ),
    click.option(
        "--free",
        is_flag=True,
        help="Do not hold a model in this process to its format and the tools' schemas.",
    ),
    click.option("--instructions", metavar="TEXT", help="The system message."),
    click.option(
        "--max-steps", type=click.IntRange(min=1), metavar="N", help="Replies per run at most."
    ),
    click.option(
        "--max-tokens", type=click.IntRange(min=1), metavar="N", help="Tokens per reply at most."
    ),
    click.option(
        "--temperature", type=click.FloatRange(min=0), metavar="F", help="0 always takes the best."
    ),
    click.option("--seed", type=int, metavar="N", help="Makes sampling repeatable."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help="Stop a run after this time.",
    ),
)


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """What the options said; None where they said nothing."""

    model: str | None
    device: str | None
    dtype: str | None
    quantize: str | None
    context: int | None
    agent_file: Path | None
    registries: tuple[Path, ...]
    names: tuple[str, ...]
    no_tools: bool
    tool_choice: str | None
    free: bool
    instructions: str | None
    max_steps: int | None
    max_tokens: int | None
    temperature: float | None
    seed: int | None
    timeout: float | None

    def agent(self) -> Agent:
        """The agent that they describe. Raises `ConfigurationError`."""
        from ..agent import Agent
        from ..limits import Limits
        from ..models import Settings
        from ..models.load import load_model, model_name

        described = None
        if self.agent_file is not None:
            from ..tooling import load_agent_file

            described = load_agent_file(self.agent_file)
        limits = (described and described.limits) or Limits()
        settings = (described and described.settings) or Settings()
        given = {"steps": self.max_steps, "seconds": self.timeout}
        sampling = {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "constrain": False if self.free else None,
        }
        model = self.model
        if model is None and described is not None:
            model = described.model
        instructions = self.instructions
        if instructions is None and described is not None:
            instructions = described.instructions
        placed = _set(
            {
                "device": self.device,
                "dtype": self.dtype,
                "quantize": self.quantize,
                "context": self.context,
            }
        )
        return Agent(
            load_model(model, **placed) if placed else model_name(model),
            self._tools(list(described.tools) if described else list(DEFAULT_TOOLS)),
            instructions,
            replace(limits, **_set(given)),
            replace(settings, **_set(sampling)),
            tool_choice=self.tool_choice or (described and described.tool_choice) or "auto",
        )

    def _tools(self, default: list[Any]) -> list[Any]:
        if self.no_tools:
            if self.registries or self.names:
                raise ConfigurationError("--no-tools does not go with --tools or --tool")
            return []
        if not (self.registries or self.names):
            return default
        return [*self.names, *self.registries]


def agent_options(command: F) -> F:
    """Give a command the options of an agent; they arrive as keyword arguments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
