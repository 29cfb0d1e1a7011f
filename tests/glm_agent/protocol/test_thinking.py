"""Replies that begin with thinking: what was thought, and what is left for the family's parser."""

from __future__ import annotations

import pytest

from glm_agent.events import CallStarted, ReplyEvent, TextDelta, ThinkingDelta
from glm_agent.messages import Control, Piece, ToolSpec
from glm_agent.protocol import ParsedReply, protocol_for
from glm_agent.protocol.parsing.stream import Glm4Parser
from glm_agent.protocol.parsing.thinking import ThinkingParser
from glm_agent.protocol.parsing.xml_stream import XmlParser45

USER, OBSERVATION, END = "<|user|>", "<|observation|>", "<|endoftext|>"
TOOLS = (
    ToolSpec("search", parameters={"properties": {"query": {"type": "string"}}}),
    ToolSpec("finish"),
)
BEGIN, DONE = Control("<think>"), Control("</think>")
CALL: list[Piece] = [Control("<tool_call>"), "finish", Control("</tool_call>")]


def parse(
    family: str, reply: str, stop: str | None = None, truncated: bool = False, strict: bool = False
) -> ParsedReply:
    """A reply whose control tokens are spelled, as a text-only server gives it."""
    protocol = protocol_for(family)
    return protocol.parse(protocol.split(reply), TOOLS, stop, truncated, strict=strict)


