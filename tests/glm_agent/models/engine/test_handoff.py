"""Items cross from a thread to the event loop in order, a bounded number ahead."""

from __future__ import annotations

import asyncio
import threading

import anyio
import pytest

from glm_agent.models.engine.handoff import Bell, Handoff
from glm_agent.models.engine.worker import Worker

pytestmark = pytest.mark.anyio


async def everything(handoff: Handoff[int]) -> list[int]:
    items: list[int] = []
    while taken := await handoff.take():
        items += taken
    return items


async def test_all_items_in_order() -> None:
    handoff: Handoff[int] = Handoff(limit=3)

    def produce() -> None:
        for number in range(1000):
            handoff.give([number, -number])
        handoff.finish()

    thread = threading.Thread(target=produce)
    thread.start()
    assert await everything(handoff) == [n for number in range(1000) for n in (number, -number)]
    thread.join()


async def test_a_bell_wakes_all_readers_of_a_pass_at_once(monkeypatch) -> None:
    bell = Bell()
    handoffs = [Handoff[int](bell=bell) for _ in range(3)]
    loop = asyncio.get_running_loop()
    rung: list[object] = []
    real = loop.call_soon_threadsafe

    def soon(call, *args):
        rung.append(call)
        return real(call, *args)

    monkeypatch.setattr(loop, "call_soon_threadsafe", soon)
    taken: list[list[int]] = []

    async def read(handoff: Handoff[int]) -> None:
        taken.append(await handoff.take())

    async with anyio.create_task_group() as group:
        for handoff in handoffs:
            group.start_soon(read, handoff)
        await anyio.wait_all_tasks_blocked()
        for number, handoff in enumerate(handoffs):
            handoff.give([number])
        assert rung == []
        bell.ring()
    assert sorted(taken) == [[0], [1], [2]]
    assert len(rung) == 1
    # The end does not wait for it.
    handoffs[0].finish()
    assert await handoffs[0].take() == []


async def test_nothing_but_the_end() -> None:
    handoff: Handoff[int] = Handoff()
    handoff.finish()
    assert await everything(handoff) == []
    assert await everything(handoff) == []


async def test_an_error_comes_after_the_items() -> None:
    handoff: Handoff[int] = Handoff()
    handoff.give([1])
    handoff.finish(ValueError("late"))
    assert await handoff.take() == [1]
    with pytest.raises(ValueError, match="late"):
        await handoff.take()


async def test_a_reader_that_fell_behind_says_when_there_is_room() -> None:
    woken: list[str] = []
    handoff: Handoff[int] = Handoff(limit=2, wake=lambda: woken.append("room"))
    handoff.give([1])
    assert not handoff.full
    assert await handoff.take() == [1]
    assert woken == []
    handoff.give([2, 3, 4])
    assert handoff.full
    assert await handoff.take() == [2, 3, 4]
    assert not handoff.full
    assert woken == ["room"]


@pytest.mark.parametrize("finished", [False, True])
async def test_a_reader_that_leaves_is_told_of_once(finished: bool) -> None:
    woken: list[str] = []
    handoff: Handoff[int] = Handoff(wake=lambda: woken.append("gone"))
    if finished:
        handoff.finish()
    handoff.stop()
    handoff.stop()
    assert handoff.stopped
    assert woken == ([] if finished else ["gone"])


def test_a_thread_that_outlives_the_event_loop() -> None:
    made: list[Handoff[int]] = []

    async def make() -> None:
        made.append(Handoff())

    anyio.run(make)
    made[0].give([1])
    made[0].finish()


async def test_jobs_run_one_after_the_other() -> None:
    worker = Worker("test")
    log: list[int] = []
    for number in range(50):
        worker.submit(lambda number=number: log.append(number))
    worker.close()
    assert log == list(range(50))
    worker.close()
    with pytest.raises(RuntimeError):
        worker.submit(lambda: None)
