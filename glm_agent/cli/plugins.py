"""Subcommands of `glm-agent` that other packages bring: entry-point group `glm_agent.commands`.

Each entry point names a click command. Ours come first: no package can replace them. Does not do:
loading a package before one of its commands is asked for, or help lists it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

GROUP = "glm_agent.commands"


class Commands(click.Group):
    """Its own subcommands and those of installed packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, sorted."""
        return sorted({*super().list_commands(ctx), *_brought()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; one that cannot be loaded says so when it is run."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        entry = _brought().get(cmd_name)
        return None if entry is None else _load(entry)


def _brought() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry: EntryPoint) -> click.Command:
    package = entry.dist.name if entry.dist else entry.value
    try:
        loaded: Any = entry.load()
    except Exception as error:  # noqa: BLE001 - whatever a package raises, help must go on
        problem = f"cannot be loaded ({type(error).__name__}: {error})"
    else:
        if isinstance(loaded, click.Command):
            return loaded
        problem = "is no click command"

    def broken() -> None:
        raise click.UsageError(f"the command {entry.name!r} of {package} {problem}")

    return click.Command(entry.name, callback=broken, help=f"Of {package}; {problem}.")
