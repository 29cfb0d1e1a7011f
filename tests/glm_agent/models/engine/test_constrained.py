"""Models in this process are held to the wire format and to the tools' schemas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from glm_agent import Agent, tool
from glm_agent.errors import ConfigurationError, UnsupportedSchemaError
from glm_agent.messages import Assistant, ToolSpec, User
from glm_agent.models import Reply, Request, Settings, TransformersModel
from glm_agent.models.engine.constraint import Constrainer
from glm_agent.models.load import EMBEDDED_FOLDER
from glm_agent.protocol import protocol_for
from glm_agent.protocol.grammar import grammar_of
from training.conversations import stream

from ..conftest import PYTHON, WEATHER, reply_of

pytest.importorskip("llguidance")
jsonschema = pytest.importorskip("jsonschema")
pytestmark = pytest.mark.anyio

STRING, INTEGER = {"type": "string"}, {"type": "integer"}


def function(name: str, description: str, *required: str, **properties: Any) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSpec(name, description, schema)


SHORT = {"type": "string", "maxLength": 12}
TOOLS = [
    function("get_weather", "天气预报", "city", city=SHORT, days={**INTEGER, "minimum": 1, "maximum": 7}),
    function("查询列车", "查询两地之间的列车", "出发地", 出发地=SHORT, 座位={"enum": ["一等座", "二等座", None]}),
    function("convert", "Units", "value", "to", value={"type": "number"}, to={"enum": ["c", "f", "°K"]}),
    function("plan", "Nested", "trip", trip={
        "type": "object",
        "properties": {
            "stops": {"type": "array", "minItems": 1, "maxItems": 3, "items": {
                "type": "object",
                "properties": {"name": SHORT, "nights": {"type": ["integer", "null"]}},
                "required": ["name", "nights"],
            }},
            "flexible": {"type": "boolean"},
        },
        "required": ["stops"],
    }),
    function("tag", "Arrays", "tags", tags={"type": "array", "items": {"enum": ["a", "b", "c"]}, "maxItems": 4}),
    function("find", "Alternatives", "by", by={"anyOf": [INTEGER, {"type": "object", "properties": {"name": SHORT}, "required": ["name"]}]}),
    function("book", "Patterns", "code", "on", code={"type": "string", "pattern": "^[A-Z]{2}[0-9]{2,4}$"}, on={"type": "string", "format": "date"}),
    ToolSpec("tree", "Recursion", {
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "key": {"type": "integer", "minimum": 0, "maximum": 99}},
        "required": ["key"],
    }),
    function("now", "No parameters at all"),
    function("maybe", "Everything optional", a=SHORT, b={"type": "boolean"}, c={"const": 7}),
]  # fmt: skip
ASKED = [
    "北京明天的天气怎么样？",
    "What is 30 degrees in Fahrenheit?",
    "Plan a trip to Bonn and Köln.",
]


@pytest.fixture(scope="session")
def babbler(tmp_path_factory) -> Path:
    """Random weights, with room for prompts with ten tools."""
    from ..tiny import build_checkpoint

    return build_checkpoint(tmp_path_factory.mktemp("models") / "babbler", context=16_384)


async def replies(model: TransformersModel, count: int) -> list[Assistant]:
    """Replies that must be calls, at temperature 1.5."""
    found: list[Assistant] = []
    for seed in range(count):
        tools = TOOLS[seed % len(TOOLS) :][:3]
        request = Request(
            [User(ASKED[seed % len(ASKED)])],
            tools,
            Settings(max_tokens=150, temperature=1.5, seed=seed),
            tool_choice="required",
        )
        async for event in model.stream(request):
            if isinstance(event, Reply):
                found.append(event.message)
    return found


def check(messages: Sequence[Assistant]) -> tuple[int, int]:
    """How many calls satisfy their schemas, and how many replies were cut; anything else fails."""
    schemas = {spec.name: spec.parameters for spec in TOOLS}
    right = cut = 0
    for message in messages:
        # A reply that was cut may end within a name, which is then no name.
        assert message.truncated or (message.text, message.stop) == ("", "<|observation|>")
        cut += message.truncated
        # Only the last call of a reply can have been cut.
        whole = message.calls[:-1] if message.truncated else message.calls
        assert whole or message.truncated
        for call in whole:
            assert (call.error, call.repairs) == (None, ()), call
            jsonschema.validate(call.arguments, schemas[call.name])
            assert set(call.arguments or {}) <= set(schemas[call.name]["properties"])
            right += 1
    return right, cut


@pytest.mark.parametrize(
    "count", [50, pytest.param(1000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
@pytest.mark.parametrize("which", ["random", "embedded"])
async def test_every_call_satisfies_its_schema(babbler: Path, which: str, count: int) -> None:
    model = TransformersModel(babbler if which == "random" else EMBEDDED_FOLDER, protocol="glm-4")
    messages = await replies(model, count)
    await model.aclose()
    right, cut = check(messages)
    assert right >= count - cut
    assert cut < count / 2
    assert len({call.name for message in messages for call in message.calls}) >= 6


async def test_a_sound_reply_is_what_the_model_says_anyway() -> None:
    """Where a free reply keeps to the format, the held one is the same, token by token."""
    model = TransformersModel(EMBEDDED_FOLDER, protocol="glm-4")
    encoder = (await model.load()).encoder
    constrainer = Constrainer(encoder, max(encoder.controls) + 1, "<|endoftext|>")
    sound: list[bool] = []
    for made in islice(stream(9, train=False), 25):
        asked, tools = made.messages()[: 1 + bool(made.system)], tuple(made.tools)
        settings = {"temperature": 0, "max_tokens": 60}
        free = (await reply_of(model, *asked, tools=tools, constrain=False, **settings)).message
        held = (await reply_of(model, *asked, tools=tools, **settings)).message
        constraint = constrainer.constraint(grammar_of("glm-4", tools) or "")
        ids = [*free.generated.ids, encoder.control(free.stop or "<|endoftext|>")]
        if constraint.admits(ids) == len(ids):
            sound.append(bool(free.calls))
            assert (held.generated.ids, held.stop) == (free.generated.ids, free.stop)
    await model.aclose()
    assert len(sound) >= 15
    assert len(set(sound)) == 2, "answers and calls"


async def test_none_gives_answers_alone(babbler: Path) -> None:
    model = TransformersModel(EMBEDDED_FOLDER, protocol="glm-4")
    for constrain in (True, False):
        replied = await reply_of(
            model,
            "What is the weather in Bonn?",
            tools=(WEATHER,),
            tool_choice="none",
            temperature=0,
            max_tokens=40,
            constrain=constrain,
        )
        assert replied.message.calls == ()
        assert replied.message.stop != "<|observation|>" or not constrain
    await model.aclose()


async def test_a_name_gives_one_call_of_that_tool(babbler: Path) -> None:
    model = TransformersModel(babbler)
    for seed in range(5):
        replied = await reply_of(
            model,
            tools=(WEATHER, PYTHON),
            tool_choice="python",
            seed=seed,
            temperature=1.5,
            max_tokens=200,
        )
        assert [call.name for call in replied.message.calls] == ["python"]
    await model.aclose()


async def test_two_replies_at_once_do_not_mix(babbler: Path) -> None:
    import anyio

    model = TransformersModel(babbler)
    names: dict[str, list[str]] = {}

    async def one(choice: str) -> None:
        replied = await reply_of(
            model, tools=(WEATHER, PYTHON), tool_choice=choice, temperature=1.5, seed=1
        )
        names[choice] = [call.name for call in replied.message.calls]

    async with anyio.create_task_group() as group:
        for choice in ("python", "get_weather"):
            group.start_soon(one, choice)
    await model.aclose()
    assert names == {"python": ["python"], "get_weather": ["get_weather"]}


async def test_a_choice_needs_the_grammar(babbler: Path) -> None:
    model = TransformersModel(babbler)
    with pytest.raises(ConfigurationError, match="constrained decoding, which is off"):
        await reply_of(model, tools=(WEATHER,), tool_choice="required", constrain=False)
    with pytest.raises(ConfigurationError, match="did you mean 'get_weather'"):
        await reply_of(model, tools=(WEATHER,), tool_choice="get_wether")
    await model.aclose()


@pytest.mark.parametrize("family", ["glm-4-0414", "glm-4.5", "glm-4.7", "glm-5"])
async def test_other_families_are_held_after_their_prompt_s_opening(family: str, tmp_path) -> None:
    """With thinking off, the prompt has ended it, and no second one may follow."""
    from ..tiny import CONTROLS, build_checkpoint

    protocol = protocol_for(family)
    if family in ("glm-4.5", "glm-4.7", "glm-5"):
        protocol = protocol.having(enable_thinking=False)
    controls = tuple(dict.fromkeys([*CONTROLS, *protocol.controls]))
    folder = build_checkpoint(tmp_path / family, context=4096, controls=controls)
    pick = function(
        "pick",
        "",
        "one",
        "n",
        one={"enum": ["a b", "c", 7]},
        n={**INTEGER, "minimum": 1, "maximum": 9},
    )
    model = TransformersModel(folder, protocol=protocol)
    for seed in range(5):
        replied = await reply_of(
            model, tools=(pick,), tool_choice="pick", seed=seed, temperature=1.5, max_tokens=100
        )
        (call,) = replied.message.calls
        assert (call.error, call.repairs, replied.message.stop) == (None, (), "<|observation|>")
        assert (replied.message.text, replied.message.thinking) == ("", "")
        jsonschema.validate(call.arguments, pick.parameters)
    await model.aclose()


@tool
def forecast(city: str, days: int = 3) -> str:
    """The weather of the next days."""
    return f"{city}: {days} days of sun"


def odd_tool() -> Any:
    from glm_agent import Tool

    class Odd(Tool):
        spec = ToolSpec("odd", "", {"type": "object", "properties": {"a": {"not": {}}}})

        def check(self, call: Any) -> Any:
            return call.arguments

        async def run(self, arguments: Any, context: Any) -> Any:
            raise NotImplementedError

    return Odd()


def test_an_agent_refuses_a_schema_that_cannot_be_held() -> None:
    with pytest.raises(UnsupportedSchemaError, match=r"tool 'odd': parameters\.properties\.a\.not"):
        Agent("embedded", tools=[odd_tool()])
    with pytest.raises(UnsupportedSchemaError):
        Agent(TransformersModel(EMBEDDED_FOLDER), tools=[odd_tool()])
    Agent("embedded", tools=[odd_tool()], settings=Settings(constrain=False))
    Agent("http://127.0.0.1:1/v1", tools=[odd_tool()])


async def test_a_run_begins_with_the_call_that_is_required() -> None:
    """And then goes on freely, or it could never end."""
    async with Agent("embedded", [forecast], settings=Settings(temperature=0)) as agent:
        result = await agent.run("Hello!", tool_choice="required")
        assert [call.name for call in result.calls][:1] == ["forecast"]
        assert json.loads(result.calls[0].payload) == result.calls[0].arguments
        assert result.answer
        free = await agent.run("Hello!")
        assert free.calls == ()


async def test_the_grammar_of_the_same_tools_is_made_once(babbler: Path, monkeypatch) -> None:
    from glm_agent.models import transformers_model

    made: list[tuple[object, ...]] = []

    def counted(*given: object) -> str | None:
        made.append(given)
        return grammar_of(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(transformers_model, "grammar_of", counted)
    model = TransformersModel(babbler)
    pick = function("pick", "", "n", n=INTEGER)
    for _ in range(3):
        await reply_of(model, tools=(pick,), tool_choice="pick", max_tokens=5)
    assert len(made) == 1
    await reply_of(model, tools=(pick,), tool_choice="none", max_tokens=5)
    await reply_of(model, tools=(function("other", "", "n", n=INTEGER),), max_tokens=5)
    assert len(made) == 3
    await model.aclose()
