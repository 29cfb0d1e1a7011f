"""Bounded text and terminal behaviour, whatever the sizes of the writes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from glm_sandbox.output import LINE, HeadTail, Terminal, plain
from glm_sandbox.tracebacks import trim
from hypothesis import given, settings
from hypothesis import strategies as st


def pieces(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


@settings(max_examples=100)
@given(text=st.text(max_size=200), cuts=st.lists(st.integers(0, 200)), limit=st.integers(0, 120))
def test_head_and_tail_do_not_depend_on_the_writes(text: str, cuts: list[int], limit: int) -> None:
    kept = HeadTail(limit)
    for piece in pieces(text, cuts):
        kept.add(piece)
    if len(text) <= limit:
        assert (kept.text(), kept.dropped) == (text, 0)
    else:
        head, note, tail = kept.text().partition(
            f"\n… [{len(text) - limit:,} characters left out] …\n"
        )
        assert note
        assert head == text[: limit // 2]
        assert tail == text[len(text) - (limit - limit // 2) :]


@settings(max_examples=100)
@given(text=st.text(alphabet="ab\r\n\x1b[0;1m文", max_size=80), cuts=st.lists(st.integers(0, 80)))
def test_a_terminal_does_not_depend_on_the_writes(text: str, cuts: list[int]) -> None:
    whole, parted = Terminal(1000), Terminal(1000)
    whole.write(text)
    for piece in pieces(text, cuts):
        parted.write(piece)
    assert parted.finish().text() == whole.finish().text()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\rb", "b"),
        ("abc\rX", "Xbc"),
        ("a\r\nb\r\n", "a\nb\n"),
        ("one\ntwo\rTWO\n", "one\nTWO\n"),
        ("a\r", "a"),
        ("\r\r\n\r", "\n"),
        ("", ""),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b[38;5;196mred\x1b[0m", "red"),
    ],
)
def test_a_terminal_shows(written: str, shown: str) -> None:
    terminal = Terminal(1000)
    terminal.write(written)
    assert terminal.finish().text() == shown


def test_a_line_without_end_is_bounded_and_complete() -> None:
    terminal = Terminal(10 * LINE)
    for _ in range(3 * LINE):
        terminal.write("x")
    assert terminal.finish().text() == "x" * (3 * LINE)


def test_what_was_left_out_before_is_counted_in_its_place() -> None:
    kept = HeadTail(10)
    kept.add("abc")
    kept.skip(100)
    kept.add("xyz")
    assert kept.text() == "abc\n… [100 characters left out] …\nxyz"


def test_plain_leaves_other_text_alone() -> None:
    assert plain("[31m 文 \n") == "[31m 文 \n"


class TestTracebacks:
    def test_without_any_entries(self) -> None:
        assert trim("ValueError", "bad", []) == "ValueError: bad"
        assert trim("KeyboardInterrupt", "", []) == "KeyboardInterrupt"

    def test_library_frames_are_counted_in_their_place(self) -> None:
        parts = [
            "-" * 75,
            "KeyError          Traceback (most recent call last)",
            "Cell In[1], line 1\n----> 1 f()\n",
            "File /usr/lib/python3/a.py:1, in a()\n",
            "File ~/.local/lib/b.py:1, in b()\n",
            "File ~/mine.py:2, in c()\n",
            "File /usr/lib/python3/d.py:1\n",
            "KeyError: 'x'",
        ]
        assert trim("KeyError", "'x'", parts) == (
            "Traceback (most recent call last):\n"
            "Cell In[1], line 1\n----> 1 f()\n"
            "[2 frames of library code]\n"
            "File ~/mine.py:2, in c()\n"
            "[1 frame of library code]\n"
            "KeyError: 'x'"
        )
