"""The process that posts: every author of the log has a name, a token and a socket of its own."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Final

from loadtest import api
from loadtest.checks import Comment, Posted
from loadtest.lines import Line, by_author
from loadtest.swarm import Side
from server.client import Client, Closed, Refused

AGAIN: Final = frozenset(("rate_limited", "slow_mode", "room_busy", "backlog", "unavailable"))
"""Refusals after which a line is posted again."""
LEAD: Final = 1.0
"""Seconds that an author comes before a first line."""
STAY: Final = 10.0
"""Seconds of silence for which an author stays connected."""
PATIENCE: Final = 120.0
"""Seconds in which a line has to be acknowledged."""
NAMES_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Sending:
    """What the process has to do."""

    urls: list[str]
    room: str
    lines: list[Line]
    speed: float


@dataclass(slots=True)
class Sent:
    """What came of it."""

    posted: list[Posted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Lines that were given up, and why."""


async def send(side: Side, sending: Sending) -> None:
    """Get a token for every author, say so, and post from the moment the coordinator names."""
    authors = by_author(sending.lines)
    tokens = await _tokens(sending.urls, sorted(authors))
    side.send(len(tokens))
    start: float = await side.receive()
    sent = Sent()
    await asyncio.gather(
        *(
            _author(sending, lines, sending.urls[n % len(sending.urls)], tokens[name], start, sent)
            for n, (name, lines) in enumerate(authors.items())
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


async def _author(
    sending: Sending, lines: list[Line], url: str, token: str, start: float, sent: Sent
) -> None:
    for stay in stays(lines, sending.speed):
        due = [start + line.ms / 1000 / sending.speed for line in stay]
        await _until(due[0] - LEAD * random.random())
        left = list(stay)
        try:
            async with Client(url, token=token) as client:
                for line, at in zip(stay, due, strict=True):
                    await _until(at)
                    await _post(client, sending.room, line, sent)
                    left.pop(0)
        except (Closed, TimeoutError) as error:
            sent.refused += (f"line {line.index}: {error!r}" for line in left)


async def _post(client: Client, room: str, line: Line, sent: Sent) -> None:
    args = {"room": room, "text": line.text, "client_message_id": f"line-{line.index}"}
    deadline = time.monotonic() + PATIENCE
    sent_at = time.monotonic()
    tries = 0
    while True:
        tries += 1
        try:
            ok = await client.call("comment.post", args)
            break
        except Refused as refused:
            if refused.code not in AGAIN or time.monotonic() > deadline:
                sent.refused.append(f"line {line.index}: {refused.code}: {refused.message}")
                return
            await asyncio.sleep((refused.retry_after or 200) / 1000)
            if refused.code != "unavailable":
                # It surely has not happened, so waiting for the limit is no latency.
                sent_at = time.monotonic()
    if ok.get("verdict", "allow") != "allow":
        sent.refused.append(f"line {line.index}: {ok['verdict']}")
        return
    author = client.welcome["you"]["id"]
    comment = Comment((ok["epoch"], ok["offset"]), ok["id"], author, line.text)
    sent.posted.append(Posted(line.index, comment, sent_at, tries))


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
