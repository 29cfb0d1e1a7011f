"""Names of models, and what is known of a model before it is loaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import glm_agent.models
from glm_agent.errors import ModelLoadError
from glm_agent.models import OpenAICompatibleModel, TransformersModel, list_models, load_model
from glm_agent.models import load as load_module
from glm_agent.models.fitting.info import model_info, safetensors_header


@pytest.fixture
def no_embedded(monkeypatch, tmp_path) -> Path:
    folder = tmp_path / "embedded"
    monkeypatch.setattr(load_module, "EMBEDDED_FOLDER", folder)
    return folder


@pytest.fixture
def embedded(no_embedded, tiny) -> Path:
    return Path(shutil.copytree(tiny, no_embedded))


def test_urls() -> None:
    model = load_model("http://127.0.0.1:8000/v1", model="glm", timeout=3)
    assert isinstance(model, OpenAICompatibleModel)
    assert model.name == "glm at http://127.0.0.1:8000/v1"


def test_folders(tiny) -> None:
    model = load_model(str(tiny), device="cpu")
    assert isinstance(model, TransformersModel)
    assert model.name == str(tiny)
    assert isinstance(load_model(tiny), TransformersModel)


def test_hub_ids() -> None:
    assert isinstance(load_model("zai-org/glm-4-9b-chat-hf"), TransformersModel)


def test_embedded(embedded) -> None:
    assert load_model("embedded").name == "embedded"


def test_embedded_without_weights(no_embedded) -> None:
    with pytest.raises(ModelLoadError, match=r"weights are missing .* reinstall"):
        load_model("embedded")


def test_no_name_is_the_environments_or_embedded(embedded, tiny, monkeypatch) -> None:
    monkeypatch.delenv("GLM_AGENT_MODEL", raising=False)
    assert load_model().name == "embedded"
    monkeypatch.setenv("GLM_AGENT_MODEL", str(tiny))
    assert load_model().name == str(tiny)
    assert load_model("embedded").name == "embedded"
    monkeypatch.setenv("GLM_AGENT_MODEL", "")
    assert load_model().name == "embedded"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("./models/glm", "there is no folder ./models/glm"),
        ("/nowhere/glm", "there is no folder /nowhere/glm"),
        ("~/no-such-model", "there is no folder"),
        ("a/b/c", "there is no folder a/b/c"),
        ("C:\\models\\glm", "there is no folder"),
        ("embeded", "there is no model 'embeded'; name 'embedded'"),
        ("", "name is empty"),
        ("  ", "name is empty"),
        ("ftp://host/glm", "ftp:// is not supported"),
        ("http://", "not a server's URL"),
        ("http://127.0.0.1:notaport/v1", "not a URL"),
        ("http://127.0.0.1:8000/v1?key=1", "without what follows"),
    ],
)
def test_names_that_are_none(name: str, said: str) -> None:
    with pytest.raises(ModelLoadError) as caught:
        load_model(name)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_options_are_named(tiny) -> None:
    with pytest.raises(ModelLoadError, match="colour"):
        load_model(tiny, colour="red")


@pytest.mark.parametrize("option", ["device", "dtype"])
def test_a_server_places_its_model_itself(option: str) -> None:
    with pytest.raises(ModelLoadError, match="a server places its model itself"):
        load_model("http://127.0.0.1:1/v1", **{option: "cpu"})


def test_the_list_of_models(embedded, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("GLM_AGENT_MODEL", "http://127.0.0.1:1/v1")
    assert list_models()[:2] == ["embedded", "http://127.0.0.1:1/v1"]
    shutil.rmtree(embedded)
    assert "embedded" not in list_models()


def test_the_list_holds_downloaded_glms(no_embedded, monkeypatch, tmp_path, tiny) -> None:
    """A hub cache: blobs and refs under models--owner--name."""
    for name in ("models--zai-org--glm-4-9b-chat-hf", "models--other--bert"):
        snapshot = tmp_path / "hub" / name / "snapshots" / "abc"
        shutil.copytree(tiny, snapshot)
        refs = tmp_path / "hub" / name / "refs"
        refs.mkdir()
        (refs / "main").write_text("abc")
    monkeypatch.delenv("GLM_AGENT_MODEL", raising=False)
    import huggingface_hub

    real = huggingface_hub.scan_cache_dir
    monkeypatch.setattr(huggingface_hub, "scan_cache_dir", lambda: real(tmp_path / "hub"))
    assert list_models() == ["zai-org/glm-4-9b-chat-hf"]


def test_info_of_a_folder(tiny) -> None:
    from transformers import AutoModelForCausalLM

    info = model_info(tiny)
    model = AutoModelForCausalLM.from_pretrained(tiny)
    assert info.kind == "folder"
    assert info.architecture == "GlmForCausalLM"
    assert info.parameters == model.num_parameters()
    assert info.dtype == "float32"
    assert info.weights_bytes == info.parameters * 4
    assert info.here
    assert (info.context, info.layers) == (512, 2)
    assert info.vocabulary == model.config.vocab_size
    assert info.kv_bytes_per_token == 2 * 2 * 2 * 8 * 4
    assert info.protocol == "glm-4"
    assert "model_type" in (info.protocol_why or "")
    assert info.as_dict()["name"] == str(tiny)


def test_info_without_weights_counts_on_the_shape_alone(tiny, tmp_path) -> None:
    """The shape of glm-4-9b-chat, as facts/protocol.md measured it."""
    from transformers import GlmConfig

    config = GlmConfig(architectures=["GlmForCausalLM"], dtype="bfloat16")
    config.save_pretrained(tmp_path)
    info = model_info(tmp_path)
    assert info.parameters == 9_399_951_360
    assert info.weights_bytes == 18_799_902_720
    assert info.here is False
    assert info.kv_bytes_per_token == 40_960
    assert info.context == 131_072


def test_info_of_embedded(embedded) -> None:
    info = model_info("embedded")
    assert (info.name, info.kind, info.location) == ("embedded", "embedded", str(embedded))
    assert info.protocol == "glm-4"


def test_info_of_a_server_asks_nobody() -> None:
    info = model_info("http://127.0.0.1:1/v1")
    assert (info.kind, info.parameters, info.here) == ("server", None, None)


def test_info_of_what_is_not_there() -> None:
    with pytest.raises(ModelLoadError, match="check the name, and download it: hf download"):
        model_info("zai-org/glm-4-9b-chat-hf")


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 8, b"\x02" + b"\0" * 7 + b"[]"])
def test_headers_that_are_none(tmp_path, content: bytes) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(content)
    with pytest.raises(ModelLoadError, match="is not a safetensors file"):
        safetensors_header(file)


def test_every_public_name_is_there() -> None:
    for name in glm_agent.models.__all__:
        assert getattr(glm_agent.models, name).__name__ == name
    with pytest.raises(AttributeError):
        glm_agent.models.nothing  # noqa: B018
    assert set(glm_agent.models.__all__) <= set(dir(glm_agent.models))


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, glm_agent.models as m\n"
        "m.Model, m.ScriptedModel, m.load_model\n"
        "assert not {'torch', 'transformers', 'httpx2', 'tokenizers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
