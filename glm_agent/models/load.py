"""From the name of a model, as written after `--model`, to the model.

Does not do: loading weights (that happens at the first reply), describing models (`info.py`).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..errors import ModelLoadError
from .base import Model

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).parent / "embedded"
ENVIRONMENT = "GLM_AGENT_MODEL"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def load_model(name: str | os.PathLike[str] | None = None, **options: Any) -> Model:
    """The model of this name.

    Args:
        name: `embedded`, a folder, a hub id (`zai-org/glm-4-9b-chat-hf`) or a server's URL
            (`http://127.0.0.1:8000/v1`). None takes `GLM_AGENT_MODEL`, or else `embedded`.
        options: For the model's class: `TransformersModel`, or `OpenAICompatibleModel` for a URL.

    Raises:
        ModelLoadError: There is no such model. Weights are only read at the first reply.
    """
    text = model_name(name)
    kind = kind_of(text)
    try:
        if kind == "server":
            if given := sorted(options.keys() & {"device", "dtype", "quantize", "context"}):
                raise ModelLoadError(
                    f"model {text}: a server places its model itself; "
                    f"leave {' and '.join(given)} out"
                )
            from .servers.openai_compatible import OpenAICompatibleModel

            return OpenAICompatibleModel(text, **options)
        from .transformers_model import TransformersModel

        if kind == EMBEDDED:
            options = {"dtype": "float32", "protocol": "glm-4", "local_files_only": True, **options}
            return TransformersModel(embedded_folder(), name=EMBEDDED, **options)
        return TransformersModel(Path(text).expanduser() if kind == "folder" else text, **options)
    except TypeError as error:
        raise ModelLoadError(f"model {text}: {error}") from error


def model_name(name: str | os.PathLike[str] | None = None) -> str:
    """`name`, or what `GLM_AGENT_MODEL` names, or `embedded`."""
    text = os.fspath(name) if name is not None else os.environ.get(ENVIRONMENT) or EMBEDDED
    if not text.strip():
        raise ModelLoadError(f"the model's name is empty; {_CHOICES}")
    return text.strip()


def kind_of(name: str) -> str:
    """`embedded`, `server`, `folder` or `hub`. Raises `ModelLoadError` for anything else."""
    if name == EMBEDDED:
        return EMBEDDED
    scheme, colons, _ = name.partition("://")
    if colons:
        if scheme.lower() in ("http", "https"):
            return "server"
        raise ModelLoadError(f"model {name}: {scheme}:// is not supported; use http:// or https://")
    path = Path(name).expanduser()
    if path.exists():
        return "folder"
    if name.startswith(("/", ".", "~")) or "\\" in name or name.count("/") > 1:
        raise ModelLoadError(f"there is no folder {name}; {_CHOICES}")
    if _HUB_ID.fullmatch(name):
        return "hub"
    raise ModelLoadError(f"there is no model {name!r}; {_CHOICES}")


_CHOICES = (
    "name 'embedded', a folder with a model, a hub id such as zai-org/glm-4-9b-chat-hf, "
    "or a server's URL"
)


def embedded_folder() -> Path:
    """The folder of the model that ships with the package; `ModelLoadError` if it is gone."""
    if not (EMBEDDED_FOLDER / "model.safetensors").is_file():
        raise ModelLoadError(
            "the embedded model's weights are missing from this installation; "
            "reinstall glm-agent, or name another model"
        )
    return EMBEDDED_FOLDER


def list_models() -> list[str]:
    """Names that `load_model` takes here without a download.

    `embedded` if it is installed, what `GLM_AGENT_MODEL` names, and the GLM checkpoints in the
    local hub cache.
    """
    names: list[str] = []
    if (EMBEDDED_FOLDER / "model.safetensors").is_file():
        names.append(EMBEDDED)
    if (chosen := os.environ.get(ENVIRONMENT, "").strip()) and chosen not in names:
        names.append(chosen)
    names += [name for name in _cached() if name not in names]
    return names


def _cached() -> list[str]:
    try:
        from huggingface_hub import CacheNotFound, scan_cache_dir
    except ImportError:
        return []
    try:
        repositories = scan_cache_dir().repos
    except (CacheNotFound, OSError):
        return []
    return sorted(
        repository.repo_id
        for repository in repositories
        if repository.repo_type == "model" and "glm" in repository.repo_id.lower()
    )
