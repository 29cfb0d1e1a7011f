"""Items cross from a thread to the event loop in order, a bounded number ahead."""

from __future__ import annotations

import threading

import anyio
import pytest

from glm_agent.models.handoff import Handoff, Stopped
from glm_agent.models.worker import Worker

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
            handoff.put(number)
        handoff.finish()

    thread = threading.Thread(target=produce)
    thread.start()
    assert await everything(handoff) == list(range(1000))
    thread.join()


async def test_nothing_but_the_end() -> None:
    handoff: Handoff[int] = Handoff()
    handoff.finish()
    assert await everything(handoff) == []
    assert await everything(handoff) == []


async def test_an_error_comes_after_the_items() -> None:
    handoff: Handoff[int] = Handoff()
    handoff.put(1)
    handoff.finish(ValueError("late"))
    assert await handoff.take() == [1]
    with pytest.raises(ValueError, match="late"):
        await handoff.take()


async def test_the_thread_waits_for_room() -> None:
    handoff: Handoff[int] = Handoff(limit=2)
    put = 0

    def produce() -> None:
        nonlocal put
        for number in range(10):
            handoff.put(number)
            put += 1
        handoff.finish()

    thread = threading.Thread(target=produce)
    thread.start()
    first = await handoff.take()
    # It may put two more in the room that this made, and then one that waits.
    await anyio.sleep(0.05)
    assert put <= len(first) + 2
    assert first + await everything(handoff) == list(range(10))
    thread.join()


@pytest.mark.parametrize("full", [False, True])
async def test_stopping_releases_the_thread(full: bool) -> None:
    handoff: Handoff[int] = Handoff(limit=2)
    stopped = threading.Event()

    def produce() -> None:
        try:
            while True:
                handoff.put(1)
        except Stopped:
            stopped.set()

    thread = threading.Thread(target=produce)
    thread.start()
    if full:
        await anyio.sleep(0.02)
    handoff.stop()
    handoff.stop()
    assert await anyio.to_thread.run_sync(stopped.wait, 20)
    thread.join()


def test_a_thread_that_outlives_the_event_loop() -> None:
    made: list[Handoff[int]] = []

    async def make() -> None:
        made.append(Handoff())

    anyio.run(make)
    made[0].put(1)
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
