"""A community for tests of what happens in rooms: real servers, people, rooms, and a worker."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from moderation.names import name_key
from moderation.rules import Rank
from rooms.adoption import PostgresAdoption
from rooms.cache import RoomCache
from rooms.rules import Room
from rooms.worker import CONSUMERS, HANDLERS
from server.broker import Broker
from server.context import Context, Viewer, system_clock
from server.database import Database
from server.keys import partition_of, tagged
from server.publication import Publication, decode
from server.settings import Settings
from server.stream_worker import StreamWorker


class ShiftedClock:
    """The time of this machine, moved forward by a test: Redis gives its own real time."""

    def __init__(self) -> None:
        self.shift = 0

    def __call__(self) -> int:
        return system_clock() + self.shift

    def advance(self, milliseconds: int) -> None:
        """Turn the clock forward."""
        self.shift += milliseconds


class World:
    """What the actions get, with shortcuts to make people and rooms and to run the worker."""

    def __init__(self, ctx: Context, clock: ShiftedClock) -> None:
        self.ctx = ctx
        self.db = ctx.db
        self.clock = clock
        self.heard: list[tuple[str, Publication]] = []
        self.told: list[dict[str, Any]] = []
        self._working: asyncio.Task[None] | None = None
        ctx.broker.on_payload = lambda channel, payload: self.heard.append(
            (channel, decode(payload))
        )
        ctx.broker.on_control = self._control

    def _control(self, body: dict[str, Any]) -> None:
        self.told.append(body)
        if body.get("what") == "room":
            self.ctx.of(RoomCache).forget(body["id"])

    async def member(self, name: str, rank: Rank = Rank.MEMBER) -> Viewer:
        """Make a member."""
        number = await self.db.value(
            "INSERT INTO members (name, name_key, rank) VALUES ($1, $2, $3) RETURNING id",
            name,
            name_key(name),
            int(rank),
        )
        return Viewer(f"m{number}", name, rank, version=1, address="192.0.2.7")

    def guest(self, name: str, address: str = "198.51.100.9") -> Viewer:
        """Make a guest, who is not in the database yet."""
        return Viewer(f"g{secrets.token_urlsafe(12)}", name, Rank.GUEST, address=address)

    async def room(self, slug: str = "tea", kind: str = "topic", **columns: Any) -> Room:
        """Make a room; `columns` of the table override the defaults."""
        columns = {"kind": kind, "slug": slug, "title": slug.title(), **columns}
        places = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
        number = await self.db.value(
            f"INSERT INTO rooms ({', '.join(columns)}) VALUES ({places}) RETURNING id",
            *columns.values(),
        )
        return await self.ctx.of(RoomCache).room(str(number))

    async def showing(self, room: Room, host: Viewer, state: str = "live") -> int:
        """Make a broadcast in a live room."""
        now = datetime.now(UTC)
        number: int = await self.db.value(
            """INSERT INTO broadcasts (room_id, title, host_id, state, video_kind, video_url,
                                       starts_at, started_at, ended_at)
               VALUES ($1, 'Evening', $2, $3, 'file', '/media/a.mp4', $4, $5, $6) RETURNING id""",
            int(room.id),
            int((host.id or "m0")[1:]),
            state,
            now + timedelta(hours=1 if state == "scheduled" else -1),
            None if state == "scheduled" else now,
            now if state == "ended" else None,
        )
        self.ctx.of(RoomCache).forget(room.id)
        return number

    async def window(self, room: Room) -> list[Publication]:
        """Give everything in the room's recovery window."""
        return (await self.ctx.broker.window(room.channel, 0)).entries

    async def find(self, room: Room) -> Any:
        """Give what the hub's tail of this process would answer at this moment."""
        entries = await self.window(room)
        return lambda channel, key: [e for e in entries if e.key == key]

    async def save(self) -> None:
        """Wait until a worker has emptied the persistence log of every room; it goes on after."""
        numbers = await self.db.all("SELECT id FROM rooms")
        partitions = sorted({partition_of(f"room:{row['id']}") for row in numbers})
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        async with asyncio.timeout(20):
            await self._until_saved(partitions)

    async def close(self) -> None:
        """End the worker."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)

    async def _work(self) -> None:
        await StreamWorker(self.ctx.settings, self.db, HANDLERS, consumers=CONSUMERS).run()

    async def _until_saved(self, partitions: list[int]) -> None:
        while True:
            if not any([await self.ctx.redis.xlen(tagged(p, "log")) for p in partitions]):
                return
            await asyncio.sleep(0.01)

    async def dead_letters(self) -> list[str]:
        """Give the errors of entries that could not be applied."""
        return [row["error"] for row in await self.db.all("SELECT error FROM dead_letters")]


@asynccontextmanager
async def world(settings: Settings, **changes: Any) -> AsyncIterator[World]:
    """Open a community on the servers of these settings."""
    settings = replace(settings, **changes)
    clock = ShiftedClock()
    db = await Database.connect(settings.database_url, size=8)
    redis: Redis = Redis.from_url(settings.redis_url)
    adoption = PostgresAdoption(db, clock)
    broker = await Broker.open(settings, clock=clock, adoption=adoption)
    opened = World(Context(settings, db, redis, broker, clock), clock)
    try:
        yield opened
    finally:
        await opened.close()
        await broker.close()
        await redis.aclose()
        await db.close()
