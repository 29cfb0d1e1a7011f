"""What a model takes in bytes, and that loading refuses early what does not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glm_agent.errors import DoesNotFit, ModelLoadError
from glm_agent.models import TransformersModel, model_fit
from glm_agent.models import loading as loading_module
from glm_agent.models.fitting.fit import (
    AT_ONCE,
    FORMATS,
    check_fit,
    fit_of,
    gigabytes,
    kv_bytes,
    need_of,
    weights_bytes,
)
from glm_agent.models.fitting.memory import Memory
from glm_agent.models.fitting.shape import Shape, shape_of

from ..conftest import reply_of

GB = 1_000_000_000


def nine() -> Shape:
    shape = shape_of({"model_type": "glm"})
    assert shape is not None
    return shape


NINE = nine()


def card(gigabytes_free: float) -> Memory:
    return Memory("cuda:0", "A Card", 80 * GB, int(gigabytes_free * GB))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("fp32", 37_599_805_440),
        # facts/protocol.md, section 6; the official index says 64 bytes more, for a buffer.
        ("bf16", 18_799_902_720),
        # 8,157,921,280 numbers in matrices, 1,996,800 rows of them, 1,242,030,080 others.
        ("int8", 8_157_921_280 + 4 * NINE.rows + 2 * 1_242_030_080),
        ("fp8", 8_157_921_280 + 4 * NINE.rows + 2 * 1_242_030_080),
        ("int4", 8_157_921_280 * 9 // 16 + 2 * 1_242_030_080),
    ],
)
def test_the_weights_of_glm_4_9b(form: str, said: int) -> None:
    assert weights_bytes(NINE, form) == said


@pytest.mark.parametrize(
    ("tokens", "mebibytes"), [(8192, 320), (32_768, 1280), (131_072, 5120), (0, 0)]
)
def test_the_kv_cache_of_glm_4_9b(tokens: int, mebibytes: int) -> None:
    """facts/protocol.md, section 6: 40,960 bytes a token."""
    assert kv_bytes(NINE, tokens) == mebibytes * 2**20


def test_the_kv_cache_of_a_32b_model() -> None:
    """Its log in llama.cpp says 122 MiB at 512 tokens (facts/protocol.md, section 6)."""
    config = {
        "model_type": "glm4",
        "hidden_size": 6144,
        "num_hidden_layers": 61,
        "num_attention_heads": 48,
        "num_key_value_heads": 8,
    }
    shape = shape_of(config)
    assert shape is not None
    assert kv_bytes(shape, 512) == 122 * 2**20


def test_experts_count_as_packed_where_a_checkpoint_is() -> None:
    shape = shape_of({"model_type": "glm4_moe", "head_dim": 128})
    assert shape is not None
    packed = weights_bytes(shape, "int8")
    loose = weights_bytes(shape, "int8", experts=False)
    assert loose - packed == shape.experts - 4 * shape.expert_rows
    assert packed < 0.52 * weights_bytes(shape, "bf16")


def test_the_formats_beside_a_memory() -> None:
    fit = fit_of(NINE, card(24), 8192, batch=2)
    assert [need.format for need in fit.needs] == ["bf16", "int8", "int4", "fp8"]
    assert all(need.kv == 2 * 8192 * 40_960 for need in fit.needs)
    assert all(need.total == need.weights + need.kv + need.working for need in fit.needs)
    fields = json.loads(json.dumps(fit.as_dict()))
    assert fields["device"]["name"] == "A Card"
    assert [entry["total"] for entry in fields["formats"]] == [need.total for need in fit.needs]


def test_on_a_cpu_float32_is_there_too() -> None:
    fit = fit_of(NINE, Memory("cpu", "RAM", 64 * GB, 64 * GB), 1024)
    assert tuple(need.format for need in fit.needs) == FORMATS
    assert fit.needs[0].kv == 2 * fit.needs[1].kv


@settings(max_examples=60)
@given(
    free=st.integers(0, 200 * GB),
    batch=st.integers(1, 64),
    form=st.sampled_from(FORMATS),
    at_once=st.sampled_from([None, 1, 2048]),
)
def test_the_longest_context_is_the_last_that_fits(
    free: int, batch: int, form: str, at_once: int | None
) -> None:
    def need(context: int):
        memory = Memory("cuda:0", "A Card", 200 * GB, free)
        return need_of(NINE, form, memory, context=context, batch=batch, at_once=at_once)

    longest = need(1).longest
    assert longest is not None
    assert longest == 0 or need(longest).fits
    assert longest == NINE.context or not need(longest + 1).fits


def test_a_shape_without_a_known_cache_promises_no_length() -> None:
    need = need_of(replace(NINE, cached=None), "bf16", card(80), context=1)
    assert (need.kv, need.longest) == (0, None)


@pytest.mark.parametrize(
    ("free", "options", "said"),
    [
        (12, {}, ["quantize='int8'", "quantize='int4'", "another device"]),
        (10, {}, ["quantize='int4'", "another device"]),
        (2, {}, ["take another device or a server's URL"]),
        (10, {"quantize": "int8"}, ["of weights as int8", "quantize='int4'"]),
        (20, {"context": 131_072}, ["5.4 GB of KV cache for 131,072", "a context of at most"]),
        (30, {"dtype": "float32"}, ["weights as float32", "dtype='bfloat16' (19.0 GB)"]),
        (5, {"weights": 10 * GB}, ["10.0 GB of weights", "another device"]),
    ],
)
def test_what_does_not_fit_is_refused_with_its_numbers(free, options, said: list[str]) -> None:
    with pytest.raises(DoesNotFit) as caught:
        check_fit("glm", NINE, card(free), **{"dtype": "bfloat16", **options})
    text = str(caught.value)
    assert "\n" not in text
    assert f"cuda:0 (A Card) has {free}.0 GB of 80.0 GB free" in text
    for part in said:
        assert part in text
    assert caught.value.free == free * GB
    assert caught.value.needed is not None
    assert caught.value.needed > caught.value.free


def test_advice_is_only_what_would_help() -> None:
    with pytest.raises(DoesNotFit) as caught:
        check_fit("glm", NINE, card(10), dtype="bfloat16")
    assert "int8" not in str(caught.value)
    moe = shape_of({"model_type": "glm4_moe", "head_dim": 128})
    assert moe is not None
    with pytest.raises(DoesNotFit) as caught:
        check_fit("air", moe, card(80), dtype="bfloat16")
    assert "quantize" not in str(caught.value)


@pytest.mark.parametrize(
    ("free", "options"),
    [
        (20, {}),
        (12, {"quantize": "int8"}),
        (12, {"quantize": "fp8"}),
        (10, {"quantize": "int4"}),
        (25, {"context": 131_072}),
        (11, {"weights": 10 * GB}),
    ],
)
def test_what_fits_is_not_refused(free: int, options) -> None:
    check_fit("glm", NINE, card(free), **{"dtype": "bfloat16", **options})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 bytes"),
        (999_999, "999,999 bytes"),
        (6_304_048, "6.3 MB"),
        (18_799_902_720, "18.8 GB"),
    ],
)
def test_sizes_for_people(number: int, text: str) -> None:
    assert gigabytes(number) == text


def write_config(folder: Path, **fields: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "glm", **fields}))
    return folder


def test_a_config_alone_is_enough(tmp_path) -> None:
    fit = model_fit(write_config(tmp_path / "nine"), context=8192, memory=card(24))
    assert fit is not None
    bf16 = fit.needs[0]
    assert (bf16.weights, bf16.kv) == (18_799_902_720, 8192 * 40_960)
    assert bf16.fits
    whole = model_fit(tmp_path / "nine", memory=card(24))
    assert whole is not None
    assert whole.context == 131_072
    assert not whole.needs[0].fits  # with 5.4 GB of keys and values
    assert whole.needs[1].fits


def test_128k_fits_beside_the_weights_on_a_card_of_80_gb() -> None:
    """A prompt is read in chunks, so what is computed with does not grow with it."""
    need = need_of(NINE, "bf16", card(79), context=131_072)
    assert need.fits
    assert need.working == need_of(NINE, "bf16", card(79), context=AT_ONCE).working < GB
    assert need.total < 25 * GB
    # All of it at once would take as much as the weights.
    assert not need_of(NINE, "bf16", card(40), context=131_072, at_once=None).fits


def test_a_million_tokens_have_a_plan() -> None:
    """The 1M model has four heads of keys: 81,920 bytes a token, 86 GB plain."""
    shape = shape_of(
        {"model_type": "glm", "num_key_value_heads": 4, "max_position_embeddings": 1_048_576}
    )
    assert shape is not None
    fit = fit_of(shape, card(79), 1_048_576)
    plain, fp8, offload = fit.plans
    assert [plan.form for plan in fit.plans] == ["plain", "fp8", "offload"]
    assert [plan.fits for plan in fit.plans] == [False, True, True]
    assert plain.on_device == offload.in_ram == 2 * fp8.on_device == 81_920 * 1_048_576
    assert fp8.at_a_time == offload.at_a_time == 2 * plain.on_device // 40
    for plan in fit.plans:
        need = need_of(shape, "bf16", card(79), context=1_048_576, kv=plan.form)
        assert (need.total, need.fits) == (plan.total, plan.fits)
    with pytest.raises(DoesNotFit, match="kv='fp8' or kv='offload'"):
        check_fit("glm", shape, card(79), dtype="bfloat16", context=1_048_576)
    check_fit("glm", shape, card(79), dtype="bfloat16", context=1_048_576, kv="fp8")
    json.dumps(fit.as_dict())


def test_without_a_gpu_there_is_nowhere_to_offload_to() -> None:
    fit = fit_of(NINE, Memory("cpu", "RAM", 64 * GB, 64 * GB), 1024)
    assert [plan.form for plan in fit.plans] == ["plain", "fp8"]


def test_a_hub_model_in_the_cache(tmp_path, monkeypatch) -> None:
    snapshot = tmp_path / "models--zai-org--glm-4-9b-chat-hf" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    write_config(snapshot)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    import huggingface_hub

    real = huggingface_hub.try_to_load_from_cache
    monkeypatch.setattr(
        huggingface_hub,
        "try_to_load_from_cache",
        lambda *args, **named: real(*args, cache_dir=tmp_path, **named),
    )
    fit = model_fit("zai-org/glm-4-9b-chat-hf", memory=card(80))
    assert fit is not None
    assert fit.needs[0].weights == 18_799_902_720


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zai-org/glm-4-9b-0414", "hf download zai-org/glm-4-9b-0414 config.json"),
        ("THUDM/glm-4-9b-chat", "zai-org/glm-4-9b-chat-hf"),
    ],
)
def test_a_hub_model_that_is_not_here_is_not_asked_for(name: str, said: str, monkeypatch) -> None:
    from transformers import PretrainedConfig

    monkeypatch.delattr(PretrainedConfig, "get_config_dict")
    with pytest.raises(ModelLoadError, match=said):
        model_fit(name)


def test_more_context_than_the_model_takes(tmp_path) -> None:
    with pytest.raises(ModelLoadError, match="at most 131,072 tokens of context, not 131,073"):
        model_fit(write_config(tmp_path / "nine"), context=131_073)


def test_a_config_without_sense_has_no_fit(tmp_path) -> None:
    assert model_fit(write_config(tmp_path / "odd", hidden_size="wide")) is None


def test_a_server_has_no_fit() -> None:
    assert model_fit("http://127.0.0.1:1/v1") is None


@pytest.mark.anyio
async def test_loading_refuses_before_any_weight_is_read(tiny, monkeypatch) -> None:
    def memory(_: object) -> Memory:
        return Memory("cpu", "RAM", 2_000_000, 1000)

    monkeypatch.setattr(loading_module, "memory_of", memory)
    monkeypatch.delattr(loading_module, "_load_weights")
    model = TransformersModel(tiny, device="cpu")
    with pytest.raises(DoesNotFit, match=r"the RAM has 1,000 bytes of 2\.0 MB free") as caught:
        await model.load()
    assert caught.value.free == 1000
    await model.aclose()


@pytest.mark.anyio
async def test_memory_that_another_one_frees_can_be_had_later(tiny, monkeypatch) -> None:
    memories = [Memory("cpu", "RAM", 2_000, 0), Memory("cpu", "RAM", GB, GB)]
    monkeypatch.setattr(loading_module, "memory_of", lambda _: memories.pop(0))
    model = TransformersModel(tiny, device="cpu")
    with pytest.raises(DoesNotFit):
        await model.load()
    assert (await reply_of(model, max_tokens=2)).reply.usage.completion_tokens == 2
    await model.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
    ids=["python", "torch"],
)
async def test_memory_that_runs_out_while_loading(tiny, monkeypatch, error: Exception) -> None:
    from transformers import AutoModelForCausalLM

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    model = TransformersModel(tiny, device="cpu")
    with pytest.raises(DoesNotFit, match="memory ran out on cpu while"):
        await model.load()
    await model.aclose()


@pytest.mark.anyio
async def test_the_context_asked_for_is_the_most_it_takes(tiny) -> None:
    model = TransformersModel(tiny, device="cpu", context=64)
    assert (await model.load()).context == 64
    await model.aclose()
    more = TransformersModel(tiny, device="cpu", context=100_000)
    assert (await more.load()).context == 512
    await more.aclose()
    none = TransformersModel(tiny, device="cpu", context=0)
    with pytest.raises(ModelLoadError, match="context 0 is no number of tokens"):
        await none.load()
    await none.aclose()
