"""Finds out who is gone: one ready-made ping for everybody, and 20 s to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from server.fan_out import FanOut
from server.roster import Roster
from server.websocket_frames import PING_FRAME

if TYPE_CHECKING:
    from server.connection import Connection

EVERY: Final = 20
"""Ticks between two pings of a connection, and the time it has to answer."""


class Pings:
    """The connections in as many rosters as there are ticks, so that no tick pings all at once.

    Who is paused is on none: whether it reads at all is the hub's to find out.
    """

    def __init__(self, fan_out: FanOut) -> None:
        self._fan_out = fan_out
        self._rosters: list[Roster[Connection]] = [fan_out.roster() for _ in range(EVERY)]
        self._tick = 0
        self.aborted = 0

    def add(self, connection: Connection) -> None:
        """Ping a connection from now on."""
        # It has just read what it was sent, if it was pinged before.
        connection.answered = True
        roster = self._of(connection)
        if connection not in roster:
            roster.add(connection)

    def remove(self, connection: Connection) -> None:
        """Ping it no longer."""
        self._of(connection).discard(connection)

    def tick(self) -> None:
        """Abort those of one roster who have not answered, and ping the others."""
        self._tick += 1
        roster = self._rosters[self._tick % EVERY]
        for connection in list(roster):
            if not connection.answered:
                self.aborted += 1
                # A close would wait for a flush that cannot come.
                connection.socket.abort()
            else:
                connection.answered = False
        self._fan_out.finish(roster)
        self._fan_out.begin(roster, PING_FRAME, _nothing)

    def _of(self, connection: Connection) -> Roster[Connection]:
        return self._rosters[connection.number % EVERY]


def _nothing() -> None:
    """Follow the pings with nothing."""
