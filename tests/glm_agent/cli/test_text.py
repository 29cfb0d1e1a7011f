"""What is printed of text from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.cli.jsonl import dumps
from glm_agent.cli.text import Folded, VisibleStream, fold, visible, well_formed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain 你好 😀", "plain 你好 😀"),
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;aGk=\x1b\\text", "text"),
        ("\x9b2Jtext", "text"),
        ("\x1bPq...\x1b\\text", "text"),
        ("\x1b(Btext", "text"),
        ("\x1bctext", "text"),
        ("\x1b]0;never ended", "]0;never ended"),
        ("10%\r20%\r\nend", "10%\n20%\nend"),
        ("a\x00\x07\x08b", "ab"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\ud800", ""),
    ],
)
def test_visible_text_obeys_nobody(text: str, shown: str):
    assert visible(text) == shown


@given(st.text(st.characters(max_codepoint=0x2FFF)))
def test_nothing_that_a_terminal_obeys_is_ever_left(text: str):
    shown = visible(text)
    assert not [c for c in shown if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f"]
    assert visible(shown) == shown


pieces = st.sampled_from(
    ["a", "\r", "\n", "\x1b", "[", "31", "m", "]0;t", "\x07", "\\", "\x9b", "\x9d", "P", "("]
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", []),
        (" \n\n", []),
        ("\n one\ntwo", [" one", "two"]),
        ("1\n\n3\n", ["1", "", "3"]),
        ("1\n2\n3\n4", ["1", "2", "3", "… 1 more line"]),
        ("1\n2\n3\n4\n\n6\n", ["1", "2", "3", "… 3 more lines"]),
        ("123456", ["12345… (1 more characters)"]),
    ],
)
def test_the_first_lines_of_what_comes_in_parts(text: str, shown: list[str]):
    whole = Folded(lines=3, width=5)
    assert [*whole.feed(text), *whole.close()] == shown
    assert whole.shown == bool(shown)
    parts = Folded(lines=3, width=5)
    assert [line for c in text for line in parts.feed(c)] + parts.close() == shown


@given(st.lists(pieces))
def test_a_stream_shows_the_same_however_it_is_cut(parts: list[str]):
    stream = VisibleStream()
    shown = "".join([*map(stream.feed, parts), stream.close()])
    assert shown == visible("".join(parts))


def test_what_never_ends_is_not_held_back_for_ever():
    stream = VisibleStream()
    assert stream.feed("\x1b]0;" + "x" * 2000).endswith("xxx")


@given(st.text())
def test_text_is_one_json_line(text: str):
    import json

    line = dumps({"text": text})
    assert len(line.splitlines()) == 1
    assert json.loads(line) == {"text": text}


def test_json_has_no_numbers_that_json_lacks():
    value = {"a": float("nan"), "b": [float("inf"), 1.5, {"c": (float("-inf"),)}]}
    assert dumps(value) == '{"a":"nan","b":["inf",1.5,{"c":["-inf"]}]}'


@pytest.mark.parametrize(
    ("text", "lines", "left"),
    [
        ("", [""], 0),
        ("a\nb\n", ["a", "b"], 0),
        ("a\nb\nc\nd", ["a", "b", "c"], 1),
        ("x" * 12, ["x" * 10 + "… (2 more characters)"], 0),
    ],
)
def test_folding(text: str, lines: list[str], left: int):
    assert fold(text, 3, 10) == (lines, left)


@pytest.mark.parametrize(("text", "meant"), [("é", "é"), ("caf\udce9", "caf\ufffd")])
def test_arguments_that_are_not_utf_8_can_be_sent(text: str, meant: str):
    assert well_formed(text) == meant
