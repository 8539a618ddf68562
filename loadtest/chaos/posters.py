"""The process that posts: a steady stream of lines, each tried until its outcome is known."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from httpx import AsyncClient

from loadtest import api
from loadtest.chaos.history import ACK, REFUSED, UNKNOWN, Posted
from loadtest.swarm import Side
from server.client import Client, Refused

AGAIN: Final = frozenset(("unavailable", "rate_limited", "slow_mode", "room_busy", "backlog"))
"""Refusals after which the same line is posted again."""
CALL_SECONDS: Final = 4.0
AT_ONCE: Final = 16
PAUSE: Final = (0.1, 0.4)
"""Seconds between two attempts, drawn at random."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What the process has to do."""

    url: str
    room: str
    tokens: tuple[str, ...]
    """One poster for each."""
    rate: float
    """Lines a second over all posters."""
    run: str
    """What every client_message_id of this run begins with."""
    ending: str = ""
    """What every text ends with."""
    patience: float = 90.0
    """Seconds in which a line has to come to an outcome."""


class Poster:
    """One person who posts one line after another."""

    def __init__(self, posting: Posting, number: int, attempts: list[Posted]) -> None:
        """Write every attempt into `attempts`."""
        self.client = Client(posting.url, token=posting.tokens[number])
        self.paused = False
        self.ended = False
        self._posting = posting
        self._number = number
        self._attempts = attempts

    async def speak(self) -> None:
        """Post until it is over; a line that was begun is brought to its end."""
        every = len(self._posting.tokens) / self._posting.rate
        due = time.monotonic() + every * random.random()
        count = 0
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self.ended:
                return
            if not self.paused:
                await self._post(count)
                count += 1
            due = max(due + every, time.monotonic())

    async def _post(self, count: int) -> None:
        own = f"{self._posting.run}-{self._number}-{count}"
        text = f"line {own}{self._posting.ending}"
        args = {"room": self._posting.room, "text": text, "client_message_id": own}
        deadline = time.monotonic() + self._posting.patience
        while True:
            at = time.monotonic()
            try:
                ok = await self.client.call("comment.post", args, seconds=CALL_SECONDS)
            except Refused as refused:
                unknown = refused.details.get("answered") is False
                self._note(own, at, UNKNOWN if unknown else REFUSED, refused.code)
                if refused.code not in AGAIN or time.monotonic() > deadline:
                    return
                await asyncio.sleep((refused.retry_after or 0) / 1000 + random.uniform(*PAUSE))
                continue
            me = self.client.welcome["you"]["id"]
            self._attempts.append(
                Posted(
                    *(me, own, at, time.monotonic(), ACK, ""),
                    *(ok["epoch"], ok["offset"], ok["id"], bool(ok.get("unsaved"))),
                )
            )
            return

    def _note(self, own: str, at: float, outcome: str, word: str) -> None:
        me = self.client.welcome["you"]["id"]
        self._attempts.append(Posted(me, own, at, time.monotonic(), outcome, word))


class Crowd:
    """The posters of one process, asked by the coordinator."""

    def __init__(self, posters: list[Poster], attempts: list[Posted]) -> None:
        """Begin to post at once."""
        self._posters = posters
        self._attempts = attempts
        self._told = 0
        self._tasks = [asyncio.create_task(poster.speak()) for poster in posters]

    async def pause(self, paused: bool) -> None:
        """Begin no new line for a while, or go on."""
        for poster in self._posters:
            poster.paused = paused

    async def attempts(self, _: None) -> list[Posted]:
        """Give the attempts since this was last asked."""
        new = self._attempts[self._told :]
        self._told += len(new)
        return new

    async def finish(self, _: None) -> list[Posted]:
        """Bring every line to its end; gives the attempts since they were last asked for."""
        for poster in self._posters:
            poster.ended = True
        await asyncio.gather(*self._tasks)
        return await self.attempts(None)


async def post(side: Side, posting: Posting) -> None:
    """Connect, post from the first question on, and answer until the coordinator goes."""
    attempts: list[Posted] = []
    posters = [Poster(posting, number, attempts) for number in range(len(posting.tokens))]
    async with AsyncExitStack() as stack:
        for poster in posters:
            await stack.enter_async_context(poster.client)
        side.send(len(posters))
        await side.receive()
        crowd = Crowd(posters, attempts)
        side.send(None)
        while True:
            question, argument = await side.receive()
            side.send(await getattr(crowd, question)(argument))


async def tokens(url: str, count: int, run: str) -> tuple[str, ...]:
    """Become so many visitors."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def become(http: AsyncClient, number: int) -> str:
        async with slots:
            return await api.visitor_token(http, f"{run} {number}")

    async with api.client(url) as http:
        return tuple(await asyncio.gather(*(become(http, number) for number in range(count))))
