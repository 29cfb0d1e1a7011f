"""The chat template for servers writes what our renderer writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glm_agent.messages import Assistant, Message, Observation, System, ToolCall, ToolSpec, User
from glm_agent.models.servers.chat_messages import chat_messages, chat_tools
from glm_agent.plugins import CHAT_TEMPLATE
from glm_agent.protocol import protocol_for

chat_template_utils = pytest.importorskip("transformers.utils.chat_template_utils")

TEMPLATE = CHAT_TEMPLATE.read_text("utf-8")
GLM4 = protocol_for("glm-4")
WEATHER = ToolSpec(
    "get_weather",
    "天气 <b>&'\"",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
NOW = ToolSpec("now")


def rendered(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None) -> str:
    (text,), _ = chat_template_utils.render_jinja_template(
        conversations=[messages],
        tools=tools,
        chat_template=TEMPLATE,
        add_generation_prompt=True,
    )
    return text


# Emptiness is told apart below: a chat server cannot say that a tool printed nothing.
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
awkward = st.sampled_from(["\n", "\n\na\n", " ", "<|user|>", "你好🦉", "{{ x }}", "{% if %}"])
texts = words | awkward
arguments = st.dictionaries(texts, texts | st.integers() | st.booleans() | st.none(), max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    messages: list[Message] = [System(draw(texts))] if draw(st.booleans()) else []
    made = 0
    for _ in range(draw(st.integers(1, 3))):
        messages.append(User(draw(texts)))
        calls: list[ToolCall] = []
        for value in draw(st.lists(arguments, max_size=2)):
            made += 1
            payload = json.dumps(value, ensure_ascii=False)
            calls.append(ToolCall(f"call_{made}", "get_weather", payload, value))
        said = [draw(texts)] if not calls or draw(st.booleans()) else []
        messages.append(Assistant((*said, *calls)))
        messages += [Observation(draw(texts), call.id, call.name) for call in calls]
    return messages


@settings(max_examples=150)
@given(messages=conversations(), tools=st.sampled_from([(), (NOW,), (WEATHER, NOW)]))
def test_it_writes_what_our_renderer_writes(messages: list[Message], tools: tuple[ToolSpec, ...]):
    served = rendered(chat_messages(messages, tools), chat_tools(tools) or None)
    assert served == GLM4.render(messages, tools).text


def test_arguments_may_come_as_objects():
    """vLLM reads a call's arguments before it renders them."""
    call = {"type": "function", "function": {"name": "now", "arguments": {"a": "北"}}}
    text = rendered([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert text == '[gMASK]<sop><|assistant|>now\n{"a": "北"}<|assistant|>'


def test_content_may_come_in_parts():
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, {"type": "text", "text": "b"}]
    assert rendered([{"role": "user", "content": parts}]) == (
        "[gMASK]<sop><|user|>\nab<|assistant|>"
    )


def test_an_empty_result_is_a_result():
    """Published templates drop it, and the model sees its call unanswered (§1.4 d)."""
    assert rendered([{"role": "tool", "content": ""}]) == (
        "[gMASK]<sop><|observation|>\n<|assistant|>"
    )


def test_fields_that_servers_add_to_a_tool_are_not_shown():
    function = {"name": "now", "description": None, "parameters": None, "strict": None}
    text = rendered([], [{"type": "function", "function": function, "defer_loading": None}])
    assert "strict" not in text
    assert text == GLM4.render([], (NOW,)).text
