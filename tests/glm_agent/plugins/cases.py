"""Replies of glm-4-9b-chat as a server's text has them, and what a client should get.

Numbers are those of the list of users' failures in the protocol's facts (§4.1).
"""

from __future__ import annotations

from hypothesis import strategies as st

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
NOW = {"type": "function", "function": {"name": "now", "description": "", "parameters": {}}}
TOOLS = [WEATHER, NOW]

BEIJING = '{"city": "北京"}'
Calls = list[tuple[str, str]]

CASES: dict[str, tuple[str, str, Calls]] = {
    "an answer": ("\n你好！", "你好！", []),
    "an answer over lines": ("\nOne.\nTwo.", "One.\nTwo.", []),
    "nothing": ("", "", []),
    "a call": (f"get_weather\n{BEIJING}", "", [("get_weather", BEIJING)]),
    "a call without arguments (23)": ("now\n", "", [("now", "{}")]),
    "a name alone (23)": ("now", "", [("now", "{}")]),
    "two calls (9, 33)": (
        f"get_weather\n{BEIJING}<|assistant|>now\n{{}}",
        "",
        [("get_weather", BEIJING), ("now", "{}")],
    ),
    "text, then a call": (
        f"\nI look it up.<|assistant|>get_weather\n{BEIJING}",
        "I look it up.",
        [("get_weather", BEIJING)],
    ),
    "the stop token is spelled (11)": (
        f"get_weather\n{BEIJING}<|observation|>",
        "",
        [("get_weather", BEIJING)],
    ),
    "text after the stop token (12)": ("\nHi.<|user|>\nAnd you?", "Hi.", []),
    "a blank line before the arguments": (
        f"get_weather\n\n{BEIJING}",
        "",
        [("get_weather", f"\n{BEIJING}")],
    ),
    "Python's literals (28)": (
        "get_weather\n{'city': '北京', 'days': None}",
        "",
        [("get_weather", '{"city": "北京", "days": null}')],
    ),
    "arguments that cannot be read stay as they are (4)": (
        "get_weather\n{city=北京)",
        "",
        [("get_weather", "{city=北京)")],
    ),
    "a call that was cut (29)": ('get_weather\n{"city": [', "", [("get_weather", '{"city": [')]),
    "a name that nobody declared": ('Example\n{"a": 1}', 'Example\n{"a": 1}', []),
    "a fence that shows a call": (
        f"\nLike this:\n```\nget_weather\n{BEIJING}\n```",
        f"Like this:\n```\nget_weather\n{BEIJING}\n```",
        [],
    ),
}

fragments = st.sampled_from(
    [
        *("get_weather", "now", "nope", BEIJING, "{}", '{"city', "'", "你", "```", "Text. "),
        *("\n", " ", "<|assistant|>", "<|assis", "<|observation|>"),
    ]
)
replies = st.lists(fragments, max_size=12).map("".join)


def cut(text: str, size: int) -> list[str]:
    """`text` in parts of `size` characters."""
    return [text[start : start + size] for start in range(0, len(text), size)]
