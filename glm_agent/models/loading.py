"""Finds and loads a causal GLM for `TransformersModel`, and says in one line what is wrong if not.

Does not do: running it (`engine`), finding device and number format (`fitting`), counting
bytes (`fitting`), remote code: what a checkpoint brings as Python is not run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..errors import ConfigurationError, DoesNotFit, ModelLoadError
from ..protocol import Protocol, TokenizerEncoder, encoder_for, protocol_for
from .engine import attention
from .engine.engine import Engine, Sampling
from .fitting.fit import check_fit
from .fitting.memory import memory_of
from .fitting.placing import choose_device, choose_dtype
from .fitting.quantize import check_quantize, quantization
from .fitting.shape import BY_FORMULA, shape_of
from .hush import imports_hushed, quiet

if TYPE_CHECKING:
    import torch

INSTALL = "pip install 'glm-agent[local]'"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
# The first releases run code of their own, which transformers 5 no longer takes; the "-hf" twins
# hold the same weights for transformers' own GlmForCausalLM.
_TWINS = {
    "glm-4-9b": "zai-org/glm-4-9b-hf",
    "glm-4-9b-chat": "zai-org/glm-4-9b-chat-hf",
    "glm-4-9b-chat-1m": "zai-org/glm-4-9b-chat-1m-hf",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a checkpoint is. `where` is a folder or a hub id: `zai-org/glm-4-9b-chat-hf`."""

    where: str
    revision: str | None = None
    local_files_only: bool | None = None

    @property
    def folder(self) -> Path | None:
        """The folder, or None when it is to come from the hub."""
        path = Path(self.where).expanduser()
        return path if path.exists() else None

    def options(self) -> dict[str, Any]:
        """What every `from_pretrained` is given."""
        options: dict[str, Any] = {"trust_remote_code": False}
        if self.revision is not None:
            options["revision"] = self.revision
        if self.local_files_only is not None:
            options["local_files_only"] = self.local_files_only
        return options


def need_libraries() -> None:
    """Raise `ModelLoadError` unless torch, transformers and accelerate can be imported."""
    for module in ("torch", "transformers", "accelerate"):
        try:
            with imports_hushed():
                __import__(module)
        except ImportError as error:
            raise ModelLoadError(
                f"running a model in this process needs {module} ({error}); {INSTALL}"
            ) from error


def read_config(source: Source) -> Mapping[str, Any]:
    """The checkpoint's config.json. Raises `ModelLoadError` if it is not one that can be run."""
    folder = source.folder
    if folder is not None:
        if not folder.is_dir():
            raise ModelLoadError(f"{source.where} is a file; a model is a folder with config.json")
        if not (folder / "config.json").is_file():
            raise ModelLoadError(
                f"{source.where} has no config.json; point at the folder that holds the model"
            )
    config = _config_dict(source)
    model_type = config.get("model_type")
    if model_type == "chatglm":
        raise ModelLoadError(_twin(source))
    if not _is_causal_glm(model_type):
        raise ModelLoadError(
            f"{source.where} is no causal GLM (model_type {model_type!r}); "
            "use a GLM checkpoint such as zai-org/glm-4-9b-chat-hf"
        )
    return config


def _is_causal_glm(model_type: Any) -> bool:
    if model_type in BY_FORMULA:
        return True  # without importing transformers, which takes seconds
    if not isinstance(model_type, str) or not model_type.startswith("glm"):
        return False
    need_libraries()
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES


