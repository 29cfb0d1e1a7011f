"""Every call gets one outcome, and no tool can end a run (law 5)."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glm_agent.errors import ToolError, ToolRefused
from glm_agent.messages import Image, Observation, ToolCall, ToolSpec
from glm_agent.tooling import (
    Tool,
    ToolContext,
    ToolOutput,
    cancelled,
    dispatch,
    dispatch_all,
    tool,
)
from glm_agent.tooling.dispatch import MAX_IMAGES, MAX_OUTPUTS

pytestmark = pytest.mark.anyio


def call(name: str, call_id: str = "c1", **values: Any) -> ToolCall:
    return ToolCall(call_id, name, "", values)


async def one(made: Tool, **values: Any) -> Observation:
    [observation] = await dispatch(call(made.name, **values), {made.name: made}, ToolContext())
    assert (observation.call_id, observation.name) == ("c1", made.name)
    return observation


class BadText(Exception):
    def __str__(self) -> str:
        raise ValueError


class Exit(BaseException):
    """Not even an Exception."""


FAILURES: list[tuple[BaseException, str, str]] = [
    (ToolError("No such city."), "error", "No such city."),
    (ToolError(), "error", "fails failed."),
    (ToolRefused("Not that."), "refused", "Not that."),
    (ToolRefused(), "refused", "fails refused."),
    (ValueError("bad value"), "error", "fails failed: ValueError: bad value"),
    (KeyError("北京"), "error", "fails failed: KeyError: '北京'"),
    (RuntimeError(), "error", "fails failed: RuntimeError"),
    (TimeoutError("upstream"), "error", "fails failed: TimeoutError: upstream"),
    (BadText(), "error", "fails failed: BadText"),
    (SystemExit(3), "error", "fails failed: SystemExit: 3"),
    (Exit("out"), "error", "fails failed: Exit: out"),
    (GeneratorExit(), "error", "fails failed: GeneratorExit"),
]


@pytest.mark.parametrize(("error", "outcome", "text"), FAILURES, ids=repr)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_whatever_a_tool_raises_is_an_observation(
    error: BaseException, outcome: str, text: str, asynchronous: bool
) -> None:
    def sync_fails() -> None:
        raise error

    async def async_fails() -> None:
        raise error

    observation = await one(tool(async_fails if asynchronous else sync_fails, name="fails"))
    assert (observation.outcome, observation.text) == (outcome, text)


async def test_the_traceback_goes_to_the_log_and_not_to_the_model(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @tool
    def fails() -> None:
        raise ValueError("inner")

    with caplog.at_level(logging.ERROR, "glm_agent.tools"):
        observation = await one(fails)
    assert "Traceback" not in observation.text
    [record] = caplog.records
    assert record.name == "glm_agent.tools"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_ctrl_c_in_a_tool_passes() -> None:
    @tool
    async def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await one(interrupted)


async def test_unknown_names_get_the_nearest_and_all_others() -> None:
    @tool
    def get_weather() -> None: ...

    @tool
    def roll() -> None: ...

    tools = {"get_weather": get_weather, "roll": roll}
    [near] = await dispatch(call("get_wether"), tools, ToolContext())
    assert near.outcome == "error"
    assert near.text == (
        "There is no tool named 'get_wether'. Did you mean 'get_weather'? "
        "Available: get_weather, roll."
    )
    [far] = await dispatch(call("x" * 10_000), tools, ToolContext())
    assert "Did you mean" not in far.text
    assert len(far.text) < 200
    [none] = await dispatch(call("anything"), {}, ToolContext())
    assert none.text == "There is no tool named 'anything'; there are no tools at all."


async def test_an_unreadable_call_is_told_as_such() -> None:
    ran: list[int] = []

    @tool
    def act() -> None:
        ran.append(1)

    broken = ToolCall("c1", "act", "{", error="not JSON: expected a name at character 2")
    [observation] = await dispatch(broken, {"act": act}, ToolContext())
    assert observation.outcome == "error"
    assert observation.text == (
        "The call to act could not be read: not JSON: expected a name at character 2"
    )
    assert not ran


async def test_wrong_arguments_do_not_reach_the_tool() -> None:
    ran: list[int] = []

    @tool
    def act(x: int) -> None:
        ran.append(x)

    observation = await one(act, x="many")
    assert observation.outcome == "error"
    assert observation.text.startswith("Invalid arguments for act: x: ")
    assert not ran


@pytest.mark.parametrize(("seconds", "words"), [(0.01, "0.01 seconds"), (1, "1 second")])
async def test_slow_tools_time_out(seconds: float, words: str) -> None:
    wake = threading.Event()

    def sync_sleeps() -> None:
        wake.wait()

    async def async_sleeps() -> None:
        await anyio.sleep_forever()

    try:
        for sleeps in (sync_sleeps, async_sleeps):
            observation = await one(tool(sleeps, timeout=seconds))
            assert (observation.outcome, observation.text) == (
                "timeout",
                f"Timed out after {words}.",
            )
    finally:
        wake.set()


def test_a_tool_that_sleeps_for_ever_does_not_keep_the_process() -> None:
    code = """
