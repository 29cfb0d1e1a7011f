"""Decoding in fixed places: the same words, whoever sits down, gets up and comes back.

The graphs themselves need CUDA, and no test records one yet; here their steps run one by one, and a
recorded step is played by running it again from the places that it reads.
"""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from glm_agent.models.engine.engine import Engine, Sampling, Work
from glm_agent.models.engine.kv_cache import KvCache
from glm_agent.models.engine.kv_store import KvStore
from glm_agent.models.engine.passes import Part, run
from glm_agent.models.engine.static import StaticDecoder, _Graph

from .test_batch import add, alone, finish, ids

torch = pytest.importorskip("torch")


@pytest.fixture
def engine(loaded: Engine) -> Engine:
    return dataclasses.replace(loaded, caches=KvStore(10**9), lookup=16, graphs=True)


@pytest.fixture
def stepwise(monkeypatch):
    """Steps that are not recorded."""
    real = StaticDecoder.__init__

    def init(self, model, **options) -> None:
        real(self, model, **(options | {"graphs": False}))

    monkeypatch.setattr(StaticDecoder, "__init__", init)


class Played:
    """Does what a CUDA graph does: the same step, from the same places to the same place."""

    def __init__(self, decoder: StaticDecoder, block, key) -> None:
        self.step = lambda: decoder._forward(block, *key)
        self.logits = self.step().clone()

    def replay(self) -> None:
        self.logits.copy_(self.step())


@pytest.fixture
def played(monkeypatch) -> list[tuple[int, int, int]]:
    """The keys of the graphs that were recorded."""
    keys: list[tuple[int, int, int]] = []

    def record(self, block, key) -> _Graph:
        keys.append(key)
        graph = Played(self, block, key)
        return _Graph(graph, graph.logits)

    monkeypatch.setattr(StaticDecoder, "_record", record)
    return keys


@pytest.mark.usefixtures("stepwise")
def test_replies_that_come_and_go_say_what_each_says_alone(engine: Engine) -> None:
    batch = engine.batch()
    prompts = [ids(length, seed) for seed, length in enumerate((5, 90, 40, 200, 3, 17, 60))]
    listeners = []
    for seed, prompt in enumerate(prompts):
        chosen = {} if seed % 3 else {"temperature": 0.9, "seed": seed}
        listeners.append(add(batch, engine, prompt, **chosen))
        for _ in range(3):
            batch.step()
    finish(batch)
    for seed, (prompt, listener) in enumerate(zip(prompts, listeners, strict=True)):
        chosen = {} if seed % 3 else {"temperature": 0.9, "seed": seed}
        assert listener.error is None
        assert listener.said == alone(engine, prompt, **chosen)


@pytest.mark.usefixtures("stepwise")
def test_what_was_written_there_is_kept_for_the_next_reply(engine: Engine) -> None:
    prompt = ids(50, 1)
    said = list(engine.generate(prompt, Sampling(), 20, lambda: False))
    work = Work()
    more = [*prompt, *said, 33]
    again = list(engine.generate(more, Sampling(), 20, lambda: False, work=work))
    assert work.cached == len(more) - 2
    assert again == alone(engine, more, 20)


def test_a_graph_serves_all_steps_of_its_shape(engine: Engine, played) -> None:
    engine = dataclasses.replace(engine, lookup=0)
    batch = engine.batch()
    listeners = [add(batch, engine, ids(30, seed), 20) for seed in range(3)]
    finish(batch)
    assert played[0] == (4, 1, 1024)
    assert len(played) == len(set(played)) <= 3
    for seed, listener in enumerate(listeners):
        assert listener.said == alone(engine, ids(30, seed), 20)


def test_guesses_have_graphs_of_their_width(engine: Engine, played) -> None:
    prompt = ids(90, 2)
    assert list(engine.generate(prompt, Sampling(), 40, lambda: False)) == alone(engine, prompt, 40)
    assert {key[1] for key in played} <= {1, 2, 4, 8, 16, 32}
    assert len(played) > 1


@pytest.fixture
def short(monkeypatch):
    from glm_agent.models.engine import static

    monkeypatch.setattr(static, "_SHORTEST", 16)


