"""Parsing while a reply streams: early, in one pass, and losing nothing.

What replies mean is in test_replies.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glm_agent.events import CallDelta, CallReady, CallStarted, ReplyEvent, TextDelta
from glm_agent.messages import Assistant, Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import ControlSplitter, protocol_for, split_controls
from glm_agent.protocol.parsing.payload import PayloadTail
from glm_agent.protocol.parsing.watch import GAP

GLM4 = protocol_for("glm-4")
USER, OBSERVATION, END = "<|user|>", "<|observation|>", "<|endoftext|>"
TOOLS = (
    ToolSpec("get_weather", parameters={"type": "object"}),
    ToolSpec("get_weather_history"),
    ToolSpec("python", kind="python"),
    ToolSpec("simple_browser", kind="simple_browser"),
    ToolSpec("cogview", kind="cogview"),
    ToolSpec("查询", parameters={"type": "object"}),
    ToolSpec("math.gcd"),
)


def stream(
    fed: Iterable[Piece],
    stop: str | None = None,
    truncated: bool = False,
    tools: tuple[ToolSpec, ...] = TOOLS,
) -> list[ReplyEvent]:
    """The events of a reply, adjacent deltas put together."""
    parser = GLM4.stream_parser(tools)
    events = [event for piece in fed for event in parser.feed(piece)]
    return merged([*events, *parser.close(stop, truncated)])


def merged(events: Iterable[ReplyEvent]) -> list[ReplyEvent]:
    result: list[ReplyEvent] = []
    for event in events:
        last = result[-1] if result else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            result[-1] = TextDelta(last.text + event.text)
        elif isinstance(event, CallDelta) and isinstance(last, CallDelta):
            result[-1] = CallDelta(event.call_id, last.text + event.text)
        else:
            result.append(event)
    return result


# --- events come early --------------------------------------------------------------------------------


def test_text_flows_from_its_first_character() -> None:
    """§4.1 #6: with tools, answers arrive all the same while they are written."""
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed("\n") == []
    assert parser.feed("你") == [TextDelta("你")]
    assert parser.feed("好") == [TextDelta("好")]


def test_text_without_the_newline_flows_once_it_can_be_no_name() -> None:
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed("好") == [TextDelta("好")]
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed("The") == []
    assert parser.feed(" weather") == [TextDelta("The weather")]
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed("查") == []
    assert parser.feed("看") == [TextDelta("查看")]


def test_an_unknown_name_is_held_until_the_next_line_is_no_object() -> None:
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed("Python\n") == []
    assert parser.feed("  \n") == []
    assert parser.feed("is") == [TextDelta("Python\n  \nis")]
    assert parser.feed(" a") == [TextDelta(" a")]


def test_a_call_is_announced_with_its_name_line_and_flows() -> None:
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed("get_weather") == []
    assert parser.feed("\n") == [CallStarted("call_1", "get_weather")]
    assert parser.feed('{"city": ') == [CallDelta("call_1", '{"city":')]
    assert parser.feed('"北') == [CallDelta("call_1", ' "北')]
    delta, ready = parser.feed('京"}')
    assert delta == CallDelta("call_1", '京"}')
    assert isinstance(ready, CallReady)
    assert ready.call.arguments == {"city": "北京"}
    assert parser.feed(Control("<|assistant|>")) == []


@pytest.mark.parametrize("start", ["", "a", "get_weather", "查"])
@pytest.mark.parametrize(("rest", "held"), [(" ", GAP), ("a", 0)])
def test_no_more_than_a_name_is_ever_held_back_of_a_first_line(
    start: str, rest: str, held: int
) -> None:
    """And white space, before which a call may begin."""
    parser = GLM4.stream_parser(TOOLS)
    given_out = sum(
        len(event.text)
        for c in start + rest * 1000
        for event in parser.feed(c)
        if isinstance(event, TextDelta)
    )
    assert given_out == len(start) + 1000 - held


def test_text_flows_up_to_where_a_call_may_begin() -> None:
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed("\n好的。") == [TextDelta("好的。")]
    assert parser.feed("get_wea") == []
    assert parser.feed("k") == [TextDelta("get_weak")]
    assert parser.feed("\n") == []
    assert parser.feed("get_weather\n") == []
    assert parser.feed("is") == [TextDelta("\nget_weather\nis")]


def test_json_that_is_no_envelope_flows() -> None:
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed('\n{"na') == []
    assert parser.feed('tion"') == [TextDelta('{"nation"')]
    parser = GLM4.stream_parser(TOOLS)
    assert parser.feed('\n{"name": "Bonn"') == [TextDelta('{"name": "Bonn"')]


