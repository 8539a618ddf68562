"""A community on real servers: two gateways, rooms, people, and a worker, without any page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgpack
from redis.asyncio import Redis

from moderation import reads, screening
from moderation import worker as moderation_worker
from moderation.audit import moment
from moderation.ids import fresh_id, read_id, wire_id
from moderation.names import name_key
from moderation.rules import Rank
from server.adoption import Gates
from server.answers import Answer
from server.broker import Broker
from server.context import Clock, Context, Viewer, system_clock
from server.database import Database, Transaction
from server.errors import Refused
from server.publication import Publication, Publish, Published, decode
from server.settings import Settings
from server.stream_worker import Entry, StreamWorker
from tests.integration.channels import until

GUEST = "gAAAAAAAAAAAAAAA1"
OTHER = "gAAAAAAAAAAAAAAA2"


MESSAGE_EVENTS = (
    "comment.posted",
    "comment.edited",
    "comment.deleted",
    "comment.hidden",
    "comment.restored",
    "comments.purged",
    "comments.unpurged",
)


class Denials:
    """The adoption that finds denials in this community's Postgres."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def gates(self, channel: str) -> Gates:
        return Gates()

    async def denials(self, channel: str) -> dict[str, int]:
        return await reads.denials(self._db, channel.split(":")[1], self._clock())

    async def denials_everywhere(self, partition: int) -> dict[str, int]:
        return await reads.denials_everywhere(self._db, self._clock())

    async def answers(self, channel: str, epoch: int, offset: int) -> list[Answer]:
        return []


