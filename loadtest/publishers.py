"""The process that posts comments at a pace, through the real entrance, and says what it cost."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from loadtest import api
from loadtest.swarm import Side
from server.client import Client, Closed, Refused

SENTENCE: Final = "this is a live comment of about eighty characters, as people write them, ok?"
LATEST: Final = 60.0
"""Seconds that an answer may take."""
MOST_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class Posting:
    """Where the process posts, and as how many people."""

    url: str
    room: str
    authors: int


@dataclass(frozen=True, slots=True)
class Burst:
    """Comments to post: one every `gap` seconds; without a gap all authors as fast as they can."""

    comments: int
    gap: float = 0.0
    room: str = ""
    """Another room than that of the posting."""


@dataclass(slots=True)
class Posted:
    """What came of a burst."""

    acknowledged: int = 0
    refused: list[str] = field(default_factory=list)
    """A few examples of words, where there were any."""
    lost: int = 0
    """Comments that were refused, or have no answer."""
    seconds: float = 0.0
    cpu_us: float = 0.0
    """What this process used itself."""

    def problems(self) -> list[str]:
        """Tell what was not acknowledged."""
        told = ", ".join(sorted(set(self.refused)))
        return [f"{self.lost} comments were not acknowledged: {told}"] if self.lost else []


async def publish(side: Side, posting: Posting) -> None:
    """Connect as every author, say so, and carry out bursts until told None."""
    async with AsyncExitStack() as stack:
        authors = await _authors(stack, posting)
        side.send(len(authors))
        numbers = itertools.count()
        mark = secrets.token_hex(4)
        while (burst := await side.receive()) is not None:
            room = burst.room or posting.room
            publisher = Publisher(room, authors, (f"{mark}-{n}" for n in numbers))
            side.send(await publisher.carry_out(burst))


async def _authors(stack: AsyncExitStack, posting: Posting) -> list[Client]:
    authors = []
    async with api.client(posting.url) as http:
        for number in range(posting.authors):
            token = await api.visitor_token(http, f"viewer{number}")
            client = Client(posting.url, token=token)
            await client.open()
            stack.push_async_callback(client.close)
            authors.append(client)
    return authors


class Publisher:
    """Carries out one burst."""

    def __init__(self, room: str, authors: list[Client], ids: Iterator[str]) -> None:
        self._room = room
        self._authors = authors
        self._ids = ids
        self._posted = Posted()

    async def carry_out(self, burst: Burst) -> Posted:
        """Post everything, and wait for every answer."""
        cpu, start = time.process_time(), time.monotonic()
        await (self._paced(burst) if burst.gap else self._flood(burst.comments))
        self._posted.seconds = time.monotonic() - start
        self._posted.cpu_us = (time.process_time() - cpu) * 1e6
        return self._posted

    async def _paced(self, burst: Burst) -> None:
        start = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(burst.comments):
                wait = start + number * burst.gap - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                tasks.create_task(self._post(self._authors[number % len(self._authors)]))

    async def _flood(self, comments: int) -> None:
        left = iter(range(comments))

        async def speak(author: Client) -> None:
            for _ in left:
                await self._post(author)

        await asyncio.gather(*map(speak, self._authors))

    async def _post(self, author: Client) -> None:
        id = next(self._ids)
        # Whoever reads the text can tell how long it took; see client.c.
        text = f"t={time.monotonic_ns():016x} {SENTENCE}"
        args = {"room": self._room, "text": text, "client_message_id": id}
        try:
            async with asyncio.timeout(LATEST):
                ok = await author.call("comment.post", args)
            word = ok.get("verdict", "allow")
        except Refused as refused:
            word = refused.code
        except (Closed, TimeoutError) as error:
            word = repr(error)
        if word == "allow":
            self._posted.acknowledged += 1
            return
        self._posted.lost += 1
        if len(self._posted.refused) < MOST_EXAMPLES:
            self._posted.refused.append(word)
