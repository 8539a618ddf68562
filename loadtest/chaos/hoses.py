"""Lines sent by the dozen and answered by the dozen: one person's connections, all at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from loadtest.callers import Caller, Sent
from loadtest.chaos.history import REFUSED, UNKNOWN, Posted
from loadtest.chaos.pouring import acknowledged

WIDTH: Final = 24
"""Lines that a connection has under way; beyond 32 the server closes."""


@dataclass(slots=True)
class Flood:
    """What is poured over all connections of a person: in it, at one moment, something happens."""

    room: str
    run: str
    """What every client_message_id begins with."""
    least: int
    """So many lines are posted whatever is answered."""
    most: int
    """And so many at most, while a connection has not been refused."""
    moment: int
    """When so many are answered, `now` is set."""
    now: asyncio.Event = field(default_factory=asyncio.Event)
    posted: list[Posted] = field(default_factory=list)
    """Every attempt, in the order of the answers."""
    begun: int = 0

    def begin(self, refused: bool) -> str:
        """Give the id of one more line for a connection; nothing when that has posted its part."""
        if self.begun >= (self.least if refused else self.most):
            return ""
        self.begun += 1
        return f"{self.run}-{self.begun}"

    def note(self, posted: Posted) -> None:
        """Keep an answer."""
        self.posted.append(posted)
        if len(self.posted) >= self.moment:
            self.now.set()


class Hose(Caller):
    """One connection, whose lines wait for no one but the server."""

    def __init__(self, url: str, token: str) -> None:
        """Prepare to connect; `client` is to be opened and closed."""
        super().__init__(url, token)
        self.refused = False
        """Whether a line of the present flood was refused."""
        self._flood = Flood("", "", 0, 0, 0)
        self._dry: asyncio.Future[None] | None = None

    async def pour(self, flood: Flood, seconds: float) -> None:
        """Post until the flood is over for this connection and all is answered.

        What has no answer after so many seconds, or when the connection is lost, is noted UNKNOWN.
        """
        link = self.link
        self._flood, self.refused = flood, False
        self._dry = asyncio.get_running_loop().create_future()
        self.give(self._note)
        self._fill()
        await asyncio.wait(
            [self._dry, link.wire.ended], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for line in self.under_way.values():
            flood.note(
                Posted(self._me, line.mark, line.at, time.monotonic(), UNKNOWN, "unanswered")
            )
        self.under_way.clear()

    @property
    def _me(self) -> str:
        return str(self.client.welcome["you"]["id"])

    def _fill(self) -> None:
        assert self._dry is not None
        while len(self.under_way) < WIDTH and (own := self._flood.begin(self.refused)):
            args = {"room": self._flood.room, "text": f"line {own}", "client_message_id": own}
            self.send("comment.post", args, own)
        if not self.under_way and not self._dry.done():
            self._dry.set_result(None)

    def _note(self, line: Sent, reply: Mapping[str, Any]) -> None:
        if "ok" in reply:
            self._flood.note(acknowledged(self._me, line.mark, line.at, reply["ok"]))
        else:
            self.refused = True
            word = reply["error"]["code"]
            self._flood.note(Posted(self._me, line.mark, line.at, time.monotonic(), REFUSED, word))
        if len(self.under_way) <= WIDTH // 2:
            self._fill()
