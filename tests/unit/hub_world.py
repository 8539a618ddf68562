"""One gateway's hub over a Redis in memory, and viewers in front of it, for tests."""

from __future__ import annotations

import asyncio
from typing import Any

from server.hot_list import Feed
from server.hub import Hub
from server.joining import Joining, Position
from server.protocol import Encoding, reply
from server.websocket_frames import frame
from tests.unit.fake_broker import FakeRedis
from tests.unit.fake_sockets import Kernel, Turned, Viewer

ROOM = "room:42"


class World:
    """One gateway's hub over a Redis in memory, and viewers in front of it."""

    def __init__(self) -> None:
        self.redis = FakeRedis()
        self.kernel = Kernel()
        self.turned = Turned()
        self.broker = self.redis.broker()
        self.hub = Hub(self.broker, descriptors=self.kernel.descriptors, now=self.turned)

    def viewer(
        self, *, room: int = 10**9, encoding: Encoding = Encoding.JSON, publisher: str | None = None
    ) -> Viewer:
        return Viewer(self.kernel.open(encoding, room=room), self.hub, publisher=publisher)

    async def join(
        self,
        viewer: Viewer,
        *,
        feed: Feed = Feed.FULL,
        position: Position | None = None,
        limit: int = 300,
        channel: str = ROOM,
    ) -> dict[str, Any]:
        """Join as a connection does, and give the reply as the client reads it."""
        joining = await Joining.prepare(self.hub.channels, channel, position)
        return self.finish(joining, viewer, feed=feed, limit=limit)

    def finish(
        self, joining: Joining, viewer: Viewer, *, feed: Feed = Feed.FULL, limit: int = 300
    ) -> dict[str, Any]:
        ok = joining.settle(viewer, feed, limit).tree
        payload = reply(viewer.encoding, 1, ok)
        viewer.socket.send(frame(viewer.encoding.opcode, payload))
        joining.seat(viewer)
        answer: dict[str, Any] = viewer.screen.look().replies[1]["ok"]
        viewer.screen.take_reply(joining.channel.name, answer)
        return answer

    async def joined(self, **options: Any) -> Viewer:
        viewer = self.viewer(**options)
        await self.join(viewer)
        return viewer

    def say(self, *texts: str, **options: Any) -> None:
        for text in texts:
            self.redis.publish(ROOM, text, **options)

    async def settle(self) -> None:
        """Let everything run that needs no time to pass."""
        for _ in range(20):
            await asyncio.sleep(0)
