"""Holds a model in this process to a grammar, token by token.

A `Constraint` follows one reply: it takes the logits of tokens away that the grammar does not
admit, and is told which token was chosen. The grammar's engine is llguidance.

Does not do: making grammars (`protocol.grammar`), choosing tokens (`engine.py`).
"""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ...errors import ModelError, ModelLoadError
from ...protocol import TokenizerEncoder

if TYPE_CHECKING:
    import torch

# Compiled grammars that are kept for the next reply with the same tools.
_KEPT = 32


class Constrainer:
    """Makes constraints for the vocabulary of one model. `width` is how many logits it has."""

    def __init__(self, encoder: TokenizerEncoder, width: int, end: str) -> None:
        try:
            import llguidance
        except ImportError as error:
            raise ModelLoadError(
                f"constrained decoding needs llguidance ({error}); pip install 'glm-agent[local]', "
                "or turn it off with Settings(constrain=False)"
            ) from error
        vocabulary = llguidance.TokenizerWrapper(_Vocabulary(encoder, width, end))  # type: ignore[arg-type]
        self._tokenizer = llguidance.LLTokenizer(vocabulary, n_vocab=width)
        self.width = width
        self._compiled: OrderedDict[str, Any] = OrderedDict()

    def constraint(self, grammar: str) -> Constraint:
        """A fresh constraint. Raises `ModelError` for a grammar that the engine does not take."""
        import llguidance

        matcher = self._compiled.get(grammar)
        if matcher is None:
            matcher = llguidance.LLMatcher(self._tokenizer, grammar, log_level=0)
            if matcher.is_error():
                reason = matcher.get_error().splitlines()[0]
                raise ModelError(
                    f"the tools' schemas cannot be held ({reason}); simplify them, or turn "
                    "constrained decoding off with Settings(constrain=False)"
                )
            self._compiled[grammar] = matcher
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(grammar)
        return Constraint(matcher.deep_copy())


class Constraint:
    """Follows one reply."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def limit(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits with minus infinity for every token that may not come next."""
        return limit_rows(logits.unsqueeze(0), [(0, self.mask())])[0]

    def mask(self) -> bytes:
        """A bit for each token that may come next, the first one lowest."""
        mask = self._matcher.compute_bitmask()
        if self._matcher.is_error():
            raise ModelError(f"constrained decoding failed: {self._matcher.get_error()[:200]}")
        return mask

    def admits(self, tokens: Sequence[int]) -> int:
        """How many of `tokens` may come next, one after the other."""
        return self._matcher.validate_tokens(list(tokens))

    def accept(self, token: int) -> None:
        """Go on after `token`, which must be one of those that `limit` left."""
        if not self._matcher.consume_token(token):
            raise ModelError(f"constrained decoding failed: {self._matcher.get_error()[:200]}")


def limit_rows(logits: torch.Tensor, masks: Sequence[tuple[int, bytes]]) -> torch.Tensor:
    """Logits with minus infinity for what may not come next, in the rows that have a mask."""
    import torch

    joined = bytearray(b"".join(mask for _, mask in masks))
    words = torch.frombuffer(joined, dtype=torch.uint8).to(logits.device)
    penalty = _penalties(logits.dtype, logits.device)[words.int()]
    penalty = penalty.view(len(masks), -1)[:, : logits.shape[-1]]
    if len(masks) == len(logits):
        return logits + penalty
    rows = torch.tensor([row for row, _ in masks], device=logits.device)
    return logits.index_add(0, rows, penalty)


@functools.cache
def _penalties(dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """What is added to the logits of eight tokens, for each byte of a mask.

    Looking it up costs a third of what shifting the bits apart does.
    """
    import torch

    allowed = (torch.arange(256).unsqueeze(1) >> torch.arange(8) & 1).bool()
    table = torch.zeros(256, 8, dtype=dtype).masked_fill(~allowed, float("-inf"))
    return table.to(device)


class _Vocabulary:
    """A tokenizer as llguidance wants it: each id's bytes, and which ids are control tokens."""

    bos_token_id = None

    def __init__(self, encoder: TokenizerEncoder, width: int, end: str) -> None:
        self._encoder = encoder
        self.eos_token_id = encoder.control(end)
        self.special_token_ids = sorted(encoder.controls)
        self.tokens = [_bytes(encoder, id_) for id_ in range(width)]

    def __call__(self, text: bytes | str) -> list[int]:
        return self._encoder.text(text if isinstance(text, str) else text.decode())


def _bytes(encoder: TokenizerEncoder, id_: int) -> bytes:
    control = encoder.controls.get(id_)
    return encoder.bytes_of(id_) if control is None else control.encode()


_constrainers: WeakKeyDictionary[TokenizerEncoder, Constrainer] = WeakKeyDictionary()
_making = threading.Lock()


def constrainer_for(encoder: TokenizerEncoder, width: int, end: str) -> Constrainer:
    """The constrainer of a model's vocabulary; made once, which takes under a second."""
    with _making:
        found = _constrainers.get(encoder)
        if found is None or found.width != width:
            found = _constrainers[encoder] = Constrainer(encoder, width, end)
        return found