def test_text_that_may_be_a_call_is_held_until_the_stop_token() -> None:
    held = '\nget_weather\n{"city": "London"}'
    for stop, kind in ((USER, TextDelta), (OBSERVATION, CallStarted)):
        parser = GLM4.stream_parser(TOOLS)
        assert parser.feed(f"好的。{held}") == [TextDelta("好的。")]
        (first, *_) = parser.feed(Control(stop))
        assert isinstance(first, kind)


def test_a_call_is_ready_with_its_closing_bracket() -> None:
    parser = GLM4.stream_parser(TOOLS)
    parser.feed('get_weather\n{"city": {"name": "London"}')
    delta, ready = parser.feed("}")
    assert delta == CallDelta("call_1", "}")
    assert isinstance(ready, CallReady)
    assert ready.call.arguments == {"city": {"name": "London"}}
    assert parser.feed("\n") == []
    assert parser.feed("get_weather\n{")[0] == CallStarted("call_2", "get_weather")


def test_an_empty_object_waits_unless_the_tool_takes_nothing() -> None:
    """It may be followed by the real object (§4.1 #36)."""
    parser = GLM4.stream_parser(TOOLS)
    parser.feed("get_weather\n{}")
    assert parser.feed('{"city": "London"}') == [CallDelta("call_1", '{"city": "London"}')]
    (ready,) = parser.feed(Control(OBSERVATION))
    assert isinstance(ready, CallReady)
    assert ready.call.arguments == {"city": "London"}
    parser = GLM4.stream_parser([ToolSpec("now", parameters={"type": "object", "properties": {}})])
    *_, ready = parser.feed("now\n{}")
    assert isinstance(ready, CallReady)
    assert ready.call.arguments == {}


def test_arguments_that_have_to_be_mended_wait_for_what_follows() -> None:
    parser = GLM4.stream_parser(TOOLS)
    parser.feed("get_weather\n{'city': 'London'}")
    assert parser.feed("\n") == []
    ready, started = parser.feed("get_weather\n{")[:2]
    assert isinstance(ready, CallReady)
    assert ready.call.arguments == {"city": "London"}
    assert started == CallStarted("call_2", "get_weather")


def test_what_is_dropped_is_told() -> None:
    parser = GLM4.stream_parser(TOOLS)
    for piece in (" get_weather \n", '{"a": 1} \n', USER, Control("<|assistant|>"), "\n好"):
        parser.feed(piece)
    parser.close(USER)
    assert "".join(parser.dropped) == f"  \n \n{USER}\n"


# --- properties ----------------------------------------------------------------------------------------

JSON = '{"city": "北京"}'
fragments = st.one_of(
    st.sampled_from([tool.name for tool in TOOLS]),
    st.sampled_from(["nope", "\n", "\n", " ", "\t", "\r\n", "{", "}", "{}", JSON, '{"a', "```"]),
    st.sampled_from(
        ["。", ". ", "```json\n", '{"name": "查询", "arguments": ', "get_weather\n{", "'"]
    ),
    st.sampled_from([USER, OBSERVATION, "<|assistant|>", "<|obs", "<", "|>", "你好", "🦉", "x"]),
    st.text(max_size=5),
    st.just(Control("<|assistant|>")),
    st.just(Control("<sop>")),
)
replies = st.lists(fragments, max_size=14)
stops = st.sampled_from([USER, OBSERVATION, END, None])


@st.composite
def split_replies(draw: st.DrawFn) -> tuple[list[Piece], list[Piece]]:
    """A reply, and the same cut in some other way."""
    reply = draw(replies)
    cut: list[Piece] = []
    for piece in reply:
        if isinstance(piece, Control):
            cut.append(piece)
            continue
        places = sorted(draw(st.lists(st.integers(0, len(piece)), max_size=3)))
        ends = zip([0, *places], [*places, len(piece)], strict=True)
        cut += [piece[start:end] for start, end in ends]
    return reply, cut


@given(
    both=split_replies(), stop=stops, truncated=st.booleans(), tools=st.sampled_from([TOOLS, ()])
)
@example((["nope\n{}", Control("<|assistant|>"), "\na"],) * 2, OBSERVATION, False, TOOLS)
def test_any_split_gives_the_same_events(
    both: tuple[list[Piece], list[Piece]],
    stop: str | None,
    truncated: bool,
    tools: tuple[ToolSpec, ...],
) -> None:
    """Law 4."""
    reply, cut = both
    assert stream(cut, stop, truncated, tools) == stream(reply, stop, truncated, tools)


