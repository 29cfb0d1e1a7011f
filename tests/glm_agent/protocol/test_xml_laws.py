"""Parsing GLM-4.5 and later while it streams: in one pass, losing nothing, the same at any split."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glm_agent.events import CallDelta, CallReady, CallStarted, ReplyEvent, TextDelta, ThinkingDelta
from glm_agent.messages import Assistant, Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import ControlSplitter, StreamParser, protocol_for
from glm_agent.protocol.parsing.stream import Glm4Parser
from glm_agent.protocol.parsing.thinking import ThinkingParser
from glm_agent.protocol.parsing.xml_stream import XmlParser45, XmlParser47
from glm_agent.protocol.parsing.xml_tags import TAGS

from .test_xml import BROKEN, FORM, MENDED, TOOLS

USER, OBSERVATION = "<|user|>", "<|observation|>"

Made = Callable[[], StreamParser]
PARSERS: dict[str, Made] = {
    "4.5": lambda: XmlParser45(TOOLS),
    "4.7": lambda: XmlParser47(TOOLS),
    "4.5 strict": lambda: XmlParser45(TOOLS, strict=True),
    "4.7 strict": lambda: XmlParser47(TOOLS, strict=True),
    "4.5 thinking": lambda: ThinkingParser(XmlParser45(TOOLS)),
    "4.7 thinking": lambda: ThinkingParser(XmlParser47(TOOLS), inside=True),
    "4.7 thinking, strict": lambda: ThinkingParser(
        XmlParser47(TOOLS, strict=True), inside=True, strict=True
    ),
    "Z1": lambda: ThinkingParser(Glm4Parser(TOOLS), inside=True, spelled=True),
    "Z1 strict": lambda: ThinkingParser(
        Glm4Parser(TOOLS, strict=True), inside=True, spelled=True, strict=True
    ),
    "Rumination": lambda: ThinkingParser(Glm4Parser(TOOLS), spelled=True),
}


def run(
    make: Made, fed: Iterable[Piece], stop: str | None, truncated: bool
) -> tuple[list[ReplyEvent], StreamParser]:
    """The events of a reply, adjacent deltas put together, and the parser that gave them."""
    parser = make()
    events = [event for piece in fed for event in parser.feed(piece)]
    return merged([*events, *parser.close(stop, truncated)]), parser


def merged(events: Iterable[ReplyEvent]) -> list[ReplyEvent]:
    result: list[ReplyEvent] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, TextDelta | ThinkingDelta) and type(last) is type(event):
            result[-1] = type(event)(last.text + event.text)
        elif isinstance(event, CallDelta) and isinstance(last, CallDelta):
            result[-1] = CallDelta(event.call_id, last.text + event.text)
        else:
            result.append(event)
    return result


def characters(pieces: Iterable[Piece]) -> list[Piece]:
    return [c for p in pieces for c in ([p] if isinstance(p, Control) else p)]


words = st.sampled_from(
    ["get_weather", "now", "python", "nope", "ask", "city", "days", "question", "北京", "3", "a b"]
)
odd = st.sampled_from(
    [
        *("\n", " ", "\\n", "\\", '"', "{", "}", '{"city": "a"}', "null", "True", "[1]", ">", ":"),
        *('","arguments":{', '{"name":"now","arguments":{}}', "</arg", "<think>", "</thi", "nk>"),
        *(",", USER, "🦉"),
    ]
)
tags = st.sampled_from([*TAGS, *TAGS, "<think>", "</think>", "<|assistant|>", "<sop>"]).map(Control)
other = st.sampled_from(["<tool_response>", "/nothink", USER]).map(Control)
replies = st.lists(words | odd | tags | tags | other, max_size=16)
stops = st.sampled_from([USER, OBSERVATION, None])


@pytest.mark.parametrize("name", PARSERS)
@given(reply=replies, size=st.integers(1, 5), stop=stops, truncated=st.booleans())
def test_any_split_gives_the_same_events(
    name: str, reply: list[Piece], size: int, stop: str | None, truncated: bool
) -> None:
    """Law 4."""
    whole, parser = run(PARSERS[name], reply, stop, truncated)
    single, other = run(PARSERS[name], characters(reply), stop, truncated)
    assert single == whole
    assert (other.parts, other.thinking) == (parser.parts, parser.thinking)
    cut: list[Piece] = []
    for piece in reply:
        if isinstance(piece, Control):
            cut.append(piece)
        else:
            cut += [piece[i : i + size] for i in range(0, len(piece), size)]
    assert run(PARSERS[name], cut, stop, truncated)[0] == whole


@pytest.mark.parametrize("family", ["glm-4.5", "glm-4.7"])
@pytest.mark.parametrize("name", [*FORM, *MENDED, *BROKEN])
def test_every_case_means_the_same_at_every_split(family: str, name: str) -> None:
    """§4.1 #30 and sglang#39493: tags that are spelled are found wherever the text is cut."""
    protocol = protocol_for(family)
    reply = (FORM.get(name) or MENDED.get(name) or BROKEN[name])[0]
    text = reply if family == "glm-4.5" else f"</think>{reply}"
    whole = protocol.parse(protocol.split(text), TOOLS, OBSERVATION)
    for at in range(1, len(text)):
        splitter = ControlSplitter(protocol.controls)
        pieces = [*splitter.feed(text[:at]), *splitter.feed(text[at:]), *splitter.close()]
        assert protocol.parse(pieces, TOOLS, OBSERVATION) == whole


