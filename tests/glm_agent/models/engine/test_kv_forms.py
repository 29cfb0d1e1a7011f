"""Keys and values in one byte a number, or away from where they are computed with."""

from __future__ import annotations

import pytest

from glm_agent.errors import ConfigurationError
from glm_agent.messages import User
from glm_agent.models import TransformersModel
from glm_agent.models.engine.kv_cache import KvCache
from glm_agent.models.engine.passes import Part, run

from ..conftest import reply_of
from .test_batch import ids

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def model(tiny):
    from glm_agent.models.loading import Source, load_engine

    return load_engine(Source(str(tiny)), device="cpu", protocol=None).model


def read(model, cache: KvCache, tokens: list[int]):
    with torch.inference_mode():
        return run(model, [Part(cache, tokens, 1)])[0]


@pytest.mark.parametrize("form", ["fp8", "offload"])
def test_reading_in_parts_cropping_and_branching(model, form: str) -> None:
    """The same as reading it all at once: exactly, or as near as a byte a number is."""
    cache = KvCache(model, form)
    plain = KvCache(model)
    for start in range(0, 90, 30):
        read(model, cache, ids(120, 1)[start : start + 30])
        expected = read(model, plain, ids(120, 1)[start : start + 30])
    for each in (cache, plain):
        each.crop(50)
    twins = cache.branch(40), plain.branch(40)
    for mine, theirs in ((cache, plain), twins):
        found = read(model, mine, [30, 40, 50])
        expected = read(model, theirs, [30, 40, 50])
        if form == "offload":
            torch.testing.assert_close(found, expected)
        else:
            assert torch.cosine_similarity(found, expected, dim=0) > 0.995
        assert len(mine) == len(theirs)
    assert len(cache) == 53


def test_fp8_takes_a_quarter_of_float32(model) -> None:
    sizes = []
    for form in ("plain", "fp8"):
        cache = KvCache(model, form)
        read(model, cache, ids(300, 1))
        sizes.append(cache.token_bytes)
    assert sizes[0] == 4 * sizes[1]


@pytest.mark.anyio
@pytest.mark.parametrize("form", ["fp8", "offload"])
async def test_a_conversation_goes_on_with_what_is_held(tiny, form: str) -> None:
    model = TransformersModel(tiny, device="cpu", kv=form)
    first = await reply_of(model, max_tokens=20)
    second = await reply_of(model, User("Hello"), first.message, "more", max_tokens=20)
    usage = second.reply.usage
    assert usage.cached_tokens == first.reply.usage.prompt_tokens + 19
    assert usage.completion_tokens == 20
    if form == "offload":
        plain = TransformersModel(tiny, device="cpu", cache_bytes=0)
        again = await reply_of(plain, User("Hello"), first.message, "more", max_tokens=20)
        assert again.message.generated.ids == second.message.generated.ids
        await plain.aclose()
    await model.aclose()


def test_a_form_that_there_is_not(tiny) -> None:
    with pytest.raises(ConfigurationError, match="kv='int2': it must be one of plain, fp8, offl"):
        TransformersModel(tiny, kv="int2")