@pytest.mark.usefixtures("stepwise", "short")
def test_the_block_grows_with_the_longest_and_nothing_is_lost(engine: Engine) -> None:
    batch = engine.batch()
    first = add(batch, engine, ids(10, 1), 60)
    for _ in range(20):
        batch.step()
    second = add(batch, engine, ids(150, 2), 30)
    finish(batch)
    assert first.said == alone(engine, ids(10, 1), 60)
    assert second.said == alone(engine, ids(150, 2), 30)


@pytest.mark.usefixtures("stepwise", "short")
def test_what_is_too_large_is_decoded_as_ever(engine: Engine) -> None:
    decoder = StaticDecoder(engine.model, limit=64 * engine.token_bytes)
    for length, taken in ((20, True), (100, False), (21, True)):
        cache = KvCache(engine.model)
        with torch.inference_mode():
            run(engine.model, [Part(cache, ids(length, 1), 1)])
            logits = decoder.run([Part(cache, [40], 1)])
        assert (logits is not None) == taken
        assert len(cache) == length + taken


@pytest.mark.usefixtures("stepwise")
def test_logits_are_those_of_a_plain_pass(engine: Engine) -> None:
    decoder = StaticDecoder(engine.model, limit=10**9)
    caches = [KvCache(engine.model) for _ in range(3)]
    twins = [KvCache(engine.model) for _ in range(3)]
    with torch.inference_mode():
        for seed, (cache, twin) in enumerate(zip(caches, twins, strict=True)):
            for each in (cache, twin):
                run(engine.model, [Part(each, ids(20 * seed + 5, seed), 1)])
        for widths in ((1, 1, 1), (5, 1, 3), (2, 8, 1)):
            parts = [
                [Part(c, ids(width, 7), width) for c, width in zip(some, widths, strict=True)]
                for some in (caches, twins)
            ]
            found, expected = decoder.run(parts[0]), run(engine.model, parts[1])
            assert found is not None
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
            # Wrong guesses go, here as there.
            for cache, twin in zip(caches, twins, strict=True):
                cache.crop(len(cache) - 1)
                twin.crop(len(twin) - 1)
        for cache, twin in zip(caches, twins, strict=True):
            assert cache.ids.common(twin.ids) == len(cache) == len(twin)
            for mine, theirs in zip(cache.layers, twin.layers, strict=True):
                for a, b in zip(mine.first(len(cache)), theirs.first(len(twin)), strict=True):
                    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_graphs_that_cannot_be_recorded_are_given_up_with_a_warning(engine: Engine) -> None:
    """As they are on this device, which has none."""
    prompt = ids(50, 1)
    decoder = StaticDecoder(engine.model, limit=10**9, graphs=True)
    cache = KvCache(engine.model)
    with torch.inference_mode():
        run(engine.model, [Part(cache, prompt, 1)])
        with pytest.warns(RuntimeWarning, match="CUDA graphs are not used for this model"):
            logits = decoder.run([Part(cache, [40], 1)])
    assert logits is not None
    assert decoder.broken
    assert not decoder.takes(Part(cache, [41], 1))
    assert len(cache) == 51


def test_graphs_that_say_something_else_are_given_up(engine: Engine, played, monkeypatch) -> None:
    decoder = StaticDecoder(engine.model, limit=10**9, graphs=True)
    monkeypatch.setattr(Played, "replay", lambda self: self.logits.normal_())
    cache, twin = KvCache(engine.model), KvCache(engine.model)
    with torch.inference_mode():
        for each in (cache, twin):
            run(engine.model, [Part(each, ids(30, 1), 1)])
        with pytest.warns(RuntimeWarning, match="their results differ"):
            logits = decoder.run([Part(cache, [40], 1)])
        torch.testing.assert_close(logits, run(engine.model, [Part(twin, [40], 1)]))
    assert len(played) == 1


@pytest.mark.usefixtures("stepwise")
def test_memory_that_runs_out_gives_the_block_up(engine: Engine) -> None:
    engine = dataclasses.replace(engine, lookup=0)
    batch = engine.batch()
    listeners = [add(batch, engine, ids(20, seed), 12) for seed in (1, 2)]
    for _ in range(4):
        batch.step()
    passes = itertools.count()

    def fail(*_: object) -> None:
        if next(passes) == 0:
            raise torch.OutOfMemoryError("CUDA out of memory")

    hook = engine.model.model.layers[1].register_forward_pre_hook(fail)
    finish(batch)
    hook.remove()
    for seed, listener in zip((1, 2), listeners, strict=True):
        assert listener.error is None
        assert listener.said == alone(engine, ids(20, seed), 12)
