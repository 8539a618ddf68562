"""How the log of the scripts reaches the database: the handlers of the worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rooms.rules import message_uuid, room_channel
from rooms.shop import outgoing
from rooms.shop.events import ReservationChanged, reservation_info
from rooms.shop.outgoing import Told
from rooms.shop.rules import HoldState, Reservation
from rooms.shop.stock.reads import SQL, reservation_of, rooms_of, title_in
from server.database import Queries, Transaction
from server.outbox import add_notices
from server.stream_worker import Entry

_TOLD: Mapping[HoldState, Told] = {
    HoldState.HELD: "reservation.held",
    HoldState.RELEASED: "reservation.released",
    HoldState.EXPIRED: "reservation.expired",
    HoldState.VOID: "reservation.void",
}


async def held(tx: Transaction, entries: list[Entry]) -> None:
    """Save what was held; what an older epoch held is void, and its person is told."""
    rows = [_row(entry) for entry in entries]
    await save_held(tx, rows)
    offered = [row for row in rows if row["source"] == "waiting"]
    if offered:
        await tx.run(SQL.save_left, [{**row, "state": "served"} for row in offered])


async def save_held(tx: Queries, rows: Sequence[Mapping[str, Any]]) -> None:
    """Save holds as the scripts keep them, with `product_id`; those that are saved stay."""
    await tx.all(SQL.share, sorted({row["product_id"] for row in rows}))
    saved = await tx.all(SQL.save_held, [{**row, "id": _uuid(row["id"])} for row in rows])
    why = {row["id"]: row.get("why", "") for row in rows}
    await tell(tx, [row["id"] for row in saved], why)


async def ended(tx: Transaction, entries: list[Entry]) -> None:
    """Save that holds ended, by their person, by time, or because the stock was lowered."""
    state = entries[0].event.removeprefix("reservation.")
    rows = [_row(entry) for entry in entries]
    await tx.all(SQL.share, sorted({row["product_id"] for row in rows}))
    values = [{**row, "id": _uuid(row["id"]), "state": state} for row in rows]
    saved = await tx.all(SQL.save_ended, values)
    await tell(tx, [row["id"] for row in saved], {})


async def joined(tx: Transaction, entries: list[Entry]) -> None:
    """Save who waits."""
    rows = {(row["variant"], row["person"]): row for row in map(_row, entries)}
    await tx.all(SQL.share, sorted({row["product_id"] for row in rows.values()}))
    await tx.run(SQL.save_joined, list(rows.values()))


async def left(tx: Transaction, entries: list[Entry]) -> None:
    """Save who no longer waits."""
    rows = {(row["variant"], row["person"]): row for row in map(_row, entries)}
    await tx.all(SQL.share, sorted({row["product_id"] for row in rows.values()}))
    await tx.run(SQL.save_left, [{**row, "state": "left"} for row in rows.values()])


async def tell(tx: Queries, ids: Iterable[Any], why: Mapping[str, str]) -> None:
    """Tell shops and people how reservations stand now, and let coupons go of those that ended."""
    rows = await tx.all(SQL.reservations, list(ids))
    if not rows:
        return
    over = [row["id"] for row in rows if row["state"] not in ("held", "ordered")]
    if over:
        await tx.run(SQL.coupons_free, over)
    kept = [row for row in rows if row["state"] in _TOLD]
    await outgoing.tell_all(
        tx,
        [(_TOLD[HoldState(row["state"])], row["product_id"], outward(row)) for row in kept],
    )
    rooms = await rooms_of(tx, {row["product_id"] for row in kept if row["room_id"] is None})
    notices = []
    for row in kept:
        reservation = reservation_of(row)
        reason = why.get(reservation.id) or row["why"] or row["state"]
        if reason == "held":
            # Who asked for it has the reply.
            continue
        body = ReservationChanged(
            event="reservation.changed",
            reservation=reservation_info(reservation, title_in(row)),
            why=reason,
        )
        places = [str(row["room_id"])] if row["room_id"] else rooms.get(row["product_id"], [])
        notices += [(room_channel(room), reservation.person, dict(body)) for room in places]
    await add_notices(tx, notices)


def outward(row: Any) -> dict[str, Any]:
    """Describe a reservation to shops: what its person sees, and who that is."""
    reservation: Reservation = reservation_of(row)
    info: dict[str, Any] = {**reservation_info(reservation, title_in(row))}
    return {**info, "person": reservation.person, "name": reservation.name, "why": row["why"]}


def _row(entry: Entry) -> dict[str, Any]:
    product = int(entry.channel.removeprefix("product:"))
    return {**entry.body["about"], "product_id": product, "why": entry.body["why"]}


def _uuid(id: str) -> str:
    return str(message_uuid(id))
