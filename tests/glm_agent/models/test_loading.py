"""Everything that can be wrong with a checkpoint is said in one line, with what to do."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from glm_agent.errors import ModelLoadError
from glm_agent.messages import Control
from glm_agent.models import TransformersModel
from glm_agent.protocol import protocol_for

from .conftest import WEATHER, reply_of
from .tiny import CONTROLS, build_checkpoint

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.anyio


@pytest.fixture
def copy(tiny, tmp_path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "copy"))


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.update(changes)
    path.write_text(json.dumps(config))


async def failure(model: TransformersModel) -> str:
    with pytest.raises(ModelLoadError) as caught:
        await model.load()
    await model.aclose()
    text = str(caught.value)
    assert "\n" not in text
    return text


async def test_a_folder_without_config(copy) -> None:
    (copy / "config.json").unlink()
    assert "has no config.json" in await failure(TransformersModel(copy))


async def test_an_empty_folder(tmp_path) -> None:
    assert "has no config.json" in await failure(TransformersModel(tmp_path))


async def test_a_file(copy) -> None:
    assert "is a file" in await failure(TransformersModel(copy / "config.json"))


async def test_a_config_that_is_not_json(copy) -> None:
    (copy / "config.json").write_text("{not json")
    assert "unreadable config.json" in await failure(TransformersModel(copy))


async def test_a_folder_without_weights(copy) -> None:
    (copy / "model.safetensors").unlink()
    assert "has no weights (model.safetensors)" in await failure(TransformersModel(copy))


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x08" + b"\0" * 7 + b"{}      "])
async def test_broken_weights(copy, content: bytes) -> None:
    (copy / "model.safetensors").write_bytes(content)
    text = await failure(TransformersModel(copy))
    assert "the weights of" in text
    assert "download the checkpoint again" in text


async def test_half_downloaded_weights(copy) -> None:
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    assert "cannot be loaded" in await failure(TransformersModel(copy))


async def test_weights_with_missing_tensors(copy) -> None:
    edit_config(copy, num_hidden_layers=3)
    text = await failure(TransformersModel(copy))
    assert "missing tensors, such as model.layers.2." in text


async def test_weights_with_tensors_too_many(copy) -> None:
    edit_config(copy, num_hidden_layers=1)
    text = await failure(TransformersModel(copy))
    assert "unexpected tensors, such as model.layers.1." in text


async def test_weights_of_another_shape(copy) -> None:
    edit_config(copy, intermediate_size=32)
    text = await failure(TransformersModel(copy))
    assert "weights of" in text
    assert "tensors" in text or "cannot be loaded" in text


@pytest.mark.parametrize("also", [(), ("tokenizer_config.json",)])
async def test_a_folder_without_tokenizer(copy, also) -> None:
    for name in ("tokenizer.json", *also):
        (copy / name).unlink()
    assert "has no tokenizer.json" in await failure(TransformersModel(copy))


async def test_a_broken_tokenizer(copy) -> None:
    (copy / "tokenizer.json").write_text("[]")
    assert "no tokenizer that can be loaded" in await failure(TransformersModel(copy))


async def test_a_tokenizer_without_glms_control_tokens(tmp_path) -> None:
    controls = tuple(token for token in CONTROLS if token not in ("<|observation|>", "<sop>"))
    folder = build_checkpoint(tmp_path / "bare", controls=controls)
    text = await failure(TransformersModel(folder))
    assert "lacks the control tokens <sop> <|observation|> of glm-4" in text


async def test_a_tokenizer_of_a_larger_model(copy) -> None:
    path = copy / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    last = dict(tokenizer["added_tokens"][-1], id=5000, content="<|extra|>")
    tokenizer["added_tokens"].append(last)
    tokenizer["model"]["vocab"] |= {f"pad{i}": i for i in range(371, 5000)}
    path.write_text(json.dumps(tokenizer))
    assert "they do not belong together" in await failure(TransformersModel(copy))


async def test_an_unsupported_architecture(copy) -> None:
    edit_config(copy, model_type="llama", architectures=["LlamaForCausalLM"])
    assert "is no causal GLM (model_type 'llama')" in await failure(TransformersModel(copy))


async def test_the_first_glm4_checkpoint_names_its_twin(copy) -> None:
    edit_config(copy, model_type="chatglm")
    target = copy.rename(copy.with_name("glm-4-9b-chat"))
    text = await failure(TransformersModel(target))
    assert "remote code" in text
    assert "zai-org/glm-4-9b-chat-hf" in text


@pytest.mark.parametrize("owner", ["THUDM", "zai-org"])
async def test_its_hub_id_does_too_without_asking_the_hub(owner: str, monkeypatch) -> None:
    from transformers import PretrainedConfig

    monkeypatch.delattr(PretrainedConfig, "get_config_dict")
    text = await failure(TransformersModel(f"{owner}/glm-4-9b-chat-1m"))
    assert "zai-org/glm-4-9b-chat-1m-hf" in text


async def test_a_hub_id_without_a_network() -> None:
    model = TransformersModel("zai-org/glm-4-9b-chat-hf", local_files_only=True)
    text = await failure(model)
    assert "no folder 'zai-org/glm-4-9b-chat-hf' here" in text
    assert "check the name and the network" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"device": "gpu"}, "device 'gpu' is none of torch's"),
        ({"dtype": "int4"}, "dtype 'int4' cannot hold weights"),
        ({"dtype": "int8"}, "dtype 'int8' cannot hold weights"),
    ],
)
async def test_wrong_options(tiny, options, said: str) -> None:
    assert said in await failure(TransformersModel(tiny, **options))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
async def test_a_gpu_that_is_not_there(tiny) -> None:
    text = await failure(TransformersModel(tiny, device="cuda"))
    assert "torch sees no GPU; use device='auto' or 'cpu'" in text


@pytest.mark.parametrize("module", ["torch", "transformers"])
async def test_without_the_libraries(tiny, monkeypatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    text = await failure(TransformersModel(tiny))
    assert f"needs {module}" in text
    assert "pip install 'glm-agent[local]'" in text


async def test_a_failed_load_can_be_tried_again(copy) -> None:
    weights = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").unlink()
    model = TransformersModel(copy, device="cpu")
    with pytest.raises(ModelLoadError):
        await model.load()
    (copy / "model.safetensors").write_bytes(weights)
    assert (await reply_of(model, max_tokens=2)).reply.usage.completion_tokens == 2
    await model.aclose()


async def test_nothing_is_printed(tiny, capfd) -> None:
    model = TransformersModel(tiny, device="cpu")
    await reply_of(model, max_tokens=2)
    await model.aclose()
    assert capfd.readouterr() == ("", "")


async def test_dtype_and_device(tiny) -> None:
    model = TransformersModel(tiny, device="cpu")
    engine = await model.load()
    assert (engine.dtype, engine.device.type) == (torch.float32, "cpu")
    await model.aclose()
    half = TransformersModel(tiny, device="cpu", dtype="bfloat16")
    assert (await half.load()).model.dtype == torch.bfloat16
    assert (await reply_of(half, max_tokens=4)).reply.usage.completion_tokens == 4
    await half.aclose()


async def test_other_causal_glms(tmp_path) -> None:
    folder = build_checkpoint(tmp_path / "glm4", architecture="glm4")
    model = TransformersModel(folder, device="cpu")
    replied = await reply_of(model, tools=(WEATHER,), max_tokens=8)
    assert type(model.engine.model).__name__ == "Glm4ForCausalLM"
    assert model.engine.protocol.name == "glm-4-0414"
    assert replied.reply.usage.completion_tokens == 8
    await model.aclose()


async def test_the_models_own_sampling(copy) -> None:
    path = copy / "generation_config.json"
    defaults = {"do_sample": True, "temperature": 0.8, "top_p": 0.7, "top_k": 5}
    path.write_text(json.dumps(json.loads(path.read_text()) | defaults))
    model = TransformersModel(copy, device="cpu")
    sampling = (await model.load()).sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.8, 0.7, 5)
    await model.aclose()


@pytest.mark.parametrize("form", ["chat_template.jinja", "tokenizer_config.json"])
async def test_the_chat_template_in_a_folder_tells_its_format(copy, form: str) -> None:
    template = "{{ '<tool_call>{function-name}<arg_key>' }}"
    if form == "tokenizer_config.json":
        path = copy / form
        path.write_text(json.dumps(json.loads(path.read_text()) | {"chat_template": template}))
    else:
        (copy / form).write_text(template)
    text = await failure(TransformersModel(copy))
    assert "lacks the control tokens <think>" in text
    assert "of glm-4.7" in text
    model = TransformersModel(copy, protocol="glm-4")
    assert (await model.load()).protocol.name == "glm-4"
    await model.aclose()


async def test_a_model_of_a_later_family(tmp_path) -> None:
    protocol = protocol_for("glm-4.7")
    more = tuple(token for token in protocol.controls if token not in CONTROLS)
    folder = build_checkpoint(tmp_path / "later", controls=(*CONTROLS, *more))
    model = TransformersModel(folder, protocol=protocol)
    replied = await reply_of(model, tools=(WEATHER,), max_tokens=8)
    generated = replied.reply.message.generated
    assert generated is not None
    assert (generated.format, generated.opening) == ("glm-4.7", (Control("<think>"),))
    await model.aclose()
