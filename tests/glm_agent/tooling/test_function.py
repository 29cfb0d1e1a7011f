"""`@tool` in all the ways it is written, and what a run of it gives back."""

from __future__ import annotations

import functools
import threading
from typing import Any

import anyio
import pytest
from pydantic import BaseModel

from glm_agent.errors import ToolDefinitionError, ToolError
from glm_agent.messages import ToolCall
from glm_agent.tooling import FunctionTool, ToolContext, load_tools, tool

pytestmark = pytest.mark.anyio


async def result(made: Any, **values: Any) -> str:
    checked = made.check(ToolCall("c1", made.name, "", values))
    outputs = await made.run(checked, ToolContext(session_id="s1", call_id="c1", deps={"key": "k"}))
    return "\n".join(output.text for output in outputs)


@tool
def double(x: int) -> int:
    """Doubles."""
    return 2 * x


@tool(name="triple", description="Triples", timeout=5, max_chars=100)
async def thrice(x: int) -> int:
    return 3 * x


class Counter:
    """Counts up."""

    def __init__(self) -> None:
        self.count = 0

    @tool
    def add(self, by: int = 1) -> int:
        """Add to the count."""
        self.count += by
        return self.count

    @classmethod
    @tool
    def kind(cls, loud: bool = False) -> str:
        return cls.__name__.upper() if loud else cls.__name__

    @staticmethod
    @tool
    def plain(x: int) -> int:
        return x

    def method(self, x: int) -> int:
        """A plain method."""
        return self.count + x

    def __call__(self, x: int) -> int:
        """Called."""
        return -x


class AsyncCallable:
    async def __call__(self, x: int) -> int:
        return x + 1


async def test_with_and_without_parentheses() -> None:
    assert (double.name, double.spec.description) == ("double", "Doubles.")
    assert (thrice.name, thrice.spec.description) == ("triple", "Triples")
    assert (thrice.timeout, thrice.max_chars) == (5, 100)
    assert await result(double, x="4") == "8"
    assert await result(thrice, x=2) == "6"


async def test_a_tool_is_still_its_function() -> None:
    assert double(4) == 8
    assert await thrice(2) == 6
    assert double.__name__ == "double"
    assert double.__doc__ == "Doubles."


async def test_methods_are_tools_of_their_object() -> None:
    one, two = Counter(), Counter()
    assert await result(one.add, by=5) == "5"
    assert await result(two.add) == "1"
    assert one.add(by=1) == 6
    assert list(one.add.spec.parameters["properties"]) == ["by"]
    assert await result(tool(one.method), x=1) == "7"
    assert await result(load_tools([Counter.kind])[0], loud=True) == "COUNTER"
    assert await result(Counter.plain, x=3) == "3"


async def test_a_method_without_its_object_is_refused() -> None:
    with pytest.raises(ToolError, match=r"object\.method"):
        await result(Counter.add)
    with pytest.raises(ToolDefinitionError, match=r"object\.add"):
        load_tools([Counter.add])
    with pytest.raises(ToolDefinitionError, match="@classmethod above @tool"):
        tool(classmethod(lambda cls: 1))  # type: ignore[arg-type]


async def test_objects_and_partials_that_can_be_called() -> None:
    counter = tool(Counter(), name="negate")
    assert counter.spec.description == "Called."
    assert await result(counter, x=2) == "-2"
    assert await result(tool(AsyncCallable()), x=2) == "3"

    async def add(x: int, y: int) -> int:
        return x + y

    assert await result(tool(functools.partial(add, y=10)), x=1) == "11"
    assert await result(tool(functools.partial(add, 10)), y=1) == "11"


async def test_a_sync_function_that_returns_an_awaitable_is_awaited() -> None:
    async def later(x: int) -> int:
        return x

    def now(x: int) -> Any:
        return later(x)

    assert await result(tool(now), x=7) == "7"


async def test_positional_only_parameters() -> None:
    def power(base: int, exponent: int = 2, /, *, minus: int = 0) -> int:
        return base**exponent - minus

    assert await result(tool(power), base=3) == "9"
    assert await result(tool(power), base=3, exponent=3, minus=1) == "26"


async def test_the_context_is_passed_and_not_shown() -> None:
    @tool
    async def who(name: str, context: ToolContext) -> str:
        return f"{name} {context.session_id} {context.call_id} {context.deps['key']}"

    @tool
    def perhaps(context: ToolContext | None = None) -> str:
        return context.call_id if context else "nobody"

    assert list(who.spec.parameters["properties"]) == ["name"]
    assert await result(who, name="me") == "me s1 c1 k"
    assert await result(perhaps) == "c1"
    assert perhaps() == "nobody"


async def test_models_arrive_as_models() -> None:
    class Item(BaseModel):
        price: float

    @tool
    def total(items: list[Item]) -> float:
        return sum(item.price for item in items)

    assert await result(total, items=[{"price": "1.5"}, {"price": 2}]) == "3.5"


async def test_sync_tools_run_beside_the_event_loop_and_each_other() -> None:
    both = threading.Barrier(2, timeout=30)

    @tool
    def meet() -> str:
        both.wait()
        return threading.current_thread().name

    names: list[str] = []

    async def run() -> None:
        names.append(await result(meet))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        group.start_soon(run)
    assert names == ["glm-agent tool", "glm-agent tool"]


async def test_a_left_behind_thread_gives_its_place_back() -> None:
    """More sleepers than places: each is abandoned, and a later tool still gets its turn."""
    from glm_agent.tooling import threads

    wake = threading.Event()
    try:
        for _ in range(threads.MAX_THREADS + 1):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(threads.run_in_thread, wake.wait)
                    await anyio.sleep(0)
                    scope.cancel()
        assert await result(double, x=1) == "2"
    finally:
        wake.set()


async def test_context_variables_reach_the_thread() -> None:
    import contextvars

    user = contextvars.ContextVar("user", default="nobody")
    user.set("me")

    @tool
    def whoami() -> str:
        return user.get()

    assert await result(whoami) == "me"


async def test_stop_iteration_becomes_an_ordinary_error() -> None:
    @tool
    def bad() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await result(bad)


async def test_a_function_tool_shows_its_name() -> None:
    assert (
        repr(FunctionTool(len, name="length", description="", names={})) == "FunctionTool('length')"
    )
