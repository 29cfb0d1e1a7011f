"""What was computed is not computed again, and nothing that the model says changes by it."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio
import pytest

from glm_agent.errors import ConfigurationError, ModelError
from glm_agent.messages import Observation, System, ToolSpec, Transcript, User
from glm_agent.models import Reply, Request, Settings, TransformersModel
from glm_agent.models.engine.engine import Engine, Sampling, Work
from glm_agent.models.engine.kv_cache import KvCache
from glm_agent.models.engine.kv_store import KvStore
from glm_agent.models.load import EMBEDDED_FOLDER

from ..conftest import WEATHER, needs_embedded, reply_of

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.anyio

ROOM = 10**9


@pytest.fixture
def engine(loaded: Engine) -> Engine:
    """An engine that keeps caches, none so far."""
    return dataclasses.replace(loaded, caches=KvStore(ROOM))


class Talk:
    """Asks an engine, and checks each answer against one that keeps nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.plain = dataclasses.replace(engine, caches=KvStore(0))

    def __call__(
        self, prompt: list[int], tokens: int = 8, session: Session | None = None, **sampling
    ):
        """The tokens said, and what it cost."""
        work, chosen = Work(), Sampling(**sampling)
        said = list(
            self.engine.generate(prompt, chosen, tokens, lambda: False, session=session, work=work)
        )
        assert said == list(self.plain.generate(prompt, chosen, tokens, lambda: False))
        assert work.cached + work.computed == len(prompt) + len(said) - 1
        return said, work.cached


@pytest.fixture
def talk(engine: Engine) -> Talk:
    return Talk(engine)


def ids(count: int, seed: int) -> list[int]:
    """Some text's worth of ids; those of different seeds differ from the first one on."""
    source = random.Random(seed)
    return [seed, *(source.randrange(20, 300) for _ in range(count - 1))]


class Session:
    """Something that stands for a conversation."""


# ── one conversation ──────────────────────────────────────────────────────────────────────────


@needs_embedded
async def test_fifty_steps_compute_new_tokens_only() -> None:
    model = TransformersModel(
        EMBEDDED_FOLDER, dtype="float32", device="cpu", protocol="glm-4", lookup=0
    )
    transcript = Transcript([System("You help."), User("What is the weather in Bonn?")])
    known = 0
    for step in range(50):
        request = Request(transcript, (WEATHER,), Settings(max_tokens=12, temperature=0))
        *_, reply = [item async for item in model.stream(request)]
        assert isinstance(reply, Reply)
        usage = reply.usage
        # The last token was sampled and not read, so it is still to be computed.
        assert usage.cached_tokens == known
        assert usage.computed_tokens == usage.prompt_tokens - known + usage.completion_tokens - 1
        known = usage.prompt_tokens + usage.completion_tokens - 1
        transcript.append(reply.message)
        if reply.message.calls:
            for call in reply.message.calls:
                transcript.append(Observation(f"{step} degrees, 晴", call.id, call.name))
        else:
            transcript.append(User(f"And in town number {step}?"))
    assert known > 1000
    assert len(model.engine.caches) == 1
    await model.aclose()


TOOLS = (
    WEATHER,
    ToolSpec(
        "search_books",
        "Search the library's books",
        {
            "type": "object",
            "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
            "required": ["title"],
        },
    ),
)
SAID = (
    "What is the weather in {}?",
    "Find books about {}.",
    "Tell me a story of {}, please.",
    "{}怎么样？",
    "Who wrote {} in 1984?",
)
THINGS = ("Bonn", "the sea", "北京", "trains", "Grüße", "old maps", "<|user|> signs", "7 mountains")


