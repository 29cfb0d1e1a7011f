"""Runs the model once over the new tokens of one or several conversations.

Does not do: deciding what is run (`batch.py`, `reply.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .attention import SideBySide
from .kv_cache import KvCache

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Part:
    """What a conversation has in a pass: `ids` to be read, and after how many of the last of them
    (`rows`) logits are wanted.
    """

    cache: KvCache
    ids: Sequence[int]
    rows: int


def run(model: Any, parts: Sequence[Part]) -> torch.Tensor:
    """Logits, [rows of all parts, vocabulary]; the ids join their caches.

    Several parts go together only where their caches are `packable`. After a failure the caches
    are as they were, or not `sound` any more.
    """
    try:
        logits = _run(model, parts)
    except BaseException:
        for part in parts:
            part.cache.rewind()
        raise
    for part in parts:
        part.cache.ids.extend(part.ids)
    return logits


def undo(parts: Sequence[Part]) -> None:
    """Take what was read out of the caches again; those that cannot forget are not `sound` then."""
    for part in parts:
        length = len(part.cache) - len(part.ids)
        if part.cache.sound and part.cache.croppable:
            part.cache.crop(length)
        else:
            part.cache.rewind()


def _run(model: Any, parts: Sequence[Part]) -> torch.Tensor:
    import torch

    device = model.device
    ids = torch.tensor([[id_ for part in parts for id_ in part.ids]], dtype=torch.long)
    rows = _rows(parts)
    # All of them are what transformers calls 0.
    kept: Any = (
        0 if len(rows) == ids.shape[1] else torch.tensor(rows, dtype=torch.long, device=device)
    )
    if not parts[0].cache.packable:
        (part,) = parts
        output = model(
            input_ids=ids.to(device),
            past_key_values=part.cache.for_model,
            use_cache=True,
            logits_to_keep=kept,
        )
        return output.logits[0]
    places = [
        torch.arange(len(part.cache), len(part.cache) + len(part.ids), device=device)
        for part in parts
    ]
    output = model(
        input_ids=ids.to(device),
        position_ids=(places[0] if len(places) == 1 else torch.cat(places)).unsqueeze(0),
        # Of four dimensions, so that transformers makes none of its own; nobody reads it.
        attention_mask=torch.empty(1, 1, 1, 1, device=device),
        use_cache=False,
        logits_to_keep=kept,
        side_by_side=SideBySide(
            [part.cache.layers for part in parts], [len(part.ids) for part in parts]
        ),
    )
    return output.logits[0]


def _rows(parts: Sequence[Part]) -> list[int]:
    """Where, among all tokens of a pass, logits are wanted."""
    rows: list[int] = []
    end = 0
    for part in parts:
        end += len(part.ids)
        rows += range(end - part.rows, end)
    return rows
