"""Broken replies by the million: real calls, their bytes mutated, split anywhere.

What is checked of every reply: no exception; the events are those of the reply in one piece
(law 4); no text is lost; and what a parser holds is bounded by what it was fed.
"""

from __future__ import annotations

import random
import re
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from glm_agent.events import CallDelta, CallReady, CallStarted, ReplyEvent, TextDelta
from glm_agent.messages import Assistant, Control, Piece, ToolCall, ToolSpec
from glm_agent.protocol import Protocol
from glm_agent.protocol.arguments.ladder import read_arguments
from glm_agent.protocol.arguments.repairs import REPAIRS
from glm_agent.protocol.parsing.stream import Glm4Parser

TOOLS = (
    ToolSpec("get_weather", parameters={"type": "object"}),
    ToolSpec("get_weather_history"),
    ToolSpec("查询"),
    ToolSpec("math.gcd"),
)
RAW_TOOLS = (*TOOLS, ToolSpec("python", kind="python"))
PAYLOADS = (
    '{"city": "北京", "days": 3}',
    '{"a": {"b": [1, 2, {"c": "x={}"}]}, "d": null}',
    "{}",
    "{'city': '上海', 'ok': True}",
    '```json\n{"city": "Beijing"}\n```',
    "```python\ntool_call(city='A')\n```",
    '"{\\"city\\": \\"A\\"}"',
)
FRAGMENTS = (
    *("get_weather", "查询", "\n", "\n\n", " ", "{", "}", '"', "'", "\\", "```", "```json\n", ":", ","),
    *("<|user|>", "<|observation|>", "<|assistant|>", "<|obs", "<", "|>", "。", ". ", "🦉", "\r\n"),
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<arg_key>", "</arg_key>", "<arg_value>"),
    *('{"name": "get_weather", "arguments": ', "get_weather\n{", "nope\n{", "tool_call(", "python\n"),
)  # fmt: skip
# As long as what parsers look back at, and longer.
LONG = (
    " " * 70,
    "\n" * 70,
    "a" * 300,
    "天气很好。" * 400,
    "word " * 1200,
    "get_weather " * 30,
    "`" * 100,
)
STOPS = ("<|user|>", "<|observation|>", "<|endoftext|>", None)


@dataclass
class Tally:
    """What a fuzz run did."""

    replies: int = 0
    chunks: int = 0
    characters: int = 0
    calls: int = 0
    repaired: int = 0


def fuzz(protocol: Protocol, chunks: int, seed: int) -> Tally:
    """Feed at least `chunks` random chunks in as many replies as that takes."""
    rng = random.Random(seed)
    tally = Tally()
    while tally.chunks < chunks:
        tools = RAW_TOOLS if rng.random() < 0.3 else TOOLS
        reply = broken_reply(protocol, tools, rng)
        cut = list(split(reply, rng))
        stop, truncated = rng.choice(STOPS), False
        if stop is None:
            truncated = rng.random() < 0.3
        strict = rng.random() < 0.15
        case = f"{protocol.name} {reply!r} as {cut!r}, {stop=}, {truncated=}, {strict=}"
        parser = protocol.stream_parser(tools, strict=strict)
        events = [event for piece in cut for event in parser.feed(piece)]
        events += parser.close(stop, truncated)
        whole = protocol.stream_parser(tools, strict=strict)
        expected = [event for piece in reply for event in whole.feed(piece)]
        expected += whole.close(stop, truncated)
        assert merged(events) == merged(expected), case
        assert parser.parts == whole.parts, case
        check_events(events, parser.parts, case)
        if tools is TOOLS or protocol.name == "glm-4":
            check_nothing_lost(parser, reply, case)
        calls = [part for part in parser.parts if isinstance(part, ToolCall)]
        tally.replies += 1
        tally.chunks += len(cut)
        tally.characters += sum(len(piece) for piece in reply if isinstance(piece, str))
        tally.calls += len(calls)
        tally.repaired += sum(bool(call.repairs) for call in calls)
    return tally


