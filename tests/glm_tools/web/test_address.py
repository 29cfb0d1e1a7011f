"""Which addresses count as public, decided on the address and never on its spelling."""

from __future__ import annotations

import pytest
from glm_tools.web.address import allowed_hosts, is_public

from glm_agent.errors import ConfigurationError

PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",  # metadata of most clouds
    "100.64.0.1",
    "100.100.100.200",  # Alibaba's metadata
    "168.63.129.16",  # Azure's wire server
    "192.0.0.192",  # Oracle's metadata
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",  # loopback behind NAT64
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",  # loopback in 6to4
    "2001:0:7f00:1::",  # Teredo
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "5f00::1",
    "3fff::1",
    "2606:4700::5efe:7f00:1",  # loopback in ISATAP
    "2606:4700::200:5efe:a00:1",
    "not an address",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_everything_else_is_refused(address: str) -> None:
    assert not is_public(address)


def test_the_allow_list_is_read() -> None:
    hosts = allowed_hosts(["127.0.0.1:8080", "[::1]:80", "Intranet.example:8443"])
    assert hosts == {("127.0.0.1", 8080), ("::1", 80), ("intranet.example", 8443)}


@pytest.mark.parametrize(
    "entry", ["127.0.0.1", "", "host:0", "host:65536", "http://host:80", "a b:80", "::1:80", 8080]
)
def test_a_bad_entry_is_named(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="host:port"):
        allowed_hosts([entry])


def test_a_string_is_not_a_list() -> None:
    with pytest.raises(ConfigurationError, match="must be a list"):
        allowed_hosts("127.0.0.1:8080")