@given(reply=replies, stop=stops, truncated=st.booleans())
def test_events_and_parts_tell_the_same(
    reply: list[Piece], stop: str | None, truncated: bool
) -> None:
    events = stream(reply, stop, truncated)
    parsed = GLM4.parse(reply, TOOLS, stop, truncated)
    deltas = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert deltas == parsed.text == Assistant(parsed.parts).text
    assert tuple(event.call for event in events if isinstance(event, CallReady)) == parsed.calls
    for call in parsed.calls:
        own = [e for e in events if getattr(e, "call_id", call.id) == call.id]
        own = [e for e in own if not isinstance(e, TextDelta)]
        own = [e for e in own if not (isinstance(e, CallReady) and e.call.id != call.id)]
        expected: list[ReplyEvent] = [CallStarted(call.id, call.name)]
        expected += [CallDelta(call.id, call.payload)] if call.payload else []
        assert own == [*expected, CallReady(call)]


@given(reply=replies, stop=stops)
def test_no_text_is_lost(reply: list[Piece], stop: str | None) -> None:
    """Texts, names, payloads: what is missing is white space and spelled-out stop tokens."""

    def bare(text: str) -> str:
        return "".join(re.sub(r"<\|(user|observation|endoftext)\|>", "", text).split())

    parsed = GLM4.parse(reply, TOOLS, stop)
    kept = "".join(p if isinstance(p, str) else f"{p.name}\n{p.payload}" for p in parsed.parts)
    assert bare(kept) == bare("".join(p for p in reply if isinstance(p, str)))


plain = st.text(min_size=1, max_size=20)
payloads = st.text(max_size=20).map(str.rstrip)
parts = st.one_of(
    plain,
    st.builds(
        ToolCall,
        id=st.just(""),
        name=st.sampled_from([tool.name for tool in TOOLS]),
        payload=payloads,
    ),
)


@given(parts=st.lists(parts, max_size=4), variant=st.sampled_from(["python", "jinja"]))
def test_what_is_rendered_is_parsed_back(parts: list[str | ToolCall], variant: str) -> None:
    rendered = GLM4.render([Assistant(tuple(parts))], variant=variant, add_generation_prompt=False)
    _, _, *reply = rendered.flat()
    parsed = GLM4.parse(reply, TOOLS, OBSERVATION)
    assert [(p.name, p.payload) if isinstance(p, ToolCall) else p for p in parsed.parts] == [
        (p.name, p.payload) if isinstance(p, ToolCall) else p for p in parts
    ]


# --- the tail of a payload ---------------------------------------------------------------------------


@given(
    texts=st.lists(
        st.sampled_from([" ", "\n", USER, "<|us", "er|>", "<", "<|", "a", END]), max_size=12
    )
)
def test_a_tail_is_stripped_however_it_comes(texts: list[str]) -> None:
    whole = "".join(texts)
    tail = PayloadTail()
    given_out = "".join(map(tail.feed, texts)) + tail.close()
    pattern = rf"(?:\s|{'|'.join(map(re.escape, GLM4.stops))})+\Z"
    assert given_out == re.sub(pattern, "", whole)


# --- servers that give only text -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a", ["a"]),
        ("<|user|>", [Control(USER)]),
        ("a<|assistant|>\nb<|user|>", ["a", Control("<|assistant|>"), "\nb", Control(USER)]),
        ("[gMASK]<sop><|user|>", [Control("[gMASK]"), Control("<sop>"), Control(USER)]),
        ("<|us<|user|><|tool|><|us", ["<|us", Control(USER), "<|tool|><|us"]),
    ],
)
def test_spelled_out_control_tokens_can_be_taken_for_real(text: str, expected: list[Piece]) -> None:
    assert split_controls(text, GLM4.controls) == expected
    assert GLM4.split(text) == expected
    assert split_controls(text, ()) == ([text] if text else [])


@given(
    texts=st.lists(
        st.sampled_from(["<", "|", "<|", "user", "|>", USER, "[gM", "ASK]", "[gMASK]", "a"]),
        max_size=12,
    )
)
def test_they_are_found_however_the_text_is_split(texts: list[str]) -> None:
    splitter = ControlSplitter(GLM4.controls)
    found = [piece for text in texts for piece in splitter.feed(text)] + splitter.close()
    assert "" not in found
    joined: list[Piece] = []
    for piece in found:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    assert joined == split_controls("".join(texts), GLM4.controls)


def test_a_text_reply_with_two_calls() -> None:
    text = 'get_weather\n{"city": "London"}<|assistant|>get_weather\n{}<|observation|>'
    parsed = GLM4.parse(GLM4.split(text), TOOLS)
    assert [call.arguments for call in parsed.calls] == [{"city": "London"}, {}]
    assert parsed.stop == OBSERVATION
