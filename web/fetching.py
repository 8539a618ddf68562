"""Asks an address that somebody typed whether it answers, and is not led into our own network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from server.outside import Resolve, Unreachable, resolve, target

MOST_BYTES = 64 * 1024
MOST_REDIRECTS = 3
SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address answered: its status, kind of content and first bytes."""

    status: int
    kind: str
    beginning: bytes


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
    to = await target(url, resolve, http=local, private=local)
    headers = {"Host": to.host, "Range": f"bytes=0-{MOST_BYTES - 1}", "User-Agent": "Hiroba"}
    named = {"sni_hostname": to.server_name}
    async with (
        httpx.AsyncClient(timeout=SECONDS, trust_env=False) as client,
        client.stream("GET", to.url, headers=headers, extensions=named) as reply,
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
