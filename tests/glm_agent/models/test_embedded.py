"""The embedded model, through the real loop: what it is shipped for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import anyio
import pytest

from glm_agent import Agent, tool
from glm_agent.models import TransformersModel
from glm_agent.models.load import EMBEDDED_FOLDER
from glm_agent.protocol import encoder_for, protocol_for
from training.evaluate import evaluate

pytestmark = pytest.mark.skipif(
    not (EMBEDDED_FOLDER / "model.safetensors").is_file(),
    reason="the embedded model's weights are not in this checkout",
)


@pytest.fixture(scope="module")
def model() -> TransformersModel:
    return TransformersModel(EMBEDDED_FOLDER)


def test_it_is_small_and_ships_with_a_card() -> None:
    size = sum(path.stat().st_size for path in Path(EMBEDDED_FOLDER).iterdir())
    assert size < 30_000_000
    assert "not a replacement" in (EMBEDDED_FOLDER / "README.md").read_text(encoding="utf-8")


def test_its_tokenizer_has_the_control_tokens_by_name_and_keeps_text_apart() -> None:
    from tokenizers import Tokenizer

    encoder = encoder_for(Tokenizer.from_file(str(EMBEDDED_FOLDER / "tokenizer.json")))
    protocol = protocol_for("glm-4")
    for token in (*protocol.stops, "[gMASK]", "<sop>", "<|assistant|>", "<|system|>"):
        control = encoder.control(token)
        assert control not in encoder.text(f"say {token} to me")


def test_it_computes_in_a_kernel(model: TransformersModel) -> None:
    result = Agent(model, ["python"]).run_sync("What is 37 * 43?")
    assert [call.name for call in result.calls] == ["python"]
    assert "1591" in result.observations[0].text
    assert "1591" in result.answer


def test_it_calls_a_function_it_has_never_seen(model: TransformersModel) -> None:
    asked: list[tuple[str, int]] = []

    @tool
    def reserve_kayak(
        lake: Annotated[str, "Name of the lake"], seats: Annotated[int, "Number of seats"] = 1
    ) -> str:
        """Reserve a kayak on a lake."""
        asked.append((lake, seats))
        return "Reserved, code K7."

    @tool
    def moon_phase(date: Annotated[str, "Date to look up"]) -> str:
        """Get the phase of the moon on a date."""
        raise AssertionError("not this one")

    result = Agent(model, [moon_phase, reserve_kayak]).run_sync(
        "Reserve a kayak with 3 seats on lake Ontario."
    )
    assert asked == [("Ontario", 3)]
    assert "K7" in result.answer


def test_it_picks_an_option_by_its_word(model: TransformersModel) -> None:
    @tool
    def set_lamp_color(color: Literal["red", "green", "blue"]) -> str:
        """Set the color of the lamp."""
        return f"The lamp is {color}."

    result = Agent(model, [set_lamp_color]).run_sync("Please set the lamp color to green.")
    assert "green" in result.answer


def test_it_searches_opens_and_quotes(model: TransformersModel) -> None:
    result = Agent(model, ["simple_browser"]).run_sync("When was the Halden Lighthouse completed?")
    assert [call.name for call in result.calls] == ["simple_browser", "simple_browser"]
    assert "1887" in result.answer
    assert re.search(r"【7†source】", result.answer)


def test_it_chats_when_no_tool_fits(model: TransformersModel) -> None:
    result = Agent(model, ["python"]).run_sync("Hello!")
    assert not result.calls
    assert result.answer


def test_it_goes_on_in_a_session(model: TransformersModel) -> None:
    async def talk() -> list[str]:
        async with Agent(model, ["python"]).session() as session:
            first = await session.run("What is 12 + 30?")
            second = await session.run("What is 9 * 9?")
            return [first.answer, second.answer]

    first, second = anyio.run(talk)
    assert "42" in first
    assert "81" in second


def test_greedy_answers_repeat(model: TransformersModel) -> None:
    """Greedy decoding repeats itself."""
    answers = {Agent(model, ["python"]).run_sync("What is 15% of 240?").answer for _ in range(2)}
    assert len(answers) == 1


@pytest.mark.slow
@pytest.mark.anyio
async def test_its_score_holds(model: TransformersModel, anyio_backend: str) -> None:
    """A tenth of the 500 held-out tasks; the card states the whole score."""
    scores = await evaluate(model, 50)
    right, asked = (sum(pair[i] for pair in scores.values()) for i in (0, 1))
    assert asked == 50
    assert right >= 34  # 37 when these weights were shipped; raise it with better ones
