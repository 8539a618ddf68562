"""Stock and reservations as pages, the API and the socket show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncpg import Record

from rooms.rules import message_id, message_uuid
from rooms.shop.rules import HoldState, Reservation
from rooms.shop.stock.rules import Left, Level, Snapshot, given, joined, reservation_id
from rooms.shop.stock.scripts import send, unpacked
from server.context import Context
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)


async def snapshot(ctx: Context, product_id: str) -> Snapshot | None:
    """Give how the stock stands, holds themselves counted; None while Redis has no part in it."""
    return await _levels(ctx, product_id, "1")


async def left(ctx: Context, product_ids: Iterable[str]) -> dict[str, Left]:
    """Give what can be had of products now, from the database where Redis cannot say."""
    found: dict[str, Left] = {}
    for id in product_ids:
        try:
            known = await _levels(ctx, id, "0")
        except Refused:
            known = None
        if known is not None:
            found[id] = known.left()
    missing = [int(id) for id in product_ids if id not in found]
    rows = await ctx.db.all(SQL.levels, missing) if missing else []
    for row in rows:
        before = found.setdefault(str(row["product_id"]), Left({}))
        free = max(0, row["total"] - row["sold"] - row["held"])
        variants = {**before.variants, str(row["id"]): (free, row["held"])}
        found[str(row["product_id"])] = Left(variants)
    return found


async def _levels(ctx: Context, product_id: str, summed: str) -> Snapshot | None:
    word, rest = await send(ctx, "snapshot", product_id, summed)
    if word != "ok":
        return None
    known = unpacked(rest[0])
    return Snapshot(
        version=known["version"],
        at=known["now"],
        stopped=known["stopped"],
        seq=known["seq"],
        sale_left=known["sale"]["left"] if "sale" in known else None,
        variants={
            each["id"]: Level(
                each["total"], each["sold"], each["held"], each["counter"], each["waiting"]
            )
            for each in known["variants"]
        },
    )


async def reservations(db: Queries, ids: Sequence[str]) -> list[tuple[Reservation, str]]:
    """Give those of these reservations that are saved, each with the title of what it is of."""
    rows = await db.all(SQL.reservations, [message_uuid(id) for id in ids])
    return [(reservation_of(row), title_in(row)) for row in rows]


async def of_person(ctx: Context, person: str) -> list[tuple[Reservation, str]]:
    """Give what somebody holds now, as far as it is saved, each with its title."""
    now = datetime.fromtimestamp(ctx.clock() / 1000, UTC)
    rows = await ctx.db.all(SQL.of_person, person, now)
    return [(reservation_of(row), title_in(row)) for row in rows]


async def rooms_of(db: Queries, product_ids: Iterable[int]) -> Mapping[int, list[str]]:
    """Give the ids of the rooms in which products are shown now or next."""
    found: dict[int, list[str]] = {}
    for row in await db.all(SQL.rooms, list(product_ids)):
        found.setdefault(row["product_id"], []).append(str(row["room_id"]))
    return found


def title_in(row: Record) -> str:
    """Name what a row of `reservations` is of."""
    return joined(row["product_title"], row["variant_title"])


def reservation_of(row: Record) -> Reservation:
    """Make a reservation of a row."""
    return Reservation(
        id=message_id(row["id"]),
        product_id=str(row["product_id"]),
        variant_id=str(row["variant_id"]),
        room_id=_id(row["room_id"]),
        person=row["person"],
        name=row["name"],
        named=row["named"],
        quantity=row["quantity"],
        price=row["price"],
        discount=row["discount"],
        currency=row["currency"],
        state=HoldState(row["state"]),
        seq=row["seq"],
        at=_ms(row["at"]),
        until=_ms(row["until"]),
        sale_id=_id(row["sale_id"]),
        coupon_id=_id(row["coupon_id"]),
        source=row["source"],
    )


def waiter_of(row: Record) -> dict[str, Any]:
    """Give a row of `waiting` as the scripts keep it, with an id for the reservation to come."""
    key = f"waiting {row['epoch']} {row['seq']}"
    return given(
        {
            "id": reservation_id(str(row["product_id"]), row["person"], key),
            "variant": str(row["variant_id"]),
            "person": row["person"],
            "name": row["name"],
            "named": row["named"],
            "room": _id(row["room_id"]),
            "quantity": row["quantity"],
            "seq": row["seq"],
            "at": _ms(row["at"]),
        }
    )


def _id(number: int | None) -> str | None:
    return None if number is None else str(number)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
