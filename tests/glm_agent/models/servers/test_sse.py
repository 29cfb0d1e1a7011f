"""Lines of server-sent events, however the network cuts them (HTML standard, section 9.2.6)."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.models.servers.sse import MAX_LINE, DataLines


def lines(*chunks: bytes) -> list[bytes]:
    cut = DataLines()
    return [line for chunk in chunks for line in cut.feed(chunk)] + cut.close()


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b": keep-alive\n\nevent: ping\nid: 7\nretry: 3\ndata: a\n\n", [b"a"]),
        (b"data:\n\ndata: \n\n", []),
        (b"data: a\ndata: b\n", [b"a", b"b"]),  # no blank line between
        (b"data: a", [b"a"]),  # the connection ends with it
        ("data: a\u2028b\n\n".encode(), ["a\u2028b".encode()]),  # no end of a line in UTF-8 bytes
        (b"", []),
        (b"database: x\n\n", []),
    ],
)
def test_lines(stream: bytes, found: list[bytes]) -> None:
    assert lines(stream) == found
    assert lines(*(stream[i : i + 1] for i in range(len(stream)))) == found


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=9), max_size=2), max_size=5),
    st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r", b"\n"]),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_any_cut_gives_the_same_objects(objects, end, cuts) -> None:
    stream = b"".join(b"data: " + json.dumps(o, ensure_ascii=False).encode() + end for o in objects)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(places)]
    assert [json.loads(line) for line in lines(*chunks)] == objects


def test_a_line_without_end_is_refused() -> None:
    cut = DataLines()
    for _ in range(8):
        cut.feed(b"x" * (MAX_LINE // 8))
    with pytest.raises(ValueError, match="a line of more than"):
        cut.feed(b"x")