# --- making replies -----------------------------------------------------------------------------------


def broken_reply(
    protocol: Protocol, tools: tuple[ToolSpec, ...], rng: random.Random
) -> list[Piece]:
    """One to three calls and texts as the family writes them, or not quite; then mutated."""
    if rng.random() < 0.5:
        parts = [_part(tools, rng) for _ in range(rng.randint(1, 3))]
        prompt = protocol.render([Assistant(tuple(parts))], tools, add_generation_prompt=False)
        pieces = list(prompt.flat())
        marker = Control("<|assistant|>")
        reply = pieces[pieces.index(marker) + 1 :] if marker in pieces else pieces
    else:
        reply = ["".join(_loose(tools, rng) for _ in range(rng.randint(1, 3)))]
    result: list[Piece] = []
    for piece in reply:
        if isinstance(piece, str):
            result += _mutated(piece, rng)
        elif rng.random() < 0.95:
            result.append(piece)
    return result


def _part(tools: tuple[ToolSpec, ...], rng: random.Random) -> str | ToolCall:
    if rng.random() < 0.3:
        return rng.choice(
            ["好的，我来查询。", "The answer is 42.\n\n1. one", "```\nget_weather\n{}\n```"]
        )
    tool = rng.choice(tools)
    if tool.kind != "function":
        return ToolCall("", tool.name, "x = '{'\nprint(x)")
    return ToolCall("", tool.name, '{"city": "北京", "days": 3}', {"city": "北京", "days": 3})


def _loose(tools: tuple[ToolSpec, ...], rng: random.Random) -> str:
    name = rng.choice([*(tool.name for tool in tools), "nope"])
    payload = rng.choice(PAYLOADS)
    forms = (
        f"{name}\n{payload}",
        f"\n{name}\n{payload}\n",
        f"好的。{name}\n{payload}",
        f"Let me look. {name} {payload}",
        f'```json\n{{"name": "{name}", "arguments": {payload}}}\n```',
        f'{{"name": "{name}", "arguments": {payload}}}',
        f"<tool_call>{name}\n<arg_key>city</arg_key>\n<arg_value>{payload}</arg_value>\n</tool_call>",
        f"<think>\nWhich tool?\n</think>\n{name}\n{payload}",
        "The weather in Beijing is sunny.\n",
    )
    return rng.choice(forms)


def _mutated(text: str, rng: random.Random) -> list[Piece]:
    """Bytes changed, doubled, lost, exchanged for fragments; control tokens in between."""
    data = bytearray(text.encode())
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        at = rng.randint(0, len(data))
        what = rng.random()
        if what < 0.15 and data:
            data[at - 1] = rng.randrange(256)
        elif what < 0.35:
            del data[at : at + rng.randint(1, 6)]
        elif what < 0.5:
            data[at:at] = data[at : at + rng.randint(1, 20)]
        elif what < 0.6:
            del data[at:]
        else:
            data[at:at] = rng.choice(FRAGMENTS).encode()
    if rng.random() < 0.04:
        at = rng.randint(0, len(data))
        data[at:at] = rng.choice(LONG).encode()
    broken = data.decode("utf-8", "replace")
    if rng.random() < 0.15:
        at = rng.randint(0, len(broken))
        token = rng.choice(
            ("<|assistant|>", "<|system|>", "<tool_call>", "</think>", "<|observation|>")
        )
        return [broken[:at], Control(token), broken[at:]]
    return [broken]


