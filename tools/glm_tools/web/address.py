"""Which addresses a page may be loaded from: public ones, and hosts that the operator names.

Decided on resolved addresses, never on a URL's spelling: `127.1`, `0x7f000001` and `①②⑦.⓪.⓪.①` are
all loopback. `ipaddress` alone is not enough: it calls multicast, NAT64, 6to4 and some cloud
metadata addresses global (measured with CPython 3.11).

Does not do: resolving or connecting (`fetch.py`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from glm_agent.errors import ConfigurationError

_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(net)
    for net in (
        "100.64.0.0/10",  # shared address space, RFC 6598; 100.100.100.200 is Alibaba's metadata
        "168.63.129.16/32",  # Azure's wire server
        "192.0.0.0/24",  # protocol assignments; 192.0.0.192 is Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")  # the only block of global unicast addresses
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")  # RFC 9637, newer than CPython 3.11's list
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_DOMAIN = re.compile(r"(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_ENTRY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/@]+):(?P<port>\d{1,5})")


def is_public(address: str) -> bool:
    """Whether a numeric address, and every IPv4 address embedded in it, is a public one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in net for net in _REFUSED_V4)
    if ip.ipv4_mapped is not None:
        return is_public(str(ip.ipv4_mapped))
    if ip in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    if ip not in _GLOBAL_V6 or not ip.is_global or ip.is_multicast:
        return False
    if ip in _DOCUMENTATION:
        return False
    embedded = [ip.sixtofour, *(ip.teredo or ())]
    if (int(ip) >> 32) & 0xFCFFFFFF == 0x00005EFE:  # ISATAP, RFC 5214
        embedded.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return all(is_public(str(inner)) for inner in embedded if inner is not None)


def allowed_hosts(entries: Iterable[str]) -> frozenset[tuple[str, int]]:
    """An operator's allow-list of `host:port` entries, read.

    Raises:
        ConfigurationError: An entry is not `host:port`.
    """
    if isinstance(entries, str):
        raise ConfigurationError(
            f"allow_private must be a list such as [{entries!r}], not a string"
        )
    hosts: set[tuple[str, int]] = set()
    for entry in entries:
        found = _ENTRY.fullmatch(entry) if isinstance(entry, str) else None  # pyright: ignore[reportUnnecessaryIsInstance] # from YAML
        if found is None or not 0 < int(found["port"]) < 65536:
            raise ConfigurationError(
                f"allow_private: {entry!r} is not host:port; write for example '127.0.0.1:8080'"
            )
        hosts.add((found["host"].strip("[]").lower(), int(found["port"])))
    return frozenset(hosts)


def allowed_domains(entries: Iterable[str]) -> frozenset[str]:
    """An operator's list of domains, read; `*.example.com` and `.example.com` mean the same.

    Raises:
        ConfigurationError: An entry is no domain.
    """
    if isinstance(entries, str):
        raise ConfigurationError(
            f"allow_domains must be a list such as [{entries!r}], not a string"
        )
    import idna

    domains: set[str] = set()
    for entry in entries:
        name = entry.strip().lower() if isinstance(entry, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance] # from YAML
        name = name.removeprefix("*").strip(".")
        try:
            domain = name if name.isascii() else idna.encode(name, uts46=True).decode()
        except idna.IDNAError:
            domain = ""
        if not _DOMAIN.fullmatch(domain):
            raise ConfigurationError(
                f"allow_domains: {entry!r} is not a domain; write for example 'example.com'"
            )
        domains.add(domain)
    return frozenset(domains)
