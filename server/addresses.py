"""Where a request comes from: one function for HTTP and sockets."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

MAX_HOPS = 16
"""Entries of X-Forwarded-For that are looked at; a longer header is somebody's invention."""


def client_address(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Give the client's address; `forwarded_for` counts from the right, while proxies are trusted.

    What cannot be read ends the walk: the last address that a trusted proxy vouched for is given.
    """
    if not trusted:
        return _plain(peer)
    found = _parse(peer)
    if found is None:
        return peer
    for hop in reversed(forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
        if not _is_trusted(found, trusted):
            break
        before = _parse(hop)
        if before is None:
            break
        found = before
    return str(found)


@lru_cache(maxsize=4096)
def prefix(address: str) -> str:
    """Give what limits count by: an IPv4 address itself, of an IPv6 address its /64."""
    found = _parse(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found) if found else address[:64]


@lru_cache(maxsize=4096)
def _plain(peer: str) -> str:
    found = _parse(peer)
    return peer if found is None else str(found)


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    """Read an address, also as `1.2.3.4:80` and `[::1]:80`; IPv4 written as IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
