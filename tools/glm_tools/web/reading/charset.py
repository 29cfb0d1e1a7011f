"""Bytes to text as browsers do it: byte order mark, then header, then meta, then detection.

Labels mean what the WHATWG Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels)
says, so `gb2312` is read as GB18030 and `iso-8859-1` as windows-1252; `webencodings` has the table.
Python's codecs for East Asia are narrower than the standard's, so their wider kin are used. Broken
bytes become U+FFFD.
"""

from __future__ import annotations

import codecs
import re

import webencodings

_WIDER = {
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "x-user-defined": "cp1252",
    "replacement": "cp1252",  # withdrawn because of attacks on scripts, which nothing runs here
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_META = re.compile(rb"<meta\s[^>]{0,300}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_PRESCAN = 4096
_SAMPLE = 60_000


def decode(data: bytes, content_type: str = "") -> tuple[str, str]:
    """The text and the name of the charset it was read with; never raises."""
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(name, "replace"), name
    name = _from_header(content_type) or _from_meta(data[:_PRESCAN]) or _detect(data)
    return data.decode(name, "replace"), name


def _codec(label: str) -> str:
    """Python's name for a charset label, empty if it is none that a page may use."""
    encoding = webencodings.lookup(label)
    if encoding is None:
        return ""
    return codecs.lookup(_WIDER.get(encoding.name, encoding.codec_info.name)).name


def _from_header(content_type: str) -> str:
    found = _HEADER.search(content_type)
    return _codec(found[1]) if found else ""


def _from_meta(head: bytes) -> str:
    if b"\0" in head:
        return ""
    found = _META.search(head) or _XML.search(head)
    name = _codec(found[1].decode("ascii", "replace")) if found else ""
    return "utf-8" if name.startswith("utf-16") else name  # it could not have been read otherwise


def _detect(data: bytes) -> str:
    if data.startswith(b"<\0"):
        return "utf-16-le"
    if data.startswith(b"\0<"):
        return "utf-16-be"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3 and error.end == len(data):
            return "utf-8"  # cut off within a character
    else:
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE]).best()
    return (
        _codec(best.encoding.replace("_", "-")) or _codec(best.encoding) if best else ""
    ) or "cp1252"
