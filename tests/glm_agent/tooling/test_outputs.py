"""Whatever a function returns becomes text and pictures of a bounded size."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from glm_agent.messages import Image
from glm_agent.tooling import ToolOutput
from glm_agent.tooling.outputs import cut, outputs_of, well_formed

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8
JPEG = b"\xff\xd8\xff\xe0"


class City(BaseModel):
    name: str
    day: datetime.date = datetime.date(2024, 2, 29)


@dataclasses.dataclass
class Pair:
    left: int
    right: set[str]


class Speaker:
    def __str__(self) -> str:
        return "I speak"


circle: list[Any] = []
circle.append(circle)

TEXTS: list[tuple[Any, str]] = [
    ("as it is\n", "as it is\n"),
    ("", ""),
    (None, ""),
    (3, "3"),
    (0.1, "0.1"),
    (True, "True"),
    (Speaker(), "I speak"),
    ([], "[]"),
    ({}, "{}"),
    ([1, "二", None, True], '[1, "二", null, true]'),
    (("a", 1), '["a", 1]'),
    ({"city": "北京", "t": [1.5]}, '{"city": "北京", "t": [1.5]}'),
    ({1: "a"}, '{"1": "a"}'),
    (City(name="京"), '{"name": "京", "day": "2024-02-29"}'),
    ([City(name="京")], '[{"name": "京", "day": "2024-02-29"}]'),
    (Pair(1, {"a"}), '{"left": 1, "right": ["a"]}'),
    ({"odd": Speaker()}, '{"odd": "I speak"}'),
    ({"raw": b"\xff"}, '{"raw": "_w=="}'),
    ({"n": float("nan")}, '{"n": NaN}'),
    (b"\x00\x01\x02", "<3 bytes of binary data>"),
    (b"", "<0 bytes of binary data>"),
    (bytearray(b"text"), "<4 bytes of binary data>"),
    (circle, "[[...]]"),
]


@pytest.mark.parametrize(("value", "text"), TEXTS, ids=lambda value: str(value)[:30])
def test_a_value_becomes_text(value: Any, text: str) -> None:
    assert outputs_of(value) == [ToolOutput(text)]


IMAGES: list[tuple[Any, str]] = [
    (PNG, "image/png"),
    (JPEG, "image/jpeg"),
    (b"GIF89a..", "image/gif"),
    (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
    (memoryview(PNG), "image/png"),
    (Image(b"x", "image/tiff"), "image/tiff"),
]


@pytest.mark.parametrize(("value", "kind"), IMAGES, ids=str)
def test_pictures_are_recognised(value: Any, kind: str) -> None:
    [output] = outputs_of(value)
    assert output.text == ""
    assert [image.media_type for image in output.images] == [kind]


def test_pil_images_and_figures_draw_themselves() -> None:
    pil = pytest.importorskip("PIL.Image", reason="needs Pillow")
    [output] = outputs_of(pil.new("RGB", (2, 2)))
    assert output.images[0].data.startswith(b"\x89PNG")
    figures = pytest.importorskip("matplotlib.figure", reason="needs matplotlib")
    [output] = outputs_of(figures.Figure(figsize=(1, 1)))
    assert output.images[0].data.startswith(b"\x89PNG")


def test_numpy_and_pandas_values() -> None:
    np = pytest.importorskip("numpy", reason="needs numpy")
    assert outputs_of({"a": np.float64(1.5), "b": np.array([1, 2])}) == [
        ToolOutput('{"a": 1.5, "b": [1, 2]}')
    ]


def test_outputs_pass_as_they_are() -> None:
    one, two = ToolOutput("a", metadata="m"), ToolOutput("b", outcome="error")
    assert outputs_of(one) == [one]
    assert outputs_of([one, two]) == [one, two]
    assert outputs_of((one, two)) == [one, two]


def test_text_and_pictures_in_one_list_are_one_output() -> None:
    [output] = outputs_of(["before", PNG, "after", Image(b"x")])
    assert output.text == "before\nafter"
    assert len(output.images) == 2


@given(st.text(), st.integers(0, 300))
def test_a_cut_text_is_within_its_limit_and_keeps_both_ends(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit or short == text == ""
    if len(text) <= limit:
        assert short == text


@given(st.text(min_size=200), st.integers(60, 199))
def test_a_cut_text_says_how_much_is_missing(text: str, limit: int) -> None:
    head, _, rest = cut(text, limit).partition("\n… [")
    count, _, tail = rest.partition(" characters left out] …\n")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + int(count) + len(tail) == len(text)
    assert 0 <= len(head) - len(tail) <= 1


def test_cutting_fifty_megabytes() -> None:
    assert cut("a" * 25_000_000 + "b" * 25_000_000, 100) == (
        "a" * 32 + "\n… [49999936 characters left out] …\n" + "b" * 32
    )


@given(st.text(st.characters(exclude_categories=())))
def test_a_well_formed_text_can_be_encoded(text: str) -> None:
    mended = well_formed(text)
    mended.encode()
    assert mended == text or any("\ud800" <= character <= "\udfff" for character in text)


def test_surrogates() -> None:
    assert well_formed("a\ud83d\ude00b") == "a😀b"
    assert well_formed("a\ud83db") == "a\ufffdb"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_lists_are_json(value: Any) -> None:
    if isinstance(value, list):
        assert json.loads(outputs_of(value)[0].text) == value
