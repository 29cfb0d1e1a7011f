"""Decoding in memory that stays where it is, so that a step of the model can be a CUDA graph.

At each token a GPU waits for Python to launch some thousand small kernels one by one; a graph
launches them all at once. It can be recorded where every step finds its inputs in the same places
and in the same shapes. So the replies that are being written have seats here: rows of one block of
keys and values a layer, into which their caches are copied once, when they sit down. What is
written here comes back to a cache when somebody asks for it. There is one graph for each number of
rows, tokens a row and (rounded up) length; what is in it is compiled (`fused.py`), where it can be.

The first step is also done plainly, and both must say the same: where they do not, or compiling or
recording fails, first compiling is given up for this model, and then graphs, each with a warning.

Does not do: reading prompts, choosing tokens; devices other than CUDA get no graph, only the rest.
"""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import passes
from .kv_cache import KvCache
from .passes import Part

if TYPE_CHECKING:
    import torch

    from .fused import FusedModel

_SHORTEST = 1024  # tokens; blocks and graphs are made for lengths from here on, doubling
_GRAPHS = 48  # that are kept
_ALIKE = 0.98  # cosine of two results in 16 bits that are the same but for rounding


@dataclass(slots=True)
class _Seat:
    """A row. `held` is how many tokens of `cache` are there."""

    cache: weakref.ref[KvCache] | None = None
    held: int = 0

    def of(self) -> KvCache | None:
        """Whose it is, if that one is still there."""
        return None if self.cache is None else self.cache()


@dataclass(slots=True)
class _Graph:
    graph: Any
    logits: torch.Tensor


@dataclass(slots=True)
class _Block:
    """Keys and values of each layer, [rows, tokens, heads, width], and what a step is given:
    how many tokens each row has, and its next ones.
    """

    rows: int
    tokens: int
    keys: list[torch.Tensor]
    values: list[torch.Tensor]
    given: torch.Tensor
    seats: list[_Seat]
    graphs: OrderedDict[tuple[int, int, int], _Graph] = field(
        default_factory=OrderedDict[tuple[int, int, int], _Graph]
    )


