"""`glm-agent sandbox check`: the promises of a kind, tried on this machine.

Does not do: the attacks (`glm_sandbox.promises`).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import textwrap
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..promises import Finding

_MARKS = {True: "held", False: "BROKEN", None: "not run"}


@click.command()
@click.option("--kind", default="auto", show_default=True, help="Kind of kernel to attack.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each attack.")
@click.pass_context
def check(ctx: click.Context, kind: str, as_json: bool) -> None:
    """Attack kernels on this machine and show which promises hold.

    Nothing leaves the machine, and what is made for it is removed. Takes about a minute.

    \b
    Exit codes: 0 every promise held, 1 one was broken, 2 no such kind here.
    """  # noqa: D301 - click wants the control character
    warnings.simplefilter("ignore")  # kind "local" was asked for by name
    broken = asyncio.run(_run(kind, as_json))
    ctx.exit(1 if broken else 0)


async def _run(kind: str, as_json: bool) -> int:
    from ..kinds import choose
    from ..promises import check as attacks

    kind = choose(kind)
    show = _as_json if as_json else _as_table(kind)
    findings: list[Finding] = []
    async for finding in attacks(kind):
        show(finding)
        findings.append(finding)
    broken = sum(finding.held is False for finding in findings)
    if not as_json:
        held = sum(finding.held is True for finding in findings)
        left = len(findings) - held - broken
        click.echo(f"\n{kind}: {held} held, {broken} broken, {left} not run")
    return broken


def _as_json(finding: Finding) -> None:
    click.echo(json.dumps(finding.as_json(), ensure_ascii=False))


def _as_table(kind: str) -> Callable[[Finding], None]:
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    promise = ""

    def show(finding: Finding) -> None:
        nonlocal promise
        if finding.promise != promise:
            promise = finding.promise
            click.echo(f"\n{kind}: {promise}")
        tried = finding.tried + (f" [{finding.detail}]" if finding.detail else "")
        lines = textwrap.wrap(tried, max(20, width - 46)) or [""]
        click.echo(f"  {_MARKS[finding.held]:8} {finding.name[:33]:33}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{'':46}{line}")

    return show
