"""One channel as a client sees it: items in order, each once, in a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from server.client_position import Item, Passing, Position, Stand
from server.log import Log

log = Log(__name__)

MAX_HELD: Final = 1000
"""Pushes that wait for the answer to `history`."""


class Channel:
    """A subscription that outlives connections.

    Iterate over it (`async for item in channel`), or give it a handler, which is called at once
    for each item. When its queue is full it stops taking pushes, and asks for what it left when
    half of the queue is read: nothing is lost as long as the server's window reaches.
    """

    def __init__(
        self,
        name: str,
        *,
        feed: str,
        position: Position | None,
        handler: Callable[[Item], None] | None,
        limit: int,
        ask: Callable[[Channel], None],
    ) -> None:
        """Be made by `Client.channel`; `ask` sends `history` for a channel."""
        self.name = name
        self.feed = feed
        self.room: dict[str, Any] = {}
        """What the server told of the room at the latest subscription."""
        self.you: dict[str, Any] = {}
        """What it told of the viewer's own standing there."""
        self._stand = Stand(name, position or Position())
        self._from_start = position is not None
        self._handler = handler
        self._limit = limit
        self._ask = ask
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue()
        self._error: Exception | None = None
        self._ended = False
        self._waiting = True
        """For the answer to `subscribe` or `history`; pushes may be read before it."""
        self._behind = False
        self._held: list[Mapping[str, Any]] = []
        self.fruitless = 0
        """How often in a row `history` brought nothing."""
        self._subscribed = asyncio.Event()

    @property
    def position(self) -> Position:
        """Where the client stands; keep it to go on there in another process."""
        return self._stand.position

    async def subscribed(self) -> None:
        """Wait for the first answer; raises what refused it."""
        await self._subscribed.wait()
        if self._error is not None:
            raise self._error

    def __aiter__(self) -> Channel:
        return self

    async def __anext__(self) -> Item:
        if self._ended and self._queue.empty():
            self._queue.put_nowait(None)
        item = await self._queue.get()
        if item is None:
            self._queue.put_nowait(None)
            raise self._error or StopAsyncIteration
        if self._behind and self._queue.qsize() <= self._limit // 2:
            self._catch_up()
        return item

    def request(self) -> dict[str, Any]:
        """Give the subscription as `connect` and `subscribe` want it."""
        wanted: dict[str, Any] = {"channel": self.name, "feed": self.feed}
        if self._from_start or self.position.epoch:
            wanted |= {"epoch": self.position.epoch, "offset": self.position.offset}
        return wanted

    def place(self) -> dict[str, Any]:
        """Give the position as `history` wants it."""
        position = self.position
        return {"channel": self.name, "epoch": position.epoch, "offset": position.offset}

    def opened(self, reply: Mapping[str, Any]) -> None:
        """Take the answer to a subscription."""
        self.room, self.you = dict(reply.get("room") or {}), dict(reply.get("you") or {})
        self.answered(reply)
        self._subscribed.set()

    def answered(self, reply: Mapping[str, Any]) -> None:
        """Take the answer to `subscribe` or `history`, then the pushes that came meanwhile."""
        before = self.position
        for item in self._stand.accept(reply):
            self._give(item)
        self.fruitless = self.fruitless + 1 if self.position == before else 0
        held, self._held = self._held, []
        self._waiting = False
        if reply.get("more"):
            self._catch_up()
        for push in held:
            self.pushed(push)

    def pushed(self, push: Mapping[str, Any]) -> None:
        """Take a push or what is passing."""
        if "now" in push:
            for body in push["now"]:
                self._pass(Passing(self.name, body))
        elif self._waiting:
            # Beyond the bound the next push is a hole again, and is asked for again.
            if len(self._held) < MAX_HELD:
                self._held.append(push)
        elif not self._behind:
            if self._full(len(push["pubs"])):
                self._behind = True
                return
            items = self._stand.take(push)
            if items is None:
                self._held.append(push)
                self._catch_up()
                return
            for item in items:
                self._give(item)

    def disconnected(self) -> None:
        """Wait for the next subscription, which says where we stand."""
        self._waiting = True
        self._behind = False
        self._held.clear()

    def end(self, error: Exception | None = None) -> None:
        """End the iteration after what is in the queue, with an error or without."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._queue.put_nowait(None)
            self._subscribed.set()

    def _catch_up(self) -> None:
        self._behind = self._full(0)
        if not self._behind and not self._waiting:
            self._waiting = True
            self._ask(self)

    def _full(self, more: int) -> bool:
        waiting = self._queue.qsize()
        return self._handler is None and waiting > 0 and waiting + more > self._limit

    def _pass(self, item: Item) -> None:
        # What has no place is not worth a longer queue.
        if not self._full(1):
            self._give(item)

    def _give(self, item: Item) -> None:
        if self._ended:
            return
        if self._handler is None:
            self._queue.put_nowait(item)
            return
        try:
            self._handler(item)
        except Exception as error:
            log.error("client.handler_failed", channel=self.name, error=error)
