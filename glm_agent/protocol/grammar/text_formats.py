"""The formats of JSON Schema that are held, as regular expressions for whole texts.

    date          RFC 3339, with the days that each month has
    uuid          RFC 9562
    ipv4, ipv6    RFC 4291, 2.2

Does not do: other formats; `schema_check.FORMATS` says which there are.
"""

from __future__ import annotations

from collections.abc import Iterator

_YEARS = "(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_GROUP = "[0-9a-fA-F]{1,4}"


def _ipv6() -> Iterator[str]:
    """RFC 4291, 2.2: eight groups, the last two perhaps as IPv4, one row of zeros left out."""
    for last, groups in ((_GROUP, 7), (_IPV4, 6)):
        yield f"(?:{_GROUP}:){{{groups}}}{last}"
        yield f"::(?:{_GROUP}:){{0,{groups - 1}}}{last}"
        for before in range(1, groups):
            yield f"(?:{_GROUP}:){{{before}}}:(?:{_GROUP}:){{0,{groups - 1 - before}}}{last}"
    yield f"(?:(?:{_GROUP}:){{1,7}}|:):"


PATTERNS = {
    "date": (
        rf"{_YEARS}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
        rf"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP}-02-29"
    ),
    "uuid": "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "ipv4": _IPV4,
    "ipv6": "|".join(_ipv6()),
}
