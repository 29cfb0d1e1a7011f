"""`tool_choice` and grammars in what is sent to servers."""

from __future__ import annotations

from typing import Any

import pytest

from glm_agent.errors import ConfigurationError, ModelLoadError, ServerError
from glm_agent.messages import ToolSpec
from glm_agent.models import OpenAICompatibleModel
from glm_agent.protocol import encoder_for
from glm_agent.protocol.grammar.structural_tag import structural_tag

from .conftest import BROWSER, PYTHON, WEATHER, Exchange, Loopback, reply_of
from .tiny import build_tokenizer

pytestmark = pytest.mark.anyio
TOOLS = (WEATHER, PYTHON, BROWSER)
ODD = ToolSpec("odd", "", {"type": "object", "not": {}})


def says(text: str) -> Any:
    """A server that always says this, whatever it is asked."""

    def answer(x: Exchange) -> None:
        choice = {"index": 0, "text": text, "finish_reason": "stop"}
        x.sse({"choices": [choice]})

    return answer


def refuses(x: Exchange) -> None:
    """A server that does not know structural tags."""
    if "response_format" in x.body:
        x.json({"error": {"message": "response_format: unknown type"}}, 400)
    else:
        says("\nHello<|user|>")(x)


def owned_by(server: Loopback, owner: str) -> None:
    data = [{"id": "glm", "object": "model", "owned_by": owner}]
    server.on("/models", lambda x: x.json({"object": "list", "data": data}))


@pytest.fixture
async def make(server: Loopback):
    made: list[OpenAICompatibleModel] = []

    def make(**options: Any) -> OpenAICompatibleModel:
        options = {"mode": "completions", "timeout": 5, **options}
        made.append(OpenAICompatibleModel(server.url, **options))
        return made[-1]

    yield make
    for model in made:
        await model.aclose()


def forms(server: Loopback) -> list[Any]:
    return [body.get("response_format") for body in server.bodies("/completions")]


@pytest.mark.parametrize("owner", ["vllm", "sglang"])
@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
async def test_servers_that_take_a_grammar_get_it(server, make, owner: str, choice: str) -> None:
    owned_by(server, owner)
    server.on("/completions", says('get_weather\n{"city": "Bonn"}<|observation|>'))
    await reply_of(make(), tools=TOOLS, tool_choice=choice)
    assert forms(server) == [structural_tag("glm-4", TOOLS, choice)]


@pytest.mark.parametrize("owner", ["llamacpp", "me", ""])
async def test_other_servers_do_not(server, make, owner: str) -> None:
    owned_by(server, owner)
    server.on("/completions", says("\nHello<|user|>"))
    model = make()
    await reply_of(model, tools=TOOLS)
    assert forms(server) == [None]
    with pytest.raises(ServerError, match=r"is not known to \(server='vllm'"):
        await reply_of(model, tools=TOOLS, tool_choice="required")


async def test_the_user_can_say_what_the_server_is(server, make) -> None:
    server.on("/completions", says("python\n1<|observation|>"))
    await reply_of(make(model="glm", server="vllm"), tools=TOOLS, tool_choice="python")
    assert forms(server) == [structural_tag("glm-4", TOOLS, "python")]
    with pytest.raises(ModelLoadError, match="server 'vlm' is not one of"):
        make(server="vlm")


async def test_a_named_model_on_an_unknown_server_is_asked_about_when_it_matters(
    server, make
) -> None:
    owned_by(server, "vllm")
    server.on("/completions", says("python\n1<|observation|>"))
    model = make(model="glm")
    await reply_of(model, tools=TOOLS)
    assert not server.bodies("/models")
    await reply_of(model, tools=TOOLS, tool_choice="required")
    assert len(server.bodies("/models")) == 1
    assert [form is None for form in forms(server)] == [True, False]


async def test_without_tools_or_without_the_wish_there_is_no_grammar(server, make) -> None:
    owned_by(server, "vllm")
    server.on("/completions", says("\nHello<|user|>"))
    model = make()
    await reply_of(model)
    await reply_of(model, tools=TOOLS, constrain=False)
    await reply_of(model, tools=(*TOOLS, ODD))  # better free than not at all
    assert forms(server) == [None, None, None]


async def test_a_server_that_refuses_a_grammar_is_asked_without_it_from_then_on(
    server, make
) -> None:
    owned_by(server, "sglang")
    server.on("/completions", refuses)
    model = make(tokenizer=encoder_for(build_tokenizer()))
    for _ in range(2):
        replied = await reply_of(model, tools=TOOLS)
        assert replied.text == "Hello"
    sent = forms(server)
    assert sent[0] is not None
    assert sent[-2:] == [None, None]


async def test_but_not_where_a_call_is_required(server, make) -> None:
    owned_by(server, "vllm")
    server.on("/completions", refuses)
    with pytest.raises(ServerError) as caught:
        await reply_of(make(), tools=TOOLS, tool_choice="required")
    assert "too old for the grammar of tool_choice 'required'" in str(caught.value)
    assert "unknown type" in str(caught.value)


async def test_none_makes_no_calls_anywhere(server, make) -> None:
    owned_by(server, "other")
    server.on("/completions", says('get_weather\n{"city": "Bonn"}<|observation|>'))
    replied = await reply_of(make(), tools=TOOLS, tool_choice="none")
    assert replied.message.calls == ()


@pytest.mark.parametrize("mode", ["completions", "chat"])
async def test_a_name_that_no_tool_has(server, make, mode: str) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'get_weather'"):
        await reply_of(make(mode=mode, model="glm"), tools=TOOLS, tool_choice="get_wether")


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", "none"),
        ("required", "required"),
        ("python", {"type": "function", "function": {"name": "python"}}),
    ],
)
async def test_chat_servers_get_the_field_of_the_api(server, make, choice: str, sent: Any) -> None:
    def answer(x: Exchange) -> None:
        x.sse({"choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}]})

    server.on("/chat/completions", answer)
    await reply_of(make(mode="chat", model="glm"), tools=TOOLS, tool_choice=choice)
    (body,) = server.bodies("/chat/completions")
    assert body.get("tool_choice") == sent


@pytest.fixture(scope="module")
def xgrammar():
    return pytest.importorskip("xgrammar", reason="not a dependency: pip install xgrammar")


def admits(xgrammar: Any, form: Any, text: str) -> bool:
    words = [bytes([byte]) for byte in range(256)] + [b""]
    vocabulary = xgrammar.TokenizerInfo(
        words, vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[256]
    )
    compiled = xgrammar.GrammarCompiler(vocabulary, max_threads=1).compile_structural_tag(form)
    matcher = xgrammar.GrammarMatcher(compiled)
    return matcher.accept_string(text) and matcher.is_completed()


CALL = 'get_weather\n{"city": "Bonn"}'


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("\nHello", "auto none"),
        (CALL, "auto required get_weather"),
        ("python\nprint(1)", "auto required"),
        ('simple_browser\nsearch("x", recency_days=3)\nmclick([1, 2])', "auto required"),
        ("simple_browser\njump(1)", ""),
        ('simple_browser\nscroll(1)\nscroll(-1, id=7)\nfind("x, y")\nback()', "auto required"),
        ("Hello", ""),
        ('get_weather\n{"city": 1}', ""),
        ('get_weather\n{"town": "Bonn"}', ""),
        ("get_weather\n", ""),
    ],
)
@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
def test_the_structural_tag_says_what_the_grammar_says(
    xgrammar: Any, text: str, choices: str, choice: str
) -> None:
    form = structural_tag("glm-4", TOOLS, choice)
    assert admits(xgrammar, form, text) is (choice in choices.split())
