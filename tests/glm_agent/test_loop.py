"""The loop, with the real renderer, parser and dispatcher, and a script for the model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any

import anyio
import pytest

from glm_agent import (
    Agent,
    Answer,
    Assistant,
    CallReady,
    CallStarted,
    ConfigurationError,
    Event,
    Image,
    LimitExceeded,
    Limits,
    Model,
    ModelError,
    Observation,
    Observed,
    ScriptedModel,
    ServerError,
    Session,
    Settings,
    System,
    TextDelta,
    ThinkingDelta,
    Tool,
    ToolCall,
    ToolContext,
    ToolError,
    ToolOutput,
    ToolRefused,
    ToolSpec,
    Transcript,
    Usage,
    UsageReport,
    User,
    tool,
)
from glm_agent.models import Reply, Request, ScriptedReply

from .scripts import calls, says

pytestmark = pytest.mark.anyio


@tool
def get_weather(city: str) -> str:
    """Weather in a city.

    Args:
        city: its name.
    """
    return f"22 degrees in {city}"


@tool
async def wait(seconds: float, name: str = "") -> str:
    """Wait."""
    await anyio.sleep(seconds)
    return f"waited {name}"


def agent(*replies: Any, tools: Any = (get_weather, wait), **options: Any) -> Agent:
    return Agent(ScriptedModel(replies), tools=tools, **options)


def roles(transcript: Transcript) -> list[str]:
    return [message.role for message in transcript]


# ── answers ───────────────────────────────────────────────────────────────────────────────────


async def test_a_plain_answer_takes_one_step():
    result = await agent(says("Hello, 世界.")).run("Hi")
    assert result.answer == "Hello, 世界."
    assert result.usage.steps == 1
    assert roles(result.transcript) == ["user", "assistant"]


async def test_a_call_is_made_and_its_observation_goes_back():
    result = await agent(calls(("get_weather", {"city": "Bonn"})), says("22 degrees.")).run("Hi")
    assert result.answer == "22 degrees."
    assert [call.arguments for call in result.calls] == [{"city": "Bonn"}]
    assert [seen.text for seen in result.observations] == ["22 degrees in Bonn"]
    assert roles(result.transcript) == ["user", "assistant", "observation", "assistant"]
    assert result.usage.steps == 2


async def test_instructions_come_first():
    model = ScriptedModel([says("Aye.")])
    await Agent(model, instructions="Talk like a pirate.").run("Hi")
    assert model.requests[0].messages[0] == System("Talk like a pirate.")


async def test_pictures_go_with_the_prompt():
    picture = Image(b"\x89PNG")
    result = await agent(says("A cat.")).run("", images=[picture])
    assert result.transcript[0] == User("", (picture,))


async def test_text_before_a_call_is_not_the_answer():
    reply = "\nLet me look.<|assistant|>" + calls(("get_weather", {"city": "Bonn"}))
    result = await agent(reply, says("22.")).run("Hi")
    assert result.answer == "22."
    assert isinstance(first := result.messages[1], Assistant)
    assert first.text == "Let me look."


async def test_an_empty_reply_is_an_empty_answer():
    assert (await agent(says("")).run("Hi")).answer == ""


async def test_a_reply_that_stops_for_an_observation_without_a_call_is_an_answer():
    reply = ScriptedReply("\nThere you are.", stop="<|observation|>")
    assert (await agent(reply).run("Hi")).answer == "There you are."


async def test_the_transcript_is_the_same_object_at_every_step():
    model = ScriptedModel([calls(("get_weather", {"city": str(n)})) for n in range(5)] + [says("")])
    await Agent(model, [get_weather]).run("Hi")
    assert len({id(request.messages) for request in model.requests}) == 1


async def test_calls_are_numbered_through_the_conversation():
    model = ScriptedModel(
        [
            calls(("get_weather", {"city": "A"}), ("get_weather", {"city": "B"})),
            says("1"),
            calls(("get_weather", {"city": "C"})),
            says("2"),
        ]
    )
    async with Agent(model, [get_weather]).session() as session:
        first = await session.run("Hi")
        second = await session.run("Again")
    assert [call.id for call in first.calls] == ["call_1", "call_2"]
    assert [call.id for call in second.calls] == ["call_3"]


# ── events ────────────────────────────────────────────────────────────────────────────────────


async def test_events_come_in_order_and_end_with_answer_and_usage():
    script = (calls(("get_weather", {"city": "Bonn"})), says("22."))
    kinds: list[type[Event]] = []
    events = [event async for event in agent(*script).stream("Hi")]
    for event in events:
        if not kinds or kinds[-1] is not type(event):
            kinds.append(type(event))
    assert [kind.__name__ for kind in kinds] == [
        "CallStarted",
        "CallDelta",
        "CallReady",
        "Observed",
        "TextDelta",
        "Answer",
        "UsageReport",
    ]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "22."
    assert isinstance(events[-1], UsageReport)
    assert events[-1].usage.steps == 2


async def test_run_tells_a_callback_the_events_that_stream_yields():
    def script() -> Agent:
        return agent(calls(("get_weather", {"city": "Bonn"})), says("22."))

    told: list[Event] = []
    await script().run("Hi", on_event=told.append)
    streamed = [event async for event in script().stream("Hi")]
    assert told[:-1] == streamed[:-1]
    assert len(told) == len(streamed)


async def test_a_caller_that_stops_at_a_call_stops_it_from_being_made():
    made: list[str] = []

    def launch(target: str) -> str:
        """Launch."""
        made.append(target)
        return "launched"

    async with aclosing(
        agent(calls(("launch", {"target": "x"})), tools=[launch]).stream("Hi")
    ) as s:
        async for event in s:
            if isinstance(event, CallReady):
                break
    assert made == []


async def test_a_failing_callback_ends_the_run_with_its_own_error():
    def broken(event: Event) -> None:
        raise BrokenPipeError

    async with agent(says("Hello")).session() as session:
        with pytest.raises(BrokenPipeError):
            await session.run("Hi", on_event=broken)
        assert roles(session.transcript) == ["user", "assistant"]


# ── several calls ─────────────────────────────────────────────────────────────────────────────


async def test_calls_of_one_reply_run_side_by_side_and_come_back_in_order():
    meeting = anyio.Event()

    async def first() -> str:
        """Waits for the second."""
        await meeting.wait()
        return "first"

    async def second() -> str:
        """Lets the first go on."""
        meeting.set()
        return "second"

    script = (calls(("first", {}), ("second", {})), says("Done."))
    result = await agent(*script, tools=[first, second]).run("Hi")
    assert [seen.text for seen in result.observations] == ["first", "second"]
    assert [seen.call_id for seen in result.observations] == ["call_1", "call_2"]


class Told(Model):
    """Gives out what a test lays down, and waits where it says so."""

    name = "told"

    def __init__(self, *items: Any) -> None:
        self._replies = [list(items), [Reply(Assistant(("Done.",), "<|user|>"), Usage())]]

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        for item in self._replies.pop(0):
            if isinstance(item, anyio.Event):
                await item.wait()
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item


def ready(number: int, name: str, **arguments: Any) -> CallReady:
    return CallReady(ToolCall(f"call_{number}", name, "", arguments))


def reply_with(*events: CallReady, truncated: bool = False) -> Reply:
    parts = tuple(event.call for event in events)
    return Reply(Assistant(parts, None if truncated else "<|observation|>", truncated), Usage())


async def test_a_call_runs_while_the_model_writes_the_next_one():
    ended = anyio.Event()

    async def first() -> str:
        """Ends before the reply does."""
        ended.set()
        return "first"

    one, two = ready(1, "first"), ready(2, "wait", seconds=0)
    # The second call comes only once the first has run.
    model = Told(one, ended, two, reply_with(one, two))
    with anyio.fail_after(30):
        result = await Agent(model, [first, wait]).run("Hi")
    assert [seen.text for seen in result.observations] == ["first", "waited "]


@pytest.mark.parametrize("truncated", [False, True])
async def test_a_call_that_was_begun_early_is_not_run_again(truncated: bool):
    ended = anyio.Event()
    made: list[str] = []

    async def launch(target: str) -> str:
        """Launch."""
        made.append(target)
        ended.set()
        return "launched"

    call = ready(1, "launch", target="x")
    model = Told(call, ended, reply_with(call, truncated=truncated))
    with anyio.fail_after(30):
        result = await Agent(model, [launch]).run("Hi")
    assert made == ["x"]
    assert [seen.text for seen in result.observations] == ["launched"]
    assert roles(result.transcript) == ["user", "assistant", "observation", "assistant"]


async def test_when_the_model_fails_ended_calls_keep_their_outcome_and_others_are_cancelled():
    ended, stopped = anyio.Event(), anyio.Event()

    async def quick() -> str:
        """Ends."""
        ended.set()
        return "quick"

    async def endless() -> str:
        """Does not."""
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    told: list[Event] = []
    model = Told(ready(1, "endless"), ready(2, "quick"), ended, ServerError("down"))
    with anyio.fail_after(30), pytest.raises(ServerError) as caught:
        await Agent(model, [quick, endless]).run("Hi", on_event=told.append)
    assert stopped.is_set()
    assert caught.value.transcript is not None
    seen = [m for m in caught.value.transcript if isinstance(m, Observation)]
    assert [(m.call_id, m.outcome) for m in seen] == [("call_1", "cancelled"), ("call_2", "ok")]
    assert [event.observation for event in told if isinstance(event, Observed)] == seen


async def test_a_reply_may_have_calls_that_were_not_announced():
    call = ready(1, "get_weather", city="Bonn")
    result = await Agent(Told(reply_with(call)), [get_weather]).run("Hi")
    assert [seen.text for seen in result.observations] == ["22 degrees in Bonn"]


# ── tools that misbehave ──────────────────────────────────────────────────────────────────────


def raises() -> str:
    """Raises."""
    raise ZeroDivisionError("division by zero")


def exits() -> str:
    """Leaves the program."""
    raise SystemExit(1)


def complains() -> str:
    """Tells the model something."""
    raise ToolError("there is no such city")


def refuses() -> str:
    """Refuses."""
    raise ToolRefused("not on a Sunday")


def gives_bytes() -> bytes:
    """Returns bytes."""
    return b"\xff\x00caf\xc3\xa9"


def gives_much() -> str:
    """Returns 50 MB."""
    return "x" * 50_000_000


def gives_nothing() -> None:
    """Returns None."""


@tool(timeout=0.05)
def sleeps() -> str:
    """Sleeps for ever, without giving way."""
    time.sleep(3600)
    return "awake"


@pytest.mark.parametrize(
    ("function", "outcome", "said"),
    [
        (raises, "error", "division by zero"),
        (exits, "error", "SystemExit"),
        (complains, "error", "there is no such city"),
        (refuses, "refused", "not on a Sunday"),
        (gives_bytes, "ok", ""),
        (gives_much, "ok", "x"),
        (gives_nothing, "ok", ""),
        (sleeps, "timeout", "0.05"),
    ],
)
async def test_whatever_a_tool_does_is_an_observation(
    function: Callable[..., Any], outcome: str, said: str
):
    name = getattr(function, "name", None) or function.__name__
    result = await agent(calls((name, {})), says("Well."), tools=[function]).run("Hi")
    (seen,) = result.observations
    assert seen.outcome == outcome
    assert said in seen.text
    assert len(seen.text) < 100_000
    assert result.answer == "Well."


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (calls(("get_wether", {"city": "Bonn"})), "get_weather"),
        (calls(("get_weather", '{"city": ')), "get_weather"),
        (calls(("get_weather", {"town": "Bonn"})), "city"),
        (calls(("get_weather", "[1, 2]")), "get_weather"),
    ],
)
async def test_an_unknown_tool_or_a_broken_call_is_an_observation(reply: str, said: str):
    result = await agent(ScriptedReply(reply, stop="<|observation|>"), says("Sorry.")).run("Hi")
    (seen,) = result.observations
    assert seen.outcome == "error"
    assert said in seen.text


async def test_a_tool_may_bring_several_observations():
    class Browser(Tool):
        spec = ToolSpec("look", "Look.")

        def check(self, call: ToolCall) -> None:
            return None

        async def run(self, arguments: None, context: ToolContext) -> list[ToolOutput]:
            return [ToolOutput("a", metadata="quote_result [1†s]"), ToolOutput(context.call_id)]

    result = await agent(calls(("look", {})), says("Seen."), tools=[Browser()]).run("Hi")
    assert [(seen.text, seen.metadata, seen.call_id) for seen in result.observations] == [
        ("a", "quote_result [1†s]", "call_1"),
        ("call_1", "", "call_1"),
    ]


async def test_deps_reach_the_tools():
    class Ask(Tool):
        spec = ToolSpec("ask", "Ask.")

        def check(self, call: ToolCall) -> None:
            return None

        async def run(self, arguments: None, context: ToolContext) -> ToolOutput:
            return ToolOutput(context.deps["who"])

    result = await agent(calls(("ask", {})), says("Ok."), tools=[Ask()]).run(
        "Hi", deps={"who": "Ada"}
    )
    assert result.observations[0].text == "Ada"


class Slow(Tool):
    """A tool that needs time to start up."""

    spec = ToolSpec("slow", "Slow.")

    def __init__(self, failing: bool = False) -> None:
        self.prepared: list[str] = []
        self._failing = failing

    def check(self, call: ToolCall) -> None:
        return None

    async def prepare(self, context: ToolContext) -> None:
        if self._failing:
            raise OSError("no kernel")
        self.prepared.append(context.call_id)

    async def run(self, arguments: None, context: ToolContext) -> ToolOutput:
        return ToolOutput(f"prepared for {self.prepared}")


async def test_a_tool_starts_up_while_the_call_is_being_written():
    slow = Slow()
    before_ready: list[list[str]] = []
    long = calls(("slow", {"text": "x" * 400}))
    async for event in agent(long, says("Ok."), tools=[slow]).stream("Hi"):
        if isinstance(event, CallReady):
            before_ready.append(list(slow.prepared))
    assert before_ready == [["call_1"]]


async def test_a_failing_start_up_does_not_fail_the_run():
    script = (calls(("slow", {})), says("Ok."))
    assert (await agent(*script, tools=[Slow(failing=True)]).run("Hi")).answer == "Ok."


async def test_a_start_up_that_never_ends_does_not_hold_the_run():
    class Stuck(Slow):
        stopped = False

        async def prepare(self, context: ToolContext) -> None:
            try:
                await anyio.sleep_forever()
            finally:
                self.stopped = True

    stuck = Stuck()
    result = await agent(calls(("slow", {})), says("Ok."), tools=[stuck]).run("Hi")
    assert [seen.text for seen in result.observations] == ["prepared for []"]
    assert stuck.stopped


# ── limits ────────────────────────────────────────────────────────────────────────────────────


def for_ever(_: Any) -> str:
    return calls(("get_weather", {"city": "Bonn"}))


async def test_steps_are_limited_and_the_last_calls_have_their_outcomes():
    run = agent(*[for_ever] * 9, limits=Limits(steps=3)).run("Hi")
    with pytest.raises(LimitExceeded, match="3 steps") as caught:
        await run
    transcript = caught.value.transcript
    assert transcript is not None
    assert roles(transcript) == ["user"] + ["assistant", "observation"] * 3


async def test_time_is_limited_and_a_call_in_flight_is_recorded_as_cancelled():
    script = calls(("wait", {"seconds": 3600}), ("get_weather", {"city": "Bonn"}))
    told: list[Event] = []
    with pytest.raises(LimitExceeded, match=r"0\.2 seconds") as caught:
        await agent(script, limits=Limits(seconds=0.2)).run("Hi", on_event=told.append)
    transcript = caught.value.transcript
    assert transcript is not None
    seen = [message for message in transcript if isinstance(message, Observation)]
    assert [(one.call_id, one.outcome) for one in seen] == [
        ("call_1", "cancelled"),
        ("call_2", "ok"),
    ]
    assert [event.observation for event in told if isinstance(event, Observed)] == seen


async def test_tokens_are_limited():
    with pytest.raises(LimitExceeded, match="of 50 tokens"):
        await agent(*[for_ever] * 9, limits=Limits(tokens=50)).run("Hi")


@pytest.mark.parametrize(
    ("max_tokens", "said"),
    [
        (3, r"raise Settings\(max_tokens="),
        (1024, "before max_tokens=1024.*shorten the conversation"),
    ],
)
async def test_an_answer_that_was_cut_says_how_to_have_it_whole(max_tokens: int, said: str):
    reply = ScriptedReply("\nOnce upon a", truncated=True)  # 12 characters count as 3 tokens
    with pytest.raises(LimitExceeded, match=said) as caught:
        await agent(reply, settings=Settings(max_tokens=max_tokens)).run("Hi")
    assert caught.value.transcript is not None
    assert isinstance(last := caught.value.transcript[-1], Assistant)
    assert last.text == "Once upon a"


async def test_a_call_that_was_cut_is_an_observation():
    reply = ScriptedReply('get_weather\n{"city": "Bo', truncated=True)
    result = await agent(reply, says("Again, then.")).run("Hi")
    assert [seen.outcome for seen in result.observations] == ["error"]


# --- thinking -----------------------------------------------------------------------------------


def thinker(*replies: Any) -> Agent:
    """An agent on GLM-Z1, whose replies begin within a thought."""
    return Agent(ScriptedModel(replies, protocol="glm-z1"), tools=[get_weather, wait])


async def test_thinking_is_told_as_it_comes_and_is_no_part_of_the_answer():
    events: list[Event] = []
    result = await thinker(
        'Look it up.</think>\nget_weather\n{"city": "Bonn"}', "So: 22.</think>\n22 degrees"
    ).run("Hi", on_event=events.append)
    assert result.answer == "22 degrees"
    thoughts = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    assert thoughts == "Look it up.So: 22."
    replies = [message for message in result.messages if isinstance(message, Assistant)]
    assert [reply.thinking for reply in replies] == ["Look it up.", "So: 22."]
    assert [call.arguments for call in result.calls] == [{"city": "Bonn"}]


async def test_thinking_that_was_cut_is_no_answer():
    reply = ScriptedReply("Let me think about", truncated=True)
    with pytest.raises(LimitExceeded, match="was cut") as caught:
        await thinker(reply).run("Hi")
    assert caught.value.transcript is not None
    assert isinstance(last := caught.value.transcript[-1], Assistant)
    assert (last.thinking, last.parts, last.truncated) == ("Let me think about", (), True)


async def test_what_was_thought_before_a_reply_broke_off_is_kept_with_it():
    def stop(event: Event) -> None:
        if isinstance(event, TextDelta):
            raise ServerError("gone")

    session = thinker("So.</think>\nIt is 22 degrees").session()
    with pytest.raises(ServerError):
        await session.run("Hi", on_event=stop)
    assert isinstance(last := session.transcript[-1], Assistant)
    assert (last.thinking, last.truncated) == ("So.", True)
    assert "It is 22 degrees".startswith(last.text)


@pytest.mark.parametrize("limits", [{"steps": 0}, {"seconds": 0}, {"seconds": -1}, {"tokens": 0}])
def test_limits_leave_room_to_run(limits: dict[str, Any]):
    with pytest.raises(ConfigurationError, match=next(iter(limits))):
        Limits(**limits)


@pytest.mark.parametrize(
    "settings",
    [
        {"max_tokens": 0},
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
        {"top_k": -1},
        {"seed": 2**63},
    ],
)
def test_settings_are_such_that_a_model_can_follow_them(settings: dict[str, Any]):
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        Settings(**settings)


# ── cancellation ──────────────────────────────────────────────────────────────────────────────


async def test_cancelling_records_calls_in_flight_and_the_session_goes_on():
    model = ScriptedModel(
        [calls(("wait", {"seconds": 3600}), ("wait", {"seconds": 3600})), says("Back.")]
    )
    async with Agent(model, [get_weather, wait]).session() as session:
        with anyio.CancelScope() as scope:

            def stop_when_called(event: Event) -> None:
                if isinstance(event, CallReady) and event.call.id == "call_2":
                    scope.cancel()

            await session.run("Hi", on_event=stop_when_called)
        assert scope.cancelled_caught
        assert roles(session.transcript) == ["user", "assistant", "observation", "observation"]
        assert {
            message.call_id: message.outcome
            for message in session.transcript
            if isinstance(message, Observation)
        } == {"call_1": "cancelled", "call_2": "cancelled"}
        assert (await session.run("Are you there?")).answer == "Back."


async def test_a_cancelled_run_asks_for_no_further_reply():
    """Also when the cancellation comes just as the last call ends."""
    scopes: list[anyio.CancelScope] = []

    @tool
    async def last() -> str:
        """End, and have the run cancelled before the loop hears of it."""
        asyncio.get_running_loop().call_soon(scopes[0].cancel)
        return "done"

    model = ScriptedModel([calls(("last", {})), says("Never said.")])
    async with Agent(model, [last]).session() as session:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await session.run("Hi")
        assert scope.cancelled_caught
        assert len(model.requests) == 1
        assert [m.text for m in session.transcript if isinstance(m, Observation)] == ["done"]
        assert (await session.run("And now?")).answer == "Never said."


async def test_a_finished_call_keeps_its_result_when_another_is_cancelled():
    async with agent(
        calls(("wait", {"seconds": 0, "name": "A"}), ("wait", {"seconds": 3600}))
    ).session() as session:
        with anyio.move_on_after(0.3):
            await session.run("Hi")
        outcomes = [(m.outcome, m.text) for m in session.transcript if isinstance(m, Observation)]
    assert outcomes[0] == ("ok", "waited A")
    assert outcomes[1][0] == "cancelled"


@pytest.mark.parametrize("how", ["scope", "callback", "close"])
async def test_wherever_a_run_is_stopped_every_call_that_was_seen_has_one_outcome(how: str):
    script = (
        "\nLook.<|assistant|>" + calls(("get_weather", {"city": "A"}), ("wait", {"seconds": 0})),
        calls(("get_weather", {"city": "B"})),
        says("Done."),
    )
    count = len([event async for event in agent(*script).stream("Hi")])
    for last in range(1, count + 1):
        seen: list[Event] = []
        async with agent(*script).session() as session:
            await stop_after(last, session, seen, how)
            transcript = session.transcript
        made = [c.id for m in transcript if isinstance(m, Assistant) for c in m.calls]
        outcomes = [m.call_id for m in transcript if isinstance(m, Observation)]
        assert made == outcomes
        assert {event.call.id for event in seen if isinstance(event, CallReady)} <= set(made)


async def stop_after(last: int, session: Session, seen: list[Event], how: str) -> None:
    """Run a turn and stop it at its event number `last`."""
    if how == "close":
        async with aclosing(session.stream("Hi")) as events:
            async for event in events:
                seen.append(event)
                if len(seen) == last:
                    break
        return
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            seen.append(event)
            if len(seen) == last and how == "scope":
                scope.cancel()
            if len(seen) == last and how == "callback":
                raise BrokenPipeError

        with suppress(BrokenPipeError):
            await session.run("Hi", on_event=watch)


async def test_closing_a_stream_waits_until_its_tools_are_down():
    down: list[str] = []

    async def busy() -> str:
        """Busy."""
        try:
            await anyio.sleep(3600)
        finally:
            down.append("down")
        return ""

    running = agent(calls(("busy", {})), tools=[busy]).stream("Hi")
    with anyio.move_on_after(0.3):
        async for _ in running:
            pass
    await running.aclose()
    assert down == ["down"]


# ── models that fail ──────────────────────────────────────────────────────────────────────────


class Failing(Model):
    name = "failing"

    def __init__(self, failure: BaseException | None) -> None:
        self._failure = failure

    async def stream(self, request: Request) -> AsyncIterator[Any]:
        yield TextDelta("Once ")
        yield TextDelta("upon")
        yield CallStarted("call_1", "get_weather")
        yield CallReady(ToolCall("call_1", "get_weather", '{"city": "Bonn"}', {"city": "Bonn"}))
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        (ServerError("the server is down"), ServerError, "the server is down"),
        (RuntimeError("CUDA out of memory\nTried to"), ModelError, "RuntimeError: CUDA out of m"),
        (None, ModelError, "without finishing"),
    ],
)
async def test_a_model_that_fails_is_a_typed_error_with_the_transcript(
    failure: BaseException | None, kind: type[ModelError], said: str
):
    told: list[Event] = []
    with pytest.raises(kind, match=said) as caught:
        await Agent(Failing(failure), [get_weather]).run("Hi", on_event=told.append)
    transcript = caught.value.transcript
    assert transcript is not None
    assert roles(transcript) == ["user", "assistant", "observation"]
    assert isinstance(reply := transcript[1], Assistant)
    assert reply.text == "Once upon"
    assert isinstance(seen := transcript[2], Observation)
    assert (seen.call_id, seen.outcome) == ("call_1", "cancelled")
    assert Observed(seen) in told
    assert "\n" not in str(caught.value)


async def test_a_failed_stream_raises_after_the_events_so_far():
    seen: list[Event] = []

    async def watch() -> None:
        async for event in Agent(Failing(ServerError("down")), [get_weather]).stream("Hi"):
            seen.append(event)

    with pytest.raises(ServerError):
        await watch()
    assert seen[0] == TextDelta("Once ")
    assert not any(isinstance(event, Answer) for event in seen)


async def test_seconds_are_those_of_the_whole_run():
    class Odd(ScriptedModel):
        async def stream(self, request: Request) -> AsyncIterator[Any]:
            async for item in super().stream(request):
                if isinstance(item, Reply):
                    yield Reply(item.message, Usage(7, 10, 5, 3, 99.0))
                else:
                    yield item

    result = await Agent(Odd([says("Hello")])).run("Hi")
    usage = result.usage
    assert (usage.steps, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (
        1,
        10,
        5,
        3,
    )
    assert usage.seconds < 99