CASES: dict[str, tuple[str, str, str | None, str, tuple[str, ...], tuple[str, ...]]] = {
    # name: family, reply, stop, thinking, texts, names of calls
    # GLM-Z1: the prompt ends with <think>, and the tags are text
    "Z1 answers": ("glm-z1", "Let me see.\n</think>\n\n42", USER, "Let me see.\n", ("42",), ()),
    "Z1 calls after a thought": (
        "glm-z1",
        'Look.</think>\nsearch\n{"query": "a"}',
        OBSERVATION,
        "Look.",
        (),
        ("search",),
    ),
    "Z1 calls in the next segment": (
        "glm-z1",
        'Look.</think>\nI search.<|assistant|>search\n{"query": "a"}',
        OBSERVATION,
        "Look.",
        ("I search.",),
        ("search",),
    ),
    "Z1 does not think": ("glm-z1", "</think>42", USER, "", ("42",), ()),
    "Z1 says <think> all the same": ("glm-z1", "\n<think>So.</think>42", USER, "So.", ("42",), ()),
    "Z1 never comes to an end": ("glm-z1", "So. So.", USER, "So. So.", (), ()),
    "Z1 goes on in another segment": ("glm-z1", "So.<|assistant|>\n42", USER, "So.", ("42",), ()),
    "Z1 names the tag in its answer": (
        "glm-z1",
        "So.</think>It is <think> and </think>.",
        USER,
        "So.",
        ("It is <think> and </think>.",),
        (),
    ),
    "Z1 thinks of a tag": ("glm-z1", "a <think> b </thin c</think>d", USER, "a <think> b </thin c", ("d",), ()),
    # Rumination: the reply begins thinking itself, calls have a blank after the name (§3.8)
    "Rumination calls": (
        "glm-z1-rumination",
        '\n<think>Look.</think>\nI search.<|assistant|>search \n{"query": "a"}',
        OBSERVATION,
        "Look.",
        ("I search.",),
        ("search",),
    ),
    "Rumination calls at once": (
        "glm-z1-rumination",
        'search \n{"query": "a"}',
        OBSERVATION,
        "",
        (),
        ("search",),
    ),
    "Rumination answers": ("glm-z1-rumination", "\n42", USER, "", ("42",), ()),
    # GLM-4.5: the reply may begin with thinking; the tags are tokens
    "4.5 thinks": ("glm-4.5", "\n<think>\nSo.\n</think>\n42", USER, "\nSo.\n", ("42",), ()),
    "4.5 does not": ("glm-4.5", "\n<think></think>\n42", USER, "", ("42",), ()),
    "4.5 leaves the tags out": ("glm-4.5", "\n42", USER, "", ("42",), ()),
    "4.5 thinks again": (
        "glm-4.5",
        "<think>a</think>x<think>b</think>y",
        USER,
        "a\nb",
        ("x\ny",),
        (),
    ),
    # GLM-4.7 and 5: the prompt ends with <think>
    "4.7 thinks": ("glm-4.7", "So.</think>42", USER, "So.", ("42",), ()),
    "4.7 calls": ("glm-4.7", "So.</think><tool_call>finish</tool_call>", OBSERVATION, "So.", (), ("finish",)),
    "#31 vllm#56635 a call without </think>": (
        "glm-4.7",
        "So.<tool_call>finish</tool_call>",
        OBSERVATION,
        "So.",
        (),
        ("finish",),
    ),
    "#30 rtp-llm#694 text between </think> and a call": (
        "glm-5",
        "So.</think> x<tool_call>finish</tool_call>",
        OBSERVATION,
        "So.",
        ("x",),
        ("finish",),
    ),
    "other tags in a thought are its words": (
        "glm-4.7",
        "<arg_key> is a tag</think>42",
        USER,
        "<arg_key> is a tag",
        ("42",),
        (),
    ),
    "the stop token in a thought": ("glm-4.7", f"So.{USER}more", None, "So.", (), ()),
    "closing tags too many": ("glm-4.7", "So.</think></think>42</think>", USER, "So.", ("42",), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_reply(name: str) -> None:
    family, reply, stop, thinking, texts, names = CASES[name]
    parsed = parse(family, reply, stop)
    assert parsed.thinking == thinking
    assert tuple(part for part in parsed.parts if isinstance(part, str)) == texts
    assert tuple(call.name for call in parsed.calls) == names
    assert all(call.error is None for call in parsed.calls)


@pytest.mark.parametrize("name", CASES)
def test_a_reply_means_the_same_in_characters(name: str) -> None:
    family, reply, stop, *_ = CASES[name]
    protocol = protocol_for(family)
    pieces = protocol.split(reply)
    whole = protocol.parse(pieces, TOOLS, stop)
    characters = [c for p in pieces for c in ([p] if isinstance(p, Control) else p)]
    assert protocol.parse(characters, TOOLS, stop) == whole


# --- thinking that is cut, or that strict mode does not let end --------------------------------------


@pytest.mark.parametrize("family", ["glm-z1", "glm-4.7", "glm-5"])
def test_thinking_that_was_cut_is_no_answer(family: str) -> None:
    parsed = parse(family, "Let me think about </thi", truncated=True)
    assert parsed.truncated
    assert (parsed.thinking, parsed.parts) == ("Let me think about </thi", ())


def test_in_strict_mode_a_call_does_not_end_a_thought() -> None:
    parsed = parse("glm-4.7", "So.<tool_call>finish</tool_call>", OBSERVATION, strict=True)
    assert (parsed.thinking, parsed.parts) == ("So.<tool_call>finish</tool_call>", ())


def test_in_strict_mode_what_follows_a_thought_of_z1_is_an_answer() -> None:
    """The line of metadata was empty before the thought began, so the segment is no call."""
    reply = 'So.</think>search\n{"query": "a"}'
    assert parse("glm-z1", reply, OBSERVATION, strict=True).calls == ()
    assert parse("glm-z1", reply, OBSERVATION).calls[0].arguments == {"query": "a"}


# --- tags as text and as tokens ----------------------------------------------------------------------


def test_where_tags_are_tokens_text_never_is_one() -> None:
    """Law 1: a model that thinks about the tags, or quotes a page, stays within its thought."""
    protocol = protocol_for("glm-4.7")
    parsed = protocol.parse(["a </think> b ", "<tool_call>", DONE, "<think>c"], TOOLS, USER)
    assert parsed.thinking == "a </think> b <tool_call>"
    assert parsed.parts == ("<think>c",)


def test_tags_in_a_call_belong_to_it() -> None:
    pieces: list[Piece] = [Control("<tool_call>"), "search", Control("<arg_key>"), "query"]
    pieces += [Control("</arg_key>"), Control("<arg_value>"), "a", BEGIN, "b", DONE]
    pieces += [Control("</arg_value>"), Control("</tool_call>")]
    (call,) = protocol_for("glm-4.7").parse([DONE, *pieces], TOOLS, OBSERVATION).calls
    assert call.arguments == {"query": "a<think>b</think>"}


def test_a_server_that_has_tokens_for_z1s_tags_is_understood() -> None:
    parsed = protocol_for("glm-z1").parse(["So.", DONE, "\n42"], TOOLS, USER)
    assert (parsed.thinking, parsed.parts) == ("So.", ("42",))


@pytest.mark.parametrize(
    ("text", "thinking", "parts"),
    [
        ("<think>So.</think>42", "So.", ("42",)),
        ("\n <think>So.</think>\n\n42", "So.", ("42",)),
        ("42", "", ("42",)),
        ("It is <think>.", "", ("It is <think>.",)),
        ("<thinking>", "", ("<thinking>",)),
    ],
)
def test_the_text_of_a_chat_server(text: str, thinking: str, parts: tuple[str, ...]) -> None:
    """It never begins within a thought, and tags at its begin are spelled."""
    parser = ThinkingParser(Glm4Parser(TOOLS), inside=True, spelled=True).on_chat_server()
    for character in text:
        parser.feed(character)
    parser.close()
    assert (parser.thinking, parser.parts) == (thinking, parts)


# --- while it streams ----------------------------------------------------------------------------------


def test_thoughts_and_answers_flow() -> None:
    parser = protocol_for("glm-z1").stream_parser(TOOLS)
    assert parser.feed("Let me") == [ThinkingDelta("Let me")]
    assert parser.feed(" see. <") == [ThinkingDelta(" see. ")]
    assert parser.feed("3</thi") == [ThinkingDelta("<3")]
    assert parser.feed("nk>") == []
    assert parser.feed("\n\n") == []
    assert parser.feed("It is") == [TextDelta("It is")]
    assert parser.feed(" 42") == [TextDelta(" 42")]
    assert parser.close(USER) == []
    assert (parser.thinking, parser.parts, parser.stop) == ("Let me see. <3", ("It is 42",), USER)


def test_a_forgotten_tag_delays_nothing() -> None:
    parser = protocol_for("glm-4.7").stream_parser(TOOLS)
    assert parser.feed("So.") == [ThinkingDelta("So.")]
    events: list[ReplyEvent] = [event for piece in CALL for event in parser.feed(piece)]
    assert CallStarted("call_1", "finish") in events


def test_what_comes_after_the_stop_token_is_dropped() -> None:
    parser = ThinkingParser(XmlParser45(TOOLS))
    parser.feed(Control(USER))
    assert [parser.feed(piece) for piece in ("a", BEGIN, "b", DONE)] == [[], [], [], []]
    assert parser.close() == []
    assert (parser.stop, parser.parts, parser.thinking) == (USER, (), "")


def test_a_closed_parser_takes_nothing_more() -> None:
    parser = ThinkingParser(XmlParser45(TOOLS))
    parser.close(END)
    with pytest.raises(ValueError, match="closed"):
        parser.feed("a")


def test_long_thoughts_cost_no_more_by_the_character() -> None:
    """A hundred thousand characters that look like the begin of a tag, one by one."""
    parser = protocol_for("glm-z1").stream_parser(TOOLS)
    for _ in range(50_000):
        parser.feed("<")
        parser.feed("/")
    parser.feed("</think>4")
    parser.close(USER)
    assert (len(parser.thinking), parser.parts) == (100_000, ("4",))
