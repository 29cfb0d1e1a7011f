"""Guessing from the conversation: fewer passes, and the very same reply."""

from __future__ import annotations

import dataclasses
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.errors import ConfigurationError
from glm_agent.messages import Observation, System, Transcript, User
from glm_agent.models import Request, Settings, TransformersModel
from glm_agent.models.engine.engine import Engine, Sampling, Work
from glm_agent.models.engine.kv_store import KvStore
from glm_agent.models.engine.lookup import PromptLookup
from glm_agent.models.engine.token_ids import TokenIds
from glm_agent.models.load import EMBEDDED_FOLDER

from ..conftest import WEATHER, needs_embedded, reply_of

pytest.importorskip("torch")


# ── guesses ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("read", "token", "room", "guess"),
    [
        ([1, 2, 3, 4, 5, 6, 1], 2, 9, [3, 4, 5, 6]),  # what stood after 1 2, four at first
        ([1, 2, 3, 4, 5, 6, 1], 2, 2, [3, 4]),  # no more than there is room for
        ([1, 2, 3, 1, 2, 4, 1], 2, 1, [4]),  # the last place counts
        ([1, 2, 1], 2, 9, [1]),  # as far as there is something
        ([1, 2, 3], 4, 9, []),  # never seen
        ([9, 2, 3, 1], 2, 9, []),  # one token alone is too little
        ([1], 1, 9, []),
        ([], 1, 9, []),
        ([1, 2, 3, 1], 2, 0, []),
    ],
)
def test_guesses_are_what_stood_after_the_same_words(read, token, room, guess) -> None:
    assert PromptLookup(16).guess(TokenIds(read), token, room) == guess


def test_a_lookup_of_nothing_guesses_nothing() -> None:
    assert PromptLookup(0).guess(TokenIds([1, 2, 3, 1]), 2, 9) == []


def test_a_lookup_below_zero(tiny) -> None:
    with pytest.raises(ConfigurationError, match="lookup=-1"):
        TransformersModel(tiny, lookup=-1)


def test_guesses_grow_while_they_hold_and_are_rarer_where_they_do_not() -> None:
    read = TokenIds([*range(100, 150), 100])
    lookup = PromptLookup(16)
    widths = []
    for _ in range(4):
        guess = lookup.guess(read, 101, 99)
        widths.append(len(guess))
        lookup.learn(len(guess), len(guess))
    assert widths == [4, 8, 16, 16]
    lookup.learn(16, 0)
    # Two tokens that are the same are no longer enough, three are.
    assert lookup.guess(read, 101, 99) == []
    read.extend([101])
    assert lookup.guess(read, 102, 99) == list(range(103, 111))


# ── replies ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def engine(tiny) -> Engine:
    from glm_agent.models.loading import Source, load_engine

    return load_engine(Source(str(tiny)), device="cpu", protocol=None)


def reply(engine: Engine, prompt: list[int], most: int, tokens: int = 40, **sampling):
    """What is said with guesses of up to `most` tokens, and what it cost."""
    work = Work()
    looking = dataclasses.replace(engine, lookup=most, caches=KvStore(10**9))
    said = list(looking.generate(prompt, Sampling(**sampling), tokens, lambda: False, work=work))
    return said, work, looking


def prompt_of(seed: int) -> list[int]:
    """Ids with repetitions in them."""
    source = random.Random(seed)
    words = [[source.randrange(20, 300) for _ in range(4)] for _ in range(5)]
    return [token for _ in range(20) for token in source.choice(words)]


@given(st.integers(0, 10**6), st.sampled_from([1, 2, 7, 16]), st.integers(1, 40))
def test_replies_are_the_same_token_for_token(engine, seed, most, tokens) -> None:
    prompt = prompt_of(seed)
    said, work, _ = reply(engine, prompt, most, tokens)
    expected, plain, _ = reply(engine, prompt, 0, tokens)
    assert said == expected
    assert work.passes <= plain.passes == max(1, len(said))
    assert work.computed >= plain.computed


def test_a_reply_that_repeats_itself_takes_few_passes(engine) -> None:
    best = min(
        (reply(engine, prompt_of(seed), 16, 100) for seed in range(20)),
        key=lambda result: result[1].passes / len(result[0]),
    )
    assert best[1].passes < len(best[0]) / 2


