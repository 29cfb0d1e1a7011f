"""A GLM in this process: what it says, how it streams, how it stops."""

from __future__ import annotations

import threading

import anyio
import pytest

from glm_agent.errors import ModelError
from glm_agent.messages import Control, User
from glm_agent.models import Reply, Request, Settings, TransformersModel
from glm_agent.models.engine.engine import Engine, Sampling

from .conftest import WEATHER, reply_of

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.anyio


@pytest.fixture
async def model(tiny):
    model = TransformersModel(tiny, device="cpu")
    yield model
    await model.aclose()


@pytest.fixture
async def calling(caller):
    model = TransformersModel(caller, device="cpu")
    yield model
    await model.aclose()


def reference(engine: Engine, ids: list[int], tokens: int) -> list[int]:
    """What transformers' own generate says."""
    inputs = torch.tensor([ids])
    out = engine.model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=list(engine.stops),
    )
    return out[0, len(ids) :].tolist()


@pytest.mark.parametrize("prompt", ["Hello", "你好，北京", "", "x" * 300, "a<|user|>b"])
async def test_greedy_tokens_are_those_of_generate(model, prompt: str) -> None:
    engine = await model.load()
    ids = engine.protocol.render([User(prompt)]).encode(engine.encoder)
    generated = (await reply_of(model, prompt, max_tokens=48)).message.generated
    expected = reference(engine, ids, 48)
    assert len(expected) > 3
    stopped = expected[-1] in engine.stops
    assert list(generated.ids) == expected[: -1 if stopped else None]


async def test_generated_pieces_are_the_decoded_ids(model) -> None:
    engine = await model.load()
    replied = await reply_of(model, max_tokens=64)
    generated = replied.message.generated
    assert generated.vocabulary == engine.encoder.vocabulary
    texts = [piece for piece in generated.pieces if not isinstance(piece, Control)]
    assert "".join(texts) == replied.text


async def test_a_reply_is_fed_back_by_its_ids(model) -> None:
    engine = await model.load()
    message = (await reply_of(model, "Hello", max_tokens=32)).message
    first = engine.protocol.render([User("Hello")]).encode(engine.encoder)
    second = engine.protocol.render([User("Hello"), message, User("more")]).encode(engine.encoder)
    assert second[: len(first) + 32] == [*first, *message.generated.ids]


async def test_stop_tokens_are_found_by_name(calling) -> None:
    replied = await reply_of(calling, tools=(WEATHER,), max_tokens=100)
    assert replied.message.stop == "<|observation|>"
    assert not replied.message.truncated
    assert replied.message.calls[0].arguments == {"city": "北京"}
    engine = calling.engine
    stop = engine.encoder.control("<|observation|>")
    assert stop not in replied.message.generated.ids
    # The stop token was sampled too, and so it counts.
    assert replied.reply.usage.completion_tokens == len(replied.message.generated.ids) + 1


async def test_a_reply_cut_at_the_limit_is_truncated(calling) -> None:
    message = (await reply_of(calling, tools=(WEATHER,), max_tokens=6)).message
    assert (message.stop, message.truncated) == (None, True)
    assert message.calls[0].error


async def test_usage(model) -> None:
    engine = await model.load()
    ids = engine.protocol.render([User("Hello")]).encode(engine.encoder)
    usage = (await reply_of(model, max_tokens=5)).reply.usage
    assert (usage.prompt_tokens, usage.cached_tokens) == (len(ids), 0)
    assert usage.completion_tokens == 5
    assert usage.seconds > 0


async def test_text_comes_before_the_reply_is_complete(calling) -> None:
    """The first event is out before the last token is computed."""
    engine = await calling.load()
    gate = threading.Event()
    forwards = 0

    def hold(*_: object, **__: object) -> None:
        nonlocal forwards
        forwards += 1
        if forwards == 8:
            assert gate.wait(30)

    hook = engine.model.register_forward_pre_hook(hold)
    try:
        request = Request([User("x")], (WEATHER,), Settings(max_tokens=100))
        events = []
        async for event in calling.stream(request):
            events.append(event)
            gate.set()
    finally:
        hook.remove()
    assert forwards > 8
    assert isinstance(events[-1], Reply)


async def test_sampling_repeats_with_its_seed(model) -> None:
    async def said(**settings) -> tuple[int, ...]:
        reply = await reply_of(model, max_tokens=32, temperature=1.5, **settings)
        return reply.message.generated.ids

    assert await said(seed=1) == await said(seed=1)
    assert len({await said(seed=seed) for seed in range(6)}) > 1
    greedy = (await reply_of(model, max_tokens=32)).message.generated.ids
    assert await said(seed=1, top_k=1) == greedy
    assert await said(seed=1, top_p=1e-9) == greedy


def test_settings_win_over_the_models_defaults() -> None:
    default = Sampling(temperature=0.8, top_p=0.8, top_k=50)
    assert Sampling.of(Settings(), default) == default
    chosen = Sampling.of(Settings(temperature=0, top_p=1.0, top_k=0, seed=3), default)
    assert chosen == Sampling(0, 1.0, 0, 3)