def split(reply: list[Piece], rng: random.Random) -> Iterator[Piece]:
    """The same, its texts cut anywhere: into characters, tokens' size, or a few large parts."""
    length = sum(len(piece) for piece in reply if isinstance(piece, str))
    size = rng.choice((1, 3, 8, 40)) * (1 + length // 500)
    for piece in reply:
        if isinstance(piece, Control):
            yield piece
            continue
        at = 0
        while at < len(piece):
            step = rng.randint(1, size)
            yield piece[at : at + step]
            at += step


# --- checks -------------------------------------------------------------------------------------------


def merged(events: Iterable[ReplyEvent]) -> list[object]:
    """Adjacent deltas put together."""
    result: list[object] = []
    for key, group in groupby(events, lambda e: (type(e), getattr(e, "call_id", ""))):
        run = list(group)
        if isinstance(run[0], CallStarted | CallReady):
            result += run
        else:
            result.append((*key, "".join(event.text for event in run)))  # type: ignore[union-attr]
    return result


def check_events(events: list[ReplyEvent], parts: tuple[str | ToolCall, ...], case: str) -> None:
    """Events tell what the parts say."""
    calls = [part for part in parts if isinstance(part, ToolCall)]
    assert [e.call for e in events if isinstance(e, CallReady)] == calls, case
    assert [(e.call_id, e.name) for e in events if isinstance(e, CallStarted)] == [
        (call.id, call.name) for call in calls
    ], case
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert text == "\n".join(part for part in parts if isinstance(part, str)), case
    for call in calls:
        deltas = (e.text for e in events if isinstance(e, CallDelta) and e.call_id == call.id)
        assert "".join(deltas) == call.payload, case
        assert call.arguments is None or call.error is None, case
        assert set(call.repairs) <= REPAIRS.keys(), case


_TAGS = re.compile(r"</?(?:think|tool_call|arg_key|arg_value)>|<\|\w+\|>|\[\w*MASK\]|<sop>")


def check_nothing_lost(parser: object, reply: list[Piece], case: str) -> None:
    """Every character is in a text, a thought, a call, or was dropped as markup."""
    text = "".join(written(reply))
    parts: tuple[str | ToolCall, ...] = parser.parts  # type: ignore[attr-defined]
    kept = "".join(p if isinstance(p, str) else p.name + p.payload for p in parts)
    dropped = dropped_by(parser)
    if isinstance(parser, Glm4Parser):
        assert Counter(text) == Counter(kept) + Counter("".join(dropped)), case
        letters = iter(text)
        assert all(letter in letters for letter in kept), f"the order changed: {case}"
    # What is dropped is markup, or the arguments of a call once more, and no other words.
    calls = [part.arguments for part in parts if isinstance(part, ToolCall)]
    markup = [
        text for text in dropped if "{" not in text or read_arguments(text).value not in calls
    ]
    words = re.findall(r"\w+", _TAGS.sub("", " ".join(markup)))
    assert set(words) <= {"json", "name", "arguments", "parameters", "python"}, case
    if any(isinstance(part, ToolCall) and part.error for part in parts) or "\\" in text:
        return  # the error tells what of an XML call could not be read; escapes are not compared
    kept += "".join(dropped) + parser.thinking  # type: ignore[attr-defined]
    lost = Counter(_letters(_TAGS.sub("", text))) - Counter(_letters(kept))
    assert not lost, f"{lost}: {case}"


def dropped_by(parser: object) -> list[str]:
    """What GLM-4's parser dropped, also where it is inside another one."""
    while not isinstance(parser, Glm4Parser):
        parser = getattr(parser, "_parser", None)
        if parser is None:
            return []
    return parser.dropped


def written(reply: list[Piece]) -> Iterator[str]:
    """The texts up to the stop token."""
    for piece in reply:
        if isinstance(piece, str):
            yield piece
        elif piece.token in ("<|user|>", "<|observation|>", "<|endoftext|>"):
            return


def _letters(text: str) -> str:
    return "".join(letter for letter in text if letter.isalpha()).lower()


def peak(protocol: Protocol, reply: Iterable[Piece]) -> int:
    """The most memory in bytes that was in use while a reply was parsed."""
    tracemalloc.start()
    try:
        parser = protocol.stream_parser(RAW_TOOLS)
        for piece in reply:
            parser.feed(piece)
        parser.close("<|observation|>")
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    from glm_agent.protocol import protocol_for

    for name in sys.argv[2:] or ["glm-4"]:
        print(name, fuzz(protocol_for(name), int(sys.argv[1]), seed=1))
