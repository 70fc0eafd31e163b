from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textmill.security.addresses import HOPS, Addresses, label, parse

PROXIES = ("10.0.0.0/8", "2001:db8:ffff::/48")
BEHIND = Addresses(PROXIES)

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)
outside = st.one_of(v4, v6).filter(
    lambda found: (known := parse(str(found))) is not None and not BEHIND._trusts(known)
)
inside = st.ip_addresses(network="10.0.0.0/8")
garbage = st.text(max_size=80).filter(lambda text: "," not in text and parse(text) is None)


@given(outside, st.text(max_size=200))
def test_without_a_trusted_proxy_the_header_is_ignored(peer: object, forwarded: str) -> None:
    """Whatever it says: from a stranger, and where nobody is trusted."""
    found = parse(str(peer))
    assert found is not None
    assert label(found) == BEHIND.of(str(peer), forwarded)
    assert label(found) == Addresses().of(str(peer), forwarded)


@given(st.lists(garbage, max_size=5), outside, st.lists(inside, max_size=5), inside)
def test_the_first_stranger_from_the_right_is_the_caller(
    invented: list[str], caller: object, between: list[object], peer: object
) -> None:
    """What stands left of them, they may have invented."""
    chain = ", ".join([*invented, str(caller), *map(str, between)])
    found = parse(str(caller))
    assert found is not None
    assert label(found) == BEHIND.of(str(peer), chain)


@given(outside, garbage, inside, inside)
def test_after_garbage_the_proxy_that_wrote_it_is_counted(
    invented: object, wrong: str, proxy: object, peer: object
) -> None:
    """Nobody hides behind a header that cannot be read."""
    assert str(proxy) == BEHIND.of(str(peer), f"{invented},{wrong},{proxy}")
    assert str(peer) == BEHIND.of(str(peer), f"{invented},{wrong}")


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_one_network_of_ipv6_is_one_caller(network: int, first: int, second: int) -> None:
    """Addresses that differ in the last 64 bits only are counted together, but for mapped IPv4."""
    one, other = (ipaddress.IPv6Address(network << 64 | host) for host in (first, second))
    if network:
        assert Addresses().of(str(one)) == Addresses().of(str(other))


@given(v4)
def test_a_mapped_address_is_the_ipv4_address(address: ipaddress.IPv4Address) -> None:
    """A socket that takes both families shows it so."""
    assert str(address) == Addresses().of(f"::ffff:{address}")
    assert str(address) == Addresses(("::1/128",)).of("::1", f"::ffff:{address}")


@given(st.text(), st.text())
def test_nothing_breaks_it(peer: str, forwarded: str) -> None:
    """Any text gives some name, of bounded length."""
    assert len(BEHIND.of(peer, forwarded)) <= 64
    assert len(BEHIND.of("10.0.0.1", forwarded)) <= 64


@pytest.mark.parametrize(
    ("expected", "written"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", " 192.0.2.1\t"),
        ("192.0.2.1", "192.0.2.1:443"),
        ("2001:db8::/64", "2001:db8::1"),
        ("2001:db8::/64", "[2001:db8::1]"),
        ("2001:db8::/64", "[2001:db8::1]:65535"),
        ("fe80::/64", "fe80::1%eth0"),
        ("192.0.2.1", "::ffff:192.0.2.1"),
    ],
)
def test_addresses_are_read_as_proxies_write_them(expected: str, written: str) -> None:
    """With ports, brackets and zones."""
    assert expected == BEHIND.of("10.0.0.1", written)


WRONG = (
    *("", " ", "unknown", "_hidden", "for=192.0.2.1", "192.0.2.1;", "1" * 65),
    *("192.0.2.1:", "192.0.2.1:x", "192.0.2", "192.0.2.256", "0x7f.1", "01.02.03.04"),
    *("[192.0.2.1]", "[::1", "::1]", "[::1]x", "[::1]:", "\u0661.\u0661.\u0661.\u0661"),
)


@pytest.mark.parametrize("written", WRONG)
def test_what_is_no_address_is_nobody(written: str) -> None:
    """The proxy is counted instead."""
    assert "10.0.0.1" == BEHIND.of("10.0.0.1", written)


def test_a_long_chain_is_walked_only_so_far() -> None:
    """Fifty trusted proxies are passed; beyond the bound nothing is looked at."""
    fifty = ", ".join(["192.0.2.1", *(f"10.0.0.{number}" for number in range(50))])
    assert "192.0.2.1" == BEHIND.of("10.0.0.1", fifty)
    assert "10.9.9.9" == BEHIND.of("10.0.0.1", ",".join(["192.0.2.1", *["10.9.9.9"] * HOPS]))
    assert "10.9.9.9" == BEHIND.of("10.0.0.1", "1," * 100_000 + ",".join(["10.9.9.9"] * HOPS))


def test_a_chain_of_proxies_alone_counts_the_first() -> None:
    """A call from the proxies' own network."""
    assert "10.0.0.7" == BEHIND.of("10.0.0.1", "10.0.0.7, 10.0.0.8")


def test_a_caller_without_an_address_has_a_name_all_the_same() -> None:
    """A socket of the file system, a test client."""
    assert "unknown" == BEHIND.of(None, "192.0.2.1")
    assert "testclient" == BEHIND.of("testclient", "192.0.2.1")


def test_a_network_with_host_bits_is_taken() -> None:
    """As administrators write their own machine's address."""
    assert "192.0.2.1" == Addresses(("10.0.0.5/24",)).of("10.0.0.9", "192.0.2.1")
