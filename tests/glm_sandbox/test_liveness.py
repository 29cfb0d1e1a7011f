"""Whatever code does, its execution ends within its timeout and two seconds, on every kind.

How this is tested without a stopwatch that a busy machine could fail: the code would go on for
ever, so that the execution ends at all is the proof, and what it says (interrupted with the state
kept, or ended with the state lost) is compared exactly. `LATE` only tells an end in time from
one that came by chance much later; the promise itself is measured by benchmarks/sandbox.py.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator

import anyio
import anyio.to_thread
import psutil
import pytest
from glm_sandbox import ExecutionResult, Kernel, KernelPool, KindUnavailable, Limits
from glm_sandbox.kernel import GRACE
from glm_sandbox.kinds import launcher_class

pytestmark = pytest.mark.anyio

LATE = 30.0  # seconds on top of what is promised, for a machine that has other things to do
SMALL = Limits(memory="512MiB", disk="20MiB", processes=48)
DOCKER = pytest.param("docker", marks=pytest.mark.docker)


@pytest.fixture(scope="module")
async def kernel(request: pytest.FixtureRequest) -> AsyncIterator[Kernel]:
    """A kernel of the kind that the test names; the tests of a kind share it."""
    kind: str = request.param
    try:
        reason = launcher_class(kind).unavailable()
    except KindUnavailable as error:
        reason = str(error)
    if reason:
        pytest.skip(f"kind {kind}: {reason}")
    limits = None if kind == "local" else SMALL
    async with KernelPool(kind=kind, limits=limits) as pool, pool.kernel() as kernel:
        await kernel.start()
        yield kernel


every_kind = pytest.mark.parametrize("kernel", ["local", "bubblewrap", DOCKER], indirect=True)
isolated = pytest.mark.parametrize("kernel", ["bubblewrap", DOCKER], indirect=True)


def cases(*table: tuple[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("code", [c[1] for c in table], ids=[c[0] for c in table])


@every_kind
@cases(
    ("a loop", "while True: pass"),
    ("a sleep", "import time; time.sleep(600)"),
    ("a command", "!sleep 600"),
    ("a command that waits for input", "!cat"),
    ("a child", "import subprocess; subprocess.run(['sleep', '600'])"),
    ("a coroutine", "import asyncio; await asyncio.sleep(600)"),
    ("a regular expression", "import re; re.match('(a+)+$', 'a' * 64 + 'b')"),
    ("a lock that nobody opens", "import threading\na = threading.Lock()\na.acquire(); a.acquire()"),
    ("output without end", "while True: print('x' * 1000)"),
    ("threads", "import threading, time\nt = threading.Thread(target=time.sleep, args=(600,), daemon=True)\nt.start(); t.join()"),
)  # fmt: skip
async def test_an_interrupt_is_enough_and_keeps_the_state(kernel: Kernel, code: str) -> None:
    await kernel.execute("x = 'kept'")
    result = await kernel.execute(f"print('begun', flush=True)\n{code}", timeout=0.5)
    assert (result.status, result.state_lost) == ("timeout", False)
    assert result.text.startswith("begun")
    assert result.detail == "stopped after 0.5 seconds"
    assert result.seconds < 0.5 + GRACE + LATE
    after = await kernel.execute("x")
    assert (after.text, after.state_lost) == ("'kept'", False)


@every_kind
@cases(
    ("swallows the interrupt", "import time\nwhile True:\n    try: time.sleep(600)\n    except KeyboardInterrupt: pass"),
    ("ignores the signal", "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(600)"),
    ("blocks every signal", "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nwhile True: time.sleep(600)"),
    ("a C loop that holds the interpreter", "sum(iter(int, 1))"),
    ("a C call that holds the interpreter", "import ctypes\nlock, libc = ctypes.create_string_buffer(64), ctypes.PyDLL(None)\nlibc.pthread_mutex_lock(lock); libc.pthread_mutex_lock(lock)"),
    ("stops itself", "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"),
)  # fmt: skip
async def test_what_does_not_react_is_ended_and_its_files_stay(kernel: Kernel, code: str) -> None:
    await kernel.put("data.txt", b"kept")
    await kernel.execute("x = 1")
    result = await kernel.execute(f"print('begun', flush=True)\n{code}", timeout=0.5)
    assert (result.status, result.text) == ("timeout", "begun")
    assert result.seconds < 0.5 + GRACE + LATE
    assert result.state_lost
    assert "it did not react, so the kernel was ended" in result.detail
    after = await kernel.execute("'x' in globals(), open('data.txt').read()")
    assert (after.text, after.state_lost) == ("(False, 'kept')", True)
    assert not (await kernel.execute("1")).state_lost


WORDS = "print('last words', flush=True)\nimport ctypes, os, time\ntime.sleep(0.1)\n"


@every_kind
@pytest.mark.parametrize(
    ("code", "how"),
    [
        pytest.param("os._exit(7)", "exit status 7", id="os._exit"),
        pytest.param("ctypes.string_at(0)", "killed by SIGSEGV", id="a segmentation fault"),
        pytest.param("os.abort()", "killed by SIGABRT", id="abort"),
        pytest.param("os.kill(os.getpid(), 9); time.sleep(600)", "killed by SIGKILL", id="kill -9"),
        pytest.param("os.execv('/bin/true', ['true'])", "exit status 0", id="another program"),
    ],
)
async def test_a_death_is_told_and_the_next_starts_afresh(
    kernel: Kernel, code: str, how: str
) -> None:
    await kernel.execute("x = 1")
    result = await kernel.execute(WORDS + code, timeout=300)
    assert (result.status, result.state_lost) == ("died", True)
    assert result.detail == f"the kernel ended: {how}"
    assert result.text == "last words"
    assert result.files == ()  # no core file
    assert result.seconds < 300
    after = await kernel.execute("'x' in globals()")
    assert (after.status, after.text, after.state_lost) == ("ok", "False", True)


@every_kind
@cases(("input", "input('name? ')"), ("a password", "import getpass; getpass.getpass()"))
async def test_a_question_that_nobody_answers_is_an_error_at_once(
    kernel: Kernel, code: str
) -> None:
    await kernel.execute("x = 'kept'")
    result = await kernel.execute(code, timeout=300)
    assert (result.status, result.state_lost) == ("error", False)
    assert "StdinNotImplementedError" in result.text
    assert (await kernel.execute("x")).text == "'kept'"


HOG = """
import time
hog = []
while True:
    hog.append(bytearray(b"x" * (8 << 20)))
    print(time.time(), flush=True)
