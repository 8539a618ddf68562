"""Finds out who is gone: one ready-made ping for everybody, and 20 s to answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from server.hot_list import Reader, Writer, fan
from server.websocket_frames import PING_FRAME

if TYPE_CHECKING:
    from server.connection import Connection

EVERY: Final = 20
"""Ticks between two pings of a connection, and the time it has to answer."""


class Pings:
    """The connections in as many groups as there are ticks, so that no tick pings all at once."""

    def __init__(self, write: Writer = os.write) -> None:
        self._write = write
        self._groups: list[dict[Connection, None]] = [{} for _ in range(EVERY)]
        self._tick = 0
        self.aborted = 0

    def add(self, connection: Connection) -> None:
        """Ping a connection from now on."""
        self._groups[connection.number % EVERY][connection] = None

    def remove(self, connection: Connection) -> None:
        """Ping it no longer."""
        self._groups[connection.number % EVERY].pop(connection, None)

    def tick(self) -> None:
        """Abort those of one group who have not answered, and ping the others."""
        self._tick += 1
        hot: dict[int, Reader] = {}
        for connection in list(self._groups[self._tick % EVERY]):
            if not connection.answered:
                self.aborted += 1
                # A close would wait for a flush that cannot come.
                connection.socket.abort()
            elif not connection.socket.paused:
                connection.answered = False
                hot[connection.socket.fd] = connection
        fan(hot, PING_FRAME, self._write)
