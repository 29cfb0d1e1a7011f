"""The GLM families and how to tell which one a model speaks.

A `Protocol` is a family's renderer and parser under one name. To add a family, write its two
halves and enter it in `_FAMILIES`.

Does not do: reading files or asking a server; callers pass a name, a path or a loaded config.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ConfigurationError
from ..messages import Message, Piece, ToolSpec
from . import glm4
from .prompt import Prompt
from .reply import ParsedReply, StreamParser, parse_whole, split_controls
from .stream import Glm4Parser


@dataclass(frozen=True, slots=True)
class Protocol:
    """A wire format. `stops` are the tokens at which a reply ends, `controls` all it may contain.

    `why` says what told that the model speaks it.
    """

    name: str
    stops: tuple[str, ...]
    controls: tuple[str, ...]
    renderer: Callable[..., Prompt]
    parser: Callable[[Sequence[ToolSpec], int, bool], StreamParser]
    why: str = ""

    def render(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = (), **options: Any
    ) -> Prompt:
        """The prompt that asks for the next reply. For options see the family's renderer."""
        return self.renderer(messages, tools, **options)

    def stream_parser(
        self, tools: Sequence[ToolSpec] = (), first_call: int = 1, *, strict: bool = False
    ) -> StreamParser:
        """A parser for one reply; its calls are numbered from `first_call`.

        `strict` turns repairs off: what is not written exactly in the format is no call, or a call
        with an error. Evaluations want that.
        """
        return self.parser(tools, first_call, strict)

    def parse(
        self,
        reply: str | Iterable[Piece],
        tools: Sequence[ToolSpec] = (),
        stop: str | None = None,
        truncated: bool = False,
        *,
        strict: bool = False,
    ) -> ParsedReply:
        """Parse a whole reply. A `str` is text whatever it spells; `split` reads it otherwise."""
        return parse_whole(self.stream_parser(tools, strict=strict), reply, stop, truncated)

    def split(self, text: str) -> list[Piece]:
        """Take the control tokens that a text-only server spelled out for real ones."""
        return split_controls(text, self.controls)


_FAMILIES = {
    "glm-4": Protocol(glm4.NAME, glm4.STOPS, glm4.CONTROLS, glm4.render, Glm4Parser),
}

# From a part of a model id, lower case, to a family. The first that fits counts.
_IDS = (
    (r"rumination", "glm-z1-rumination"),
    (r"glm-z1", "glm-z1"),
    (r"glm-?4-(9|32)b.*0414|glm-?4-32b|glm-?4-0414", "glm-4-0414"),
    (r"glm-?4(\.\d+)?v", "glm-4v"),
    (r"glm-?4\.[56]", "glm-4.5"),
    (r"glm-?4\.\d", "glm-4.7"),
    (r"glm-?5", "glm-5"),
    (r"glm-edge", "glm-edge"),
    (r"chatglm(-6b|-?[23])", "chatglm"),
    (r"glm-?4-9b|glm-?4(-chat)?$", "glm-4"),
)

# From a config's model_type to its families; the first, unless the config's name tells another.
_MODEL_TYPES = {
    "glm": ("glm-4", "glm-edge"),
    "glm4": ("glm-4-0414", "glm-z1", "glm-z1-rumination"),
    "glm4v": ("glm-4v",),
    "glm4_moe": ("glm-4.5", "glm-4.7"),
    "glm4_moe_lite": ("glm-4.7",),
    "glm_moe_dsa": ("glm-5",),
}
_GLM4_VOCABULARY = 151552


def protocol_for(hint: object) -> Protocol:
    """The protocol that a model speaks.

    Args:
        hint: A family's name (`glm-4`), a model id or path, a loaded config (an object with
            `model_type`, or config.json as a mapping), or a `Protocol`, which is given back.

    Raises:
        ConfigurationError: The family is not supported, or the hint does not tell one.
    """
    if isinstance(hint, Protocol):
        return hint
    if isinstance(hint, str | os.PathLike):
        return _by_name(os.fspath(hint))
    return _by_config(hint)


def _by_name(hint: str | bytes) -> Protocol:
    name = os.fsdecode(hint).strip()
    if name.lower() in _FAMILIES:
        return _family(name.lower(), f"it was asked for as {name!r}")
    family, why = _guess(name)
    if family is None:
        raise ConfigurationError(
            f"cannot tell which GLM family {name!r} is; name it ({_supported()}) or pass its config"
        )
    return _family(family, why)


def _guess(name: str) -> tuple[str | None, str]:
    """The family that a model id or path names; the last folder that names one counts."""
    for part in reversed(re.split(r"[/\\]", name)):
        plain = re.sub(r"[_:]", "-", part.lower())
        for pattern, family in _IDS:
            if re.search(pattern, plain):
                return family, f"the model's name contains {part!r}"
    return None, ""


def _by_config(config: object) -> Protocol:
    def get(key: str) -> Any:
        return config.get(key) if isinstance(config, Mapping) else getattr(config, key, None)

    model_type = get("model_type")
    if not isinstance(model_type, str):
        raise ConfigurationError(
            f"cannot tell a GLM family from a {type(config).__name__} without model_type; "
            f"name it: {_supported()}"
        )
    why = f"the config's model_type is {model_type!r}"
    if model_type == "chatglm":
        # ChatGLM2, ChatGLM3 and the first glm-4-9b-chat share this type, not the vocabulary.
        size = get("padded_vocab_size") or get("vocab_size")
        family = "glm-4" if size == _GLM4_VOCABULARY else "chatglm"
        return _family(family, f"{why} and its vocabulary has {size} entries")
    if model_type not in _MODEL_TYPES:
        raise ConfigurationError(f"model_type {model_type!r} is no GLM; supported: {_supported()}")
    families = _MODEL_TYPES[model_type]
    named, why_named = _guess(str(get("_name_or_path") or ""))
    if named is not None and named in families[1:]:
        return _family(named, f"{why} and {why_named}")
    return _family(families[0], why)


def _family(name: str, why: str) -> Protocol:
    if name not in _FAMILIES:
        raise ConfigurationError(
            f"the wire format {name} is not supported ({why}); supported: {_supported()}"
        )
    return replace(_FAMILIES[name], why=why)


def _supported() -> str:
    return ", ".join(_FAMILIES)
