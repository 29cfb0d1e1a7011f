"""Pages that would cost too much cost their limit, and the next page is read all the same."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from glm_tools.web import extract
from glm_tools.web.reading import ReadError, Readers, ReadTimeout

URL = "https://pages.example/"
# Quotes hide the end of the tag from the scan that tames absurd ones: the parser gets all of them.
ENDLESS = b"<p " + b" ".join(b"a%d='>'" % n for n in range(100_000)) + b">x"


@pytest.fixture
def readers() -> Iterator[Readers]:
    readers = Readers(seconds=2.0, workers=2)
    yield readers
    readers.close()


def test_a_page_that_takes_too_long_is_given_up(readers: Readers) -> None:
    with pytest.raises(ReadTimeout, match="2 s"):
        readers.read(ENDLESS, URL, "text/html", "main")
    page = extract(ENDLESS, URL, "text/html", readers=readers)
    assert (page.url, page.markdown) == (URL, "")
    assert extract(b"<p>next", URL, "text/html", readers=readers).markdown == "next"


def test_one_that_takes_long_does_not_delay_the_others(readers: Readers) -> None:
    workers = [readers._take(), readers._take()]  # both have started: no timing
    for worker in workers:
        worker.ask(b"<p>warm", URL, "text/html", "main")
        readers._give_back(worker)
    order: list[str] = []

    def read(name: str, body: bytes) -> None:
        extract(body, URL, "text/html", readers=readers)
        order.append(name)

    slow = threading.Thread(target=read, args=("slow", ENDLESS))
    slow.start()
    read("quick", b"<p>quick")
    slow.join()
    assert order == ["quick", "slow"]


@pytest.mark.parametrize(
    "html",
    [
        "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">seen",
        "<div>" * 100_000 + "seen",
        "<b>" * 100_000 + "seen",
        "<table><tr><td>" * 30_000 + "seen",
        "<ul><li>" * 30_000 + "seen",
        "<svg>" * 10_000 + "</svg>" * 10_000 + "seen",
        "<!--" * 50_000 + "--><p>seen",
        "<" * 200_000 + "<p>seen",
        "&lt;" * 100_000 + "<p>seen",
    ],
    ids=lambda html: html[:12],
)
def test_absurd_pages_are_read_or_given_up(html: str) -> None:
    page = extract(html.encode(), URL, "text/html", view="full")
    assert page.markdown == "" or page.markdown.endswith("seen")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of address space")
def test_a_page_that_needs_too_much_memory_is_given_up() -> None:
    readers = Readers(seconds=20.0, memory=200_000_000)
    try:
        readers.read(b"<p>fits", URL, "text/html", "main")
        with pytest.raises(ReadError):
            readers.read(b"<i>x</i>" * 370_000, URL, "text/html", "main")
        assert readers.read(b"<p>next", URL, "text/html", "main").markdown == "next"
    finally:
        readers.close()


def test_a_worker_that_went_idle_is_replaced() -> None:
    readers = Readers(idle=0.1)
    try:
        for number in range(3):
            assert readers.read(b"<p>%d" % number, URL, "", "main").markdown == str(number)
            worker = readers._resting[0]  # no sleeping for luck
            worker._process.wait(30)
    finally:
        readers.close()


def test_a_worker_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = Readers()
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ReadError, match="no process"):
        readers.read(b"<p>x", URL, "", "main")
    assert extract(b"<p>x", URL, readers=readers).markdown == ""


def test_a_worker_has_none_of_the_secrets_and_ends_with_its_parent() -> None:
    code = """
import os
from glm_tools.web.reading.worker import default_readers
readers = default_readers()
print(readers.read(b"<p>x", "https://p.example/", "", "main").markdown)
pid = readers._resting[0]._process.pid
print(b"SECRET" in open(f"/proc/{pid}/environ", "rb").read() if os.path.exists("/proc") else False)
print(pid)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"API_SECRET": "SECRET", "PATH": "/usr/bin:/bin"},
        check=True,
    )
    text, leaked, pid = done.stdout.split()
    assert (text, leaked) == ("x", "False")
    with pytest.raises(ProcessLookupError):
        __import__("os").kill(int(pid), 0)
