"""`glm-agent models`: what models are at hand, and what they are.

Does not do: loading weights, asking servers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..models.fitting.fit import gigabytes
from .text import visible
from .tokens import Tokens

if TYPE_CHECKING:
    from ..models import ModelInfo
    from ..models.fitting.fit import Fit, Need


@click.group()
def models() -> None:
    """List and describe models."""


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_models(as_json: bool) -> None:
    """List the models that run here without a download.

    The embedded one, the one that GLM_AGENT_MODEL names, and GLM checkpoints in the hub's cache.
    Any folder, hub id or server URL may be named too.
    """
    from ..models.load import list_models as names_here

    names = names_here()
    click.echo(json.dumps(names, ensure_ascii=False) if as_json else visible("\n".join(names)))


@models.command()
@click.argument("model", required=False)
@click.option(
    "--context",
    type=Tokens(),
    metavar="TOKENS",
    help="Tokens of a conversation: 8192, 32K, 1M. Without it: as many as MODEL takes.",
)
@click.option(
    "--batch",
    type=click.IntRange(min=1, max=100_000),
    default=1,
    metavar="N",
    help="Conversations at a time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def info(model: str | None, context: int | None, batch: int, as_json: bool) -> None:
    """Describe MODEL and say what it takes, from its files, without loading its weights.

    Without MODEL: the one that GLM_AGENT_MODEL names, or the embedded one. A folder with a
    config.json is enough, and so is a hub id whose config.json has been downloaded.

    The memory is this machine's: its first GPU's if it has one, its RAM otherwise.
    """
    from ..models import model_fit, model_info

    described = model_info(model)
    fit = model_fit(model, context=context, batch=batch)
    if as_json:
        fields = described.as_dict() | {"memory": fit.as_dict() if fit else None}
        click.echo(json.dumps(fields, ensure_ascii=False, indent=2))
        return
    rows = [(label, value) for label, value in _rows(described) if value]
    if fit is not None:
        rows += [("this machine", _machine(fit))]
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        click.echo(visible(f"{label:<{width}}  {value}"))
    if fit is not None:
        click.echo()
        click.echo("\n".join(_table(fit)))
        if fit.plans:
            click.echo()
            click.echo("\n".join(_plans(fit)))


def _machine(fit: Fit) -> str:
    memory = fit.memory
    place = f"{memory.name} ({memory.device})" if memory.is_gpu else "no GPU; RAM"
    return f"{place}: {gigabytes(memory.free)} of {gigabytes(memory.total)} free"


def _table(fit: Fit) -> list[str]:
    """What each number format takes, one line each."""
    what = "1 conversation" if fit.batch == 1 else f"{fit.batch:,} conversations"
    head = ("", "weights", "KV cache", "computing", "total", "here")
    lines = [head, *(_need(need) for need in fit.needs)]
    return [f"{what} of {fit.context:,} tokens:", *_columns(lines)]


def _plans(fit: Fit) -> list[str]:
    """The ways to hold keys and values, one line each."""
    lines: list[tuple[str, ...]] = [("", "stays", "a pass", "in RAM", "total", "here")]
    for plan in fit.plans:
        sizes = (plan.on_device, plan.at_a_time, plan.in_ram, plan.total)
        here = "fits" if plan.fits else "does not fit"
        lines.append((plan.form, *(gigabytes(size) if size else "-" for size in sizes), here))
    return [f"its KV cache, beside weights in {fit.plans[0].format} (kv=):", *_columns(lines)]


def _columns(lines: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    shown: list[str] = []
    for line in lines:
        cells = [f"{line[0]:<{widths[0]}}"]
        cells += [f"{cell:>{width}}" for cell, width in zip(line[1:-1], widths[1:-1], strict=True)]
        shown.append("  ".join(["", *cells, line[-1]]).rstrip())
    return shown


def _need(need: Need) -> tuple[str, ...]:
    here = "fits" if need.fits else "does not fit"
    if not need.fits and need.longest:
        here = f"fits up to {need.longest:,} tokens"
    sizes = (need.weights, need.kv, need.working, need.total)
    return (need.format, *(gigabytes(size) for size in sizes), here)


def _rows(described: ModelInfo) -> list[tuple[str, str]]:
    return [
        ("name", described.name),
        ("kind", described.kind),
        ("where", described.location),
        ("architecture", described.architecture or ""),
        ("parameters", _count(described.parameters)),
        ("numbers", described.dtype or ""),
        ("weights", _weights(described)),
        ("context", _count(described.context, "tokens")),
        ("vocabulary", _count(described.vocabulary, "tokens")),
        ("layers", _count(described.layers)),
        ("wire format", _with_reason(described.protocol or "unknown", described.protocol_why)),
        ("KV cache", _size(described.kv_bytes_per_token, " a token")),
    ]


def _weights(described: ModelInfo) -> str:
    size = _size(described.weights_bytes)
    if described.here is not False:
        return size
    missing = "not in this folder" if described.kind == "folder" else "not downloaded"
    return f"{missing} ({size})" if size else missing


def _count(number: int | None, unit: str = "") -> str:
    return "" if number is None else f"{number:,} {unit}".rstrip()


def _size(number: int | None, what: str = "") -> str:
    if number is None:
        return ""
    return (f"{number:,} bytes" if number < 1_000_000 else gigabytes(number)) + what


def _with_reason(text: str, reason: str | None) -> str:
    return f"{text} ({reason})" if reason else text
