"""Random tools, and random calls that satisfy their schemas."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from glm_agent.messages import ToolCall, ToolSpec

NAMES = ("city", "城市", "a.b-c", "x y", "n", 'quo"te', "data_2")
TEXTS = (
    "",
    "Bonn",
    "北京 🦉",
    "two\nlines\n",
    ' "quoted" ',
    "back\\slash",
    "<tool_call>",
    "</think>",
    "<b>{x}</b>",
    "[1, 2",
    "12 apples",
    "null and void",
    "007",
    "\t",
)
# A pattern, and texts that it finds.
PATTERNS = {
    "^[A-Z]{2}-[0-9]+$": ("AB-1", "XY-007"),
    "[0-9]{3}": ("x123y", "555"),
    "^(?:red|green)$|^blue": ("red", "blueish\n"),
    "^/[a-z/]*$": ("/", "/a/b"),
    r"^[a-z]+@[a-z]+\.(com|org)$": ("a@b.org", "me@x.com"),
    r"\$[0-9]+$": ("cost: $5", "$10"),
}
FORMATS = {
    "date": ("2024-02-29", "1999-12-31"),
    "ipv4": ("127.0.0.1", "255.255.255.255"),
    "ipv6": ("::1", "fe80::1:2", "::ffff:1.2.3.4"),
    "uuid": ("123e4567-e89b-12d3-a456-426614174000",),
}


class RandomTools:
    """Tools and calls from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one(self, options: Any) -> Any:
        return self.random.choice(list(options))

    def yes(self, odds: float = 0.5) -> bool:
        return self.random.random() < odds

    # --- schemas ---------------------------------------------------------------------------------

    def tools(self) -> list[ToolSpec]:
        names = self.random.sample(
            ["get_weather", "get", "查天气", "a.b-c"], self.random.randint(1, 3)
        )
        tools = [ToolSpec(name, "", self.parameters()) for name in names]
        if self.yes(0.3):
            tools.append(ToolSpec("python", kind="python"))
        if self.yes(0.2):
            tools.append(ToolSpec("simple_browser", kind="simple_browser"))
        return tools

    def parameters(self) -> dict[str, Any]:
        schema = self.object(depth=2, most=4)
        properties = schema["properties"]
        kind = self.random.randint(0, 9)
        if kind == 0:
            schema["additionalProperties"] = self.value_schema(1)
        elif kind == 1:
            return {"$ref": "#/$defs/Arguments", "$defs": {"Arguments": schema}}
        elif kind == 2:
            schema["minProperties"] = self.random.randint(0, len(properties))
            schema["maxProperties"] = max(len(schema["required"]), schema["minProperties"])
        elif kind == 3 and properties:
            name = self.one(properties)
            schema["anyOf"] = [{"required": [name]}, {"required": [self.one(properties)]}]
        elif kind == 4:
            other = {"properties": {"more": {"type": "string"}}, "required": ["more"]}
            return {"type": "object", "anyOf": [schema, other]}
        return schema

    def object(self, depth: int, most: int = 3) -> dict[str, Any]:
        names = self.random.sample(NAMES, self.random.randint(0, most))
        properties = {name: self.value_schema(depth) for name in names}
        required = [name for name in names if self.yes()]
        return {"type": "object", "properties": properties, "required": required}

    def value_schema(self, depth: int) -> dict[str, Any]:
        kinds = ["text", "text", "text", "integer", "number", "boolean", "enum", "const", "mixed"]
        kinds += ["list", "object", "either", "all", "any"] if depth else []
        kind = self.one(kinds)
        if kind == "text":
            return self.text_schema()
        if kind in ("integer", "number"):
            limits = self.one([{}, {"minimum": -3, "maximum": 7}, {"exclusiveMinimum": 0}])
            return {"type": kind, **limits}
        if kind == "boolean":
            return {"type": "boolean"}
        if kind == "enum":
            return {"enum": self.one([["a", "b c"], [1, 2.5, None], ["x", 7, True], ["1", "null"]])}
        if kind == "const":
            return {"const": self.one(["fixed", 7, "", "</arg_value>"])}
        if kind == "mixed":
            schema = {
                "type": self.one(
                    [["string", "null"], ["integer", "string"], ["string", "number", "boolean"]]
                )
            }
            if "integer" in schema["type"]:
                schema["minimum"] = 10
            return schema
        if kind == "list":
            limits = self.one([{}, {"minItems": 1, "maxItems": 2}])
            return {"type": "array", "items": self.value_schema(depth - 1), **limits}
        if kind == "object":
            return self.object(depth - 1)
        if kind == "either":
            first = self.text_schema()
            return {
                "anyOf": [
                    first,
                    self.one(
                        [
                            {"type": "null"},
                            {"type": "array", "items": {"type": "integer"}},
                            self.object(0),
                        ]
                    ),
                ]
            }
        if kind == "all":
            return {"allOf": [{"type": "string", "minLength": 1}, {"maxLength": 4}]}
        return {}

    def text_schema(self) -> dict[str, Any]:
        kind = self.random.randint(0, 5)
        if kind == 0:
            return {"type": "string", "pattern": self.one(PATTERNS)}
        if kind == 1:
            return {"type": "string", "format": self.one(FORMATS)}
        if kind == 2:
            return {"type": "string", "minLength": 2, "maxLength": 6}
        return {"type": "string"}

    # --- calls -----------------------------------------------------------------------------------

    def call(self, tool: ToolSpec) -> ToolCall:
        """A call that satisfies the tool's schema as far as its parts do; see `jsonschema`."""
        if tool.kind == "python":
            return ToolCall("call_1", tool.name, self.one(["print(1)", "x = '</think>'\n\nx"]))
        if tool.kind == "simple_browser":
            return ToolCall(
                "call_1", tool.name, 'search("天气, \\"now\\"", recency_days=7)\nmclick([0, 3])'
            )
        arguments = self.arguments(tool.parameters)
        return ToolCall("call_1", tool.name, "", arguments)

    def arguments(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return self.arguments(schema["$defs"]["Arguments"])
        if "properties" not in schema:
            return self.arguments(self.one(schema["anyOf"]))
        found = self.members(schema)
        if isinstance(schema.get("additionalProperties"), dict) and self.yes():
            found["extra"] = self.value(schema["additionalProperties"])
        return found

    def members(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        odds = self.one([0.0, 0.5, 1.0])
        return {
            name: self.value(part)
            for name, part in schema["properties"].items()
            if name in schema.get("required", ()) or self.yes(odds)
        }

    def value(self, schema: Mapping[str, Any]) -> Any:
        if not schema:
            return self.one([1, "x", None, [True, "y"], {"k": []}, "plain text"])
        if "enum" in schema:
            return self.one(schema["enum"])
        if "const" in schema:
            return schema["const"]
        if "anyOf" in schema:
            return self.value(self.one(schema["anyOf"]))
        if "allOf" in schema:
            return self.one(["ab", "北京", "1"])
        kind = schema["type"]
        if isinstance(kind, list):
            return self.value({**schema, "type": self.one(kind)})
        if kind == "string":
            return self.text(schema)
        if kind == "integer":
            return self.one([1, 5, 7, 10, 12345678901234567890])
        if kind == "number":
            return self.one([1, 0.25, 7.0, -1.5, *([6.02e23] if len(schema) == 1 else [])])
        if kind == "array":
            return [self.value(schema["items"]) for _ in range(self.random.randint(1, 2))]
        if kind == "object":
            return self.members(schema)
        return {"boolean": self.yes(), "null": None}[kind]

    def text(self, schema: Mapping[str, Any]) -> str:
        if "pattern" in schema:
            return self.one(PATTERNS[schema["pattern"]])
        if "format" in schema:
            return self.one(FORMATS[schema["format"]])
        if "minLength" in schema:
            return self.one(["北京", "ab\n", "123456"])
        return self.one(TEXTS)
