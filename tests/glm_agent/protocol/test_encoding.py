"""Text to ids and back."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from glm_agent.errors import ConfigurationError
from glm_agent.messages import Control
from glm_agent.protocol import Decoder, TokenizerEncoder, encoder_for
from glm_agent.protocol.rendering.glm4 import CONTROLS

TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            [*CONTROLS, "<|", "|>", "user", "\n", "\r\n", " ", "你好", "👩‍👩‍👧", "é", "{}"]
        ),
        max_size=12,
    ).map("".join),
)


def decode(tokenizer: object, ids: list[int]) -> list[object]:
    """All at once."""
    decoder = Decoder(tokenizer)
    return [*decoder.feed(ids), *decoder.close()]


def merged(pieces: list[object]) -> list[object]:
    """Adjacent texts put together."""
    result: list[object] = []
    for piece in pieces:
        if isinstance(piece, str) and result and isinstance(result[-1], str):
            result[-1] += piece
        else:
            result.append(piece)
    return result


@given(text=TEXTS)
def test_text_never_becomes_a_control_token(encoder: TokenizerEncoder, text: str) -> None:
    assert not set(encoder.text(text)) & set(encoder.controls)


@given(text=TEXTS)
def test_text_survives_encoding_and_decoding(encoder: TokenizerEncoder, text: str) -> None:
    assert decode(encoder, encoder.text(text)) == ([text] if text else [])


@given(text=TEXTS.filter(lambda text: not any(token in text for token in CONTROLS)))
def test_ordinary_text_has_the_ids_that_the_tokenizer_gives(
    encoder: TokenizerEncoder, tokenizer: Tokenizer, text: str
) -> None:
    assert encoder.text(text) == tokenizer.encode(text, add_special_tokens=False).ids


def test_the_tokenizer_itself_stays_as_it_is(
    tokenizer: Tokenizer, encoder: TokenizerEncoder
) -> None:
    encoder.text("<|user|>")
    assert tokenizer.encode("<|user|>", add_special_tokens=False).ids == [
        encoder.control("<|user|>")
    ]
    assert not tokenizer.encode_special_tokens


@given(half=st.characters(categories=["Cs"]))
def test_half_a_surrogate_pair_is_replaced(small_tokenizer: Tokenizer, half: str) -> None:
    encoder = encoder_for(small_tokenizer)
    assert encoder.text(f"a{half}b") == encoder.text("a\ufffdb")


def test_a_surrogate_pair_is_the_character_it_stands_for(small_tokenizer: Tokenizer) -> None:
    encoder = encoder_for(small_tokenizer)
    assert encoder.text("\ud83d\ude00") == encoder.text("😀")


def test_ids_of_the_real_tokenizer(real_tokenizer: Tokenizer) -> None:
    encoder = encoder_for(real_tokenizer)
    assert encoder.text("Hello world") == [9703, 1879]
    assert encoder.text("你好") == [109377]
    assert encoder.text('{"') == [4913]
    assert [encoder.control(token) for token in CONTROLS] == [
        *(151329, 151331, 151333, 151335, 151336, 151337, 151338)
    ]


@pytest.mark.parametrize("name", ["<|tool|>", "weather", "<|USER|>", "", "Ġthe"])
def test_a_control_token_that_is_none_is_a_typed_error(
    small_tokenizer: Tokenizer, name: str
) -> None:
    encoder = encoder_for(small_tokenizer)
    with pytest.raises(KeyError) as caught:
        encoder.control(name)
    assert isinstance(caught.value, ConfigurationError)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_encoder_per_tokenizer(small_tokenizer: Tokenizer) -> None:
    encoder = encoder_for(small_tokenizer)
    assert encoder_for(small_tokenizer) is encoder
    assert encoder_for(encoder) is encoder


def test_an_encoder_does_not_keep_its_tokenizer_alive(small_tokenizer: Tokenizer) -> None:
    copy = Tokenizer.from_str(small_tokenizer.to_str())
    gone, encoder = weakref.ref(copy), encoder_for(copy)
    del copy
    gc.collect()
    assert gone() is None
    assert encoder.text("你好") == encoder_for(small_tokenizer).text("你好")


def test_the_fingerprint_depends_on_the_vocabulary_alone(small_tokenizer: Tokenizer) -> None:
    same = Tokenizer.from_str(small_tokenizer.to_str())
    other = Tokenizer.from_str(small_tokenizer.to_str())
    other.add_special_tokens([AddedToken("<|tool|>", special=True)])
    assert encoder_for(same).vocabulary == encoder_for(small_tokenizer).vocabulary
    assert encoder_for(other).vocabulary != encoder_for(small_tokenizer).vocabulary


def test_the_fingerprint_is_the_same_in_another_process(
    small_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "tokenizer.json"
    small_tokenizer.save(str(path))
    code = (
        "import sys; from tokenizers import Tokenizer; from glm_agent.protocol import encoder_for;"
        "print(encoder_for(Tokenizer.from_file(sys.argv[1])).vocabulary)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == encoder_for(small_tokenizer).vocabulary


def test_a_fast_tokenizer_of_transformers_will_do(small_tokenizer: Tokenizer) -> None:
    transformers = pytest.importorskip("transformers")
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=small_tokenizer, additional_special_tokens=list(CONTROLS)
    )
    encoder = encoder_for(fast)
    assert encoder_for(fast) is encoder
    assert encoder.vocabulary == encoder_for(small_tokenizer).vocabulary
    ids = [encoder.control("<|user|>"), *encoder.text("\n<|user|>你好")]
    assert decode(fast, ids) == [Control("<|user|>"), "\n<|user|>你好"]


@pytest.mark.parametrize("thing", [None, "glm-4", object()])
def test_anything_else_is_refused(thing: object) -> None:
    with pytest.raises(ConfigurationError, match="fast tokenizer of transformers"):
        encoder_for(thing)


def test_a_tokenizer_that_would_mix_text_and_control_tokens_is_refused() -> None:
    tokenizer = Tokenizer(models.BPE({"<|user|>": 0}, [], ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.add_special_tokens(["<|user|>"])
    with pytest.raises(ConfigurationError, match="control token"):
        encoder_for(tokenizer)


@given(data=st.data(), text=TEXTS)
def test_a_split_stream_of_ids_gives_the_same_pieces(
    encoder: TokenizerEncoder, data: st.DataObject, text: str
) -> None:
    ids = [*encoder.text(text), encoder.control("<|assistant|>"), *encoder.text(text)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(ids)), max_size=5)))
    decoder = Decoder(encoder)
    pieces: list[object] = []
    for start, end in zip([0, *cuts], [*cuts, len(ids)], strict=True):
        pieces += decoder.feed(ids[start:end])
    pieces += decoder.close()
    assert "" not in pieces
    assert merged(pieces) == decode(encoder, ids)


@given(data=st.binary(max_size=40))
def test_any_bytes_decode_as_python_decodes_them(small_tokenizer: Tokenizer, data: bytes) -> None:
    vocabulary, alphabet = small_tokenizer.get_vocab(), byte_alphabet()
    ids = [vocabulary[alphabet[byte]] for byte in data]
    decoder = Decoder(small_tokenizer)
    pieces = [piece for id_ in ids for piece in decoder.feed([id_])] + decoder.close()
    assert "".join(map(str, pieces)) == data.decode("utf-8", "replace")


@settings(max_examples=50)
@given(ids=st.lists(st.integers(-5, 151_600), max_size=30))
def test_any_ids_decode_to_something(encoder: TokenizerEncoder, ids: list[int]) -> None:
    pieces = decode(encoder, ids)
    controls = [encoder.controls[id_] for id_ in ids if id_ in encoder.controls]
    assert [piece.token for piece in pieces if isinstance(piece, Control)] == controls


def test_a_character_over_several_tokens_comes_with_its_last_byte(
    small_tokenizer: Tokenizer,
) -> None:
    encoder, decoder = encoder_for(small_tokenizer), Decoder(small_tokenizer)
    ids = encoder.text("🦉")
    assert len(ids) == 4
    assert [decoder.feed([id_]) for id_ in ids] == [[], [], [], ["🦉"]]
    assert decoder.close() == []


def test_a_cut_character_becomes_a_replacement_character(small_tokenizer: Tokenizer) -> None:
    encoder = encoder_for(small_tokenizer)
    ids = encoder.text("🦉")[:3]
    assert decode(small_tokenizer, ids) == ["\ufffd"]
    user = encoder.control("<|user|>")
    assert decode(small_tokenizer, [*ids, user]) == ["\ufffd", Control("<|user|>")]


def test_unused_ids_are_visible(real_tokenizer: Tokenizer) -> None:
    assert decode(real_tokenizer, [151400, 109377, 999_999]) == ["\ufffd你好\ufffd"]


def test_other_kinds_of_vocabulary_are_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"你好": 0, "[UNK]": 1}, unk_token="[UNK]"))
    with pytest.raises(ConfigurationError, match="byte-level"):
        Decoder(tokenizer).feed([0])


@cache
def byte_alphabet() -> dict[int, str]:
    """The letter of each byte, taken from what the tokenizers library does."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    letters: dict[int, str] = {}
    for code in [*range(0x800), *range(0x800, 0xD800, 0x40), *range(0xE000, 0x110000, 0x40)]:
        ((word, _),) = level.pre_tokenize_str(chr(code))
        letters |= dict(zip(chr(code).encode(), word, strict=True))
    never_in_utf8 = [0xC0, 0xC1, *range(0xF5, 0x100)]  # they are printable, so they are themselves
    return letters | {byte: chr(byte) for byte in never_in_utf8}