@pytest.mark.parametrize("name", PARSERS)
@given(reply=replies, stop=stops, truncated=st.booleans())
def test_events_and_parts_tell_the_same(
    name: str, reply: list[Piece], stop: str | None, truncated: bool
) -> None:
    events, parser = run(PARSERS[name], reply, stop, truncated)
    told = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert told == Assistant(parser.parts).text
    thought = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    assert thought == parser.thinking
    calls = [part for part in parser.parts if isinstance(part, ToolCall)]
    assert [event.call for event in events if isinstance(event, CallReady)] == calls
    for number, call in enumerate(calls, 1):
        assert call.id == f"call_{number}"
        own = [event for event in events if getattr(event, "call_id", "") == call.id]
        expected: list[ReplyEvent] = [CallStarted(call.id, call.name)]
        expected += [CallDelta(call.id, call.payload)] if call.payload else []
        assert own == expected


@pytest.mark.parametrize("name", ["4.5", "4.7", "4.5 strict", "4.7 strict"])
@given(reply=replies, stop=stops, truncated=st.booleans())
def test_a_call_without_an_error_has_its_arguments_as_payload(
    name: str, reply: list[Piece], stop: str | None, truncated: bool
) -> None:
    """So a consumer sees what it would see of GLM-4; a body that was mended stays as written."""
    for part in run(PARSERS[name], reply, stop, truncated)[1].parts:
        if not isinstance(part, ToolCall) or part.name == "python":
            continue
        assert (part.arguments is None) == (part.error is not None)
        if part.arguments is not None and "json-body" not in part.repairs and part.payload:
            assert json.loads(part.payload) == part.arguments
        assert "strict" not in name or part.repairs == ()


# --- nothing is lost ------------------------------------------------------------------------------

PLAIN = ToolSpec("ask", parameters={"additionalProperties": {"type": "string"}})
plain = st.lists(
    words | st.sampled_from(["\n", " ", "🦉"]) | tags, max_size=16
)  # nothing that JSON or a repair would take out


@pytest.mark.parametrize("strict", [False, True])
@given(reply=plain, stop=stops)
@example([Control("<tool_call>"), "now"], OBSERVATION)
def test_no_text_is_lost(strict: bool, reply: list[Piece], stop: str | None) -> None:
    """Texts, names, keys and values: what is missing is white space and tags.

    A call with an error quotes what has no place in it.
    """
    tools = [PLAIN, *(ToolSpec(name, parameters=PLAIN.parameters) for name in ("now", "nope"))]
    parser = ThinkingParser(XmlParser45(tools, strict=strict), strict=strict)
    for piece in reply:
        parser.feed(piece)
    parser.close(stop)
    kept = [parser.thinking]
    for part in parser.parts:
        if isinstance(part, str):
            kept.append(part)
        elif part.arguments is not None:
            kept += [part.name, *(f"{key}{value}" for key, value in part.arguments.items())]
        else:
            kept += [part.name, part.payload, part.error or ""]
    broken = any(isinstance(part, ToolCall) and part.error for part in parser.parts)
    fed = bare("".join(piece for piece in reply if isinstance(piece, str)))
    if broken:
        assert set(fed) <= set(bare("".join(kept)))
    else:
        assert sorted(bare("".join(kept))) == sorted(fed)


def bare(text: str) -> str:
    """Without white space and tags."""
    return "".join(re.sub(r"</?(?:tool_call|arg_key|arg_value|think)>", "", text).split())


# --- there and back -------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
spelled = st.sampled_from(["</arg_value>", "<tool_call>", "\n", " ", "null", "3", '"', "\\n", "{}"])
strings = texts | spelled
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=6)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "string": strings,
    "integer": st.integers(-(2**53), 2**53),
    "number": numbers,
    "boolean": st.booleans(),
    "null": st.none(),
    "array": st.lists(values, max_size=3),
    "object": st.dictionaries(texts, values, max_size=3),
}


@st.composite
def typed(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A schema's properties, and arguments that fit them."""
    properties: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    for key in draw(st.lists(keys, max_size=4, unique=True)):
        kind = draw(st.sampled_from(list(KINDS)))
        properties[key] = {"type": kind}
        arguments[key] = draw(KINDS[kind])
    return properties, arguments


@pytest.mark.parametrize("family", ["glm-4.5", "glm-4.7", "glm-5"])
@pytest.mark.parametrize("strict", [False, True])
@given(both=typed())
def test_typed_arguments_come_back_as_they_were(
    family: str, strict: bool, both: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """Whatever a value spells; rendered as tokens, only the tags that the renderer made act."""
    properties, arguments = both
    tool = ToolSpec("f", parameters={"type": "object", "properties": properties})
    payload = json.dumps(arguments, ensure_ascii=False)
    call = ToolCall("call_1", "f", payload, arguments)
    protocol = protocol_for(family)
    said = Assistant((call,), thinking="hm")
    *_, reply = _replies(protocol.render([said], [tool], add_generation_prompt=False).flat())
    if family != "glm-4.5":
        assert reply.pop(0) == Control("<think>")  # which the prompt says
    parsed = protocol.parse(reply, [tool], OBSERVATION, strict=strict)
    assert parsed.thinking == "hm"
    assert parsed.parts == (call,)


def _replies(pieces: Iterable[Piece]) -> list[list[Piece]]:
    found: list[list[Piece]] = []
    for piece in pieces:
        if piece == Control("<|assistant|>"):
            found.append([])
        elif found:
            found[-1].append(piece)
    return found
