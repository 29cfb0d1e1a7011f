r"""From a JSON Schema to the rules of a grammar that admits the JSON that satisfies it.

The grammar is in llguidance's dialect of Lark. Structure (objects, arrays, alternatives,
references) and plain values are rules of our own, so that all JSON escapes, indented JSON and the
spaces that models write are admitted; what needs arithmetic over text (ranges, patterns, `allOf` of
anything but objects) is left to the engine's own compiler, `%json`.

Where a schema leaves things open, this is what is meant:

- An object that lists properties takes no others, unless `additionalProperties` says so. (JSON
  Schema would take any; a model that invents arguments is never what was wanted.)
- Properties come in the schema's order, each at most once.
- Integers have at most 100 digits and exponents at most two, so that no number is infinite.
- Space between the parts of JSON is at most one blank and one line break with its indentation.

Does not do: saying which schemas can be held (`schema_check.py`), the format around the JSON
(`reply.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..parsing.xml_values import types_of
from .argument_forms import Form, forms_of
from .schema_check import TYPES, Schema, resolve
from .schema_words import kinds_of, meant, typed
from .text_formats import PATTERNS

_W = r"(?: ?(?:\r?\n[ \t]{0,60})?)"
_HEX = "[0-9a-fA-F]"
_ESCAPED = (
    rf"\\(?:[\x22\\\/bfnrt]|u(?:[0-9abcefABCEF]{_HEX}{{3}}|[dD][0-7]{_HEX}{{2}}"
    rf"|[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}))"
)
_CHARACTER = rf"(?:[^\x22\\\x00-\x1f]|{_ESCAPED})"
_INTEGER = "-?(?:0|[1-9][0-9]{0,99})"

TERMINALS = rf"""
OPEN: /\{{{_W}/
CLOSE: /{_W}\}}/
BEGIN: /\[{_W}/
END: /{_W}\]/
COMMA: /{_W},{_W}/
COLON: /{_W}:{_W}/
SPACE: / |\t| ?\r?\n[ \t]{{0,60}}/
STRING: /"{_CHARACTER}*"/
INTEGER: /{_INTEGER}/
NUMBER: /{_INTEGER}(?:\.[0-9]{{1,100}})?(?:[eE][+-]?[0-9]{{1,2}})?/
any: any_object | any_array | STRING | NUMBER | "true" | "false" | "null"
any_object: OPEN (STRING COLON any (COMMA STRING COLON any)*)? CLOSE
any_array: BEGIN (any (COMMA any)*)? END
"""
"""What the rules refer to; once in each grammar."""

_PLAIN = {
    "string": "STRING",
    "integer": "INTEGER",
    "number": "NUMBER",
    "boolean": '("true" | "false")',
    "null": '"null"',
    "array": "any_array",
    "object": "any_object",
}
_RANGE = frozenset({"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
# The words that limit each type; `allOf` and the rest stand beside any.
_WORDS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "integer": _RANGE,
    "number": _RANGE,
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "object": frozenset(
        {"properties", "required", "additionalProperties", "patternProperties"}
        | {"minProperties", "maxProperties"}
    ),
    "boolean": frozenset(),
    "null": frozenset(),
}
_DEFINITIONS = ("$defs", "definitions")


class JsonRules:
    """Gathers the rules of several schemas. `prefix` keeps their names apart from others."""

    def __init__(self, prefix: str = "j") -> None:
        self._prefix = prefix
        self._count = 0
        self.rules: list[str] = []

    def object_of(self, schema: Schema) -> str:
        """The name of a rule for a JSON object that satisfies `schema`, as arguments must be.

        The schema is one that `schema_check` has nothing against.
        """
        expression = SchemaRules(self, schema).node({"type": "object", **schema}, top=True)
        return self.rule(expression)

    def rule(self, expression: str) -> str:
        """The name of a new rule."""
        name = self.name()
        self.define(name, expression)
        return name

    def name(self) -> str:
        """A name that no rule has yet."""
        self._count += 1
        return f"{self._prefix}{self._count}"

    def define(self, name: str, expression: str) -> None:
        """Say what a name stands for."""
        self.rules.append(f"{name}: {expression}")


class SchemaRules:
    """The rules of one schema, to whose root its references point."""

    def __init__(self, rules: JsonRules, root: Schema) -> None:
        self._rules = rules
        self._root = root
        self._references: dict[str, str] = {}

    def node(self, schema: Any, *, top: bool = False) -> str:
        """An expression for what satisfies a schema."""
        if not isinstance(schema, Mapping):
            return "any"
        node = meant(cast("Schema", schema))
        if "$ref" in node and (len(node) == 1 or (top and set(node) == {"$ref", "type"})):
            return self._reference(str(node["$ref"]))
        if set(node) == {"allOf"} and len(node["allOf"]) == 1:
            return self.node(node["allOf"][0])
        if "allOf" in node or "patternProperties" in node or "$ref" in node:
            return self._combined(node)
        for word in ("anyOf", "oneOf"):
            if word in node:
                if len(node) > 1 + ("type" in node):
                    return self._combined(node)
                members = [typed(member, node.get("type")) for member in node[word]]
                return either([self.node(member) for member in members])
        if "const" in node or "enum" in node:
            return self._values(node)
        return self._typed(node)

    def _typed(self, node: Schema) -> str:
        kinds = kinds_of(node)
        if len(kinds) > 1:
            return either([self._typed({**node, "type": kind}) for kind in kinds])
        kind = kinds[0]
        limits = {word: node[word] for word in node if word in _WORDS.get(kind, ())}
        if kind == "any":
            return "any"
        if not limits or (kind == "array" and limits == {"items": {}}):
            return _PLAIN[kind]
        if kind == "object":
            return self._objects({"type": kind, **limits})
        if kind == "array":
            return self._array(limits)
        if kind == "string" and not {"pattern", "format"} & set(limits):
            return _sized(limits)
        if kind == "string" and set(limits) == {"format"}:
            return f'/"(?:{PATTERNS[limits["format"]]})"/'
        return self.engine({"type": kind, **limits})

    def _reference(self, reference: str) -> str:
        if reference not in self._references:
            name = self._references[reference] = self._rules.name()
            self._rules.define(name, self.node(resolve(self._root, reference)))
        return self._references[reference]

    def _combined(self, node: Schema) -> str:
        """What several words say together: of objects, as forms; else the engine may see to it."""
        kinds = sorted(types_of(node, self._root))
        if "object" not in kinds:
            return self.engine(node)
        others = [kind for kind in kinds if kind != "object"]
        rest = [self.engine({**node, "type": others})] if others else []
        return either([self._objects({**node, "type": "object"}), *rest])

    def _objects(self, node: Schema) -> str:
        """Objects, a rule for each schema of them, which may refer to itself."""
        key = json.dumps(node, sort_keys=True)
        if key not in self._references:
            name = self._references[key] = self._rules.name()
            forms = forms_of(node, self._root)
            if not forms:
                raise ValueError("no object satisfies it")
            if any(form.patterns for form in forms):
                self._rules.define(name, self.engine(node))
            else:
                self._rules.define(name, either([self._object(form) for form in forms]))
        return self._references[key]

    def engine(self, node: Schema) -> str:
        """A rule that the engine compiles from the schema itself."""
        schema = closed(node)
        schema |= {word: closed(self._root[word]) for word in _DEFINITIONS if word in self._root}
        schema["x-guidance"] = {"whitespace_pattern": _W}
        return self._rules.rule(f"%json {json.dumps(schema, ensure_ascii=False)}")

    def _values(self, node: Schema) -> str:
        values: Sequence[Any] = [node["const"]] if "const" in node else node["enum"]
        kinds = kinds_of(node)
        fitting = [value for value in values if kinds == ["any"] or _is_any(value, kinds)]
        return either([self.value(value) for value in fitting])

    def value(self, value: Any) -> str:
        """An expression for the JSON of one value."""
        if isinstance(value, Mapping):
            members = cast("Mapping[str, Any]", value)
            pairs = [f"{_literal(key)} COLON {self.value(item)}" for key, item in members.items()]
            return f"(OPEN {' COMMA '.join(pairs)} CLOSE)"
        if isinstance(value, list):
            items = [self.value(item) for item in cast("list[Any]", value)]
            return f"(BEGIN {' COMMA '.join(items)} END)"
        return _literal(value)

    def _array(self, limits: Schema) -> str:
        first: Sequence[Any] = limits.get("prefixItems", ())
        items: Any = limits.get("items", {})
        least, most = int(limits.get("minItems", 0)), limits.get("maxItems")
        if isinstance(items, list):  # the old way to write prefixItems
            first, items = cast("list[Any]", items), {}
        if first:
            return self.engine({"type": "array", **limits})
        if most is not None and int(most) == 0:
            return "(BEGIN END)"
        item = self._rules.rule(self.node(items))
        content = item
        if most is None or int(most) > 1:
            content += (
                f" (COMMA {item}){{{max(least - 1, 0)},{'' if most is None else int(most) - 1}}}"
            )
        return f"(BEGIN {content} END)" if least else f"(BEGIN ({content})? END)"

    def _object(self, form: Form) -> str:
        other = self._other(form)
        least, most = form.least, form.most
        # From the last property to the first: what may follow where so many were written, up to the
        # number from which on it makes no difference. None where nothing can make it right.
        top = max(least, 1 if most is None else most, 1)
        tails = [_more(other, count, least, most) for count in range(top + 1)]
        for name, schema in reversed(list(form.properties.items())):
            needed = name in form.required
            if schema is False and not needed:
                continue
            pair = self._rules.rule(f"{_literal(name)} COLON {self.node(schema)}")
            found: list[str | None] = []
            for count in range(top + 1):
                after = None if count == most else tails[min(count + 1, top)]
                found.append(self._property(pair, count, after, None if needed else tails[count]))
            tails = found
        if tails[0] is None:
            raise ValueError("no object has as many properties as it asks for")
        return f"(OPEN {tails[0]} CLOSE)"

    def _property(
        self, pair: str, count: int, after: str | None, without: str | None
    ) -> str | None:
        """A property with what follows it, or what follows without it."""
        if after is None:
            return without
        written = f"{'COMMA ' if count else ''}{pair} {after}"
        if without is None:
            return self._rules.rule(written)
        return self._rules.rule(f"({written}) | {without}" if without else f"({written})?")

    def _other(self, form: Form) -> str | None:
        """A property that is not listed; None where there may be none."""
        if form.closed:
            return None
        key = "STRING"
        if form.properties:
            key = self._rules.name().upper()
            listed = "|".join(_escaped(name) for name in form.properties)
            self._rules.define(key, f"STRING & ~/{listed}/")
        return self._rules.rule(f"{key} COLON {self.node(form.others)}")


def _more(pair: str | None, count: int, least: int, most: int | None) -> str | None:
    """Further properties after `count` of them; None where there can't be as many as needed."""
    fewest, room = max(least - count, 0), None if most is None else max(most - count, 0)
    if pair is None or room == 0:
        return None if fewest else ""
    if count:
        return f"(COMMA {pair}){{{fewest},{'' if room is None else room}}}"
    more = f"{pair} (COMMA {pair}){{{max(fewest - 1, 0)},{'' if room is None else room - 1}}}"
    return more if fewest else f"({more})?"


