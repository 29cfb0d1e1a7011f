"""Which arguments a tool's schema allows, as plain lists of named arguments.

A schema may say it in several ways at once: with `properties` beside `anyOf`, `allOf`, references.
Here that becomes alternatives, each of them a `Form`: properties in order, which of them must be
there, and what other names may stand for. Where nothing is said of others, a form that lists
properties takes none (as in `json_rules.py`).

Does not do: the values (`json_rules.py`, `raw_text.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from .schema_check import Schema, resolve
from .schema_words import meant

_MOST = 64
_DEEPEST = 16


@dataclass(frozen=True, slots=True)
class Form:
    """One way of calling a tool.

    `lists` says whether properties are listed at all, be it none. `others` is the schema of further
    arguments, None where nothing is said of them; `patterns` are the same for names that a regular
    expression finds. `least` and `most` limit how many arguments there are.
    """

    properties: Mapping[str, Any] = field(default_factory=dict[str, Any])
    lists: bool = False
    required: tuple[str, ...] = ()
    others: Any = None
    patterns: Mapping[str, Any] = field(default_factory=dict[str, Any])
    least: int = 0
    most: int | None = None

    @property
    def closed(self) -> bool:
        """Whether there are no other arguments than the listed ones."""
        return self.others is False or (self.others is None and self.lists)

    def possible(self) -> bool:
        """Whether all that is required may be there, in the number that is allowed."""
        if any(self.properties.get(name) is False for name in self.required):
            return False
        open_ = not self.closed or bool(self.patterns)
        if not open_ and self.least > len(self.properties):
            return False
        return self.most is None or max(self.least, len(self.required)) <= self.most


def forms_of(schema: Schema, root: Schema) -> list[Form]:
    """The forms of the objects that a schema allows; empty where none satisfies it.

    `root` is what its references point into.

    Raises ValueError where there are more than can be held.
    """
    found = [_completed(form) for form in _forms(schema, root, _DEEPEST)]
    unique = [form for index, form in enumerate(found) if form not in found[:index]]
    return [form for form in unique if form.possible()]


def _forms(schema: Any, root: Schema, depth: int) -> list[Form]:
    if schema is False or depth == 0:
        return []
    if not isinstance(schema, Mapping):
        return [Form()]
    node = meant(cast("Schema", schema))
    found = [
        Form(
            dict(node.get("properties", {})),
            "properties" in node,
            tuple(node.get("required", ())),
            node.get("additionalProperties"),
            dict(node.get("patternProperties", {})),
            int(node.get("minProperties", 0)),
            None if node.get("maxProperties") is None else int(node["maxProperties"]),
        )
    ]
    if "$ref" in node:
        found = _both(found, _forms(resolve(root, str(node["$ref"])), root, depth - 1))
    for part in node.get("allOf", ()):
        found = _both(found, _forms(part, root, depth))
    for word in ("anyOf", "oneOf"):
        if word in node:
            members = [form for member in node[word] for form in _forms(member, root, depth)]
            found = _both(found, members)
    return found


def _both(left: Sequence[Form], right: Sequence[Form]) -> list[Form]:
    if len(left) * len(right) > _MOST:
        raise ValueError(f"there are more than {_MOST} ways to combine its alternatives")
    return [_merged(one, other) for one in left for other in right]


def _merged(one: Form, other: Form) -> Form:
    properties: dict[str, Any] = {}
    for name in dict.fromkeys([*one.properties, *other.properties]):
        properties[name] = _all_of(_said(one, name), _said(other, name))
    limits = [form.most for form in (one, other) if form.most is not None]
    return Form(
        properties,
        one.lists or other.lists,
        tuple(dict.fromkeys([*one.required, *other.required])),
        _all_of(one.others, other.others),
        {**one.patterns, **other.patterns},
        max(one.least, other.least),
        min(limits, default=None),
    )


def _said(form: Form, name: str) -> Any:
    """What a form says of an argument; None for nothing."""
    if name in form.properties:
        return form.properties[name]
    if any(re.search(pattern, name) for pattern in form.patterns):
        return None
    return form.others


def _all_of(one: Any, other: Any) -> Any:
    if one is None or other is None or one == other:
        return one if other is None else other
    if one is True or other is True:
        return other if one is True else one
    if one is False or other is False:
        return False
    return {"allOf": [one, other]}


def _completed(form: Form) -> Form:
    """With properties for all that is required, and all that patterns say of properties."""
    properties = dict(form.properties)
    for name in form.required:
        if name not in properties:
            matched = any(re.search(pattern, name) for pattern in form.patterns)
            said = {} if matched or form.others is None else form.others
            properties[name] = {} if said is True else said
    for name, schema in properties.items():
        for pattern, also in form.patterns.items():
            if re.search(pattern, name):
                properties[name] = schema = _all_of(schema, also)  # noqa: PLW2901
    return replace(
        form,
        properties=properties,
        others=True if not form.closed and form.others is None else form.others,
    )
