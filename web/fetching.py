"""Asks an address that somebody typed whether it answers, and is not led into our own network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from server.errors import HirobaError

MOST_BYTES = 64 * 1024
MOST_REDIRECTS = 3
SECONDS = 5.0

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Gives the addresses of a host name and port."""


class Unreachable(HirobaError):
    """The address does not answer, or may not be asked; `why` is a stable word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered: its status, kind of content and first bytes."""

    status: int
    kind: str
    beginning: bytes


async def resolve(host: str, port: int) -> list[str]:
    """Look a name up; Unreachable("no_name") when there is none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise Unreachable("no_name") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def ask(url: str, resolve: Resolve = resolve, *, local: bool = False) -> Answer:
    """Fetch the first 64 KiB of an https address, within 5 s and 3 redirects.

    Every hop is resolved here and asked by its number, so that a name cannot point into our own
    network, nor change between the check and the call. `local` allows that, and http, for tests.
    """
    try:
        async with asyncio.timeout(SECONDS):
            for _ in range(MOST_REDIRECTS + 1):
                answer, onward = await _hop(url, resolve, local)
                if onward is None:
                    return answer
                url = urljoin(url, onward)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        raise Unreachable("no_answer") from None
    raise Unreachable("redirects")


async def _hop(url: str, resolve: Resolve, local: bool) -> tuple[Answer, str | None]:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise Unreachable("not_https")
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    number = _public((await resolve(host, port)), local)
    shown = f"[{number}]" if ":" in number else number
    target = parts._replace(netloc=f"{shown}:{port}").geturl()
    headers = {"Host": parts.netloc, "Range": f"bytes=0-{MOST_BYTES - 1}", "User-Agent": "Hiroba"}
    async with (
        httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client,
        client.stream("GET", target, headers=headers, extensions={"sni_hostname": host}) as reply,
    ):
        if reply.is_redirect:
            return Answer(reply.status_code, "", b""), reply.headers.get("location", "")
        beginning = b""
        async for part in reply.aiter_raw():
            beginning += part
            if len(beginning) >= MOST_BYTES:
                break
        kind = reply.headers.get("content-type", "").split(";")[0].strip().lower()
        return Answer(reply.status_code, kind, beginning[:MOST_BYTES]), None


def _public(addresses: list[str], local: bool) -> str:
    """Give the first address; Unreachable("private") when any of them is not for everybody."""
    if not addresses:
        raise Unreachable("no_name")
    if not local and any(not ipaddress.ip_address(address).is_global for address in addresses):
        raise Unreachable("private")
    return addresses[0]
