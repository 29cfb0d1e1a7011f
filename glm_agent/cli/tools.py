"""`glm-agent tools`: what tools there are, and whether files that list tools are right.

Does not do: running tools.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..errors import ConfigurationError, GlmAgentError, RegistryError
from .chat import first_line
from .failures import Reported, failure
from .text import visible


@click.group()
def tools() -> None:
    """List, show and check tools."""


@tools.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_tools(as_json: bool) -> None:
    """List the tools that installed packages provide."""
    from ..tooling import available_tools, tool_named

    rows: list[dict[str, Any]] = []
    for name, package in available_tools().items():
        try:
            tool = tool_named(name)
            row = {"kind": tool.spec.kind, "description": first_line(tool.spec.description)}
        except GlmAgentError as error:
            row = {"error": str(error)}
        rows.append({"name": name, "package": package, **row})
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        text = row.get("description") or row.get("error") or ""
        click.echo(visible(f"{row['name']:<{width}}  {text}").rstrip())


@tools.command()
@click.argument("name")
@click.option(
    "--tools",
    "registries",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="Look for NAME in a YAML registry. May be repeated.",
)
def show(name: str, registries: tuple[Path, ...]) -> None:
    """Show what the model is told about the tool NAME, as JSON."""
    from ..tooling import Tool, load_registry, tool_named
    from ..tooling.builtin import instead

    tool: Tool
    if registries:
        listed = {tool.name: tool for path in registries for tool in load_registry(path)}
        if name not in listed:
            raise ConfigurationError(f"no such tool: {name}{instead(name, listed)}")
        tool = listed[name]
    else:
        tool = tool_named(name)
    spec = tool.spec
    shown: dict[str, Any] = {"name": spec.name, "kind": spec.kind, "description": spec.description}
    if spec.kind == "function":
        shown["parameters"] = dict(spec.parameters)
    shown["timeout"] = tool.timeout
    shown["max_chars"] = tool.max_chars
    click.echo(json.dumps(shown, ensure_ascii=False, indent=2))


@tools.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
def check(files: tuple[Path, ...]) -> None:
    """Check YAML registries and agent files.

    Every mistake is one line: file:line:column, what is wrong, and what was probably meant. The
    tools are imported and made, but not run.
    """
    from ..tooling import check_registry

    problems = [problem for path in files for problem in check_registry(path)]
    for problem in problems:
        click.echo(visible(str(problem)))
    if problems:
        raise Reported(failure(RegistryError(problems)))
    click.echo(f"{len(files)} file{'' if len(files) == 1 else 's'} checked, no mistakes")


@tools.command()
@click.option("--agent", is_flag=True, help="The schema of agent files instead of registries.")
def schema(agent: bool) -> None:
    """Print the JSON Schema of the YAML files, for editors."""
    from ..tooling import agent_schema, registry_schema

    written = agent_schema() if agent else registry_schema()
    click.echo(json.dumps(written, ensure_ascii=False, indent=2))
