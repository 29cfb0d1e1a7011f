"""Replies of one model at the same time: what each says is what it says alone."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from glm_agent.errors import ConfigurationError, ModelError
from glm_agent.messages import Transcript, User
from glm_agent.models import Request, Settings, TransformersModel
from glm_agent.models.engine.batch import BESIDE, Batch
from glm_agent.models.engine.engine import Engine, Sampling, Work
from glm_agent.models.engine.kv_store import KvStore
from glm_agent.models.load import EMBEDDED_FOLDER

from ..conftest import WEATHER, needs_embedded, reply_of

torch = pytest.importorskip("torch")

ROOM = 10**9


@pytest.fixture
def engine(loaded: Engine) -> Engine:
    return dataclasses.replace(loaded, caches=KvStore(ROOM), lookup=16)


@dataclass
class Listener:
    """Takes a reply down."""

    limit: int = 10**9
    said: list[int] = field(default_factory=list)
    stopped: bool = False
    finished: bool = False
    error: BaseException | None = None
    passes: list[int] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.said) >= self.limit

    def give(self, tokens: Sequence[int]) -> None:
        self.said += tokens
        self.passes.append(len(tokens))

    def finish(self, error: BaseException | None = None) -> None:
        assert not self.finished
        self.finished, self.error = True, error


def ids(count: int, seed: int) -> list[int]:
    source = random.Random(seed)
    words = [[source.randrange(20, 300) for _ in range(3)] for _ in range(4)]
    return [20 + seed, *(t for _ in range(count) for t in source.choice(words))][:count]


def alone(engine: Engine, prompt: list[int], tokens: int = 24, **sampling) -> list[int]:
    plain = dataclasses.replace(engine, caches=KvStore(0), lookup=0)
    return list(plain.generate(prompt, Sampling(**sampling), tokens, lambda: False))


def add(batch: Batch, engine: Engine, prompt: list[int], tokens: int = 24, **sampling) -> Listener:
    listener = Listener()
    reply = engine.reply(prompt, listener, Sampling(**sampling), tokens)
    assert reply is not None
    batch.add(reply)
    return listener


def finish(batch: Batch) -> int:
    """Run to the end; how many steps that took."""
    for count in itertools.count():
        if not batch.step():
            return count
    raise AssertionError


# ── the same words ────────────────────────────────────────────────────────────────────────────


def test_many_at_once_say_what_each_says_alone(engine: Engine) -> None:
    """Prompts of all lengths, greedy and by chance, that come in while others are under way."""
    batch = engine.batch()
    prompts = [ids(length, seed) for seed, length in enumerate((5, 1, 90, 40, 200, 3, 17, 60))]
    options = [
        {} if seed % 3 else {"temperature": 0.9, "top_p": 0.95, "seed": seed}
        for seed in range(len(prompts))
    ]
    listeners = []
    for prompt, chosen in zip(prompts, options, strict=True):
        listeners.append(add(batch, engine, prompt, **chosen))
        batch.step()
        batch.step()
    finish(batch)
    assert len(batch) == 0
    for prompt, chosen, listener in zip(prompts, options, listeners, strict=True):
        assert (listener.finished, listener.error) == (True, None)
        assert listener.said == alone(engine, prompt, **chosen)


@pytest.mark.parametrize("architecture", ["glm4", "glm4_moe"])
def test_other_architectures_say_together_what_each_says_alone(tmp_path, architecture: str) -> None:
    """GLM-4-0414 and GLM-4.5, whose experts get the tokens of all replies in one pass."""
    from glm_agent.models.loading import Source, load_engine

    from ..tiny import build_checkpoint

    folder = build_checkpoint(tmp_path / architecture, architecture=architecture)
    loaded = load_engine(Source(str(folder)), device="cpu", protocol="glm-4")
    engine = dataclasses.replace(loaded, caches=KvStore(ROOM), lookup=16)
    batch = engine.batch()
    prompts = [ids(length, seed) for seed, length in enumerate((5, 1, 90, 40, 130, 3))]
    listeners = []
    for prompt in prompts:
        listeners.append(add(batch, engine, prompt))
        batch.step()
    finish(batch)
    assert max(map(len, (listener.passes for listener in listeners))) > 1
    for prompt, listener in zip(prompts, listeners, strict=True):
        assert listener.error is None
        assert listener.said == alone(engine, prompt)


def test_passes_are_shared(engine: Engine) -> None:
    engine = dataclasses.replace(engine, lookup=0)
    ran = itertools.count()
    hook = engine.model.register_forward_pre_hook(lambda *_: print(next(ran)))
    batch = engine.batch()
    listeners = [add(batch, engine, ids(30, seed), 20) for seed in range(8)]
    finish(batch)
    hook.remove()
    longest = max(len(listener.said) for listener in listeners)
    assert next(ran) == longest


def test_a_reply_costs_what_it_costs_alone(engine: Engine) -> None:
    engine = dataclasses.replace(engine, lookup=0)
    batch = engine.batch()
    works = [Work() for _ in range(4)]
    listeners = []
    for seed, work in enumerate(works):
        listener = Listener()
        reply = engine.reply(ids(30 + seed, seed), listener, Sampling(), 9, work=work)
        assert reply is not None
        batch.add(reply)
        listeners.append(listener)
    finish(batch)
    for seed, (work, listener) in enumerate(zip(works, listeners, strict=True)):
        said = len(listener.said)
        assert work == Work(0, 30 + seed + said - 1, said)


@needs_embedded
@pytest.mark.anyio
@pytest.mark.parametrize("count", [12, pytest.param(104, marks=pytest.mark.slow)])
async def test_conversations_at_once_are_those_held_alone(count: int) -> None:
    """Greedy, in float32, some held to a grammar, each of two replies."""
    towns = ("Bonn", "北京", "New York", "São Paulo", "Zürich", "Springfield", "Rotterdam")
    asked = ("What is the weather in {}?", "Tell me about {}.", "{}怎么样？", "Is {} large?")
    together, plain = (
        TransformersModel(
            EMBEDDED_FOLDER, dtype="float32", device="cpu", protocol="glm-4", **options
        )
        for options in ({}, {"cache_bytes": 0, "lookup": 0})
    )

    async def converse(model: TransformersModel, seed: int) -> Transcript:
        source = random.Random(seed)
        transcript = Transcript()
        for turn in range(2):
            transcript.append(User(source.choice(asked).format(source.choice(towns))))
            settings = Settings(max_tokens=24, temperature=0, constrain=seed % 2 == 0)
            tools = (WEATHER,) if seed % 3 else ()
            request = Request(transcript, tools, settings, first_call=turn + 1)
            *_, reply = [item async for item in model.stream(request)]
            transcript.append(dataclasses.replace(reply.message, parts=(f"{turn}",)))
        return transcript

    found: dict[int, Transcript] = {}

    async def note(seed: int) -> None:
        found[seed] = await converse(together, seed)

    async with anyio.create_task_group() as group:
        for seed in range(count):
            group.start_soon(note, seed)
    for seed in range(count):
        assert list(found[seed]) == list(await converse(plain, seed)), seed
    await together.aclose()
    await plain.aclose()


# ── nobody is held up ─────────────────────────────────────────────────────────────────────────


def test_a_slow_reader_rests_and_the_others_go_on(engine: Engine) -> None:
    batch = engine.batch()
    slow, quick = (add(batch, engine, ids(20, seed), 60) for seed in (1, 2))
    slow.limit = 3
    finish(batch)
    assert quick.finished
    assert not slow.finished
    assert 3 <= len(slow.said) < 60
    slow.limit = 10**9
    finish(batch)
    assert slow.said == alone(engine, ids(20, 1), 60)
    assert quick.said == alone(engine, ids(20, 2), 60)


def test_one_that_is_cancelled_is_gone_at_the_next_pass(engine: Engine) -> None:
    batch = engine.batch()
    listeners = [add(batch, engine, ids(20, seed), 40) for seed in range(3)]
    for _ in range(4):
        batch.step()
    listeners[1].stopped = True
    said = list(listeners[1].said)
    batch.step()
    assert listeners[1].finished
    assert listeners[1].said == said
    assert len(batch) == 2
    finish(batch)
    for seed in (0, 2):
        assert listeners[seed].said == alone(engine, ids(20, seed), 40)
    # What it had computed is there for who comes back.
    work = Work()
    list(engine.generate(ids(20, 1), Sampling(), 1, lambda: False, work=work))
    assert work.cached == 19


def test_one_that_is_cancelled_in_line_never_begins(engine: Engine) -> None:
    batch = dataclasses.replace(engine, most=1).batch()
    first, second = (add(batch, engine, ids(20, seed), 9) for seed in (1, 2))
    batch.step()
    second.stopped = True
    batch.step()
    assert second.finished
    assert not second.said
    finish(batch)
    assert first.said == alone(engine, ids(20, 1), 9)


def test_a_long_prompt_is_read_in_parts_beside_the_others(engine: Engine, monkeypatch) -> None:
    from glm_agent.models.engine import batch as module

    monkeypatch.setattr(module, "BESIDE", 16)
    engine = dataclasses.replace(engine, lookup=0)
    batch = engine.batch()
    writing = add(batch, engine, ids(20, 1), 60)
    batch.step()
    reading = add(batch, engine, ids(160, 2), 5)
    for expected in range(2, 11):
        batch.step()
        assert len(writing.said) == expected
        assert not reading.said
    batch.step()
    assert len(reading.said) == 1
    finish(batch)
    assert writing.said == alone(engine, ids(20, 1), 60)
    assert reading.said == alone(engine, ids(160, 2), 5)
    assert BESIDE > 16


def test_more_than_are_let_in_wait_in_line(engine: Engine) -> None:
    batch = dataclasses.replace(engine, most=2).batch()
    listeners = [add(batch, engine, ids(20, seed), 10) for seed in range(5)]
    order = []
    while batch.step():
        assert sum(bool(x.said) and not x.finished for x in listeners) <= 2
        order += [i for i, x in enumerate(listeners) if x.finished and i not in order]
    assert sorted(order) == list(range(5))
    assert set(order[:2]) == {0, 1}
    for seed, listener in enumerate(listeners):
        assert listener.said == alone(engine, ids(20, seed), 10)


def test_no_more_come_in_than_there_is_memory_for(engine: Engine) -> None:
    # Each may come to 30 tokens; there is room for two of them, and an eighth more.
    room = 2 * 30 * engine.token_bytes * 9 // 8
    batch = dataclasses.replace(engine, room=room, lookup=0).batch()
    listeners = [add(batch, engine, ids(20, seed), 10) for seed in range(4)]
    large = add(batch, engine, ids(300, 9), 10)  # more than there is room for, and yet it runs
    while batch.step():
        begun = [x for x in [*listeners, large] if x.said and not x.finished]
        assert len(begun) <= 2
        assert large not in begun or len(begun) == 1
    assert large.said == alone(engine, ids(300, 9), 10)


# ── what they have in common ──────────────────────────────────────────────────────────────────


def test_agents_that_start_at_once_read_their_instructions_once(engine: Engine) -> None:
    """The first one reads, the others copy, and add what is theirs."""
    head = ids(200, 1)
    batch = engine.batch()
    works = [Work() for _ in range(6)]
    listeners = []
    for seed, work in enumerate(works):
        listener = Listener()
        reply = engine.reply([*head, 300 + seed, 30], listener, Sampling(), 12, work=work)
        assert reply is not None
        batch.add(reply)
        listeners.append(listener)
    finish(batch)
    assert [work.cached for work in works] == [0] + 5 * [200]
    for seed, listener in enumerate(listeners):
        assert listener.said == alone(engine, [*head, 300 + seed, 30], 12)


def test_a_branch_of_a_reply_under_way_copies_what_it_has(engine: Engine) -> None:
    batch = engine.batch()
    parent = add(batch, engine, ids(90, 1), 30)
    for _ in range(4):
        batch.step()
    work, listener = Work(), Listener()
    prompt = [*ids(90, 1)[:60], 333, 31]
    reply = engine.reply(prompt, listener, Sampling(), 12, work=work)
    assert reply is not None
    batch.add(reply)
    finish(batch)
    assert work.cached == 60
    assert parent.said == alone(engine, ids(90, 1), 30)
    assert listener.said == alone(engine, prompt, 12)


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────


def failing(engine: Engine, when, error: Exception):
    """A hook that makes passes fail: `when(tokens in the pass, number of the pass)`."""
    passes = itertools.count(1)

    def fail(_, arguments, keywords) -> None:
        states = keywords.get("hidden_states", arguments[0] if arguments else None)
        if when(states.shape[1], next(passes)):
            raise error

    return engine.model.model.layers[1].register_forward_pre_hook(fail, with_kwargs=True)


def test_ones_failure_is_not_the_others(engine: Engine) -> None:
    """A pass that fails is tried again for each alone; who fails alone is told so."""
    engine = dataclasses.replace(engine, lookup=0)
    batch = engine.batch()
    good = [add(batch, engine, ids(20, seed), 12) for seed in (1, 2)]
    for _ in range(3):
        batch.step()
    bad = add(batch, engine, ids(50, 3), 12)
    hook = failing(engine, lambda tokens, _: tokens >= 50, RuntimeError("no such token"))
    finish(batch)
    hook.remove()
    assert str(bad.error) == "no such token"
    for seed, listener in zip((1, 2), good, strict=True):
        assert (listener.finished, listener.error) == (True, None)
        assert listener.said == alone(engine, ids(20, seed), 12)


def test_where_memory_runs_out_the_youngest_waits(engine: Engine) -> None:
    engine = dataclasses.replace(engine, lookup=0)
    batch = engine.batch()
    listeners = [add(batch, engine, ids(20, seed), 12) for seed in (1, 2, 3)]
    for _ in range(4):
        batch.step()
    # From now on there is memory for two tokens a pass, or for one prompt.
    hook = failing(
        engine, lambda tokens, _: 2 < tokens < 20, torch.OutOfMemoryError("CUDA out of memory")
    )
    finish(batch)
    hook.remove()
    for seed, listener in zip((1, 2, 3), listeners, strict=True):
        assert (listener.finished, listener.error) == (True, None)
        assert listener.said == alone(engine, ids(20, seed), 12)


def test_where_there_is_no_memory_at_all_each_is_told(engine: Engine) -> None:
    batch = engine.batch()
    hook = failing(engine, lambda *_: True, torch.OutOfMemoryError("CUDA out of memory"))
    listeners = [add(batch, engine, ids(20, seed), 12) for seed in (1, 2)]
    finish(batch)
    hook.remove()
    for listener in listeners:
        assert isinstance(listener.error, ModelError)
        assert "ran out of memory on cpu at 20 tokens" in str(listener.error)
    again = add(batch, engine, ids(20, 1), 12)
    finish(batch)
    assert again.said == alone(engine, ids(20, 1), 12)


def test_a_failure_after_the_pass_is_undone(engine: Engine, monkeypatch) -> None:
    """Choosing tokens takes memory too."""
    batch = engine.batch()
    listeners = [add(batch, engine, ids(20, seed), 12) for seed in (1, 2)]
    real, calls = Batch._best, itertools.count(1)

    def scarce(self, replies, logits):
        if next(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, replies, logits)

    with monkeypatch.context() as patch:
        patch.setattr(Batch, "_best", scarce)
        finish(batch)
    for seed, listener in zip((1, 2), listeners, strict=True):
        assert listener.said == alone(engine, ids(20, seed), 12)


def test_models_whose_layers_cannot_be_shared_run_in_turn(loaded: Engine, monkeypatch) -> None:
    from transformers import DynamicCache

    from glm_agent.models.engine import kv_cache

    monkeypatch.setattr(kv_cache, "_new_cache", lambda config, form: DynamicCache(config=config))
    engine = dataclasses.replace(loaded, caches=KvStore(ROOM))
    batch = engine.batch()
    listeners = [add(batch, engine, ids(20, seed), 12) for seed in (1, 2, 3)]
    finish(batch)
    for seed, listener in zip((1, 2, 3), listeners, strict=True):
        assert listener.said == alone(engine, ids(20, seed), 12)


# ── through the model ─────────────────────────────────────────────────────────────────────────


@pytest.mark.anyio
async def test_a_reader_that_stops_reading_holds_nobody_up(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    idle = model.stream(Request([User("x")], settings=Settings(max_tokens=450)))
    await anext(idle)
    for _ in range(3):
        usage = (await reply_of(model, "Hello", max_tokens=30)).reply.usage
        assert usage.completion_tokens == 30
    # And it goes on from where it rests.
    rest = [item async for item in idle]
    assert rest[-1].usage.completion_tokens == 450
    await model.aclose()


@pytest.mark.anyio
async def test_closing_the_model_ends_replies_under_way(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    idle = model.stream(Request([User("x")], settings=Settings(max_tokens=450)))
    await anext(idle)
    await model.aclose()
    with pytest.raises(ModelError, match="was closed"):
        async for _ in idle:
            pass


def test_a_batch_of_none(tiny) -> None:
    with pytest.raises(ConfigurationError, match="batch=0"):
        TransformersModel(tiny, batch=0)
