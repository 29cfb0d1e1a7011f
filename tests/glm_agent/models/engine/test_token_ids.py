"""Rows of token ids: they say what lists say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from glm_agent.models.engine.token_ids import TokenIds

# Few values, some of whose bytes look like the beginning of others: rows that nearly agree.
IDS = st.lists(st.sampled_from([0, 1, 256, 257, 65_536, 151_338, 2**31 - 1]), max_size=40)


@given(IDS, IDS, IDS)
def test_common_is_the_length_of_the_common_prefix(start, one, other) -> None:
    first, second = start + one, start + other
    expected = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        expected += 1
    assert TokenIds(first).common(TokenIds(second)) == expected


@given(IDS, st.integers(0, 45), IDS)
def test_rows_grow_and_shrink_as_lists_do(ids, length, more) -> None:
    row = TokenIds(ids)
    first = row.first(length)
    row.crop(length)
    assert row.part(0, len(row)) == first.part(0, 99) == ids[:length]
    row.extend(more)
    assert len(row) == len(ids[:length] + more)
    assert row.part(3, 9) == (ids[:length] + more)[3:9]
    assert first.part(0, 99) == ids[:length]


@given(IDS, IDS.filter(bool), st.integers(1, 60))
def test_the_last_place_of_some_words(ids, words, within) -> None:
    at = [
        i + len(words)
        for i in range(max(0, len(ids) - within), len(ids) - len(words) + 1)
        if ids[i : i + len(words)] == words
    ]
    assert TokenIds(ids).last_after(words, within) == (at[-1] if at else None)


def test_ids_are_not_found_across_their_borders() -> None:
    # As bytes: 00 01 00 00 | 00 01 00 00, which has 01 00 00 00 in the middle of both.
    assert TokenIds([256, 256]).last_after([1], 10) is None
    assert TokenIds([1, 256, 256]).last_after([1], 10) == 1