import time, anyio
from glm_agent.messages import ToolCall
from glm_agent.tooling import ToolContext, dispatch, tool
@tool(timeout=0.1)
def sleeps():
    while True:
        time.sleep(1)
print(anyio.run(dispatch, ToolCall("c", "sleeps", "", {}), {"sleeps": sleeps}, ToolContext())[0].outcome)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("timeout\n", "")


def test_a_failing_tool_prints_nothing() -> None:
    code = """
import anyio
from glm_agent.messages import ToolCall
from glm_agent.tooling import ToolContext, dispatch, tool
@tool
def fails():
    raise ValueError("x")
anyio.run(dispatch, ToolCall("c", "fails", "", {}), {"fails": fails}, ToolContext())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


async def test_cancelling_the_caller_is_not_caught() -> None:
    started = anyio.Event()
    seen: list[Any] = []

    @tool
    async def waits() -> None:
        started.set()
        await anyio.sleep_forever()

    async def run() -> None:
        seen.append(await one(waits))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await started.wait()
        group.cancel_scope.cancel()
    assert not seen


async def test_a_tool_that_cancels_itself_is_an_observation() -> None:
    @tool
    async def gives_up() -> None:
        raise anyio.get_cancelled_exc_class()

    observation = await one(gives_up)
    assert (observation.outcome, observation.text) == ("cancelled", "gives_up was cancelled.")


async def test_the_context_carries_the_call() -> None:
    @tool
    async def who(context: ToolContext) -> str:
        return f"{context.session_id}/{context.call_id}"

    context = ToolContext(session_id="s9")
    [observation] = await dispatch(call("who", "call_7"), {"who": who}, context)
    assert observation.text == "s9/call_7"


async def test_long_texts_are_cut_in_the_middle() -> None:
    @tool(max_chars=100)
    def long() -> str:
        return "head" + "x" * 50_000_000 + "tail"

    @tool(max_chars=100)
    def long_error() -> str:
        raise ToolError("head" + "x" * 1_000_000 + "tail")

    for made in (long, long_error):
        observation = await one(made)
        assert len(observation.text) <= 100
        assert observation.text.startswith("head")
        assert observation.text.endswith("tail")
        assert "characters left out" in observation.text


async def test_an_empty_result_stays_empty() -> None:
    @tool
    def nothing() -> None: ...

    assert await one(nothing) == Observation("", "c1", "nothing")


class Custom(Tool):
    """A tool whose run gives back anything."""

    def __init__(self, value: Any) -> None:
        self.spec = ToolSpec("custom")
        self.value = value

    def check(self, call: ToolCall) -> Any:
        return None

    async def run(self, arguments: Any, context: ToolContext) -> ToolOutput | Sequence[ToolOutput]:
        return self.value


async def test_several_outputs_are_several_observations() -> None:
    made = Custom(
        [ToolOutput("a", metadata="quote_result [1†x]"), ToolOutput("b", outcome="error")]
    )
    first, second = await dispatch(call("custom"), {"custom": made}, ToolContext())
    assert (first.text, first.metadata, first.outcome) == ("a", "quote_result [1†x]", "ok")
    assert (second.text, second.metadata, second.outcome) == ("b", "", "error")
    assert {first.call_id, second.call_id} == {"c1"}


@pytest.mark.parametrize(
    ("value", "text"), [([], ""), ((), ""), (None, ""), ("text", "text"), (3, "3")]
)
async def test_a_tool_that_breaks_its_contract_still_has_one_outcome(value: Any, text: str) -> None:
    assert (await one(Custom(value))).text == text


async def test_a_check_that_breaks_is_an_observation() -> None:
    class Broken(Custom):
        def check(self, call: ToolCall) -> Any:
            raise AttributeError("oops")

    assert (await one(Broken(1))).text == "custom failed: AttributeError: oops"


async def test_counts_and_sizes_are_bounded() -> None:
    many = await dispatch(
        call("custom"), {"custom": Custom([ToolOutput("x")] * 1000)}, ToolContext()
    )
    assert len(many) == MAX_OUTPUTS
    assert many[-1].text == f"[{1000 - MAX_OUTPUTS + 1} more observations left out]"

    huge = ToolOutput("", (Image(b"\0" * 20_000_001), *[Image(b"x")] * 100))
    observation = await one(Custom(huge))
    assert len(observation.images) == MAX_IMAGES
    assert observation.text == f"[{101 - MAX_IMAGES} pictures left out: too many or too large]"

    metadata = (await one(Custom(ToolOutput("", metadata="a\nb" * 1000)))).metadata
    assert "\n" not in metadata
    assert len(metadata) == 500


async def test_calls_run_together_and_come_back_in_order() -> None:
    order: list[str] = []
    second_done = anyio.Event()

    @tool
    async def first() -> str:
        await second_done.wait()
        return "1"

    @tool
    async def second() -> str:
        second_done.set()
        return "2"

    @tool
    async def third() -> str:
        raise anyio.get_cancelled_exc_class()

    observations = await dispatch_all(
        [call("first", "c1"), call("second", "c2"), call("third", "c3"), call("fourth", "c4")],
        {"first": first, "second": second, "third": third},
        ToolContext(),
        lambda done, _: order.append(done.id),
    )
    assert [found.call_id for found in observations] == ["c1", "c2", "c3", "c4"]
    assert [found.outcome for found in observations] == ["ok", "ok", "cancelled", "error"]
    assert sorted(order) == ["c1", "c2", "c3", "c4"]
    assert order.index("c2") < order.index("c1")
    assert await dispatch_all([], {}, ToolContext()) == []


async def test_what_was_done_before_a_cancellation_is_known() -> None:
    done: dict[str, list[Observation]] = {}

    @tool
    async def quick() -> str:
        return "q"

    @tool
    async def slow() -> None:
        await anyio.sleep_forever()

    calls = [call("slow", "c1"), call("quick", "c2")]
    with anyio.CancelScope() as scope:

        def note(made: ToolCall, observations: list[Observation]) -> None:
            done[made.id] = observations
            scope.cancel()

        await dispatch_all(calls, {"quick": quick, "slow": slow}, ToolContext(), note)
    outcomes = [found for made in calls for found in done.get(made.id, [cancelled(made)])]
    assert [(found.call_id, found.outcome) for found in outcomes] == [
        ("c1", "cancelled"),
        ("c2", "ok"),
    ]


@given(
    st.lists(
        st.sampled_from(["ok", "raises", "exits", "refuses", "missing", "unreadable"]), max_size=8
    )
)
def test_every_call_has_exactly_one_outcome_in_order(kinds: list[str]) -> None:
    @tool
    def ok() -> str:
        return "fine"

    @tool
    def raises() -> str:
        raise ValueError

    @tool
    async def exits() -> str:
        sys.exit(1)

    @tool
    async def refuses() -> str:
        raise ToolRefused("no")

    tools: dict[str, Tool] = {made.name: made for made in (ok, raises, exits, refuses)}
    calls = [
        ToolCall(f"c{index}", "ok", "{", error="cut")
        if kind == "unreadable"
        else call(kind, f"c{index}")
        for index, kind in enumerate(kinds)
    ]
    observations = anyio.run(dispatch_all, calls, tools, ToolContext())
    assert [found.call_id for found in observations] == [made.id for made in calls]
    expected = {"ok": "ok", "refuses": "refused"}
    assert [found.outcome for found in observations] == [
        expected.get(kind, "error") for kind in kinds
    ]
