"""What a body is, by its first bytes and its Content-Type header, and which kinds can be read.

Does not do: reading it.
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["html", "text", "markdown", "json", "feed", "pdf", "unknown"]

_PDF = frozenset(["application/pdf", "application/x-pdf"])
_HTML = frozenset(["", "text/html", "application/xhtml+xml"])
_MARKDOWN = frozenset(["text/markdown", "text/x-markdown"])
_FEED = frozenset(
    ["application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"]
)
_JSON = re.compile(r"(application|text)/([\w.+-]+\+)?(x-)?(json|ndjson)", re.ASCII)
_XML = re.compile(r"(application|text)/([\w.+-]+\+)?xml", re.ASCII)
_UNLABELLED = frozenset(["application/octet-stream", "binary/octet-stream", "application/download"])
# Signatures of what is no text, whatever the server calls it.
_BINARY = (b"PK\x03\x04", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x1f\x8b", b"RIFF", b"\x7fELF")
_FEED_ROOT = re.compile(rb"<(?:[\w-]+:)?(rss|feed|rdf)[\s>]", re.IGNORECASE)
_HTML_ROOT = re.compile(rb"<(?:!doctype\s+html|html)[\s>]", re.IGNORECASE)


def media_type(content_type: str) -> str:
    """The type of a Content-Type header without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def readable(content_type: str) -> bool:
    """Whether a body of this type is worth loading. No type at all is: the body then tells."""
    kind = media_type(content_type)
    return (
        kind.startswith("text/")
        or kind in _HTML | _PDF | _FEED | _UNLABELLED
        or bool(_JSON.fullmatch(kind) or _XML.fullmatch(kind))
    )


def kind_of(data: bytes, content_type: str = "") -> Kind:
    """What to read a body as; `unknown` for what is no text and no PDF."""
    kind = media_type(content_type)
    head = data[:1024].lstrip()
    if b"%PDF-" in data[:1024] and not _HTML_ROOT.search(head):
        return "pdf"
    if head.startswith(_BINARY):
        return "unknown"
    if kind in _PDF:
        return "unknown"
    if kind in _MARKDOWN:
        return "markdown"
    if kind == "application/feed+json" or _JSON.fullmatch(kind):
        return "json"
    xml = kind in _FEED or bool(_XML.fullmatch(kind))
    if (xml and kind != "application/xhtml+xml") or not kind or kind in _UNLABELLED:
        if _FEED_ROOT.search(head) and not _HTML_ROOT.search(head):
            return "feed"
        return "html" if not kind or xml or _HTML_ROOT.search(head) else _plain(data)
    if kind in _HTML:
        return "html"
    return "text" if kind.startswith("text/") else "unknown"


def _plain(data: bytes) -> Kind:
    return "unknown" if b"\0" in data[:4096] else "text"
