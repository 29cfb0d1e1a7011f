"""What a model is, from its config.json and the headers of its weights, without loading them.

For GLM-4 and GLM-4.5 this takes neither torch nor transformers.

Does not do: counting parameters (`shape.py`) and bytes (`fit.py`).
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from ...errors import ConfigurationError, ModelLoadError
from ..load import EMBEDDED, embedded_folder, kind_of, model_name
from ..loading import (
    Source,
    find_protocol,
    has_weights,
    need_libraries,
    read_config,
    refuse_first_release,
)
from .fit import Fit, fit_of
from .memory import Memory, memory_here
from .shape import BY_FORMULA, Shape, shape_of

# Bytes of one number, by the names that safetensors and torch use.
_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I64": 8, "I32": 4,
    "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip
_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_HEADER_LIMIT = 100_000_000  # safetensors' own limit for its header, in bytes


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A description of a model. What is not known is None.

    `parameters` counts each stored number once. `context` is in tokens. `weights_bytes` is what the
    weights take, or would take where they are not `here`. `kv_bytes_per_token` is what one token of
    context costs in `dtype`. `protocol_why` says what told the wire format.
    """

    name: str
    kind: str
    location: str
    architecture: str | None = None
    parameters: int | None = None
    dtype: str | None = None
    context: int | None = None
    vocabulary: int | None = None
    layers: int | None = None
    protocol: str | None = None
    protocol_why: str | None = None
    weights_bytes: int | None = None
    here: bool | None = None
    kv_bytes_per_token: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def model_info(
    name: str | os.PathLike[str] | None = None, *, local_files_only: bool = True
) -> ModelInfo:
    """Describe the model that `load_model(name)` gives. Raises `ModelLoadError`.

    Of a server only its URL is known here: nothing is sent. A hub model's config.json must have
    been downloaded, unless `local_files_only` is False.
    """
    text = model_name(name)
    kind = kind_of(text)
    if kind == "server":
        why = "for a server's /completions, unless its model's name or protocol= tells another"
        return ModelInfo(text, kind, text, protocol="glm-4", protocol_why=why)
    source, folder, config = _read(text, kind, local_files_only)
    shape = _shape(config)
    count, size, dtype = _stored(folder) if folder is not None else (None, None, None)
    if dtype is None:
        dtype = config.get("dtype") or config.get("torch_dtype")
    if count is None and shape is not None:
        count = shape.parameters
    if size is None and count is not None and dtype is not None:
        size = count * _width(str(dtype))
    try:
        protocol = find_protocol(source, config, "glm-4" if kind == EMBEDDED else None)
        wire, why = protocol.name, protocol.why
    except ConfigurationError as error:
        wire, why = None, str(error)
    architectures: Any = config.get("architectures") or [None]
    cached = None if shape is None else shape.cached
    return ModelInfo(
        name=text,
        kind=kind,
        location=str(folder or source.where),
        architecture=architectures[0] or config.get("model_type"),
        parameters=count,
        dtype=str(dtype) if dtype is not None else None,
        context=config.get("max_position_embeddings") or (shape.context if shape else None),
        vocabulary=config.get("vocab_size") or (shape.vocabulary if shape else None),
        layers=config.get("num_hidden_layers"),
        protocol=wire,
        protocol_why=why,
        weights_bytes=size,
        here=folder is not None and has_weights(folder),
        kv_bytes_per_token=None if cached is None else cached * _width(str(dtype or "float32")),
    )


def model_fit(
    name: str | os.PathLike[str] | None = None,
    *,
    context: int | None = None,
    batch: int = 1,
    memory: Memory | None = None,
    local_files_only: bool = True,
) -> Fit | None:
    """What a model takes in each number format, and whether `memory` (this machine's) holds it.

    Args:
        name: As in `load_model`. Only its config.json is read.
        context: Tokens of each sequence; the model's own limit unless given.
        batch: Sequences at a time.
        memory: Where it is to fit; the first GPU, or else the RAM, unless given.
        local_files_only: As in `model_info`.

    Returns:
        None for a server, and where the shape cannot be told from the config.

    Raises:
        ModelLoadError: There is no such model, or it takes no context of this length.
    """
    text = model_name(name)
    kind = kind_of(text)
    if kind == "server":
        return None
    _, _, config = _read(text, kind, local_files_only)
    shape = _shape(config)
    if shape is None:
        return None
    if context is not None and shape.context is not None and context > shape.context:
        raise ModelLoadError(
            f"{text} takes at most {shape.context:,} tokens of context, not {context:,}"
        )
    return fit_of(shape, memory or memory_here(), context or shape.context or 8192, batch)


def _read(
    text: str, kind: str, local_files_only: bool
) -> tuple[Source, Path | None, Mapping[str, Any]]:
    """A model's source, its folder if it is on the disk, and its config.json."""
    where = str(embedded_folder()) if kind == EMBEDDED else text
    source = Source(where, local_files_only=local_files_only)
    folder = source.folder or _cached_folder(source)
    if folder is not None:
        # What is wrong with it is said of the folder.
        return source, folder, read_config(source if source.folder else Source(str(folder)))
    if not local_files_only:
        config = read_config(source)
        return source, _cached_folder(source), config
    refuse_first_release(source)
    raise ModelLoadError(
        f"no folder {text!r} here, and no config.json of {text} among the hub's downloads; "
        f"check the name, and download it: hf download {text} config.json"
    )


def _shape(config: Mapping[str, Any]) -> Shape | None:
    if config.get("model_type") not in BY_FORMULA:
        need_libraries()
    return shape_of(config)


def _cached_folder(source: Source) -> Path | None:
    """The folder of a hub model that was downloaded before."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = try_to_load_from_cache(source.where, "config.json", revision=source.revision)
    return Path(found).parent if isinstance(found, str) else None


def _stored(folder: Path) -> tuple[int | None, int | None, str | None]:
    """Parameters, bytes and commonest dtype in the folder's safetensors files."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        return None, None, None
    numbers: Counter[str] = Counter()
    for file in files:
        for tensor in safetensors_header(file).values():
            numbers[tensor["dtype"]] += math.prod(tensor["shape"])
    size = sum(count * _BYTES.get(dtype, 1) for dtype, count in numbers.items())
    dtype = max(numbers, key=lambda name: numbers[name], default=None)
    return numbers.total(), size, _NAMES.get(dtype, dtype) if dtype else None


def safetensors_header(file: Path) -> Mapping[str, Any]:
    """The tensors of a safetensors file: name to dtype, shape and place.

    The format: 8 bytes with the header's length, little-endian, then the header as JSON.
    """
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 2 <= length <= _HEADER_LIMIT:
                raise ValueError("its header has no sensible length")
            header: Any = json.loads(stream.read(length))
        if not isinstance(header, dict):
            raise ValueError("its header is not an object")
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{file} is not a safetensors file: {error}; download it again") from (
            error
        )
    tensors = cast("dict[str, Any]", header)
    return {name: entry for name, entry in tensors.items() if name != "__metadata__"}


def _width(dtype: str) -> int:
    """Bytes of one number; 2 for what is not known, as most checkpoints are bfloat16."""
    dtype = dtype.removeprefix("torch.")
    names = {name: _BYTES[code] for code, name in _NAMES.items()}
    return names.get(dtype, 1 if dtype.startswith(("float8", "int8", "F8")) else 2)