def _config_dict(source: Source) -> Mapping[str, Any]:
    if source.folder is not None:
        try:
            config: Any = json.loads((source.folder / "config.json").read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ModelLoadError(_not_found(source, error)) from error
        if not isinstance(config, dict):
            raise ModelLoadError(_not_found(source, ValueError("it is not a JSON object")))
        return cast("dict[str, Any]", config)
    # Not asked of the hub first: without a network it tries for half a minute.
    refuse_first_release(source)
    need_libraries()
    from transformers import PretrainedConfig

    try:
        with quiet():
            config, _ = PretrainedConfig.get_config_dict(
                str(source.folder or source.where), **source.options()
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelLoadError(_not_found(source, error)) from error
    return config


def _not_found(source: Source, error: Exception) -> str:
    if source.folder is not None:
        reason = first_line(error, 200).rstrip(".")
        return f"{source.where} has an unreadable config.json: {reason}; download it again"
    return (
        f"no folder {source.where!r} here, and the model hub gives no model of this name "
        f"({type(error).__name__}); check the name and the network, or download it first"
    )


def refuse_first_release(source: Source) -> None:
    """Raise `ModelLoadError` for a hub id whose code transformers no longer runs."""
    if _base_name(source) in _TWINS:
        raise ModelLoadError(_twin(source))


def _base_name(source: Source) -> str:
    return source.where.rstrip("/").rsplit("/", 1)[-1].lower()


def _twin(source: Source) -> str:
    twin = _TWINS.get(_base_name(source), "zai-org/glm-4-9b-chat-hf")
    return (
        f"{source.where} needs remote code that transformers no longer runs; "
        f"use its twin {twin}, the same weights for transformers' own code"
    )


def find_protocol(
    source: Source, config: Mapping[str, Any], wanted: str | Protocol | None
) -> Protocol:
    """The wire format: `wanted`, or what the chat template, the config or the name tells."""
    if wanted is not None:
        return protocol_for(wanted)
    # Only the folder's own name: those above it say nothing about the model.
    name = source.folder.resolve().name if source.folder is not None else source.where
    hint = {
        **config,
        "_name_or_path": config.get("_name_or_path") or name,
        "chat_template": _chat_template(source.folder),
    }
    try:
        return protocol_for(hint)
    except ConfigurationError as error:
        raise ModelLoadError(f"{source.where}: {error} (protocol='glm-4' overrides)") from error


def _chat_template(folder: Path | None) -> Any:
    """The template that a folder brings along, as transformers saves it; None where there is none.

    A hub model's is not asked for: its name tells its family.
    """
    if folder is None:
        return None
    try:
        file = folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text("utf-8")
        config: Any = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None  # a tokenizer that cannot be read is met when it is loaded
    return cast("dict[str, Any]", config).get("chat_template") if isinstance(config, dict) else None


def load_engine(
    source: Source,
    *,
    device: str = "auto",
    dtype: str = "auto",
    protocol: str | Protocol | None,
    quantize: str | None = None,
    context: int | None = None,
    kv: str = "plain",
) -> Engine:
    """Load weights and tokenizer. Raises `ModelLoadError`.

    `quantize` packs the weights (`quantize.py`). `context` is how many tokens there must be room
    for, and the most that the engine takes; None is the model's own. `kv` is how keys and values
    will be held (`fit.KV_FORMS`).
    """
    check_quantize(quantize)
    if context is not None and context < 1:
        raise ModelLoadError(f"context {context} is no number of tokens; use 1 or more")
    need_libraries()
    config = read_config(source)
    speaks = find_protocol(source, config, protocol)
    place = choose_device(device)
    number = choose_dtype(dtype, place)
    with imports_hushed():
        packing = quantization(quantize, source.where, config, place, number)
    encoder = load_encoder(source, speaks)
    stops = {encoder.control(token): token for token in speaks.stops}
    _check_room(
        source, config, device=place, dtype=number, quantize=quantize, context=context, kv=kv
    )
    model = _load_weights(source, place, number, packing)
    rows = model.get_input_embeddings().num_embeddings
    if (largest := max(encoder.controls)) >= rows:
        raise ModelLoadError(
            f"{source.where}: the tokenizer has an id {largest} and the model only {rows}; "
            "they do not belong together"
        )
    most = getattr(model.config, "max_position_embeddings", None) or 2**31
    most = most if context is None else min(context, most)
    attention.enable(model)
    shape = shape_of(config)
    cached = 0 if shape is None or shape.cached is None else shape.cached
    return Engine(
        source.where,
        model,
        encoder,
        speaks,
        place,
        number,
        most,
        stops,
        _sampling(model),
        token_bytes=cached * (1 if kv == "fp8" else number.itemsize),
    )


def _check_room(
    source: Source,
    config: Mapping[str, Any],
    *,
    device: torch.device,
    dtype: torch.dtype,
    quantize: str | None,
    context: int | None,
    kv: str,
) -> None:
    """Refuse a model that is larger than the memory before any of it is read."""
    stored = None
    if config.get("quantization_config"):
        # Packed already, in one of many ways: it takes about what its files take.
        if source.folder is None:
            return
        stored = sum(file.stat().st_size for file in source.folder.glob("*.safetensors"))
    if (shape := shape_of(config)) is not None:
        check_fit(
            source.where,
            shape,
            memory_of(device),
            dtype=str(dtype).removeprefix("torch."),
            quantize=quantize,
            context=context,
            weights=stored,
            kv=kv,
        )


def load_encoder(source: Source, protocol: Protocol) -> TokenizerEncoder:
    """The checkpoint's tokenizer, checked for the protocol's control tokens."""
    with imports_hushed():
        from transformers import AutoTokenizer
    folder = source.folder
    if folder is not None and not any((folder / name).is_file() for name in _TOKENIZER_FILES):
        raise ModelLoadError(
            f"{source.where} has no tokenizer.json; copy the model's tokenizer files into it"
        )
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder or source.where), **source.options()
            )
        encoder = encoder_for(tokenizer)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelLoadError(
            f"{source.where} has no tokenizer that can be loaded: {first_line(error, 200)}; "
            "take tokenizer.json from the model that it belongs to"
        ) from error
    except ConfigurationError as error:
        raise ModelLoadError(f"{source.where}: {error}") from error
    have = set(encoder.controls.values())
    if missing := [token for token in protocol.controls if token not in have]:
        raise ModelLoadError(
            f"{source.where}: its tokenizer lacks the control tokens {' '.join(missing)} of "
            f"{protocol.name}; use the tokenizer that the model was trained with"
        )
    return encoder


