"""The process in which pages are parsed, so that a page can cost no more than this process.

It reads requests from its standard input and writes answers, both as a line of JSON that is
followed by as many bytes as the line says. The kernel ends it when a page takes too long (an
alarm, which native code cannot ignore) or too much memory, and it ends itself when nobody asks for
a while.

Does not do: keeping a hostile page from running code in it through a fault of a parser. It has no
secrets in its environment, but it runs as the same user.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from typing import Any, BinaryIO

from .charset import decode
from .documents import read_json, read_markdown, read_text
from .html import read_html
from .kinds import kind_of
from .page import Page, View

_MOST_CHARS = 3_000_000  # of source
_MOST_BYTES = 20_000_000


def read_here(data: bytes, url: str, content_type: str, view: View) -> Page:
    """Read a body in this process, whatever it costs; what is no text gives a page without any."""
    kind = kind_of(data, content_type)
    if kind == "unknown":
        return Page(url, "", "")
    if kind == "pdf":
        from .pdf import read_pdf

        return read_pdf(data[:_MOST_BYTES], url)
    if kind == "feed":
        from .feeds import read_feed

        page = read_feed(data[:_MOST_CHARS], url, content_type)
        if page.markdown:
            return page
    text, charset = decode(data[: 4 * _MOST_CHARS], content_type)
    text = text[:_MOST_CHARS]
    if kind == "json":
        return read_json(text, url, charset)
    if kind == "markdown":
        return read_markdown(text, url, charset, view)
    if kind == "text":
        return read_text(text, url, charset)
    return read_html(text, url, charset, view)


def packed(page: Page) -> bytes:
    """A page as the parent reads it."""
    fields = [page.url, page.title, page.markdown, page.charset, page.date, page.language]
    links = [[link.id, link.text, link.url] for link in page.links]
    return json.dumps([fields, links]).encode("ascii")


def serve(seconds: float, memory: int, idle: float) -> None:
    """Answer requests until the input ends or no request comes for `idle` seconds."""
    source, sink = _streams()
    _limit(memory)
    from .choice import ready

    ready()
    while _waits(source, idle):
        line = source.readline()
        if not line:
            return
        request: dict[str, Any] = json.loads(line)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds)
        data = source.read(request["size"])
        try:
            page = read_here(data, request["url"], request["type"], request["view"])
            answer, trouble = packed(page), ""
        # A page may make a parser fail in ways that nobody has listed; the next page shall be read.
        except Exception as error:  # noqa: BLE001 # said above
            answer, trouble = b"", f"{type(error).__name__}: {error}"[:500]
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        sink.write(json.dumps({"size": len(answer), "trouble": trouble}).encode() + b"\n" + answer)
        sink.flush()


def _streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent; what a library prints goes nowhere."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    return source, sink


def _waits(source: BinaryIO, idle: float) -> bool:
    """Whether a request (or the end of input) came in time."""
    if sys.platform == "win32":  # select knows only sockets there; the parent ends the process
        return True
    return bool(select.select([source], [], [], idle)[0])


def _limit(memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    if sys.platform == "win32":
        return
    import resource

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):
            continue  # macOS has no limit of address space; the alarm still holds
