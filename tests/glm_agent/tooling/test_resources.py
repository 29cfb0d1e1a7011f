"""What tools keep for a session: made once, closed in reverse order, each on its own."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from glm_agent.tooling import SessionResources

pytestmark = pytest.mark.anyio


class Thing:
    def __init__(self, name: str, closed: list[str], *, failing: bool = False) -> None:
        self.name, self._closed, self._failing = name, closed, failing

    async def aclose(self) -> None:
        self._closed.append(self.name)
        if self._failing:
            raise OSError(f"{self.name} does not close")


async def test_a_resource_is_made_once_also_when_asked_for_twice_at_once() -> None:
    resources, made = SessionResources(), 0

    async def make() -> Thing:
        nonlocal made
        await anyio.lowlevel.checkpoint()
        made += 1
        return Thing("kernel", [])

    found: list[Thing] = []

    async def ask() -> None:
        found.append(await resources.get("kernel", make))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
    assert made == 1
    assert found[0] is found[1]


async def test_one_that_is_slow_to_come_up_holds_up_no_other() -> None:
    resources = SessionResources()

    async def never() -> Thing:
        await anyio.sleep_forever()
        raise AssertionError

    async def at_once() -> Thing:
        return Thing("browser", [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(resources.get, "kernel", never)
        await anyio.wait_all_tasks_blocked()
        assert (await resources.get("browser", at_once)).name == "browser"
        tasks.cancel_scope.cancel()


async def test_one_that_failed_to_come_up_can_be_tried_again() -> None:
    resources, closed = SessionResources(), list[str]()
    attempts = iter([OSError("no memory"), Thing("kernel", closed)])

    async def make() -> Thing:
        attempt = next(attempts)
        if isinstance(attempt, OSError):
            raise attempt
        return attempt

    with pytest.raises(OSError, match="no memory"):
        await resources.get("kernel", make)
    assert (await resources.get("kernel", make)).name == "kernel"
    await resources.aclose()
    assert closed == ["kernel"]


async def test_all_are_closed_in_reverse_order_whatever_one_of_them_does() -> None:
    resources, closed = SessionResources(), list[str]()

    for name in ("first", "second", "third"):

        async def make(name: str = name) -> Thing:
            return Thing(name, closed, failing=name == "second")

        await resources.get(name, make)
    with pytest.raises(OSError, match="second does not close"):
        await resources.aclose()
    assert closed == ["third", "second", "first"]
    await resources.aclose()
    assert len(closed) == 3
