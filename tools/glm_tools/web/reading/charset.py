"""Bytes to text as browsers do it: byte order mark, then header, then meta, then detection.

Labels mean what the WHATWG Encoding Standard (https://encoding.spec.whatwg.org/#names-and-labels)
says, so `gb2312` is read as GB18030 and `iso-8859-1` as windows-1252. Broken bytes become U+FFFD.
"""

from __future__ import annotations

import codecs
import re

_WHATWG = {
    "ascii": "cp1252",
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "l1": "cp1252",
    "iso-8859-9": "cp1254",
    "latin5": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "chinese": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "ms_kanji": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "korean": "cp949",
    "x-mac-roman": "mac_roman",
    "unicode": "utf-16-le",
    "utf-16": "utf-16-le",
}
# Everything else must be one of these: Python also knows codecs such as utf-7 and unicode_escape.
_KNOWN = re.compile(
    r"utf-(8|16-[bl]e)|iso8859-\d+|cp\d+|koi8-[ru]|mac-\w+|gb18030|big5hkscs|euc_jp|iso2022_jp"
)
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
    label = label.strip().lower()
    try:
        name = codecs.lookup(_WHATWG.get(label, label)).name
    except (LookupError, ValueError):
        return ""
    return name if _KNOWN.fullmatch(name) else ""


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
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE]).best()
    return (
        _codec(best.encoding.replace("_", "-")) or _codec(best.encoding) if best else ""
    ) or "cp1252"
