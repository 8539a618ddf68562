"""Coupons and giveaways as the shelf, the API and the pushes show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from asyncpg import Record

from rooms.rules import Room
from rooms.shop.events import Winner
from server.context import Context, Viewer
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)
GRACE_MS = 3_600_000
"""How long a claimed coupon can be used after the last one could be claimed, in ms."""
SHOWN_MS = 12 * 3_600_000
"""How long a giveaway is shown after its draw, or waits for one."""


class CouponInfo(TypedDict):
    """A coupon as clients see it; times in ms."""

    id: str
    code: str
    percent: int | None
    amount: int | None
    currency: str | None
    product: str | None
    cap: int
    ends_at: int


class CouponOpen(CouponInfo):
    """The same on a shelf: how many were claimed, and whether the asker has it."""

    claimed: int
    mine: bool


class GiveawayInfo(TypedDict):
    """A giveaway as clients see it; bytes are hexadecimal, the seed is null until the draw."""

    id: str
    title: str
    winners: int
    closes_at: int
    commitment: str
    drawn: bool
    entries: int
    seed: str | None
    entries_digest: str | None
    won: list[Winner]


class GiveawayOpen(GiveawayInfo):
    """The same on a shelf: whether the asker entered."""

    entered: bool


class GiveawayProof(GiveawayInfo):
    """Everything that it takes to compute a draw again; `people` are the ids of who entered."""

    room: str
    now: int
    people: list[str]


async def coupons_open(ctx: Context, room: Room, viewer: Viewer) -> list[CouponOpen]:
    """List the coupons of a room that can be claimed, and those that the asker can use."""
    now = ctx.clock()
    rows = await ctx.db.all(
        SQL.coupons_of_room, int(room.id), viewer.id or "", moment(now), moment(now - GRACE_MS)
    )
    return [
        CouponOpen(**coupon_info(row), claimed=row["claimed"], mine=row["mine"]) for row in rows
    ]


async def giveaways_open(ctx: Context, room: Room, viewer: Viewer) -> list[GiveawayOpen]:
    """List the giveaways of a room that are open, wait for their draw or were drawn lately."""
    since = moment(ctx.clock() - SHOWN_MS)
    rows = await ctx.db.all(SQL.giveaways_of_room, int(room.id), viewer.id or "", since)
    return [
        GiveawayOpen(
            **_giveaway_info(row, row["entries"], _winners(row["won"])),
            entered=row["entered"],
        )
        for row in rows
    ]


async def giveaway(ctx: Context, number: int) -> GiveawayProof:
    """Give a giveaway with everybody who entered; `not_found` when there is none."""
    row = await giveaway_row(ctx.db, number)
    entries = await ctx.db.all(SQL.entries, number)
    return GiveawayProof(
        **_giveaway_info(row, len(entries), winners_of(entries)),
        room=str(row["room_id"]),
        now=ctx.clock(),
        people=[entry["person"] for entry in entries],
    )


async def giveaway_row(db: Queries, number: int) -> Record:
    """Give the row of a giveaway, or `not_found`."""
    row = await db.one(SQL.giveaway, number)
    if row is None:
        raise Refused("not_found", "There is no such giveaway.")
    return row


def winners_of(entries: list[Record]) -> list[Winner]:
    """Give those who won, the first first."""
    won = [entry for entry in entries if entry["place"] is not None]
    won.sort(key=lambda entry: int(entry["place"]))
    return _winners(won)


def _winners(rows: Iterable[Mapping[str, Any] | Record]) -> list[Winner]:
    return [Winner(person=row["person"], name=row["name"], place=row["place"]) for row in rows]


def coupon_info(row: Record) -> CouponInfo:
    """Describe a coupon."""
    return CouponInfo(
        id=str(row["id"]),
        code=row["code"],
        percent=row["percent"],
        amount=row["amount"],
        currency=row["currency"],
        product=None if row["product_id"] is None else str(row["product_id"]),
        cap=row["cap"],
        ends_at=millis(row["ends_at"]),
    )


def _giveaway_info(row: Record, entries: int, won: list[Winner]) -> GiveawayInfo:
    seed, digest = row["seed"], row["entries_digest"]
    return GiveawayInfo(
        id=str(row["id"]),
        title=row["title"],
        winners=row["winners"],
        closes_at=millis(row["closes_at"]),
        commitment=row["commitment"].hex(),
        drawn=row["drawn_at"] is not None,
        entries=entries,
        seed=None if seed is None else seed.hex(),
        entries_digest=None if digest is None else digest.hex(),
        won=won,
    )


def moment(at: int) -> datetime:
    """Give a time in ms as the database keeps it, exact to the ms."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)


def millis(at: datetime) -> int:
    """Give a time of the database in ms."""
    return round(at.timestamp() * 1000)
