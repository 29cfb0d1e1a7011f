"""`glm-agent models`: what models are at hand, and what they are.

Does not do: loading weights, asking servers.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .text import visible

if TYPE_CHECKING:
    from ..models import ModelInfo


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
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def info(model: str | None, as_json: bool) -> None:
    """Describe MODEL from its files, without loading its weights.

    Without MODEL: the one that GLM_AGENT_MODEL names, or the embedded one.
    """
    from ..models import model_info

    described = model_info(model)
    if as_json:
        click.echo(json.dumps(described.as_dict(), ensure_ascii=False, indent=2))
        return
    rows = [(label, value) for label, value in _rows(described) if value]
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        click.echo(visible(f"{label:<{width}}  {value}"))


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
    if number < 1_000_000:
        return f"{number:,} bytes{what}"
    return (
        f"{number / 1e9:.1f} GB" if number >= 1_000_000_000 else f"{number / 1e6:.1f} MB"
    ) + what


def _with_reason(text: str, reason: str | None) -> str:
    return f"{text} ({reason})" if reason else text
