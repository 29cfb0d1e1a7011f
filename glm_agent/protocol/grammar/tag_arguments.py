r"""The grammar of a call's arguments in the XML form of GLM-4.5 and later.

    (<arg_key> key </arg_key> line <arg_value> value </arg_value> line)*

A value is a bare text or JSON, and what the parser makes of it depends on the types that the
parameter may have (`xml_values.allowed`). So where a text could be read as something else, it is
left out of the texts. A value cannot spell `</arg_value>`: a model that writes it means the token.

Does not do: the reply around the calls (`tags.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from ...messages import ToolSpec
from ..parsing.xml_values import allowed, types_of
from .argument_forms import Form, forms_of
from .json_rules import JsonRules, SchemaRules, either
from .raw_text import ANY_TEXT, spelled, texts_of, unlike, whole
from .schema_check import Schema, resolve, unsupported
from .schema_words import kinds_of, meant, typed

TERMINALS = r"""
VALUE: /(?s:.*)/ & ~/(?s:.*)<\/arg_value>(?s:.*)/
KEY: /\S/ | /\S(?s:.*)\S/
"""
"""What the rules refer to; once in each grammar."""

_ALL = frozenset({"string", "integer", "number", "boolean", "null", "array", "object"})
_DEEPEST = 16
# What nothing limits: then a text that reads so is as good as any.
_PLAIN = {"any_array": "array", "any_object": "object"}


class XmlArguments:
    """Gathers the rules of the calls of several tools. `line` stands between two tags."""

    def __init__(self, line: str) -> None:
        self.rules = JsonRules()
        self._line = f" {spelled(line)}" if line else ""

    def of(self, tool: ToolSpec) -> str:
        """An expression for the arguments of a call.

        Raises:
            UnsupportedSchemaError: This format cannot hold the tool's schema.
        """
        try:
            forms = forms_of(tool.parameters, tool.parameters)
            if not forms:
                raise ValueError("no arguments satisfy them")
            held = _Tool(self.rules, self._line, tool.parameters)
            return either([self.rules.rule(held.form(form)) for form in forms])
        except ValueError as error:
            raise unsupported(tool, str(error)) from error


class _Tool:
    """The arguments of one tool."""

    def __init__(self, rules: JsonRules, line: str, parameters: Schema) -> None:
        self._rules = rules
        self._line = line
        self._root = parameters
        self._json = SchemaRules(rules, parameters)

    def form(self, form: Form) -> str:
        pairs: list[tuple[str, bool]] = []
        for name, schema in form.properties.items():
            needed = name in form.required
            value = self._value(schema, allowed(self._root, name))
            if value is None and needed:
                raise ValueError(f"{name!r} has to be there, and no value satisfies it")
            if value is None:
                continue
            if not name.strip() or name != name.strip():
                raise ValueError(f"the name {name!r} cannot be written: no blanks around it can")
            pairs.append((self._pair(spelled(name), value), needed))
        others = self._others(form)
        if form.least or form.most is not None:
            return self._counted(pairs, others, form.least, form.most)
        parts = [pair if needed else f"{pair}?" for pair, needed in pairs]
        return " ".join([*parts, *([f"{others}*"] if others else [])]) or '""'

    def _counted(
        self, pairs: list[tuple[str, bool]], others: str | None, least: int, most: int | None
    ) -> str:
        """The same where the number of arguments is limited; rules by how many were written."""
        enough = least if most is None else max(least, most)

        def after(count: int) -> str | None:
            """What may follow all listed arguments."""
            fewest, room = max(least - count, 0), None if most is None else most - count
            if not others or room == 0:
                return None if fewest else '""'
            return f"{others}{{{fewest},{'' if room is None else room}}}"

        tails = {count: after(count) for count in range(enough + 1)}
        for pair, needed in reversed(pairs):
            found: dict[int, str | None] = {}
            for count in range(enough + 1):
                more = None if count == most else tails[min(count + 1, enough)]
                ways = [] if more is None else [f"{pair} {more}"]
                without = tails[count]
                if not needed and without is not None:
                    ways.append(without)
                found[count] = self._rules.rule(" | ".join(ways)) if ways else None
            tails = found
        if tails[0] is None:
            raise ValueError("no number of arguments satisfies them")
        return tails[0]

    def _pair(self, key: str, value: str) -> str:
        return self._rules.rule(
            f"<arg_key> {key} </arg_key>{self._line} <arg_value> {value} </arg_value>{self._line}"
        )

    def _others(self, form: Form) -> str | None:
        """Arguments that are not listed, in any number."""
        listed = [f'~("" | {spelled(name)})' for name in form.properties]
        found: list[str] = []
        for pattern, schema in form.patterns.items():
            found.append(self._other([f"/{whole(pattern)}/", *listed], schema))
            listed.append(f"~/{whole(pattern)}/")
        if not form.closed:
            found.append(self._other(listed, form.others))
        return either(found) if found else None

    def _other(self, limits: Iterable[str], schema: Any) -> str:
        key = self._rules.name().upper()
        self._rules.define(key, " & ".join(["KEY", *limits]))
        believed = allowed(self._root, "")
        value = self._value(schema, believed)
        if value is None:
            raise ValueError("no value satisfies the schema of additional arguments")
        return self._pair(key, value)

    def _value(self, schema: Any, believed: frozenset[str]) -> str | None:
        """A rule for a value, None if there is none; `believed` are the types that it is read as.

        Where nothing is believed, any JSON is read as what it is.
        """
        read = believed or _ALL
        texts = texts_of(schema, self._root) if "string" in read else None
        others = list(self._others_than_texts(schema, _DEEPEST)) if read - {"string"} else []
        others = list(dict.fromkeys(others))
        if texts == ANY_TEXT and "any" in others:
            return self._text("VALUE")
        choices: list[str] = []
        if texts is not None:
            unread = read - {"string"} if believed else read
            if texts == ANY_TEXT:
                # A text may be anything, and so also the JSON of what nothing limits.
                unread -= {_PLAIN[one] for one in others if one in _PLAIN}
                others = [one for one in others if one not in _PLAIN]
            fixed = "" if _listed(schema) else " & VALUE"
            choices.append(self._text(f"({texts}){fixed}{unlike(unread)}"))
        choices += others
        return self._rules.rule(either(choices)) if choices else None

    def _text(self, expression: str) -> str:
        name = self._rules.name().upper()
        self._rules.define(name, expression)
        return name

    def _others_than_texts(self, schema: Any, depth: int) -> Iterator[str]:
        """Expressions for the JSON that satisfies a schema and is no string; `any` for all."""
        if schema is False or depth == 0:
            return
        if not isinstance(schema, Mapping):
            yield "any"
            return
        node = meant(cast("Schema", schema))
        if set(node) == {"$ref"}:
            yield from self._others_than_texts(resolve(self._root, str(node["$ref"])), depth - 1)
        elif {"allOf", "patternProperties", "$ref"} & set(node):
            yield from self._combined(node)
        elif "anyOf" in node or "oneOf" in node:
            word = "anyOf" if "anyOf" in node else "oneOf"
            if len(node) > 1 + ("type" in node):
                yield from self._combined(node)
            else:
                for member in node[word]:
                    yield from self._others_than_texts(typed(member, node.get("type")), depth)
        elif "const" in node or "enum" in node:
            values: list[Any] = [node["const"]] if "const" in node else node["enum"]
            left = [value for value in values if not isinstance(value, str)]
            if left:
                found = self._json.node({**_without(node, "const"), "enum": left})
                if found != "()":
                    yield found
        else:
            for kind in kinds_of(node):
                if kind != "string":
                    yield self._json.node({**node, "type": kind} if kind != "any" else {})

    def _combined(self, node: Schema) -> Iterator[str]:
        kinds = (types_of(node, self._root) or _ALL) - {"string"}
        if kinds:
            yield self._json.node({**node, "type": sorted(kinds)})


def _without(node: Schema, word: str) -> Schema:
    return {name: value for name, value in node.items() if name != word}


def _listed(schema: Any) -> bool:
    """Whether a schema lists its values; what it lists may spell anything."""
    return isinstance(schema, Mapping) and bool({"enum", "const"} & set(cast("Schema", schema)))