class StaticDecoder:
    """Seats for the replies of `model` that are being written.

    Args:
        model: A causal model with our attention (`attention.py`).
        limit: Bytes that the block may take; what needs more is not taken.
        widest: The most tokens that a part may have.
        graphs: Whether to record graphs; None is: on CUDA.
        compiled: Whether to compile steps; None is: on CUDA.
    """

    def __init__(
        self,
        model: Any,
        *,
        limit: int,
        widest: int = 17,
        graphs: bool | None = None,
        compiled: bool | None = None,
    ) -> None:
        on_cuda = model.device.type == "cuda"
        self._model = model
        self._limit = limit
        self._widest = _up(widest, 1)
        self._graphs = on_cuda if graphs is None else graphs
        self._wants_fused = on_cuda if compiled is None else compiled
        self._fused: FusedModel | None = None
        self._checked = False
        self._block: _Block | None = None
        self._pool: Any = None
        self.broken = False

    def takes(self, part: Part) -> bool:
        """Whether a part can be run here at all."""
        cache = part.cache
        if self.broken or len(part.ids) > self._widest or not cache.packable:
            return False
        return cache.form == "plain"

    def run(self, parts: Sequence[Part]) -> torch.Tensor | None:
        """As `passes.run`; None where it does not serve, and then nothing has happened."""
        block = self._block_for(parts)
        if block is None:
            return None
        if self._checked or not (self._graphs or self._wants_fused):
            return self._run(block, parts)
        return self._check(block, parts)

    def clear(self) -> None:
        """Give the memory back; what is only here goes to its caches first."""
        block, self._block = self._block, None
        for seat in block.seats if block is not None else ():
            if (cache := seat.of()) is not None:
                cache.settle()

    def warm(self) -> None:
        """Compile the kinds of steps that there are, before anybody waits for one."""
        caches = [KvCache(self._model) for _ in range(2)]
        for cache in caches:
            passes.run(self._model, [Part(cache, [0], 1)])
        for rows, width in (1, 1), (2, 1), (1, 2), (2, 2):
            parts = [Part(cache, [0] * width, 1) for cache in caches[:rows]]
            if all(map(self.takes, parts)):
                self.run(parts)
        self.clear()

    @property
    def compiled(self) -> bool:
        """Whether steps are compiled; known after the first."""
        return self._fused is not None

    def _check(self, block: _Block, parts: Sequence[Part]) -> torch.Tensor:
        """Do the first step plainly, too; what does not say the same is given up."""
        expected = passes.run(self._model, parts)
        passes.undo(parts)
        if self._wants_fused and (why := self._try(block, parts, expected, fused=True)):
            self._warn("compiled steps", why)
        if not self._checked and (why := self._try(block, parts, expected)):
            self._warn("CUDA graphs", why)
            self.broken = True
            self._block = None
            return passes.run(self._model, parts)
        return expected

    def _try(
        self, block: _Block, parts: Sequence[Part], expected: torch.Tensor, *, fused: bool = False
    ) -> str:
        """Do a step here; what speaks against it. The parts have been run, or are as they were."""
        import torch

        block.graphs.clear()
        try:
            if fused:
                from .fused import fused_model

                self._fused = fused_model(self._model)
                if self._fused is None:
                    return ""  # nothing to be told of: it is not meant for these layers
            found = self._run(block, parts)
        except Exception as error:  # noqa: BLE001 - whatever a compiler or driver says, there is another way
            self._fused = None
            return _said(error)
        alike = torch.cosine_similarity(found.float(), expected.float(), dim=-1).min()
        if float(alike) >= _ALIKE:
            self._checked = True
            return ""
        self._fused = None
        passes.undo(parts)
        return "their results differ from those without"

    @staticmethod
    def _warn(what: str, why: str) -> None:
        warnings.warn(
            f"{what} are not used for this model ({why}); replies are right, and slower",
            RuntimeWarning,
            stacklevel=2,
        )

    def _run(self, block: _Block, parts: Sequence[Part]) -> torch.Tensor:
        import torch

        width, longest = _size(parts)
        busy = {id(part.cache) for part in parts}
        rows = [self._seat(block, part.cache, busy) for part in parts]
        count = _up(max(rows) + 1, 1)
        # Rows of nobody, and places after the last token, write where nobody looks.
        given = [[block.tokens, *[0] * width] for _ in range(count)]
        for row, part in zip(rows, parts, strict=True):
            filling = (width - len(part.ids)) * [part.ids[-1]]
            given[row] = [len(part.cache), *part.ids, *filling]
        block.given[:count, : 1 + width].copy_(torch.tensor(given))
        logits = self._step(block, count, width, min(_up(longest, _SHORTEST), block.tokens))
        chosen: list[torch.Tensor] = []
        for row, part in zip(rows, parts, strict=True):
            part.cache.ids.extend(part.ids)
            part.cache.owe(_Debt(block, row))
            block.seats[row].held = len(part.cache)
            chosen.append(logits[row, len(part.ids) - part.rows : len(part.ids)])
        return torch.cat(chosen)

    # ── seats ──────────────────────────────────────────────────────────────────────────────────

    @staticmethod
    def _seat(block: _Block, cache: KvCache, busy: set[int]) -> int:
        """The row of a cache, brought up to what the cache holds."""
        rows = {id(seat.of()): row for row, seat in enumerate(block.seats)}
        row = rows.get(id(cache))
        if row is None:
            row = _free_row(block, busy)
            block.seats[row] = _Seat(weakref.ref(cache))
        seat = block.seats[row]
        held = min(seat.held, len(cache))
        if held < len(cache):
            for index, layer in enumerate(cache.layers):
                keys, values = layer.first(len(cache))
                block.keys[index][row, held : len(cache)] = keys[0, :, held:].transpose(0, 1)
                block.values[index][row, held : len(cache)] = values[0, :, held:].transpose(0, 1)
        seat.held = len(cache)
        return row

    def _block_for(self, parts: Sequence[Part]) -> _Block | None:
        """The block, a new one where these need more; None where there is no memory for that."""
        rows, tokens = len(parts), _size(parts)[1]
        block = self._block
        if block is not None and block.rows >= rows and block.tokens >= tokens:
            return block
        taken = 0 if block is None else block.rows
        rows, tokens = _up(rows, 1), _up(tokens, _SHORTEST)
        for count in (max(rows, taken), rows):
            if count * (tokens + self._widest) * self._token_bytes <= self._limit:
                self.clear()
                self._block = self._new(count, tokens)
                return self._block
        return None

    @property
    def _token_bytes(self) -> int:
        heads, width, layers = self._shape
        return 2 * layers * heads * width * self._model.dtype.itemsize

    @property
    def _shape(self) -> tuple[int, int, int]:
        config = self._model.config
        width = getattr(config, "head_dim", None)
        width = width or config.hidden_size // config.num_attention_heads
        return config.num_key_value_heads, width, config.num_hidden_layers

    def _new(self, rows: int, tokens: int) -> _Block:
        import torch

        heads, width, layers = self._shape
        device, dtype = self._model.device, self._model.dtype
        # As many more as the widest part, for rows of nobody.
        size = (rows, tokens + self._widest, heads, width)

        def room() -> torch.Tensor:
            made = torch.zeros(size, device=device, dtype=dtype)
            if self._wants_fused:
                from torch._dynamo.decorators import maybe_mark_dynamic

                maybe_mark_dynamic(made, (0, 1))  # a larger block is nothing to compile anew for
            return made

        return _Block(
            rows,
            tokens,
            [room() for _ in range(layers)],
            [room() for _ in range(layers)],
            torch.zeros(rows, 1 + self._widest, device=device, dtype=torch.long),
            [_Seat() for _ in range(rows)],
        )

    # ── steps ──────────────────────────────────────────────────────────────────────────────────

    def _step(self, block: _Block, rows: int, width: int, length: int) -> torch.Tensor:
        """Logits, [rows, width, vocabulary]; to be read before the next step."""
        key = rows, width, length
        if not self._graphs:
            return self._forward(block, *key)
        found = block.graphs.get(key)
        if found is None:
            found = block.graphs[key] = self._record_somehow(block, key)
            if len(block.graphs) > _GRAPHS:
                block.graphs.popitem(last=False)
        block.graphs.move_to_end(key)
        found.graph.replay()
        return found.logits

    def _record_somehow(self, block: _Block, key: tuple[int, int, int]) -> _Graph:
        """Record a step: compiled, or plain where that fails for steps of this shape."""
        try:
            return self._record(block, key)
        except Exception as error:
            if self._fused is None or not self._checked:
                raise
            self._fused = None
            self._warn("compiled steps", _said(error))
            return self._record(block, key)

    def _record(self, block: _Block, key: tuple[int, int, int]) -> _Graph:
        """Record a step; what it writes meanwhile, it writes again in the same places."""
        import torch

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                self._forward(block, *key)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        # Other threads may use the GPU meanwhile; it is no business of this recording.
        mode = "thread_local"
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode=mode):
            logits = self._forward(block, *key)
        return _Graph(graph, logits)

    def _forward(self, block: _Block, rows: int, width: int, length: int) -> torch.Tensor:
        from .step import Layers, Step

        starts, ids = block.given[:rows, 0], block.given[:rows, 1 : 1 + width]
        room = block.tokens + self._widest
        step = Step(starts, width, length, room, self._model.dtype)
        if self._fused is not None:
            return self._fused(ids, step, block.keys, block.values)
        output = self._model(
            input_ids=ids,
            position_ids=step.places.view(rows, width),
            attention_mask=starts.view(-1, 1, 1, 1),  # four dimensions: none is made; unread
            use_cache=False,
            side_by_side=Layers(step, block.keys, block.values),
        )
        return output.logits


