"""One connection whose commands cost as little as possible here: the server is what is measured."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from loadtest.light import LightLink, open_light
from server.client import Client

FIRST_ID: Final = 1 << 20
"""Commands of the client itself have smaller numbers."""
_pack: Final = msgpack.Packer().pack


@dataclass(frozen=True, slots=True)
class Sent:
    """A command under way."""

    mark: str
    """By which the sender knows it again."""
    at: float
    """When it was sent, on the clock of `time.monotonic`."""


Answered = Callable[[Sent, Mapping[str, Any]], None]
"""Given a command and its whole reply, with `ok` or `error`."""


class Caller:
    """Sends commands without waiting; every answer is handed on."""

    def __init__(self, url: str, token: str) -> None:
        """Prepare to connect; `client` is to be opened and closed."""
        self.client = Client(url, token=token, open_link=self._open)
        self.under_way: dict[int, Sent] = {}
        """Commands that have no answer yet."""
        self._ids = itertools.count(FIRST_ID)
        self._link: LightLink | None = None
        self._answered: Answered = _nobody_asked

    @property
    def link(self) -> LightLink:
        """The connection that is open."""
        assert self._link is not None
        return self._link

    def give(self, answered: Answered) -> None:
        """Hand the answers to everything that is sent from now on to `answered`."""
        self._answered = answered
        self.link.wire.give(self._take)

    def send(self, command: str, args: Mapping[str, Any], mark: str = "") -> None:
        """Send a command."""
        id = next(self._ids)
        self.under_way[id] = Sent(mark, time.monotonic())
        self.link.wire.put(_pack({"id": id, "cmd": command, "args": args}))

    async def _open(self, url: str, **more: Any) -> LightLink:
        self._link = await open_light(url, **more)
        return self._link

    def _take(self, data: bytes) -> None:
        value = msgpack.unpackb(data)
        sent = self.under_way.pop(value.get("id", 0), None)
        if sent is None:
            self.link.take(data)
        else:
            self._answered(sent, value)


def _nobody_asked(sent: Sent, reply: Mapping[str, Any]) -> None:
    """Take the answer to a command that nobody waits for any more."""
