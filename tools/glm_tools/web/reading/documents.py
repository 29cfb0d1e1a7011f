"""Reading what is not HTML and cheap to read: plain text, Markdown, JSON.

Does not do: HTML (`html.py`), feeds (`feeds.py`), PDF (`pdf.py`).
"""

from __future__ import annotations

import contextlib
import json
import re

from ..text import neutral, one_line, plain
from .page import Links, Page, View

_ONLY_LINKS = 0.5  # share of link text from which a line of Markdown is left out of the main view
_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_SPAN = re.compile(
    r"(?P<code>`[^`\n]{0,2000}`)"
    r"|(?P<image>!\[[^\[\]\n]{0,500}\]\([^()\s]{0,2000}(?:\s{1,9}\"[^\"\n]{0,300}\")?\))"
    r"|\[(?P<text>[^\[\]\n]{1,500})\]\(<?(?P<href>[^<>()\s]{0,2000}(?:\([^<>()\s]{0,200}\))?"
    r"[^<>()\s]{0,200})>?(?:\s{1,9}\"[^\"\n]{0,300}\")?\)"
    r"|(?P<bold>\*\*|__)"
)


def read_text(text: str, url: str, charset: str) -> Page:
    """Plain text as it is."""
    return Page(url, "", neutral(plain(text)).strip(), charset=charset)


def read_json(text: str, url: str, charset: str) -> Page:
    """JSON, spread out over lines; as it is if it is none or nested too deeply."""
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    return read_text(text, url, charset)


def read_markdown(text: str, url: str, charset: str, view: View) -> Page:
    """Markdown is nearly what the model reads: links and images get marks, bold is dropped."""
    title, lines = _split(plain(text).strip())
    links = Links(url)
    images = 0

    def span(found: re.Match[str]) -> str:
        nonlocal images
        if found["code"]:
            return found[0]
        if found["image"]:
            images += 1
            return f"[Image {images - 1}]"
        if found["bold"]:
            return ""
        target = links.resolve(found["href"])
        return links.mark(found["text"].strip(), target) if target else found["text"]

    written = [(line, code, line if code else _SPAN.sub(span, line)) for line, code in lines]
    if view == "main":
        kept = [row for row in written if row[1] or not _only_links(row[0])]
        if 2 * sum(len(line) for line, *_ in kept) > sum(len(line) for line, *_ in written):
            written = kept
    markdown = neutral("\n".join(text for *_, text in written)).strip()
    return Page(url, one_line(title), markdown, tuple(links.found), charset)


def _split(text: str) -> tuple[str, list[tuple[str, bool]]]:
    """The first heading, and the lines, each with whether it is code."""
    title = fence = ""
    lines: list[tuple[str, bool]] = []
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        inside = bool(fence)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence and not title and line.startswith("# "):
            title = line[2:]
        lines.append((line.rstrip(), inside or bool(mark)))
    return title, lines


def _only_links(line: str) -> bool:
    """Whether a line of Markdown is mostly links, such as "See also: …"."""
    linked = sum(len(found["text"]) for found in _SPAN.finditer(line) if found["text"])
    rest = _SPAN.sub("", line)
    return linked > 0 and linked >= _ONLY_LINKS * (len(rest.strip()) + linked)
