"""Where a request comes from. Headers are believed only from proxies that are trusted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

HEADER = "x-forwarded-for"
LONGEST = 64
"""Characters of one address at most, with brackets and port."""
HOPS = 64
"""Proxies that a request may have passed; what stands further left is not looked at."""
HOUSEHOLD = 64
"""Bits of an IPv6 address that one caller has in common; the rest they may choose anew for every request."""


class Addresses:
    """Tells callers apart.

    Args:
        trusted: addresses or networks of proxies whose `X-Forwarded-For` is believed.

    Raises:
        ValueError: one is no network.
    """

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = tuple(ipaddress.ip_network(network, strict=False) for network in trusted)

    def of(self, peer: str | None, forwarded: str | None = None) -> str:
        """Under which name a caller is counted.

        From right to left, each proxy vouches for the address that it wrote down; the first address that is
        no trusted proxy's is the caller's. Where a trusted proxy wrote no address, it is counted itself.

        Args:
            peer: the other end of the connection.
            forwarded: the header's value; several are joined by commas.
        """
        found = parse(peer or "")
        if found is None:
            return (peer or "unknown")[:LONGEST]
        if not forwarded or not self._trusts(found):
            return label(found)
        for hop in reversed(forwarded.rsplit(",", HOPS)[-HOPS:]):
            before = parse(hop)
            if before is None:
                break
            found = before
            if not self._trusts(found):
                break
        return label(found)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


def parse(text: str) -> Address | None:
    """An address as proxies write it: bare, with a port, in brackets; None for anything else."""
    return _parse(text) if len(text) <= LONGEST else None


@lru_cache(4096)
def _parse(text: str) -> Address | None:
    bare = text.strip()
    if bare.startswith("["):
        bare, closed, port = bare[1:].partition("]")
        if not closed or ":" not in bare or (port and not _is_port(port)):
            return None
    elif bare.count(":") == 1:
        bare, _, port = bare.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        found = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _is_port(text: str) -> bool:
    return text[0] == ":" and text[1:].isascii() and text[1:].isdigit()


@lru_cache(4096)
def label(address: Address) -> str:
    """The name under which an address is counted: itself, or the network of an IPv6 caller."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return str(ipaddress.ip_network((address, HOUSEHOLD), strict=False))
