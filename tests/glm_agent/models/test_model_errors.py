"""What goes wrong while a model in this process runs: a typed error, and nothing said is lost."""

from __future__ import annotations

import itertools
from pathlib import Path

import anyio
import pytest

from glm_agent import Agent, Limits, tool
from glm_agent.errors import LimitExceeded, ModelError, ModelLoadError
from glm_agent.messages import Assistant, Observation
from glm_agent.models import TransformersModel

from .conftest import reply_of
from .tiny import build_checkpoint

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.anyio


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"22 degrees in {city}"


@pytest.fixture(scope="module")
def calling(tmp_path_factory) -> Path:
    """A checkpoint that always calls get_weather for 北京, and has room for several calls."""
    say = 'get_weather\n{"city": "北京"}<|observation|>'
    return build_checkpoint(tmp_path_factory.mktemp("models") / "calling", say=say, context=8192)


def failing(engine, error: BaseException, when=lambda _: True):
    """A hook that makes the passes fail whose number `when` takes."""
    passes = itertools.count(1)

    def fail(*_: object) -> None:
        if when(next(passes)):
            raise error

    return engine.model.model.layers[1].register_forward_pre_hook(fail)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "ran out of memory on cpu at .*; shorten"),
        (RuntimeError("a bad day"), "the model failed: RuntimeError: a bad day; .* try again"),
        (RuntimeError("CUDA error: an illegal memory access"), "the GPU failed .* start it again"),
        (SystemExit("from a library"), "the model failed: SystemExit: from a library"),
    ],
    ids=["memory", "other", "gpu", "exit"],
)
async def test_a_session_survives_its_models_failure(calling, error, said: str) -> None:
    """It fails in the second reply; the call before is kept, and the next run goes on from it."""
    model = TransformersModel(calling, device="cpu", lookup=0)
    engine = await model.load()
    agent = Agent(model, [get_weather], limits=Limits(steps=2))
    async with agent.session() as session:
        steps = itertools.count(1)
        hook = None

        def break_down(event: object) -> None:
            nonlocal hook
            if type(event).__name__ == "Observed" and next(steps) == 1:
                hook = failing(engine, error, lambda number: number > 3)

        with pytest.raises(ModelError, match=said) as caught:
            await session.run("Weather?", on_event=break_down)
        assert "\n" not in str(caught.value)
        assert caught.value.transcript is session.transcript
        assert [m.role for m in session.transcript][:3] == ["user", "assistant", "observation"]
        assert session.transcript[2].text == "22 degrees in 北京"
        assert hook is not None
        hook.remove()
        kept = list(session.transcript)
        with pytest.raises(LimitExceeded, match="no answer after 2 steps"):
            await session.run("And now?")
        assert list(session.transcript)[: len(kept)] == kept
        calls = [c.id for m in session.transcript if isinstance(m, Assistant) for c in m.calls]
        answers = [m.call_id for m in session.transcript if isinstance(m, Observation)]
        assert calls == answers
        assert len(calls) >= 3
    await model.aclose()


async def test_one_agents_failure_is_not_its_neighbours(tiny) -> None:
    """The prompt of one of them makes every pass fail that it is in."""
    model = TransformersModel(tiny, device="cpu")
    engine = await model.load()
    bad = engine.encoder.text("!")[0]

    def fail(_, arguments) -> None:
        if (arguments[0] == bad).any():
            raise RuntimeError("no such word")

    hook = engine.model.model.embed_tokens.register_forward_pre_hook(fail)
    failed: list[str] = []
    counts: list[int] = []

    async def ask(text: str) -> None:
        try:
            counts.append((await reply_of(model, text, max_tokens=12)).reply.usage.passes)
        except ModelError as error:
            failed.append(str(error))

    async with anyio.create_task_group() as group:
        for text in ("Hello", "!", "The weather"):
            group.start_soon(ask, text)
    hook.remove()
    assert len(counts) == 2
    assert len(failed) == 1
    assert "no such word" in failed[0]
    await model.aclose()


async def test_a_thread_that_is_gone_is_started_again(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    await reply_of(model, max_tokens=2)
    worker = model._worker
    worker._jobs.put(None)  # ends the thread, as a fork does for the child
    worker._thread.join(20)
    assert (await reply_of(model, max_tokens=2)).reply.usage.completion_tokens == 2
    await model.aclose()


@pytest.mark.parametrize("change", ["missing", "extra"])
async def test_a_file_of_weights_with_a_tensor_too_few_or_too_many(
    tiny, tmp_path, change: str
) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(tiny, tmp_path / "copy"))
    tensors = load_file(copy / "model.safetensors")
    if change == "missing":
        del tensors["model.layers.1.mlp.down_proj.weight"]
    else:
        tensors["model.layers.1.mlp.gate.weight"] = torch.zeros(2, 2)
    save_file(tensors, copy / "model.safetensors", {"format": "pt"})
    model = TransformersModel(copy, device="cpu")
    name = "down_proj" if change == "missing" else "mlp.gate"
    kind = "missing" if change == "missing" else "unexpected"
    with pytest.raises(ModelLoadError, match=rf"1 {kind} tensors, such as model\.layers.*{name}"):
        await model.load()
    await model.aclose()