def closed(schema: Any) -> Any:
    """A schema for the engine's compiler: annotations gone, objects that list properties closed."""
    if not isinstance(schema, Mapping):
        return schema
    node = cast("Schema", schema)
    result: dict[str, Any] = {}
    for word, value in meant(node).items():
        if word in ("properties", "patternProperties", *_DEFINITIONS):
            result[word] = {name: closed(part) for name, part in value.items()}
        elif isinstance(value, list) and word in ("anyOf", "oneOf", "allOf", "prefixItems"):
            # The alternatives of `oneOf` are known to be apart, which the engine may not see.
            word = "anyOf" if word == "oneOf" else word  # noqa: PLW2901
            result[word] = [closed(part) for part in cast("list[Any]", value)]
        elif word in ("items", "additionalProperties"):
            result[word] = closed(value)
        else:
            result[word] = value
    if "properties" in result and "allOf" not in node:
        result.setdefault("additionalProperties", False)
    return result


def _is_any(value: Any, kinds: Sequence[str]) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return any(
        number if kind == "number"
        else number and float(value).is_integer() if kind == "integer"
        else isinstance(value, TYPES[kind])
        for kind in kinds
    )  # fmt: skip


def _sized(limits: Schema) -> str:
    least, most = int(limits.get("minLength", 0)), limits.get("maxLength")
    return rf'/"{_CHARACTER}{{{least},{"" if most is None else int(most)}}}"/'


def _literal(value: Any) -> str:
    """A JSON value as it is written, as a terminal."""
    return json.dumps(json.dumps(value, ensure_ascii=False), ensure_ascii=False)


def _escaped(name: str) -> str:
    """A key as it is written, as a regular expression."""
    written = json.dumps(name, ensure_ascii=False)
    return "".join(
        char if char.isalnum() or char == "_" else f"\\u{{{ord(char):x}}}" for char in written
    )


def either(choices: Sequence[str]) -> str:
    """What one of several expressions admits."""
    unique = list(dict.fromkeys(choices))
    return unique[0] if len(unique) == 1 else f"({' | '.join(unique)})"
