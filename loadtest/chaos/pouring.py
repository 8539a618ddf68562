"""Lines posted as fast as they are answered, over several connections at once."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from loadtest.chaos.history import ACK, REFUSED, UNKNOWN, Posted
from server.client import Client, Refused

WIDTH: Final = 12
"""Lines that each connection has under way."""
CALL_SECONDS: Final = 10.0


class Pour:
    """What one person posts over its connections; `posted` has every attempt in answered order."""

    def __init__(self, clients: Sequence[Client], room: str, run: str, *, padding: int = 0) -> None:
        """Let `run` begin every client_message_id; every text is so much longer by `padding`."""
        self.posted: list[Posted] = []
        self._clients = clients
        self._room = room
        self._run = run
        self._padding = " long" * (padding // 5)
        self._numbers = itertools.count(1)

    async def until(self, ends: Callable[[Posted], bool], *, most: int, seconds: float) -> bool:
        """Post until an answer ends it for its connection; False when one never got such an answer.

        At most `most` lines are posted altogether, in at most so many seconds.
        """
        deadline = time.monotonic() + seconds
        numbers = itertools.islice(self._numbers, most)
        reached = [False] * len(self._clients)

        async def work(index: int) -> None:
            for number in numbers:
                posted = await self.post(self._clients[index], number)
                if reached[index] or ends(posted):
                    reached[index] = True
                    return
                if time.monotonic() > deadline:
                    return

        await asyncio.gather(*(work(n % len(reached)) for n in range(WIDTH * len(reached))))
        return all(reached)

    async def steadily(self, lines: int, gap: float) -> None:
        """Post so many lines, one every `gap` seconds or as soon as there is room."""
        due = time.monotonic() + gap
        async with asyncio.TaskGroup() as tasks:
            slots = asyncio.Semaphore(WIDTH * len(self._clients))

            async def work(number: int) -> None:
                async with slots:
                    await self.post(self._clients[number % len(self._clients)], number)

            for number in itertools.islice(self._numbers, lines):
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += gap
                tasks.create_task(work(number))

    async def post(self, client: Client, number: int) -> Posted:
        """Post one line once."""
        own = f"{self._run}-{number}"
        me = client.welcome["you"]["id"]
        args = {"room": self._room, "text": f"line {own}{self._padding}", "client_message_id": own}
        at = time.monotonic()
        try:
            ok = await client.call("comment.post", args, seconds=CALL_SECONDS)
            posted = acknowledged(me, own, at, ok)
        except Refused as refused:
            unknown = refused.details.get("answered") is False
            outcome = UNKNOWN if unknown else REFUSED
            posted = Posted(me, own, at, time.monotonic(), outcome, refused.code)
        self.posted.append(posted)
        return posted


def acknowledged(author: str, own: str, at: float, ok: dict[str, Any]) -> Posted:
    """Read the answer to a line that was not refused; a held one counts as refused."""
    if ok["verdict"] != "allow":
        return Posted(author, own, at, time.monotonic(), REFUSED, ok["verdict"])
    place = (ok["epoch"], ok["offset"], ok["id"])
    unsaved = bool(ok.get("unsaved"))
    return Posted(author, own, at, time.monotonic(), ACK, "", *place, unsaved)
