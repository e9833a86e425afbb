"""What an operator's list of internal hosts allows, and what it does not."""

from __future__ import annotations

import pytest

from stoppress.domain.webhook_internal_hosts import NO_INTERNAL_HOSTS, InternalHosts

HOSTS = InternalHosts.of(
    [
        *("cms", "CMS.internal:8080", "10.2.0.0/16", "10.3.0.5:8443"),
        *("fd00::/8", "[fd01::1]:8080", "[fe80::]/64:9000"),
    ]
)


@pytest.mark.parametrize(
    ("host", "port", "is_in"),
    [
        *(("cms", 80, True), ("cms", 443, True), ("cms", 8080, False)),
        *(("cms.internal", 8080, True), ("cms.internal", 80, False)),
        *(("a.cms", 80, False), ("ms", 80, False), ("10.2.0.1", 80, False)),
    ],
)
def test_a_name_is_exactly_that(host: str, port: int, is_in: bool) -> None:
    """With its port, else with those of the web."""
    assert HOSTS.has_name(host, port) is is_in


@pytest.mark.parametrize(
    ("address", "port", "is_in"),
    [
        *(("10.2.3.4", 80, True), ("10.2.3.4", 8443, False), ("10.3.0.6", 8443, False)),
        *(("10.3.0.5", 8443, True), ("10.3.0.5", 443, False), ("8.8.8.8", 80, False)),
        *(
            ("::ffff:10.2.3.4", 443, True),
            ("fd12::1", 443, True),
            ("fe80::2", 9000, True),
        ),
        *(("fd01::1", 8080, True), ("fe80::2", 80, False), ("no address", 80, False)),
    ],
)
def test_an_address_is_in_a_network(address: str, port: int, is_in: bool) -> None:
    """IPv4 inside of IPv6 is IPv4."""
    assert HOSTS.has_address(address, port) is is_in


def test_an_empty_list_allows_nothing() -> None:
    """That is the default."""
    assert InternalHosts.of([]) == NO_INTERNAL_HOSTS
    assert not NO_INTERNAL_HOSTS.has_port(80)
    assert HOSTS.has_port(9000) and not HOSTS.has_port(9001)


@pytest.mark.parametrize(
    "entry",
    [
        *("https://cms.internal", "10.2.3.4/16", "a b", "cms:0", "cms:70000", "*"),
        *("*.internal", "1.2.3", "0x7f.1", "", "cms/24", "[::1"),
    ],
)
def test_an_invalid_host_is_reported(entry: str) -> None:
    """A network with bits of a host, too: somebody meant something else."""
    with pytest.raises(ValueError, match="is no host and no network"):
        InternalHosts.of([entry])
