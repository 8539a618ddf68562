"""Addresses that somebody typed, called in such a way that none leads into our own network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from server.errors import HirobaError

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Gives the addresses of a host name and port."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Unreachable(HirobaError):
    """The address does not answer, or may not be asked; `why` is a stable word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Target(NamedTuple):
    """What to call in place of an address: the same by number, and the names that go with it."""

    url: str
    host: str
    """For the Host header, with the port where the address names one."""
    server_name: str
    """For the certificate."""


async def resolve(host: str, port: int) -> list[str]:
    """Look a name up; Unreachable("no_name") when there is none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("no_name") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def target(
    url: str, resolve: Resolve = resolve, *, http: bool = False, private: bool = False
) -> Target:
    """Resolve an address, to be called by its number: what its name means cannot change meanwhile.

    Only https, unless `http`, and only hosts that everybody can reach, unless `private`.
    Raises Unreachable: not_https, no_name, private; ValueError for what is no address.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (http and parts.scheme == "http"):
        raise Unreachable("not_https")
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    number = _first(await resolve(host, port), private)
    shown = f"[{number}]" if ":" in number else number
    named = parts.netloc.rpartition("@")[2]
    return Target(parts._replace(netloc=f"{shown}:{port}").geturl(), named, host)


def is_public(address: str) -> bool:
    """Tell whether everybody can reach an IP address, and none of ours hides in it."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
        if ip.ipv4_mapped is not None:
            return True
    return ip.is_global and not ip.is_multicast


def _first(addresses: Sequence[str], private: bool) -> str:
    """Give the first address; Unreachable("private") when any of them is not for everybody."""
    if not addresses:
        raise Unreachable("no_name")
    if not private and not all(map(is_public, addresses)):
        raise Unreachable("private")
    return addresses[0]
