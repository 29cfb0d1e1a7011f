"""Which GLM family a model is of, guessed from its id, its config or its chat template.

Every guess comes with its reason. A chat template is the best evidence, because it is the format;
then the kind of model that its config names; then its name.

Does not do: reading files or asking a server; knowing which families are supported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

# From a part of a model id, lower case, to a family. The first that fits counts.
_IDS = (
    (r"rumination", "glm-z1-rumination"),
    (r"glm-z1", "glm-z1"),
    (r"glm-?4-(9|32)b.*0414|glm-?4-32b|glm-?4-0414", "glm-4-0414"),
    (r"glm-?4(\.\d+)?v", "glm-4v"),
    (r"glm-?5(\.\d+)?v", "glm-5v"),
    (r"glm-?4\.[56]", "glm-4.5"),
    (r"glm-?4\.\d", "glm-4.7"),
    (r"glm-?5", "glm-5"),
    (r"glm-edge", "glm-edge"),
    (r"chatglm(-6b|-?[23])", "chatglm"),
    (r"glm-?4-9b|glm-?4(-chat)?$", "glm-4"),
)

# From a config's model_type to its families; the first, unless the model's name tells another.
_MODEL_TYPES = {
    "glm": ("glm-4", "glm-edge"),
    "glm4": ("glm-4-0414", "glm-z1", "glm-z1-rumination"),
    "glm4v": ("glm-4v",),
    "glm4_moe": ("glm-4.5", "glm-4.7"),
    "glm4_moe_lite": ("glm-4.7",),
    "glm_moe_dsa": ("glm-5",),
}
_GLM4_VOCABULARY = 151552

# What only one family's chat template says. The first that fits counts.
_TEMPLATES = (
    ("<核心要求>", "glm-z1-rumination"),
    ("tool_to_json", "glm-5"),
    ("{function-name}<arg_key>", "glm-4.7"),
    ("{function-name}\n<arg_key>", "glm-4.5"),
    ("item['metadata']", "glm-4"),
    ("智谱 AI 公司", "glm-z1"),
    ("function | tojson(indent=4, ensure_ascii=False)", "glm-4-0414"),
)

Guess = tuple[str | None, str]
"""A family and the reason for it; None where nothing tells."""


def by_name(name: str) -> Guess:
    """The family that a model id or path names; the last folder that names one counts."""
    for part in reversed(re.split(r"[/\\]", name)):
        plain = re.sub(r"[_:]", "-", part.lower())
        for pattern, family in _IDS:
            if re.search(pattern, plain):
                return family, f"the model's name contains {part!r}"
    return None, ""


def is_template(text: str) -> bool:
    """Whether a text is a chat template rather than a name."""
    return "{%" in text or "{{" in text


def by_template(template: str) -> Guess:
    """The family whose chat template this is, by what only that family's says."""
    for mark, family in _TEMPLATES:
        if mark in template:
            return family, f"its chat template says {mark!r}"
    return None, ""


def by_model(hint: object) -> Guess:
    """The family of a config or a tokenizer, as an object or a mapping.

    Looked at, in this order: `chat_template`, `model_type`, `_name_or_path` or `name_or_path`.
    """

    def get(key: str) -> Any:
        if isinstance(hint, Mapping):
            return cast("Mapping[str, Any]", hint).get(key)
        return getattr(hint, key, None)

    for template in _templates(get("chat_template")):
        family, why = by_template(template)
        if family is not None:
            return family, why
    name = str(get("_name_or_path") or get("name_or_path") or "")
    model_type = get("model_type")
    if isinstance(model_type, str):
        size = get("padded_vocab_size") or get("vocab_size")
        return _by_model_type(model_type, name, size)
    return by_name(name)


def _templates(found: object) -> Iterable[str]:
    """The texts in a tokenizer's `chat_template`: one, or several under names."""
    if isinstance(found, str):
        return [found]
    if isinstance(found, Mapping):
        values: Iterable[Any] = cast("Mapping[str, Any]", found).values()
    elif isinstance(found, list):
        entries = cast("list[Any]", found)
        values = [entry.get("template") for entry in entries if isinstance(entry, Mapping)]
    else:
        return []
    return [value for value in values if isinstance(value, str)]


def _by_model_type(model_type: str, name: str, size: Any) -> Guess:
    why = f"the config's model_type is {model_type!r}"
    if model_type == "chatglm":
        # ChatGLM2, ChatGLM3 and the first glm-4-9b-chat share this type, not the vocabulary.
        family = "glm-4" if size == _GLM4_VOCABULARY else "chatglm"
        return family, f"{why} and its vocabulary has {size} entries"
    if model_type not in _MODEL_TYPES:
        return None, f"model_type {model_type!r} is no GLM"
    families = _MODEL_TYPES[model_type]
    named, why_named = by_name(name)
    if named is not None and named in families[1:]:
        return named, f"{why} and {why_named}"
    return families[0], why
