"""`glm-agent sandbox`: what the sandbox has to offer on the command line.

Found by glm-agent through the entry-point group `glm_agent.commands`. To add a subcommand: a
module in this folder with a click command, and a line in `_COMMANDS`. Does not do: the
subcommands themselves; they are loaded when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import Any, cast

import click

from ..errors import SandboxError

_COMMANDS = {
    "build": "images:build",
    "check": "check:check",
    "clean": "images:clean",
    "list": "images:list_images",
}


class Refused(click.ClickException):
    """A `SandboxError` as the command line tells it: one line, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the line."""
        click.echo(f"error: {' '.join(self.message.split())}", file=file, err=True)


class Group(click.Group):
    """Loads a subcommand when it is asked for, and tells its errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        loaded = importlib.import_module(f"{__name__}.{module}")
        return cast("click.Command", getattr(loaded, name))

    def invoke(self, ctx: click.Context) -> Any:
        """Carry out a command line."""
        try:
            return super().invoke(ctx)
        except SandboxError as error:
            raise Refused(str(error)) from error


@click.group(cls=Group)
def sandbox() -> None:
    """See to the sandbox in which the model's code runs."""