async def converse(seed: int, keeping: TransformersModel, plain: TransformersModel) -> int:
    """One conversation of four replies with both; how many tokens the caches saved."""
    source = random.Random(seed)
    transcript = Transcript([System(f"You are helper {seed}.")][: seed % 3])
    saved = 0
    for turn in range(4):
        if not transcript or transcript[-1].role != "observation":
            transcript.append(User(source.choice(SAID).format(source.choice(THINGS))))
        tools = TOOLS[: seed % 3]
        settings = Settings(max_tokens=24, temperature=0, constrain=seed % 2 == 0)
        replies = []
        for model in (keeping, plain):
            request = Request(transcript, tools, settings, first_call=turn + 1)
            *_, reply = [item async for item in model.stream(request)]
            replies.append(reply)
        assert replies[0].message == replies[1].message
        assert replies[1].usage.cached_tokens == 0
        saved += replies[0].usage.cached_tokens
        transcript.append(replies[0].message)
        for call in replies[0].message.calls:
            transcript.append(Observation(source.choice(THINGS), call.id, call.name))
    return saved


@needs_embedded
@pytest.mark.parametrize("seeds", [range(10), pytest.param(range(10, 110), marks=pytest.mark.slow)])
async def test_conversations_are_the_same_with_and_without_reuse(seeds: range) -> None:
    keeping, plain = (
        TransformersModel(
            EMBEDDED_FOLDER, dtype="float32", device="cpu", protocol="glm-4", cache_bytes=size
        )
        for size in (ROOM, 0)
    )
    for seed in seeds:
        assert await converse(seed, keeping, plain) > 50
    await keeping.aclose()
    await plain.aclose()


def test_a_prompt_that_was_read_in_parts_is_the_same(talk: Talk, monkeypatch) -> None:
    from glm_agent.models.engine import batch

    prompt, work = ids(100, 1), Work()
    whole, _ = talk(prompt)
    monkeypatch.setattr(batch, "AT_ONCE", 7)
    engine = dataclasses.replace(talk.engine, caches=KvStore(ROOM))
    said = engine.generate(prompt, Sampling(), 8, lambda: False, work=work)
    assert list(said) == whole
    assert work.passes >= 100 // 7


def test_the_very_same_prompt_computes_its_last_token_alone(talk: Talk) -> None:
    prompt = ids(60, 1)
    first, cached = talk(prompt)
    assert cached == 0
    again, cached = talk(prompt)
    assert (again, cached) == (first, 59)


def test_sampling_with_a_seed_is_the_same_with_a_cache(talk: Talk) -> None:
    prompt = ids(60, 1)
    options = {"temperature": 0.8, "top_p": 0.9, "top_k": 50, "seed": 7}
    said, _ = talk(prompt, 12, **options)
    more = [*prompt, *said, *ids(10, 3)]
    _, cached = talk(more, 12, **options)
    assert cached == len(prompt) + len(said) - 1


# ── several conversations ─────────────────────────────────────────────────────────────────────


def test_two_sessions_in_turn_keep_a_cache_each(talk: Talk) -> None:
    head = ids(50, 1)  # what both begin with, such as instructions and tools
    prompts = [head + ids(20, 2), head + ids(20, 3)]
    sessions = [Session(), Session()]
    expected = [0, len(head)]
    for _ in range(5):
        for index in (0, 1):
            said, cached = talk(prompts[index], session=sessions[index])
            assert cached == expected[index]
            expected[index] = len(prompts[index]) + len(said) - 1
            prompts[index] = prompts[index] + said + ids(10, 4)
    assert len(talk.engine.caches) == 2


def test_a_branch_shares_its_parents_beginning_and_the_parent_goes_on(talk: Talk) -> None:
    parent, child = Session(), Session()
    start = ids(80, 1)
    said, _ = talk(start, session=parent)
    whole = start + said
    _, cached = talk(start[:60] + ids(30, 2), session=child)
    assert cached == 60
    _, cached = talk(whole + ids(10, 3), session=parent)
    assert cached == len(whole) - 1


def test_an_edited_history_is_computed_from_the_edit_on(talk: Talk) -> None:
    session = Session()
    prompt = ids(100, 1)
    talk(prompt, session=session)
    edited = [*prompt[:40], 333, *prompt[41:]]
    _, cached = talk(edited, session=session)
    assert cached == 40
    # Nobody asks for the rest of the old history any more.
    assert len(talk.engine.caches) == 1
    _, cached = talk(prompt, session=session)
    assert cached == 40


