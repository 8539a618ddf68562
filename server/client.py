"""The Python client of the live protocol, for bots and services: commands, channels, recovery."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Final

from server.client_channel import Channel
from server.client_link import NO_CONNECTION, Link, Push, Retry, Socket, addresses
from server.client_position import (
    PASSING_TROUBLE,
    Item,
    Missing,
    Passing,
    Position,
    Received,
    comes_back,
    delay,
    retried,
)
from server.client_token import Token, Tokens
from server.errors import Closed, Refused
from server.log import Log

__all__ = [
    "Channel",
    "Client",
    "Closed",
    "Item",
    "Link",
    "Missing",
    "Passing",
    "Position",
    "Push",
    "Received",
    "Refused",
    "Retry",
    "Socket",
    "Token",
    "delay",
    "retried",
]

log = Log(__name__)

MAX_COMMANDS: Final = 24
"""Commands under way at once; beyond 32 the server closes."""
CONNECT_SECONDS: Final = 15.0
STABLE_SECONDS: Final = 10.0
"""A connection that lived so long makes the next delay short again."""
BAD_TOKEN: Final = 4501


class Client:
    """A connection that comes back by itself.

        async with Client("https://example.org", token=token) as client:
            room = client.channel("room:42", feed="full")
            await client.call("line.post", {"room": "42", …})
            async for item in room:
                …

    It reconnects with growing delays, subscribes again at its positions and fills holes from
    `history`. Where the server tells it to stay away, `closed` is set, calls raise that and
    iterations end with it.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token = "",
        encoding: str = "msgpack",
        origin: str = "",
        random: Callable[[], float] = random.random,
        open_link: Callable[..., Awaitable[Link]] = Link.open,
    ) -> None:
        """Prepare for the server at `url` (https, http, wss or ws).

        `token` is a token of the server, or a coroutine function that fetches a one-use ticket;
        without it the client reads public channels. `encoding` is `msgpack` or `json`. `origin`
        is sent when there is no token; by default it is the server's own. `open_link` takes the
        place of `Link.open` for another kind of connection.
        """
        self.url, own_origin = addresses(url)
        self.closed: Closed | None = None
        self.welcome: dict[str, Any] = {}
        """The latest reply to `connect`: session, rank, you, limits, time."""
        self.connections = 0
        """How often it has connected."""
        self._tokens = Tokens(token, random)
        self._encoding = encoding
        self._origin = origin or own_origin
        self._random = random
        self._open_link = open_link
        self._channels: dict[str, Channel] = {}
        self._slots = asyncio.Semaphore(MAX_COMMANDS)
        self._link: Link | None = None
        self._changed = asyncio.Event()
        """Set while there is a connection, and for good when there will be none."""
        self._refreshing: asyncio.Task[None] | None = None
        self._main: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Client:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self, *, seconds: float = 30.0) -> None:
        """Connect; raises Closed when refused for good, and TimeoutError."""
        self._main = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
            if self.closed is not None:
                raise self.closed
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection and end all iterations."""
        self._finish(None)
        if self._link is not None:
            await self._link.close()
        tasks = [task for task in (self._main, *self._tasks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def channel(
        self,
        name: str,
        *,
        feed: str = "sampled",
        position: Position | None = None,
        handler: Callable[[Item], None] | None = None,
        limit: int = 10_000,
    ) -> Channel:
        """Subscribe, before connecting or later; `Channel.subscribed()` waits for the answer.

        `feed` is `sampled` or `full`; `position` one that was kept, or Position() for the
        beginning; `limit` is how many items may wait for the iteration.
        """
        if name in self._channels:
            raise ValueError(f"{name} is subscribed already")
        channel = Channel(
            name, feed=feed, position=position, handler=handler, limit=limit, ask=self._ask
        )
        self._channels[name] = channel
        if self._link is not None:
            self._spawn(self._answer(channel, "subscribe"))
        return channel

    async def leave(self, channel: Channel) -> None:
        """Unsubscribe and end the iteration."""
        if self._channels.get(channel.name) is channel:
            del self._channels[channel.name]
            channel.end()
            if self._link is not None:
                await self.call("unsubscribe", {"channel": channel.name})

    async def call(
        self, command: str, args: Mapping[str, Any], *, seconds: float = 15.0
    ) -> dict[str, Any]:
        """Send a command, waiting for a connection where there is none, and give the reply's `ok`.

        Raises Refused with the server's word. `unavailable` may also mean that no answer came:
        then it has happened or not, and `details` has `answered: False`. Raises Closed when the
        client stays away.
        """
        try:
            async with asyncio.timeout(seconds), self._slots:
                while self._link is None:
                    if self.closed is not None:
                        raise self.closed
                    await self._changed.wait()
                return await self._link.call(command, args)
        except TimeoutError:
            text = f"No answer came within {seconds:g} s."
            raise Refused("unavailable", text, answered=False) from None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            began = loop.time()
            try:
                ended = await self._visit()
            except Closed as closed:
                ended = closed
            except Exception as error:
                log.error("client.failed", url=self.url, error=error)
                ended = Closed(NO_CONNECTION, f"{type(error).__name__}: {error}")
            if not comes_back(ended.code):
                self._finish(ended)
                return
            tries = 0 if loop.time() - began > STABLE_SECONDS else tries
            least = ended.wait if isinstance(ended, Retry) else 0.0
            wait = max(least, delay(tries, self._random))
            tries += 1
            log.info("client.lost", url=self.url, code=ended.code, reason=ended.reason, wait=wait)
            await asyncio.sleep(wait)

    async def _visit(self) -> Closed:
        """Hold one connection to its end, and give how it ended."""
        token, resumed = await self._tokens.choose()
        try:
            return await self._hold(token)
        except Closed as closed:
            if resumed and not comes_back(closed.code):
                self._tokens.drop()
                return Closed(NO_CONNECTION, closed.reason)
            raise

    async def _hold(self, token: str) -> Closed:
        """Connect with a token; raises Closed when that is refused, gives the end otherwise."""
        link = await self._open_link(
            self.url,
            encoding=self._encoding,
            token=token,
            origin=self._origin,
            on_push=self._push,
        )
        reading = asyncio.create_task(link.run())
        try:
            refused = await self._introduce(link, token)
            if refused is not None:
                # The close code that follows a refusal says more than the refusal.
                await asyncio.wait([reading], timeout=2)
                await link.close()
            ended = await reading
        except BaseException:
            # Until it is let in nobody else knows of this connection.
            await link.close()
            raise
        finally:
            self._lose()
            reading.cancel()
        if refused is None:
            return ended
        code = NO_CONNECTION if refused.code in PASSING_TROUBLE else BAD_TOKEN
        code = ended.code if ended.code >= 4000 else code
        raise Retry(code, str(refused), (refused.retry_after or 0) / 1000)

    async def _introduce(self, link: Link, token: str) -> Refused | None:
        """Send `connect` with all subscriptions; give what refused it."""
        wanted = list(self._channels.values())
        args: dict[str, Any] = {"version": 1, "subscribe": [each.request() for each in wanted]}
        if token:
            args["token"] = token
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                welcome = await link.call("connect", args)
        except TimeoutError:
            return Refused("unavailable", "connect was not answered")
        except Refused as refused:
            return refused
        link.max_frame = welcome["limits"]["frame"]
        self.welcome = welcome
        self.connections += 1
        self._link = link
        for channel in self._channels.values():
            outcome = welcome["subscriptions"].get(channel.name, {}) if channel in wanted else {}
            if "ok" in outcome:
                channel.opened(outcome["ok"])
            else:
                self._spawn(self._answer(channel, "subscribe"))
        self._refreshing = asyncio.create_task(self._tokens.keep(link, welcome))
        self._changed.set()
        return None

    def _lose(self) -> None:
        self._link = None
        if self.closed is None:
            self._changed.clear()
        if self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None
        for channel in self._channels.values():
            channel.disconnected()

    def _finish(self, closed: Closed | None) -> None:
        """Stay away for good: by a close code, or because the program closes (None)."""
        if self.closed is None:
            self.closed = closed or Closed(1000, "the program closed it")
            for channel in self._channels.values():
                channel.end(closed)
            self._changed.set()

    def _push(self, push: Push) -> None:
        channel = self._channels.get(push["ch"])
        if channel is not None:
            channel.pushed(push)

    def _ask(self, channel: Channel) -> None:
        self._spawn(self._answer(channel, "history"))

    async def _answer(self, channel: Channel, command: str) -> None:
        """Send `subscribe` or `history` over this connection until it is answered or refused."""
        link = self._link
        tries = channel.fruitless
        if command == "history" and tries:
            await asyncio.sleep(delay(tries, self._random))
        while link is not None and self._link is link and channel in self._channels.values():
            args = channel.request() if command == "subscribe" else channel.place()
            try:
                async with self._slots:
                    reply = await link.call(command, args)
            except Refused as refused:
                if refused.code not in PASSING_TROUBLE:
                    self._channels.pop(channel.name, None)
                    channel.end(refused)
                    return
                least = (refused.retry_after or 0) / 1000
                await asyncio.sleep(max(least, delay(tries, self._random)))
                tries += 1
                continue
            if self._link is link:
                (channel.opened if command == "subscribe" else channel.answered)(reply)
            return

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
