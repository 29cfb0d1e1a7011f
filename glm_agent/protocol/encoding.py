"""From text to token ids and back, for prompts (law 1) and replies (law 3).

`encoder_for` makes an encoder in which text can never become a control token; `Decoder` turns a
stream of ids into text and control tokens without ever splitting a character.

Does not do: training or loading tokenizers, vocabularies that are not byte-level BPE (all GLM
families from GLM-4 on are).
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..errors import ConfigurationError
from ..messages import Control, Piece

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class UnknownControlError(ConfigurationError, KeyError):
    """A control token that the vocabulary does not have; the tokenizer is not this family's."""

    def __str__(self) -> str:
        return str(self.args[0])


class TokenizerEncoder:
    """A tokenizer with all its added tokens off for text; `encoder_for` makes and keeps them.

    It shares the model with the tokenizer it was made from, which stays as it is.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        from tokenizers import Tokenizer

        added = tokenizer.get_added_tokens_decoder()
        self.controls: Mapping[int, str] = {id_: token.content for id_, token in added.items()}
        self._ids = {token: id_ for id_, token in self.controls.items()}
        self._vocabulary: str | None = None
        # A tokenizer around the same model, without added tokens: nothing is copied, and no text
        # can be taken for one of them.
        self._plain = Tokenizer(tokenizer.model)
        if tokenizer.normalizer is not None:
            self._plain.normalizer = tokenizer.normalizer
        if tokenizer.pre_tokenizer is not None:
            self._plain.pre_tokenizer = tokenizer.pre_tokenizer
        for token, id_ in self._ids.items():
            if id_ in self.text(token):
                raise ConfigurationError(
                    f"this tokenizer turns the plain text {token!r} into a control token; "
                    "its merges or pre-tokenizer must keep it apart"
                )

    @property
    def vocabulary(self) -> str:
        """A fingerprint of which id stands for what, the same in every process."""
        if self._vocabulary is None:
            entries = {id_: token for token, id_ in self._plain.get_vocab().items()}
            entries |= self.controls
            digest = hashlib.sha256()
            for id_ in sorted(entries):
                token = entries[id_].encode("utf-8", "surrogatepass")
                digest.update(b"%d %d " % (id_, len(token)) + token)
            self._vocabulary = digest.hexdigest()[:32]
        return self._vocabulary

    def text(self, text: str, /) -> list[int]:
        """Ids of plain text; a spelled-out control token in it stays text.

        Half of a surrogate pair, which no tokenizer can take, becomes U+FFFD.
        """
        if _SURROGATE.search(text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return self._plain.encode(text, add_special_tokens=False).ids

    def control(self, token: str, /) -> int:
        """Id of a control token by name; `UnknownControlError` (a KeyError) if there is none."""
        try:
            return self._ids[token]
        except KeyError:
            raise UnknownControlError(
                f"the tokenizer has no control token {token!r}; use the model's own tokenizer"
            ) from None

    def token(self, id_: int, /) -> str | None:
        """An ordinary token as the vocabulary writes it; None for control tokens and unused ids."""
        if id_ in self.controls or id_ < 0:
            return None
        return self._plain.id_to_token(id_)

    def bytes_of(self, id_: int, /) -> bytes:
        """What an ordinary token writes; empty for control tokens and unused ids.

        Raises `ConfigurationError` for a vocabulary that is not byte-level BPE.
        """
        token = self.token(id_)
        if token is None:
            return b""
        try:
            return bytes(map(_BYTES.__getitem__, token))
        except KeyError:
            raise ConfigurationError(
                f"token {id_} ({token!r}) is not byte-level BPE, which is all that can be decoded"
            ) from None


_encoders: WeakKeyDictionary[Tokenizer, TokenizerEncoder] = WeakKeyDictionary()


def encoder_for(tokenizer: Any) -> TokenizerEncoder:
    """The encoder of a `tokenizers.Tokenizer` or of a fast tokenizer of transformers.

    Asked again for the same tokenizer it gives the same encoder, as long as the tokenizer lives.
    Tokens added to the tokenizer later are not seen.

    Raises:
        ConfigurationError: It is neither, or its control tokens cannot be kept out of text.
    """
    from tokenizers import Tokenizer

    if isinstance(tokenizer, TokenizerEncoder):
        return tokenizer
    backend = tokenizer
    if not isinstance(tokenizer, Tokenizer):
        backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise ConfigurationError(
            f"a {type(tokenizer).__name__} cannot be used; "
            "pass a tokenizers.Tokenizer or a fast tokenizer of transformers"
        )
    encoder = _encoders.get(backend)
    if encoder is None:
        encoder = _encoders[backend] = TokenizerEncoder(backend)
    return encoder


def _byte_alphabet() -> dict[str, int]:
    """How byte-level BPE writes bytes: printable Latin-1 as itself, the rest from U+0100 on.

    Defined by GPT-2's published encoder, and kept by all that came after.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    alphabet = {chr(byte): byte for byte in printable}
    rest = (byte for byte in range(256) if byte not in set(printable))
    return alphabet | {chr(0x100 + index): byte for index, byte in enumerate(rest)}


_BYTES = _byte_alphabet()


class Decoder:
    """Turns a stream of token ids into pieces, each id once.

    A character that the model spreads over several tokens is given when its last byte is there.
    Bytes that are no UTF-8, and ids that stand for nothing, become U+FFFD.
    """

    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer` is whatever `encoder_for` takes, or the encoder it gave."""
        self._encoder = encoder_for(tokenizer)
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, ids: Iterable[int]) -> list[Piece]:
        """The pieces that are complete with these ids; no empty texts, no two texts in a row."""
        pieces: list[Piece] = []
        text: list[str] = []
        for id_ in ids:
            control = self._encoder.controls.get(id_)
            if control is None:
                text.append(self._decode(id_))
                continue
            text.append(self._utf8.decode(b"", final=True))
            _flush(text, pieces)
            pieces.append(Control(control))
        _flush(text, pieces)
        return pieces

    def close(self) -> list[Piece]:
        """What is left at the end: U+FFFD if the reply ends within a character."""
        rest = self._utf8.decode(b"", final=True)
        return [rest] if rest else []

    def _decode(self, id_: int) -> str:
        data = self._encoder.bytes_of(id_)
        if not data:
            return self._utf8.decode(b"", final=True) + _REPLACEMENT
        return self._utf8.decode(data)


def _flush(text: list[str], pieces: list[Piece]) -> None:
    if joined := "".join(text):
        pieces.append(joined)
    text.clear()