def test_the_cache_holds_what_was_said_and_no_guess_that_was_wrong(engine) -> None:
    for seed in range(10):
        prompt = prompt_of(seed)
        said, _, looking = reply(engine, prompt, 16)
        work = Work()
        more = [*prompt, *said, 21]
        again = list(looking.generate(more, Sampling(), 20, lambda: False, work=work))
        assert work.cached == len(prompt) + len(said) - 1
        assert again == reply(engine, more, 0, 20)[0]


def test_stopping_between_guesses_leaves_a_sound_cache(engine) -> None:
    prompt = prompt_of(3)
    whole = reply(engine, prompt, 0, 40)[0]
    for after in range(1, 30):
        looking = dataclasses.replace(engine, lookup=16, caches=KvStore(10**9))
        asked = itertools.count()
        said = list(
            looking.generate(prompt, Sampling(), 40, lambda: next(asked) >= after)  # noqa: B023
        )
        assert said == whole[: len(said)]
        assert list(looking.generate(prompt, Sampling(), 40, lambda: False)) == whole


def test_a_closed_reply_leaves_a_sound_cache(engine) -> None:
    prompt = prompt_of(3)
    whole = reply(engine, prompt, 0, 40)[0]
    for after in range(1, 20):
        looking = dataclasses.replace(engine, lookup=16, caches=KvStore(10**9))
        tokens = looking.generate(prompt, Sampling(), 40, lambda: False)
        said = list(itertools.islice(tokens, after))
        tokens.close()
        assert said == whole[:after]
        assert list(looking.generate(prompt, Sampling(), 40, lambda: False)) == whole


def test_sampling_guesses_nothing(engine) -> None:
    options = {"temperature": 0.9, "seed": 5}
    said, work, _ = reply(engine, prompt_of(1), 16, 30, **options)
    assert said == reply(engine, prompt_of(1), 0, 30, **options)[0]
    assert work.passes == len(said)


def test_the_context_is_not_overrun(engine) -> None:
    narrow = dataclasses.replace(engine, context=90)
    prompt = prompt_of(5)[:75]
    assert reply(narrow, prompt, 16, 100)[0] == reply(narrow, prompt, 0, 100)[0]


@pytest.mark.anyio
async def test_a_grammar_holds_guesses_too(caller) -> None:
    """Its call stands in the conversation already, so it is copied."""
    usages = {}
    for most in (16, 0):
        model = TransformersModel(caller, device="cpu", lookup=most)
        said = 'get_weather\n{"city": "北京"}'
        replied = await reply_of(model, said, tools=(WEATHER,), max_tokens=60, temperature=0)
        assert [call.arguments for call in replied.message.calls] == [{"city": "北京"}]
        usages[most] = replied.reply.usage
        await model.aclose()
    assert usages[16].completion_tokens == usages[0].completion_tokens == usages[0].passes
    assert usages[16].passes < usages[0].passes


@needs_embedded
@pytest.mark.anyio
@pytest.mark.parametrize("seeds", [range(4), pytest.param(range(4, 54), marks=pytest.mark.slow)])
async def test_tool_calls_of_the_embedded_model_are_the_same(seeds: range) -> None:
    looking, plain = (
        TransformersModel(
            EMBEDDED_FOLDER, dtype="float32", device="cpu", protocol="glm-4", lookup=most
        )
        for most in (16, 0)
    )
    for seed in seeds:
        source = random.Random(seed)
        city = source.choice(("Bonn", "北京", "New York", "São Paulo", "Zürich"))
        transcript = Transcript([System("You help."), User(f"How is the weather in {city}?")])
        settings = Settings(max_tokens=40, temperature=0, constrain=seed % 2 == 0)
        for turn in range(3):
            replies = []
            for model in (looking, plain):
                request = Request(transcript, (WEATHER,), settings, first_call=turn + 1)
                *_, last = [item async for item in model.stream(request)]
                replies.append(last)
            assert replies[0].message == replies[1].message
            assert replies[0].usage.passes <= replies[1].usage.passes
            transcript.append(replies[0].message)
            if replies[0].message.calls:
                call = replies[0].message.calls[0]
                transcript.append(Observation(f"{seed} degrees in {city}", call.id, call.name))
            else:
                transcript.append(User(f"And tomorrow in {city}?"))
    await looking.aclose()
    await plain.aclose()
