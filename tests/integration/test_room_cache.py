"""The cache of rooms against a real database: one read for many, changes, outages, bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from moderation.rules import Rank
from rooms import cache
from rooms.adoption import PostgresAdoption
from rooms.cache import FRESH_MS, RoomCache
from rooms.rules import Kind, State
from server.broker import Broker
from server.context import Context, Viewer
from server.database import Database
from server.errors import Refused
from server.settings import Settings
from tests.clock import FakeClock

ROOM = """
INSERT INTO rooms (kind, slug, title, visibility) VALUES ($1, $2, $3, $4) RETURNING id
"""
SHOWING = """
INSERT INTO broadcasts (room_id, title, host_id, state, video_kind, video_url, starts_at,
                        started_at, ended_at)
SELECT $1, $2, min(id), $3, 'file', '/media/a.mp4', now() + $4 * interval '1 hour',
       CASE WHEN $3 <> 'scheduled' THEN now() END, CASE WHEN $3 = 'ended' THEN now() END
FROM members
"""


class Counting(Database):
    """A database that counts single-row reads and can be told to wait."""

    reads = 0
    gate: asyncio.Event | None = None
    arrived: asyncio.Event

    async def one(self, sql: str, *args: Any, timeout: float = 2.0) -> Any:
        self.reads += 1
        row = await super().one(sql, *args, timeout=timeout)
        if self.gate is not None:
            self.arrived.set()
            await self.gate.wait()
        return row


@pytest.fixture
async def db(database_url: str) -> Any:
    db = await Counting.connect(database_url, size=3)
    yield db
    await db.close()


@pytest.fixture
async def context(db: Counting, settings: Settings, clock: FakeClock) -> AsyncIterator[Context]:
    adoption = PostgresAdoption(db, clock)
    broker = await Broker.open(settings, clock=clock, adoption=adoption, listen=False)
    yield Context(settings, db, cast(Any, None), broker, clock)
    await broker.close()


@pytest.fixture
def rooms(context: Context) -> RoomCache:
    return RoomCache(context)


async def make(db: Database, slug: str, kind: str = "topic", visibility: str = "public") -> str:
    return str(await db.value(ROOM, kind, slug, slug.title(), visibility))


async def test_many_askers_at_once_cause_one_read(db: Counting, rooms: RoomCache) -> None:
    room_id = await make(db, "tea")

    found = await asyncio.gather(*(rooms.room(room_id) for _ in range(20)))

    assert {room.slug for room in found} == {"tea"}
    assert db.reads == 1


async def test_a_change_that_is_announced_is_seen_by_the_next_asker(
    db: Counting, rooms: RoomCache
) -> None:
    room_id = await make(db, "tea")
    await rooms.room(room_id)
    await db.run("UPDATE rooms SET min_rank = 20")

    before = await rooms.room(room_id)
    rooms.forget(room_id)
    after = await rooms.room(room_id)

    assert (before.mode, after.mode) == ("everyone", "members")


async def test_a_read_that_was_under_way_during_a_change_is_not_kept(
    db: Counting, rooms: RoomCache
) -> None:
    room_id = await make(db, "tea")
    db.gate, db.arrived = asyncio.Event(), asyncio.Event()
    early = asyncio.create_task(rooms.room(room_id))
    await db.arrived.wait()
    await db.run("UPDATE rooms SET min_rank = 20")
    rooms.forget(room_id)

    late = asyncio.create_task(rooms.room(room_id))
    db.gate.set()
    await asyncio.gather(early, late)

    assert (await rooms.room(room_id)).mode == "members"


async def title(rooms: RoomCache, room_id: str, wanted: str) -> None:
    """Wait until a room has a title."""
    async with asyncio.timeout(10):
        while True:
            if (await rooms.room(room_id)).title == wanted:
                return
            await asyncio.sleep(0.005)


async def test_what_is_old_is_read_again_without_keeping_anybody_waiting(
    db: Counting, rooms: RoomCache, clock: FakeClock
) -> None:
    room_id = await make(db, "tea")
    await rooms.room(room_id)
    clock.advance(FRESH_MS + 1)
    await db.run("UPDATE rooms SET title = 'Green tea'")
    db.gate, db.arrived = asyncio.Event(), asyncio.Event()

    at_once = await rooms.room(room_id)
    db.gate.set()

    assert at_once.title == "Tea"
    await title(rooms, room_id, "Green tea")


async def test_a_room_is_known_while_the_database_is_away(
    db: Counting, rooms: RoomCache, clock: FakeClock
) -> None:
    room_id = await make(db, "tea")
    await rooms.room(room_id)
    await db.close()
    clock.advance(FRESH_MS + 1)

    first = await rooms.room(room_id)
    await asyncio.sleep(0)
    db.reads = 0
    for _ in range(10):
        await rooms.room(room_id)

    assert first.title == "Tea"
    assert db.reads <= 1, "every asker tried the database again"
    with pytest.raises(Refused) as caught:
        await rooms.room("777")
    assert caught.value.code == "unavailable"


async def test_a_process_that_never_read_a_room_finds_it_while_the_database_is_away(
    db: Counting, rooms: RoomCache, context: Context
) -> None:
    """Who comes back to another gateway during an outage goes on where he was."""
    await db.run("INSERT INTO members (name, name_key) VALUES ('Yui', 'yui')")
    plain, shop = await make(db, "tea", "topic", "members"), await make(db, "shop", "live")
    await db.run(SHOWING, int(shop), "now", "live", 0)
    known = [await rooms.room(room_id) for room_id in (plain, shop)]
    await db.close()

    other = RoomCache(context)

    assert [await other.room(room_id) for room_id in (plain, shop)] == known


@pytest.mark.parametrize("room_id", ["777", "0", "x", ""])
async def test_a_room_that_is_not_there_is_not_found(rooms: RoomCache, room_id: str) -> None:
    with pytest.raises(Refused) as caught:
        await rooms.room(room_id)

    assert caught.value.code == "not_found"


async def test_rooms_kept_are_bounded(
    db: Counting, rooms: RoomCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "CAPACITY", 3)
    ids = [await make(db, f"room-{n}") for n in range(5)]

    for room_id in ids:
        await rooms.room(room_id)
    db.reads = 0
    await rooms.room(ids[-1])
    assert db.reads == 0
    await rooms.room(ids[0])

    assert db.reads == 1


async def test_a_live_room_comes_with_what_is_on_else_what_is_next_else_what_was_last(
    db: Counting, rooms: RoomCache
) -> None:
    await db.run("INSERT INTO members (name, name_key) VALUES ('Yui', 'yui')")
    room_id = await make(db, "shop", "live")
    number = int(room_id)
    assert (await rooms.room(room_id)).broadcast is None
    await db.run(SHOWING, number, "last month", "ended", -700)
    await db.run(SHOWING, number, "last week", "ended", -100)
    await db.run("UPDATE broadcasts SET ended_at = starts_at, started_at = starts_at")
    await db.run(SHOWING, number, "forgotten", "scheduled", -13)
    rooms.forget()
    last = (await rooms.room(room_id)).broadcast
    await db.run(SHOWING, number, "in a week", "scheduled", 100)
    await db.run(SHOWING, number, "tomorrow", "scheduled", 20)
    rooms.forget()
    coming = (await rooms.room(room_id)).broadcast
    await db.run(SHOWING, number, "now", "live", 0)
    rooms.forget()
    on = await rooms.room(room_id)

    assert last is not None
    assert (last.title, last.state) == ("last week", State.ENDED)
    assert coming is not None
    assert (coming.title, coming.state, coming.host_name) == ("tomorrow", State.SCHEDULED, "Yui")
    assert on.broadcast is not None
    assert (on.kind, on.broadcast.title, on.broadcast.state) == (Kind.LIVE, "now", State.LIVE)


async def test_the_rooms_that_somebody_may_see_follow_the_rank(
    db: Counting, rooms: RoomCache
) -> None:
    ids = [int(await make(db, v, "topic", v)) for v in ("public", "members", "staff")]
    await make(db, "between-two", "direct")
    people = [Viewer(rank=rank) for rank in (Rank.READER, Rank.GUEST, Rank.MEMBER, Rank.MODERATOR)]

    seen = [await rooms.visible(viewer) for viewer in people]
    later = int(await make(db, "new"))
    rooms.forget(str(later))

    assert seen == [ids[:1], ids[:1], ids[:2], ids]
    assert await rooms.visible(people[0]) == [ids[0], later]