@dataclass
class Gateway:
    """One process: its context, and everything that Redis told it."""

    ctx: Context
    heard: list[tuple[str, Publication]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def listen(self) -> None:
        """Hear payloads, and follow control as a gateway does."""
        self.ctx.broker.on_payload = lambda channel, payload: self.heard.append(
            (channel, decode(payload))
        )
        self.ctx.broker.on_control = self._control

    def _control(self, body: dict[str, Any]) -> None:
        self.told.append(body)
        task = asyncio.ensure_future(screening.on_control(self.ctx, body))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def bodies(self, channel: str) -> list[dict[str, Any]]:
        """Give the bodies heard on a channel."""
        return [msgpack.unpackb(p.body) for where, p in self.heard if where == channel and p.body]

    def events(self, channel: str) -> list[str]:
        """Give the events heard on a channel."""
        return [body["event"] for body in self.bodies(channel)]


@dataclass
class Stage:
    """The community of one test."""

    db: Database
    gateways: list[Gateway]
    settings: Settings
    room: str = ""
    second_room: str = ""
    owner: Viewer = field(default_factory=Viewer)
    host: Viewer = field(default_factory=Viewer)
    ren: Viewer = field(default_factory=Viewer)
    yui: Viewer = field(default_factory=Viewer)
    member: Viewer = field(default_factory=Viewer)
    guest: Viewer = field(default_factory=lambda: guest(GUEST, "shop_navi"))

    @property
    def ctx(self) -> Context:
        return self.gateways[0].ctx

    @property
    def channel(self) -> str:
        return f"room:{self.room}"

    async def say(
        self,
        viewer: Viewer,
        text: str,
        *,
        room: str = "",
        gateway: int = 0,
        address: bytes = b"",
    ) -> Published:
        """Publish a comment the way rooms do, without screening."""
        return await self.gateways[gateway].ctx.broker.publish(
            comment(viewer, text, room or self.room, address=address)
        )

    async def save(self, viewer: Viewer, text: str, *, room: str = "") -> str:
        """Publish a comment and give its row at once; the id comes back."""
        published = await self.say(viewer, text, room=room)
        await self.insert(viewer, text, published, room=room)
        return published.key

    async def insert(
        self, viewer: Viewer, text: str, published: Published, *, room: str = ""
    ) -> None:
        """Give a comment its row."""
        await insert_message(self.db, viewer, room or self.room, published.key, text, published)

    async def state(self, id: str) -> str:
        """Give the state of a message."""
        return str(await self.db.value("SELECT state FROM messages WHERE id = $1", read_id(id)))

    async def log(self) -> list[Any]:
        """Give the audit log, the oldest first."""
        return await self.db.all("SELECT * FROM audit_log ORDER BY at, id")

    async def settled(self) -> None:
        """Wait until every gateway has read what changed."""
        for gateway in self.gateways:
            await asyncio.gather(*gateway.tasks)

    @asynccontextmanager
    async def worker(self, handlers: dict[str, Any] | None = None) -> AsyncIterator[StreamWorker]:
        """Run a worker; other events than those of `handlers` are only counted."""
        known = dict.fromkeys(MESSAGE_EVENTS, ignore)
        found = {**known, **moderation_worker.handlers, **(handlers or {})}
        worker = StreamWorker(self.settings, self.db, found, consumers=[moderation_worker.record])
        async with self.running(worker):
            yield worker

    @asynccontextmanager
    async def running(self, worker: StreamWorker) -> AsyncIterator[None]:
        """Run a worker beside the test."""
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await asyncio.wait_for(task, 15)


async def ignore(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Accept entries."""


def guest(id: str, name: str, address: str = "203.0.113.7") -> Viewer:
    """Make a guest."""
    return Viewer(id, name, Rank.GUEST, address=address)


def comment(viewer: Viewer, text: str, room: str, *, address: bytes = b"") -> Publish:
    """Make the publication of a comment."""
    id = wire_id(fresh_id(system_clock()))
    author = {"id": viewer.id, "name": viewer.name, "role": Rank.of(viewer.rank).wire}
    body = {
        "event": "comment.posted",
        "id": id,
        "author": author,
        "text": text,
        "client_message_id": id,
    }
    return Publish(
        channel=f"room:{room}",
        body=msgpack.packb(body),
        publisher=viewer.id or "",
        key=id,
        client_message_id=id,
        private=msgpack.packb({"address": address}) if address else b"",
        gated=True,
        rank=viewer.rank,
    )


async def insert_message(
    db: Any, viewer: Viewer, room: str, id: str, text: str, place: Published | None
) -> None:
    """Insert the row of a message; without a place it is held."""
    person = viewer.id or ""
    if person.startswith("g"):
        await db.run(
            "INSERT INTO guests (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            person,
            viewer.name,
        )
    await db.run(
        """INSERT INTO messages (room_id, id, member_id, guest_id, author_name, author_rank,
                                 client_message_id, text, state, epoch, "offset", at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING""",
        *(int(room), read_id(id), int(person[1:]) if person.startswith("m") else None),
        *(person if person.startswith("g") else None, viewer.name, viewer.rank, id, text),
        *("visible" if place else "held", place.epoch if place else None),
        *(place.offset if place else None, moment(place.at if place else system_clock())),
    )


async def refusal(awaitable: Any) -> Refused:
    """Give the refusal that an action ends with; fails when it does not."""
    try:
        result = await awaitable
    except Refused as refused:
        return refused
    raise AssertionError(f"not refused: {result}")


@asynccontextmanager
async def stage(
    settings: Settings, *, clock: Clock = system_clock, gateways: int = 2
) -> AsyncIterator[Stage]:
    """Open a community with two live rooms, an owner, a host, two moderators and a member."""
    db = await Database.connect(settings.database_url, size=3)
    redis = Redis.from_url(settings.redis_url)
    opened = []
    try:
        for _ in range(gateways):
            own = await Database.connect(settings.database_url, size=6)
            adoption = Denials(own, clock)
            broker = await Broker.open(settings, clock=clock, adoption=adoption)
            gateway = Gateway(Context(settings, own, redis, broker, clock))
            gateway.listen()
            opened.append(gateway)
        made = Stage(db, opened, settings)
        await _people(made)
        await _rooms(made)
        for gateway in opened:
            for channel in (made.channel, f"{made.channel}:notice", f"{made.channel}:staff"):
                await gateway.ctx.broker.subscribe(channel)
        yield made
    finally:
        for gateway in opened:
            await gateway.ctx.broker.close()
            await gateway.ctx.db.close()
        await redis.aclose()
        await db.close()


async def _people(made: Stage) -> None:
    for field_name, name, rank in (
        ("owner", "Nagisa", Rank.OWNER),
        ("host", "なぎさ店長", Rank.HOST),
        ("ren", "れん", Rank.MODERATOR),
        ("yui", "ゆい", Rank.MODERATOR),
        ("member", "たけし", Rank.MEMBER),
    ):
        number = await made.db.value(
            "INSERT INTO members (name, name_key, rank) VALUES ($1, $2, $3) RETURNING id",
            name,
            name_key(name),
            rank,
        )
        setattr(made, field_name, Viewer(f"m{number}", name, rank))


async def _rooms(made: Stage) -> None:
    ids = [
        await made.db.value(
            "INSERT INTO rooms (kind, slug, title) VALUES ('live', $1, $1) RETURNING id", slug
        )
        for slug in ("skin-care", "soap")
    ]
    made.room, made.second_room = map(str, ids)


__all__ = ["GUEST", "OTHER", "Gateway", "Stage", "comment", "guest", "refusal", "stage", "until"]