def test_without_a_session_both_histories_stay(talk: Talk) -> None:
    prompt = ids(100, 1)
    edited = [*prompt[:40], 333, *prompt[41:]]
    talk(prompt)
    assert talk(edited)[1] == 40
    assert talk([*prompt, 7])[1] == 100
    assert talk([*edited, 7])[1] == 100


def test_a_forgotten_session_leaves_no_copies(talk: Talk) -> None:
    head = ids(50, 1)
    for seed in range(2, 6):
        _, cached = talk(head + ids(20, seed), session=Session())
        assert cached == (0 if seed == 2 else 50)
    assert len(talk.engine.caches) == 1


# ── memory ────────────────────────────────────────────────────────────────────────────────────


def one_cache(engine: Engine) -> int:
    """The bytes of a cache of up to 300 tokens."""
    probe = dataclasses.replace(engine, caches=KvStore(ROOM))
    list(probe.generate(ids(40, 1), Sampling(), 2, lambda: False))
    return probe.caches.nbytes


def test_bytes_are_those_of_keys_and_values(engine: Engine) -> None:
    # layers x (keys, values) x heads x width x 4 bytes x (tokens read, and room for 256 more)
    assert one_cache(engine) == 2 * 2 * 2 * 8 * 4 * (40 + 256)


def test_the_cache_that_was_not_used_for_longest_goes_first(engine: Engine) -> None:
    engine = dataclasses.replace(engine, caches=KvStore(2 * one_cache(engine)))
    talk = Talk(engine)
    prompts = [ids(40, seed) for seed in (1, 2, 3)]
    for index in (0, 1, 0, 2):
        talk(prompts[index])
        assert engine.caches.nbytes <= engine.caches.budget
    assert talk(prompts[0])[1] == 39
    assert talk(prompts[2])[1] == 39
    assert talk(prompts[1])[1] == 0


def test_where_only_one_fits_a_branch_takes_its_parents_place(engine: Engine) -> None:
    engine = dataclasses.replace(engine, caches=KvStore(one_cache(engine)))
    talk = Talk(engine)
    start = ids(40, 1)
    talk(start)
    assert talk(start[:30] + ids(10, 2))[1] == 30
    assert len(engine.caches) == 1


def test_a_cache_larger_than_the_budget_is_not_kept(engine: Engine) -> None:
    engine = dataclasses.replace(engine, caches=KvStore(one_cache(engine) - 1))
    talk = Talk(engine)
    talk(ids(40, 1))
    assert (len(engine.caches), engine.caches.nbytes) == (0, 0)


async def test_no_memory_keeps_nothing(tiny) -> None:
    model = TransformersModel(tiny, device="cpu", cache_bytes=0)
    for _ in range(2):
        assert (await reply_of(model, max_tokens=3)).reply.usage.cached_tokens == 0
    assert len(model.engine.caches) == 0
    await model.aclose()


