"""The process that posts comments at a pace, through the real entrance, and says what it cost."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from loadtest import api
from loadtest.callers import Caller, Sent
from loadtest.swarm import Side

SENTENCE: Final = "this is a live comment of about eighty characters, as people write them, ok?"
LATEST: Final = 60.0
"""Seconds that the last answers may take."""
LEAST_RATE: Final = 100
"""Comments a second that are waited for at full speed."""
MOST_WAITING: Final = 24
"""Comments that one author has under way: beyond 32 the server closes."""
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


async def _authors(stack: AsyncExitStack, posting: Posting) -> list[Author]:
    authors = []
    async with api.client(posting.url) as http:
        for number in range(posting.authors):
            author = Author(posting.url, await api.visitor_token(http, f"viewer{number}"))
            await author.client.open()
            stack.push_async_callback(author.client.close)
            authors.append(author)
    return authors


class Author(Caller):
    """One connection that posts comments."""

    def post(self, room: str, own: str) -> None:
        """Post a comment."""
        # Whoever reads the text can tell how long it took; see client.c.
        text = f"t={time.monotonic_ns():016x} {SENTENCE}"
        self.send("comment.post", {"room": room, "text": text, "client_message_id": own})


class Publisher:
    """Carries out one burst."""

    def __init__(self, room: str, authors: list[Author], ids: Iterator[str]) -> None:
        self._room = room
        self._authors = authors
        self._ids = ids
        self._posted = Posted()
        self._left = 0
        """Comments that are still to be posted at full speed."""
        self._unanswered = 0
        self._all_answered = asyncio.Event()

    async def carry_out(self, burst: Burst) -> Posted:
        """Post everything, and wait for every answer."""
        self._unanswered = burst.comments
        for author in self._authors:
            author.under_way.clear()
            author.give(partial(self._answered, author))
        cpu, start = time.process_time(), time.monotonic()
        if burst.gap:
            await self._paced(burst)
        else:
            self._left = burst.comments
            for author in self._authors:
                self._next(author)
        with suppress(TimeoutError):
            async with asyncio.timeout(LATEST + burst.comments / LEAST_RATE):
                await self._all_answered.wait()
        if self._unanswered:
            self._refused("no answer", self._unanswered)
        self._posted.seconds = time.monotonic() - start
        self._posted.cpu_us = (time.process_time() - cpu) * 1e6
        return self._posted

    async def _paced(self, burst: Burst) -> None:
        start = time.monotonic()
        for number in range(burst.comments):
            wait = start + number * burst.gap - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            author = self._authors[number % len(self._authors)]
            if len(author.under_way) < MOST_WAITING:
                author.post(self._room, next(self._ids))
            else:
                self._take(author, "no answer in time")

    def _next(self, author: Author) -> None:
        """Let an author post one more, at full speed."""
        if self._left > 0:
            self._left -= 1
            author.post(self._room, next(self._ids))

    def _answered(self, author: Author, sent: Sent, reply: Mapping[str, Any]) -> None:
        ok = reply.get("ok")
        self._take(author, reply["error"]["code"] if ok is None else ok["verdict"])

    def _take(self, author: Author, word: str) -> None:
        if word == "allow":
            self._posted.acknowledged += 1
        else:
            self._refused(word)
        self._unanswered -= 1
        if not self._unanswered:
            self._all_answered.set()
        self._next(author)

    def _refused(self, word: str, comments: int = 1) -> None:
        self._posted.lost += comments
        if len(self._posted.refused) < MOST_EXAMPLES:
            self._posted.refused.append(word)