@dataclass(frozen=True, slots=True)
class _Debt:
    """What a block has of a cache that the cache has not."""

    block: _Block
    row: int

    def pay(self, layers: Sequence[Any], length: int) -> None:
        """Write into the layers what they lack of the first `length` tokens."""
        for index, layer in enumerate(layers):
            start = layer.get_seq_length()
            if start < length:
                rows = slice(start, length)
                layer.update(
                    self.block.keys[index][self.row, rows].transpose(0, 1).unsqueeze(0),
                    self.block.values[index][self.row, rows].transpose(0, 1).unsqueeze(0),
                )


def _free_row(block: _Block, busy: set[int]) -> int:
    """A row that nobody has, or else one whose cache is not among the `busy`."""
    for row, seat in enumerate(block.seats):
        if seat.of() is None:
            return row
    for row, seat in enumerate(block.seats):
        cache = seat.of()
        if cache is not None and id(cache) not in busy:
            cache.settle()
            return row
    raise RuntimeError("more replies than seats")


def _size(parts: Sequence[Part]) -> tuple[int, int]:
    """Tokens that each row has in a step, rounded up, and the length that the longest comes to."""
    width = _up(max(len(part.ids) for part in parts), 1)
    return width, max(len(part.cache) for part in parts) + width


def _up(number: int, least: int) -> int:
    """The least of `least`, twice that, four times that, … that is not below `number`."""
    while least < number:
        least *= 2
    return least


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