"""


@isolated
async def test_out_of_memory_is_told_soon_after_the_death(kernel: Kernel) -> None:
    """Promised is a second after the last sign of life; it comes at the next look, not at 300."""
    await kernel.execute("x = 1")
    result = await kernel.execute(HOG, timeout=300)
    told = time.time()
    assert (result.status, result.state_lost) == ("died", True)
    assert result.detail == "the kernel ended: out of memory"
    assert told - float(result.text.splitlines()[-1]) < 1 + LATE
    after = await kernel.execute("'x' in globals()")
    assert (after.text, after.state_lost) == ("False", True)


@isolated
async def test_a_full_disk_is_an_error_and_keeps_the_state(kernel: Kernel) -> None:
    code = (
        "x = 'kept'\nwith open('full', 'wb') as file:\n    while True: file.write(bytes(1 << 16))"
    )
    result = await kernel.execute(code, timeout=300)
    assert (result.status, result.state_lost) == ("error", False)
    assert "No space left on device" in result.text
    after = await kernel.execute("import os; os.unlink('full'); open('ok', 'w').write('1'); x")
    assert (after.text, after.files) == ("'kept'", ("ok",))


BOMBS = {
    "forks": "while True:\n    try: os.fork()\n    except OSError: pass",
    "forks that let go": "while True:\n    try:\n        if not os.fork(): os.setsid()\n    except OSError: pass",
    "shells": "import subprocess\nwhile True: subprocess.run(['sh', '-c', 'while :; do setsid sleep 600 & done'])",
}  # fmt: skip


@isolated
@pytest.mark.parametrize("name", BOMBS)
async def test_a_fork_bomb_is_bounded_and_ended(kernel: Kernel, name: str) -> None:
    own = int((await kernel.execute("import os; os.getuid()")).text)
    ours, most, done = os.geteuid() == 0, 0, anyio.Event()

    def count() -> int:
        found = 0
        for process in psutil.process_iter(["uids"]):
            uids = process.info["uids"]
            found += bool(uids and uids.real == own)
        return found

    async def watch() -> None:
        nonlocal most
        while ours and not done.is_set():  # each kernel of root's has a user of its own
            most = max(most, await anyio.to_thread.run_sync(count))
            await anyio.sleep(0.05)

    result = ExecutionResult("ok")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        result = await kernel.execute(f"import os\n{BOMBS[name]}", timeout=2)
        done.set()
    assert result.status in {"timeout", "died"}
    assert result.seconds < 2 + GRACE + LATE
    bound = SMALL.processes or 0
    assert (bound // 2 if ours else 0) <= most <= bound + 4
    await kernel.restart()
    assert (await kernel.execute("6 * 7")).text == "42"
    if ours:
        deadline = time.monotonic() + 30
        while await anyio.to_thread.run_sync(count) > 8:  # the new kernel's own processes
            assert time.monotonic() < deadline
            await anyio.sleep(0.05)
