"""The process that posts: every author of the log has a name, a token and a socket of its own."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass, field
from itertools import cycle, groupby, pairwise
from typing import Final

from loadtest import api
from loadtest.checks import Comment, Posted
from loadtest.lines import Line, by_author
from loadtest.swarm import Side
from server.client import Client, Closed, Refused, delay

AGAIN: Final = frozenset(("rate_limited", "slow_mode", "room_busy", "backlog", "unavailable"))
"""Refusals after which a line is posted again."""
LEAD: Final = 1.0
"""Seconds that an author comes before a first line."""
STAY: Final = 10.0
"""Seconds of silence for which an author stays connected."""
PATIENCE: Final = 300.0
"""Seconds after its time in which a line has to be acknowledged."""
LOSS_SECONDS: Final = 0.2
MOST_LOSSES: Final = 10
"""Connections in a row that an author loses without posting anything."""
NAMES_AT_ONCE: Final = 8
OPEN_AT_ONCE: Final = 16
"""Connections that are being opened: more would make us late, and the server give them up."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What the process has to do."""

    urls: list[str]
    room: str
    lines: list[Line]
    speed: float


@dataclass(slots=True)
class Task:
    """A line that is to be posted at `due`."""

    line: Line
    due: float
    sent_at: float | None = None
    """When the first try was sent that may have succeeded."""
    tries: int = 0


@dataclass(slots=True)
class Sent:
    """What came of it."""

    posted: list[Posted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Lines that were given up, and why."""
    lost: int = 0
    """Connections that ended before their author left, and were opened anew."""


async def send(side: Side, sending: Sending) -> None:
    """Get a token for every author, say so, and post from the moment the coordinator names."""
    authors = by_author(sending.lines)
    tokens = await _tokens(sending.urls, sorted(authors))
    side.send(len(tokens))
    start: float = await side.receive()
    sent = Sent()
    opening = asyncio.Semaphore(OPEN_AT_ONCE)
    urls = cycle(sending.urls)
    await asyncio.gather(
        *(
            Author(sending, url, tokens[name], opening).speak(lines, start, sent)
            for url, (name, lines) in zip(urls, authors.items(), strict=False)
        )
    )
    side.send(sent)
    await side.receive()


async def _tokens(urls: list[str], names: list[str]) -> dict[str, str]:
    """Become every one of these visitors, a few at a time."""
    tokens: dict[str, str] = {}
    todo = list(names)

    async def work(url: str) -> None:
        async with api.client(url) as http:
            while todo:
                name = todo.pop()
                tokens[name] = await api.visitor_token(http, name)

    await asyncio.gather(*(work(urls[n % len(urls)]) for n in range(NAMES_AT_ONCE)))
    return tokens


def stays(lines: list[Line], speed: float) -> list[list[Line]]:
    """Cut an author's lines where the author leaves in between."""
    cuts = [0]
    for before, after in pairwise(lines):
        cuts.append(cuts[-1] + ((after.ms - before.ms) / 1000 / speed > STAY))
    grouped = groupby(zip(cuts, lines, strict=True), key=lambda pair: pair[0])
    return [[line for _, line in group] for _, group in grouped]


class Author:
    """One person of the log: opens a connection for each stay, and posts each line until it is
    acknowledged or given up."""

    def __init__(self, sending: Sending, url: str, token: str, opening: asyncio.Semaphore) -> None:
        """Take the connection's slot in `opening` only while it opens."""
        self._sending = sending
        self._url = url
        self._token = token
        self._opening = opening

    async def speak(self, lines: list[Line], start: float, sent: Sent) -> None:
        """Post the lines at their times."""
        speed = self._sending.speed
        for stay in stays(lines, speed):
            due = [start + line.ms / 1000 / speed for line in stay]
            await _until(due[0] - LEAD * random.random())
            tasks = deque(Task(line, at) for line, at in zip(stay, due, strict=True))
            losses = 0
            while tasks:
                left = len(tasks)
                try:
                    await self._visit(tasks, sent)
                except (Closed, TimeoutError) as error:
                    losses = losses + 1 if len(tasks) == left else 1
                    sent.lost += 1
                    if losses > MOST_LOSSES:
                        sent.refused += (f"line {task.line.index}: {error!r}" for task in tasks)
                        break
                    await asyncio.sleep(LOSS_SECONDS + delay(losses, random.random))

    async def _visit(self, tasks: deque[Task], sent: Sent) -> None:
        """Work tasks off over one client; raises Closed where the server sends it away."""
        client = Client(self._url, token=self._token)
        try:
            try:
                async with self._opening:
                    await client.open()
            except (Closed, TimeoutError):
                tasks[0].tries += 1
                raise
            while tasks:
                await _until(tasks[0].due)
                await self._post(client, tasks[0], sent)
                tasks.popleft()
        finally:
            await client.close()

    async def _post(self, client: Client, task: Task, sent: Sent) -> None:
        """Post until there is a definite answer, always as the same message."""
        line = task.line
        args = {"room": self._sending.room, "text": line.text}
        args["client_message_id"] = f"line-{line.index}"
        while True:
            if task.sent_at is None:
                task.sent_at = time.monotonic()
            task.tries += 1
            try:
                ok = await client.call("comment.post", args)
                break
            except Refused as refused:
                if refused.code not in AGAIN or time.monotonic() > task.due + PATIENCE:
                    sent.refused.append(f"line {line.index}: {refused.code}: {refused.message}")
                    return
                await asyncio.sleep((refused.retry_after or 200) / 1000)
                if refused.code != "unavailable":
                    # It surely has not happened, so waiting for the limit is no latency.
                    task.sent_at = None
        if ok.get("verdict", "allow") != "allow":
            sent.refused.append(f"line {line.index}: {ok['verdict']}")
            return
        author = client.welcome["you"]["id"]
        comment = Comment((ok["epoch"], ok["offset"]), ok["id"], author, line.text)
        sent.posted.append(Posted(line.index, comment, task.sent_at, task.tries))


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