async def test_leaving_the_stream_stops_the_model(model) -> None:
    engine = await model.load()
    forwards = 0

    def count(*_: object, **__: object) -> None:
        nonlocal forwards
        forwards += 1

    hook = engine.model.register_forward_pre_hook(count)
    try:
        stream = model.stream(Request([User("x")], settings=Settings(max_tokens=400)))
        async for _ in stream:
            break
        await stream.aclose()
        await reply_of(model, max_tokens=1)  # waits for the thread, which does this after that
        assert forwards < 390
    finally:
        hook.remove()


async def test_cancelling_stops_the_model_and_the_next_reply_comes(model) -> None:
    engine = await model.load()
    begun = anyio.Event()
    forwards = 0

    def count(*_: object, **__: object) -> None:
        nonlocal forwards
        forwards += 1

    async def listen() -> None:
        request = Request([User("x")], settings=Settings(max_tokens=400))
        async for _ in model.stream(request):
            begun.set()
            await anyio.sleep_forever()

    hook = engine.model.register_forward_pre_hook(count)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await begun.wait()
            group.cancel_scope.cancel()
        assert (await reply_of(model, max_tokens=3)).reply.usage.completion_tokens == 3
        # A reader that takes nothing holds the model back too.
        assert forwards < 390
    finally:
        hook.remove()


async def test_two_at_once_say_what_each_says_alone(model) -> None:
    prompts = ["Hello", "你好", "The weather"]
    alone = [(await reply_of(model, p, max_tokens=40)).message.generated.ids for p in prompts]
    together: dict[int, tuple[int, ...]] = {}

    async def ask(index: int, prompt: str) -> None:
        reply = await reply_of(model, prompt, max_tokens=40)
        together[index] = reply.message.generated.ids

    async with anyio.create_task_group() as group:
        for index, prompt in enumerate(prompts):
            group.start_soon(ask, index, prompt)
    assert [together[index] for index in range(3)] == alone


async def test_first_replies_at_once_load_once(tiny, monkeypatch) -> None:
    from glm_agent.models import transformers_model

    loads = 0
    real = transformers_model.load_engine

    def counting(*args, **kwargs):
        nonlocal loads
        loads += 1
        return real(*args, **kwargs)

    monkeypatch.setattr(transformers_model, "load_engine", counting)
    model = TransformersModel(tiny, device="cpu")
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(model.load)
    assert loads == 1
    await model.aclose()


async def test_a_prompt_longer_than_the_context(model) -> None:
    with pytest.raises(ModelError, match=r"takes at most 511; shorten"):
        await reply_of(model, "x" * 600)


async def test_a_reply_ends_where_the_context_is_full(model) -> None:
    engine = await model.load()
    text = "x" * 480
    room = 512 - len(engine.protocol.render([User(text)]).encode(engine.encoder))
    assert 0 < room < 100
    replied = await reply_of(model, text, max_tokens=1000)
    assert replied.reply.usage.completion_tokens <= room
    assert replied.message.truncated or replied.message.stop


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "ran out of memory on cpu .*bfloat16"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "ran out of memory on cpu"),
        (RuntimeError("the layer\nis on fire"), "the model failed: RuntimeError: the layer is on"),
        (MemoryError(), "out of memory"),
    ],
)
async def test_failures_in_the_thread_reach_the_reader(model, raised, said: str) -> None:
    engine = await model.load()

    def fail(*_: object, **__: object) -> None:
        raise raised

    hook = engine.model.register_forward_pre_hook(fail)
    with pytest.raises(ModelError, match=said) as caught:
        await reply_of(model)
    hook.remove()
    assert "\n" not in str(caught.value)
    # and the model is still good
    assert (await reply_of(model, max_tokens=2)).reply.usage.completion_tokens == 2


async def test_closed_models_say_so(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    await reply_of(model, max_tokens=1)
    await model.aclose()
    await model.aclose()
    with pytest.raises(ModelError, match="was closed"):
        await reply_of(model)


async def test_closing_an_unused_model_loads_nothing(tiny) -> None:
    model = TransformersModel(tiny)
    await model.aclose()
    assert model.engine is None


def test_one_model_serves_one_event_loop_after_the_other(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    first = anyio.run(lambda: reply_of(model, max_tokens=8))
    second = anyio.run(lambda: reply_of(model, max_tokens=8))
    assert first.message == second.message
    anyio.run(model.aclose)


def test_a_forgotten_model_ends_its_thread(tiny) -> None:
    before = set(threading.enumerate())

    async def use() -> set[threading.Thread]:
        model = TransformersModel(tiny, device="cpu")
        await reply_of(model, max_tokens=1)
        return set(threading.enumerate()) - before

    (thread,) = anyio.run(use)
    thread.join(10)
    assert not thread.is_alive()


async def test_a_chat_of_several_turns(model) -> None:
    messages = [User("Hello")]
    for turn in range(3):
        replied = await reply_of(model, *messages, max_tokens=12)
        messages += [replied.message, User(f"and {turn}?")]
    engine = model.engine
    prompt = engine.protocol.render(messages).encode(engine.encoder)
    for message in messages[1::2]:
        ids = list(message.generated.ids)
        assert any(prompt[i : i + len(ids)] == ids for i in range(len(prompt)))