async def test_the_budget_comes_from_what_is_free(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    assert (await model.load()).caches.budget > 10_000_000
    await model.aclose()


def test_a_budget_below_zero(tiny) -> None:
    with pytest.raises(ConfigurationError, match="cache_bytes=-1"):
        TransformersModel(tiny, cache_bytes=-1)


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────


async def test_a_cancelled_reply_is_gone_on_from(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    engine = await model.load()
    request = Request([User("x")], settings=Settings(max_tokens=400))
    stream = model.stream(request)
    async for _ in stream:
        break
    await stream.aclose()
    prompt = engine.protocol.render([User("x")]).encode(engine.encoder)
    usage = (await reply_of(model, "x", max_tokens=20)).reply.usage
    assert usage.cached_tokens == len(prompt) - 1
    talk = Talk(engine)
    said, _ = talk(prompt, 20)
    assert talk([*prompt, *said, 7])[1] == len(prompt) + 19
    await model.aclose()


def test_stopping_while_the_prompt_is_read_keeps_what_was_read(talk: Talk, monkeypatch) -> None:
    from glm_agent.models.engine import batch

    monkeypatch.setattr(batch, "AT_ONCE", 16)
    prompt = ids(100, 1)
    asked = itertools.count()
    # Asked before the reply begins, when it comes in, and before and after each pass.
    assert not list(talk.engine.generate(prompt, Sampling(), 9, lambda: next(asked) >= 4))
    assert talk(prompt)[1] == 32


@contextmanager
def failing(engine: Engine, error: Exception, when: Callable[[int], bool]) -> Iterator[None]:
    """Passes of these numbers, counted from 1, fail in the middle of the model."""
    passes = itertools.count(1)

    def fail(*_: object) -> None:
        if when(next(passes)):
            raise error

    hook = engine.model.model.layers[1].register_forward_pre_hook(fail)
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize(("at", "kept"), [(1, 0), (3, 59)])
def test_a_failed_pass_leaves_the_cache_as_it_was(talk: Talk, at: int, kept: int) -> None:
    """Layers of different lengths would be wrong for ever after: each forgets what came of it."""
    prompt = ids(60, 1)
    talk(ids(30, 2))
    with (
        failing(talk.engine, RuntimeError("the layer is on fire"), lambda number: number == at),
        pytest.raises(RuntimeError, match="on fire"),
    ):
        list(talk.engine.generate(prompt, Sampling(), 9, lambda: False))
    assert talk(prompt)[1] == kept
    assert talk(ids(30, 2))[1] == 29


@pytest.mark.parametrize("at", [1, 3], ids=["while the prompt is read", "in mid-reply"])
def test_running_out_of_memory_frees_what_was_kept_for_others(talk: Talk, at: int) -> None:
    talk(ids(30, 2))
    error = torch.OutOfMemoryError("CUDA out of memory")
    with failing(talk.engine, error, lambda number: number == at):
        said = list(talk.engine.generate(ids(60, 1), Sampling(), 9, lambda: False))
    assert talk(ids(60, 1), 9)[0] == said
    assert talk(ids(30, 2))[1] == 0


def test_running_out_of_memory_for_good_keeps_what_was_read(talk: Talk) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory")
    with (
        failing(talk.engine, error, lambda number: number >= 3),
        pytest.raises(ModelError, match="ran out of memory on cpu at 62 tokens; shorten"),
    ):
        list(talk.engine.generate(ids(60, 1), Sampling(), 9, lambda: False))
    assert talk(ids(60, 1))[1] == 59


async def test_replies_at_once_keep_a_cache_each(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    transcripts = [Transcript([User(text)]) for text in ("Hello", "你好", "The weather")]

    async def run(transcript: Transcript) -> None:
        known = 0
        for _ in range(4):
            request = Request(transcript, settings=Settings(max_tokens=10))
            *_, reply = [item async for item in model.stream(request)]
            assert reply.usage.cached_tokens >= known
            known = reply.usage.prompt_tokens + reply.usage.completion_tokens - 1
            transcript.append(reply.message)
            transcript.append(User("go on"))

    async with anyio.create_task_group() as group:
        for transcript in transcripts:
            group.start_soon(run, transcript)
    assert len(model.engine.caches) == 3
    await model.aclose()


# ── models whose layers keep less than everything ─────────────────────────────────────────────


def test_layers_that_cannot_forget_are_only_gone_on_with(loaded: Engine, monkeypatch) -> None:
    """Such as layers with a window: the beginning is gone when a prompt goes back to it."""
    from transformers import DynamicCache

    from glm_agent.models.engine import kv_cache

    monkeypatch.setattr(kv_cache, "_new_cache", lambda config, form: DynamicCache(config=config))
    talk = Talk(dataclasses.replace(loaded, caches=KvStore(ROOM)))
    prompt = ids(50, 1)
    assert not KvCache(loaded.model).croppable
    said, _ = talk(prompt)
    assert talk([*prompt, *said, 7])[1] == len(prompt) + len(said) - 1
    assert talk([*prompt[:30], 7])[1] == 0
    assert talk(prompt)[1] == 0
