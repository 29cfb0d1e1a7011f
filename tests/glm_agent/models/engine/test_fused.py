"""The decode step written out and compiled: the same numbers as the model's own layers.

What inductor makes of it is tried on the CPU; on a GPU it was not (docs/engine.md).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from glm_agent.models.engine.engine import Engine
from glm_agent.models.engine.kv_cache import KvCache
from glm_agent.models.engine.kv_store import KvStore
from glm_agent.models.engine.passes import Part, run
from glm_agent.models.engine.static import StaticDecoder

from .test_batch import add, alone, finish, ids

torch = pytest.importorskip("torch")

# One row; several; several tokens of each, as many as the guesses of each are.
WIDTHS = ((1,), (1, 1, 1), (5, 1, 3), (2, 8, 1), (1, 1), (16,), (1,))


@pytest.fixture(params=["glm", "glm4"])
def model(request) -> Any:
    from glm_agent.models.engine import attention

    from ..tiny import build_model, build_tokenizer

    made = build_model(build_tokenizer(), architecture=request.param)
    assert attention.enable(made)
    return made


@pytest.fixture
def uncompiled(monkeypatch) -> None:
    """The step as it is written, which is what inductor is given."""
    from glm_agent.models.engine import fused

    monkeypatch.setattr(fused, "_compiled", lambda function, single=False: function)


def decoder(model: Any, **options: Any) -> StaticDecoder:
    return StaticDecoder(model, limit=10**9, **{"graphs": False, "compiled": True, **options})


def compare(model: Any, widths: tuple[tuple[int, ...], ...], made: StaticDecoder) -> None:
    """Steps of these widths there, and as plain passes."""
    caches, twins = ([KvCache(model) for _ in range(3)] for _ in range(2))
    with torch.inference_mode():
        for seed, pair in enumerate(zip(caches, twins, strict=True)):
            for each in pair:
                run(model, [Part(each, ids(20 * seed + 5, seed), 1)])
        for some in widths:
            parts = [
                [Part(c, ids(width, 7), width) for c, width in zip(group, some, strict=False)]
                for group in (caches, twins)
            ]
            found, expected = made.run(parts[0]), run(model, parts[1])
            assert made.compiled
            assert found is not None
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("uncompiled")
def test_the_step_is_the_model_written_out(model: Any) -> None:
    compare(model, WIDTHS, decoder(model))


@pytest.mark.usefixtures("uncompiled")
def test_queries_keys_and_values_become_one_matrix_and_nothing_is_held_twice(model: Any) -> None:
    projections = ("q_proj", "k_proj", "v_proj")
    before = [getattr(model.model.layers[1].self_attn, name).weight.clone() for name in projections]
    compare(model, ((1,),), decoder(model))
    after = [getattr(model.model.layers[1].self_attn, name).weight for name in projections]
    for old, new in zip(before, after, strict=True):
        assert torch.equal(old, new)
    assert len({weight.untyped_storage().data_ptr() for weight in after}) == 1


@pytest.mark.usefixtures("uncompiled")
def test_it_is_warmed_in_all_its_kinds(model: Any, monkeypatch) -> None:
    seen: list[tuple[int, int]] = []
    real = StaticDecoder._forward

    def forward(self, block, rows: int, width: int, length: int) -> Any:
        seen.append((rows, width))
        return real(self, block, rows, width, length)

    monkeypatch.setattr(StaticDecoder, "_forward", forward)
    made = decoder(model)
    with torch.inference_mode():
        made.warm()
    assert seen == [(1, 1), (2, 1), (1, 2), (2, 2)]
    compare(model, ((1,),), made)


def fails(*_: Any, **__: Any) -> Any:
    raise ValueError("no compiler here\nand much more")


def lies(*_: Any, **__: Any) -> Any:
    return lambda norm, head, x: torch.randn(len(x), len(head.weight))


@pytest.mark.parametrize(
    ("instead", "said"),
    [(fails, "ValueError: no compiler here"), (lies, "their results differ")],
)
def test_what_cannot_be_compiled_or_says_something_else_is_given_up_with_a_warning(
    model: Any, monkeypatch, instead: Callable[..., Any], said: str
) -> None:
    from glm_agent.models.engine import fused

    def compiled(function: Callable[..., Any], single: bool = False) -> Any:
        return instead() if function is fused._end else function

    monkeypatch.setattr(fused, "_compiled", compiled)
    made = decoder(model)
    cache, twin = KvCache(model), KvCache(model)
    with torch.inference_mode():
        for each in (cache, twin):
            run(model, [Part(each, ids(30, 1), 1)])
        with pytest.warns(RuntimeWarning, match=f"compiled steps are not used.*{said}"):
            first = made.run([Part(cache, [40], 1)])
        torch.testing.assert_close(first, run(model, [Part(twin, [40], 1)]))
        # The seats serve without it.
        assert not made.compiled
        assert not made.broken
        again = made.run([Part(cache, [41], 1)])
        torch.testing.assert_close(again, run(model, [Part(twin, [41], 1)]), rtol=1e-4, atol=1e-4)


def test_layers_that_are_not_known_are_not_compiled_and_nobody_is_told() -> None:
    from glm_agent.models.engine import attention

    from ..tiny import build_model, build_tokenizer

    model = build_model(build_tokenizer(), architecture="glm4_moe")
    assert attention.enable(model)
    made = decoder(model)
    cache = KvCache(model)
    with torch.inference_mode():
        run(model, [Part(cache, ids(30, 1), 1)])
        assert made.run([Part(cache, [40], 1)]) is not None
    assert not made.compiled
    assert not made.broken


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("rows", "width"), [(1, 1), (4, 1), (2, 3)])
def test_attention_as_on_cuda_is_traced_in_one_piece(monkeypatch, rows: int, width: int) -> None:
    """On tensors without numbers, which is as far as it goes without a GPU."""
    from glm_agent.models.engine import step

    if step.varlen_attn is None:
        pytest.skip("this torch has no varlen_attn")
    monkeypatch.setattr(step, "reads_as_far_as_needed", lambda *_: True)
    with torch.inference_mode(), torch.device("meta"):
        made = step.Step(torch.zeros(rows, dtype=torch.long), width, 64, 64, torch.bfloat16)
        held = tuple(torch.zeros(rows, 64, 2, 16, dtype=torch.bfloat16) for _ in range(2))
        query, key = (torch.zeros(rows * width, n, 16, dtype=torch.bfloat16) for n in (4, 2))
        attend = torch.compile(
            lambda *given: made.attend(*given, 0.25), fullgraph=True, backend="eager"
        )
        assert attend(held, query, key, key).shape == query.shape


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_compiled_code_writes_keys_and_values_in_place() -> None:
    """A copy of a layer's block at each step would cost more than compiling saves."""
    from torch._inductor.utils import run_and_get_code

    from glm_agent.models.engine import attention

    from ..tiny import build_model, build_tokenizer

    model = build_model(build_tokenizer(), hidden=48)
    assert attention.enable(model)
    made, cache = decoder(model), KvCache(model)
    with torch.inference_mode():
        run(model, [Part(cache, ids(30, 1), 1)])
        with torch._inductor.config.patch(force_disable_caches=True):
            _, codes = run_and_get_code(made.run, [Part(cache, [40], 1)])
    assert made.compiled
    (layer,) = {code for code in codes if "scaled_dot_product" in code}
    lines = [line for line in layer.splitlines() if "empty_strided" in line and " = " in line]
    # What grows with a block has a symbol for its size.
    assert any(re.search(r"assert_size_stride.*\bs\d+\b", line) for line in layer.splitlines())
    assert lines
    assert not [line for line in lines if re.search(r"\bs\d+\b", line)]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_replies_of_compiled_steps_are_those_of_plain_passes(loaded: Engine, monkeypatch) -> None:
    """With inductor, as on a GPU, but for the kernels that it makes there."""
    real = StaticDecoder.__init__
    used: list[StaticDecoder] = []

    def init(self, model, **options) -> None:
        real(self, model, **(options | {"graphs": False}))
        used.append(self)

    monkeypatch.setattr(StaticDecoder, "__init__", init)
    engine = dataclasses.replace(
        loaded, caches=KvStore(10**9), lookup=16, graphs=True, compiled=True
    )
    batch = engine.batch()
    batch.warm()
    prompts = [ids(length, seed) for seed, length in enumerate((5, 90, 40, 200, 3))]
    listeners = []
    for prompt in prompts:
        listeners.append(add(batch, engine, prompt))
        for _ in range(3):
            batch.step()
    finish(batch)
    assert used[0].compiled
    for prompt, listener in zip(prompts, listeners, strict=True):
        assert listener.error is None
        assert listener.said == alone(engine, prompt)
