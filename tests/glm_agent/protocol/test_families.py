"""Which protocol a model speaks, and why."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from glm_agent.errors import ConfigurationError
from glm_agent.messages import User
from glm_agent.protocol import protocol_for

from .conversations import FAMILIES, THINKING, template_of


@pytest.mark.parametrize(
    "hint",
    [
        "glm-4",
        "GLM-4",
        "zai-org/glm-4-9b-chat-hf",
        "THUDM/glm-4-9b-chat",
        "THUDM/glm-4-9b-chat-1m",
        "/data/models/GLM-4-9B-Chat/snapshots/abc",
        "/data/glm-5/glm-4-9b-chat",
        "C:\\models\\glm-4-9b-chat",
        "glm4:9b",
        Path("models") / "glm-4-9b-chat",
    ],
    ids=str,
)
def test_names_of_glm_4(hint: object) -> None:
    protocol = protocol_for(hint)
    assert protocol.name == "glm-4"
    assert protocol.stops == ("<|endoftext|>", "<|user|>", "<|observation|>")
    assert protocol.why


CONFIGS: list[dict[str, Any]] = [
    {"model_type": "glm"},
    {"model_type": "glm", "_name_or_path": "/tmp/run-7", "vocab_size": 8192},
    {"model_type": "chatglm", "padded_vocab_size": 151552},
    {"model_type": "chatglm", "vocab_size": 151552},
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_configs_of_glm_4(config: dict[str, Any]) -> None:
    for form in (config, SimpleNamespace(**config)):
        protocol = protocol_for(form)
        assert protocol.name == "glm-4"
        assert repr(config["model_type"]) in protocol.why


def test_a_config_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    assert protocol_for(transformers.GlmConfig()).name == "glm-4"
    assert protocol_for(transformers.Glm4Config()).name == "glm-4-0414"
    assert protocol_for(transformers.Glm4MoeConfig()).name == "glm-4.5"


def test_a_protocol_is_its_own_hint() -> None:
    protocol = protocol_for("glm-4")
    assert protocol_for(protocol) is protocol


@pytest.mark.parametrize(
    ("hint", "family"),
    [
        ("zai-org/GLM-4-9B-0414", "glm-4-0414"),
        ("zai-org/GLM-4-32B-0414", "glm-4-0414"),
        ("glm-4-0414", "glm-4-0414"),
        ("zai-org/GLM-Z1-9B-0414", "glm-z1"),
        ("zai-org/GLM-Z1-Rumination-32B-0414", "glm-z1-rumination"),
        ("zai-org/GLM-4.5-Air", "glm-4.5"),
        ("zai-org/GLM-4.6", "glm-4.5"),
        ("glm-4.6", "glm-4.5"),
        ("zai-org/GLM-4.7", "glm-4.7"),
        ("zai-org/GLM-4.7-Flash", "glm-4.7"),
        ("zai-org/GLM-5", "glm-5"),
        ("zai-org/GLM-5.1-FP8", "glm-5"),
        ({"model_type": "glm4"}, "glm-4-0414"),
        ({"model_type": "glm4", "_name_or_path": "zai-org/GLM-Z1-9B-0414"}, "glm-z1"),
        ({"model_type": "glm4_moe"}, "glm-4.5"),
        ({"model_type": "glm4_moe", "_name_or_path": "zai-org/GLM-4.7"}, "glm-4.7"),
        ({"model_type": "glm4_moe_lite"}, "glm-4.7"),
        ({"model_type": "glm_moe_dsa"}, "glm-5"),
    ],
    ids=str,
)
def test_later_families(hint: object, family: str) -> None:
    protocol = protocol_for(hint)
    assert protocol.name == family
    assert protocol.why
    assert "\n" not in protocol.why


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_goes_by_its_name(family: str) -> None:
    assert protocol_for(family).why == f"it was asked for as {family!r}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chat_template_tells_its_family(shared: Path, family: str) -> None:
    template = template_of(shared, family)
    forms: list[object] = [
        template,
        SimpleNamespace(chat_template=template, name_or_path="/tmp/run-7"),
        {"chat_template": template, "tokenizer_class": "PreTrainedTokenizerFast"},
        {"chat_template": [{"name": "default", "template": template}]},
        SimpleNamespace(chat_template={"default": template}),
        # the template is the format, whatever the model is called
        {"chat_template": template, "model_type": "glm", "_name_or_path": "zai-org/GLM-5"},
    ]
    for form in forms:
        protocol = protocol_for(form)
        assert protocol.name == family
        assert protocol.why.startswith("its chat template says")
        assert "\n" not in protocol.why


def test_a_tokenizer_without_a_known_template_goes_by_its_name() -> None:
    for template in (None, "{{ messages }}"):
        hint = SimpleNamespace(chat_template=template, name_or_path="zai-org/GLM-4.6")
        assert protocol_for(hint).name == "glm-4.5"


@pytest.mark.parametrize(
    ("hint", "family"),
    [
        ("THUDM/glm-4v-9b", "glm-4v"),
        ("zai-org/GLM-4.1V-9B-Thinking", "glm-4v"),
        ("zai-org/GLM-4.5V", "glm-4v"),
        ("zai-org/GLM-5V-Turbo", "glm-5v"),
        ("THUDM/glm-edge-1.5b-chat", "glm-edge"),
        ("THUDM/chatglm3-6b", "chatglm"),
        ({"model_type": "chatglm", "padded_vocab_size": 65024}, "chatglm"),
        ({"model_type": "chatglm"}, "chatglm"),
        ({"model_type": "glm", "_name_or_path": "THUDM/glm-edge-1.5b-chat"}, "glm-edge"),
    ],
    ids=str,
)
def test_families_that_are_not_supported_are_named(hint: object, family: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        protocol_for(hint)
    assert f"format {family} is not supported" in str(caught.value)
    assert "supported: glm-4" in str(caught.value)


@pytest.mark.parametrize(
    "hint",
    [
        *("", "gpt-4o", "/data/models/mine", "Qwen/Qwen2-7B", "{% for m in messages %}"),
        *({"model_type": "llama"}, {}, None, 4, SimpleNamespace(model_type=None)),
        SimpleNamespace(chat_template="{{ messages }}", name_or_path=""),
    ],
    ids=str,
)
def test_other_hints_are_refused_in_one_line(hint: object) -> None:
    with pytest.raises(ConfigurationError, match="glm-4") as caught:
        protocol_for(hint)
    assert "\n" not in str(caught.value)


def test_options_can_be_had_for_good() -> None:
    protocol = protocol_for("zai-org/GLM-4.7", enable_thinking=False)
    assert protocol.render([User("hi")]).text.endswith("<|assistant|></think>")
    asked = protocol.having(enable_thinking=True, keep_thinking=True)
    assert asked.render([User("hi")]).text.endswith("<|assistant|><think>")
    assert asked.render([User("hi")], enable_thinking=False).text.endswith("</think>")
    assert asked.name == protocol.name
    assert asked.why == protocol.why


@pytest.mark.parametrize("family", FAMILIES)
def test_options_that_a_family_does_not_have_are_refused(family: str) -> None:
    with pytest.raises(TypeError, match="personna"):
        protocol_for(family, personna="GLM-4")


def test_when_thinking_is_forgotten() -> None:
    said = {name: protocol_for(name).forgets_thinking for name in FAMILIES}
    assert said == {
        "glm-4": "never",
        "glm-4-0414": "never",
        "glm-z1": "at once",
        "glm-z1-rumination": "at once",
        "glm-4.5": "at the next user message",
        "glm-4.7": "at the next user message",
        "glm-5": "at the next user message",
    }
    for name in THINKING:
        assert protocol_for(name, keep_thinking=True).forgets_thinking == "never"