def has_weights(folder: Path) -> bool:
    """Whether a folder holds weights of any kind."""
    return any(True for glob in _WEIGHTS for _ in folder.glob(glob))


def _load_weights(
    source: Source, device: torch.device, dtype: torch.dtype, packing: Any = None
) -> Any:
    import torch
    from safetensors import SafetensorError

    with imports_hushed():
        from transformers import AutoModelForCausalLM
    folder = source.folder
    if folder is not None and not has_weights(folder):
        raise ModelLoadError(f"{source.where} has no weights (model.safetensors); download them")
    options = source.options()
    if packing is not None:
        options["quantization_config"] = packing
    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                str(folder or source.where),
                dtype=dtype,
                # Tensor by tensor onto the device, so that the RAM need not hold them all.
                device_map={"": device},
                output_loading_info=True,
                **options,
            )
            model, report = loaded
            _check_weights(source, report)
            return model.eval()
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise DoesNotFit(_ran_out(source, device, dtype)) from error
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError, ImportError) as error:
        # The CPU's allocator has no exception of its own.
        if "allocate memory" in str(error):
            raise DoesNotFit(_ran_out(source, device, dtype)) from error
        raise ModelLoadError(
            f"the weights of {source.where} cannot be loaded: {first_line(error, 200)}; "
            "download the checkpoint again"
        ) from error


def _ran_out(source: Source, device: torch.device, dtype: torch.dtype) -> str:
    return (
        f"memory ran out on {device} while {source.where} was loaded as {dtype}; free some, "
        "quantise it (quantize='int4'), choose another device, or serve it and use its URL"
    )


def _check_weights(source: Source, report: Mapping[str, Any]) -> None:
    for problem in ("missing", "mismatched", "unexpected"):
        keys = sorted(map(str, report.get(f"{problem}_keys") or ()))
        if keys:
            raise ModelLoadError(
                f"the weights of {source.where} do not fit its config.json: {len(keys)} {problem} "
                f"tensors, such as {keys[0]}; download the checkpoint again"
            )


def _sampling(model: Any) -> Sampling:
    """The model's own way of sampling, from its generation_config.json; greedy without one."""
    config = getattr(model, "generation_config", None)
    if config is None or not getattr(config, "do_sample", None):
        return Sampling()
    temperature = getattr(config, "temperature", None)
    return Sampling(
        1.0 if temperature is None else float(temperature),
        float(getattr(config, "top_p", None) or 1.0),
        int(getattr(config, "top_k", None) or 0),
    )


def first_line(error: BaseException, limit: int = 300) -> str:
    """An exception's message cut to one readable line."""
    text = re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
