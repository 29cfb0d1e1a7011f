r"""Texts that satisfy a JSON Schema, as terminals of a grammar: bare, as no JSON quotes them.

GLM-4.5 and later write strings as they are, so what the schema says of a string (lengths, patterns,
formats, choices) has to be said of the bare text. All of it is regular, and so one terminal.

The terminals are in llguidance's dialect of Lark; `TEXT` is any text and must be defined.

Does not do: values other than strings (`json_rules.py`), calls (`tags.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, cast

from .schema_check import Schema, resolve
from .schema_words import kinds_of, meant, typed
from .text_formats import PATTERNS

ANY_TEXT = "TEXT"
"""The terminal of any text."""

# References that lead through one another; a schema that leads back to itself adds no texts.
_DEEPEST = 16

_BLANK = r"[ \t\r\n]*"
_INTEGER = "-?(?:0|[1-9][0-9]*)"
_NUMBER = rf"{_INTEGER}(?:\.[0-9]+)?(?:[eE][+\-]?[0-9]+)?"
# Texts that JSON may read as a value of each type. A list or an object is told by how it begins:
# there, the engine has to know which of the two it is reading.
_READ_AS: Mapping[str, str] = {
    "null": f"{_BLANK}null{_BLANK}",
    "boolean": f"{_BLANK}(?:true|false){_BLANK}",
    "integer": f"{_BLANK}{_INTEGER}{_BLANK}",
    "number": f"{_BLANK}{_NUMBER}{_BLANK}",
    "array": rf"{_BLANK}\[{_BLANK}[\]\[\x7b\x220-9tfn\-](?s:.*)",
    "object": rf"{_BLANK}\x7b{_BLANK}[\x22\x7d](?s:.*)",
    "string": rf"{_BLANK}\x22(?s:.*)",
}


def texts_of(schema: Any, root: Schema, depth: int = _DEEPEST) -> str | None:
    """A terminal's expression for the texts that satisfy a schema; None if no text does.

    Raises:
        ValueError: A pattern has anchors where they cannot be held; says so.
    """
    if schema is False or depth == 0:
        return None
    if not isinstance(schema, Mapping):
        return ANY_TEXT
    node = meant(cast("Schema", schema))
    if not {"string", "any"} & set(kinds_of(node)):
        return None
    terms = list(_own(node))
    if "$ref" in node:
        terms.append(texts_of(resolve(root, str(node["$ref"])), root, depth - 1))
    terms += [texts_of(part, root, depth) for part in node.get("allOf", ())]
    for word in ("anyOf", "oneOf"):
        if word in node:
            members = [typed(member, node.get("type")) for member in node[word]]
            terms.append(either_text(texts_of(member, root, depth) for member in members))
    if None in terms:
        return None
    limits = list(dict.fromkeys(term for term in terms if term and term != ANY_TEXT))
    return " & ".join(limits) or ANY_TEXT


def either_text(choices: Iterator[str | None]) -> str | None:
    """What one of several expressions admits."""
    found = list(dict.fromkeys(choice for choice in choices if choice is not None))
    if ANY_TEXT in found or not found:
        return ANY_TEXT if found else None
    return found[0] if len(found) == 1 else f"({' | '.join(f'({one})' for one in found)})"


def unlike(types: Collection[str]) -> str:
    """What is added to an expression so that no text of it can be read as JSON of these types."""
    found = dict.fromkeys(_READ_AS[kind] for kind in _READ_AS if kind in types)
    return "".join(f" & ~/{pattern}/" for pattern in found)


def spelled(text: str) -> str:
    """One text as a terminal."""
    return json.dumps(text, ensure_ascii=False)


def _own(node: Schema) -> Iterator[str | None]:
    """What the words of a schema itself say of texts."""
    if "const" in node or "enum" in node:
        values: list[Any] = [node["const"]] if "const" in node else node["enum"]
        listed = [spelled(value) for value in values if isinstance(value, str)]
        yield either_text(iter(listed))
        return
    least, most = int(node.get("minLength", 0)), node.get("maxLength")
    if least or most is not None:
        yield f"/(?s:.{{{least},{'' if most is None else int(most)}}})/"
    if "pattern" in node:
        yield f"/{_delimited(whole(node['pattern']))}/"
    if node.get("format") in PATTERNS:
        yield f"/{PATTERNS[node['format']]}/"


def _delimited(pattern: str) -> str:
    r"""A regular expression as it may stand between slashes."""
    found = re.sub(
        r"\\.|/", lambda one: r"\/" if one[0] == "/" else one[0], pattern, flags=re.DOTALL
    )
    return found.replace("\n", "\\x0a").replace("\r", "\\x0d")


def whole(pattern: str) -> str:
    """A regular expression for whole texts, from one that may be found anywhere in a text.

    Raises ValueError for anchors in the middle.
    """
    return "|".join(_whole(branch) for branch in _branches(pattern))


def _whole(branch: str) -> str:
    if group := _only_group(branch):
        return f"(?:{whole(group)})"
    begin = branch.startswith("^")
    branch = branch.lstrip("^")
    end = branch.endswith("$") and (len(branch) - len(branch[:-1].rstrip("\\"))) % 2 == 1
    branch = branch[:-1] if end else branch
    if any(part in ("^", "$") for part in _TOKENS.findall(branch)):
        raise ValueError("'^' and '$' can be held at the begin and the end of a pattern alone")
    around = "(?s:.*)"
    return f"{'' if begin else around}(?:{branch}){'' if end else around}"


# An escaped character, a class, or any other character.
_TOKENS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)


def _branches(pattern: str) -> Iterator[str]:
    """The alternatives of a pattern."""
    depth, branch = 0, ""
    for part in _TOKENS.findall(pattern):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if part == "|" and not depth:
            yield branch
            branch = ""
        else:
            branch += part
    yield branch


def _only_group(branch: str) -> str:
    """What is in the group that the whole branch is; empty if it is none."""
    begun = re.match(r"\((?:\?:)?(?!\?)", branch)
    if not begun:
        return ""
    depth = 0
    tokens = _TOKENS.findall(branch)
    for index, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if not depth:
            return branch[begun.end() : -1] if index == len(tokens) - 1 else ""
    return ""
