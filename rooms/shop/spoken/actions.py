"""Hears comments that mean to buy, and carries them out in the order in which they were said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncpg import Record

from moderation.rules import Rank
from rooms.rules import message_id, message_uuid, read_channel, room_channel
from rooms.shop.events import OrderSpoken, ReservationInfo, reservation_info
from rooms.shop.spoken import reads, rules
from rooms.shop.spoken.reads import SQL
from rooms.shop.spoken.rules import Coded, Order
from rooms.shop.stock import actions as stock
from rooms.shop.stock import reads as stock_reads
from rooms.shop.stock.rules import Wanted
from server.context import Context, Viewer
from server.database import Transaction
from server.errors import Refused
from server.log import Log
from server.outbox import durable
from server.stream_worker import Entry

log = Log(__name__)

LATE_MS = 120_000
"""After this nothing is bought any more: who said it does not expect it."""
AT_ONCE, ROUNDS = 50, 10
"""How many are carried out in one transaction, and how many of those before the next room."""
_SELLERS = (Rank.HOST.wire, Rank.OWNER.wire)
_LATER = ("unavailable", "backlog")
"""Refusals after which the same may succeed in a moment."""


async def hear(tx: Transaction, entries: list[Entry]) -> None:
    """Keep what means to buy among new comments (a consumer of the log).

    Hosts say such lines to show how it is done.
    """
    said = [
        (int(read_channel(entry.channel)[0]), entry)
        for entry in entries
        if entry.event == "comment.posted"
        and not entry.body.get("question")
        and entry.body["author"]["role"] not in _SELLERS
        and rules.may_buy(entry.body["text"])
    ]
    if not said:
        return
    codes = await reads.codes(tx, {room for room, _ in said})
    rows = [row for room, entry in said for row in _heard(room, entry, codes.get(room, ()))]
    if rows:
        await tx.run(SQL.keep, rows)


def _heard(room: int, entry: Entry, codes: Sequence[Coded]) -> list[dict[str, Any]]:
    found = rules.heard(entry.body["text"], codes) if codes else None
    if found is None:
        return []
    author, place = entry.body["author"], entry.publication
    return [
        {
            "message_id": str(message_uuid(entry.body["id"])),
            "room_id": room,
            "person": author["id"],
            "name": author["name"],
            "epoch": place.epoch,
            "offset": place.offset,
            "product_id": found.product,
            "variant_id": found.variant,
            "quantity": found.quantity,
            "question": "" if isinstance(found, Order) else found.question,
            "at": place.at,
        }
    ]


async def carry_out(ctx: Context) -> None:
    """Reserve what was said, room by room in its order, and tell each person alone.

    A process that dies in between has reserved at most what the next one finds under the same key.
    """
    for row in await ctx.db.all(SQL.waiting_rooms):
        room, rounds = row["room_id"], ROUNDS
        try:
            while rounds and await _carry_out_in(ctx, room):
                rounds -= 1
        except Refused:
            raise
        except Exception as error:
            # What cannot be carried out in one room holds up no other.
            log.error("spoken.failed", room=room, error=error)


async def _carry_out_in(ctx: Context, room: int) -> bool:
    """Carry out the next ones of a room; whether there may be more."""
    async with ctx.db.transaction() as tx:
        if not await tx.value(SQL.alone, str(room)):
            return False
        rows = await tx.all(SQL.open, room, AT_ONCE)
        for row in rows:
            try:
                outcome, reservation = await _outcome(ctx, row)
            except Refused as refused:
                outcome = "stopped" if refused.details.get("stopped") else refused.code
                if outcome in _LATER:
                    # Whoever spoke later waits as well.
                    return False
                reservation = None
            await _done(ctx, row, outcome, reservation)
        return len(rows) == AT_ONCE


async def _outcome(ctx: Context, row: Record) -> tuple[str, ReservationInfo | None]:
    if not row["stands"]:
        return "", None
    if row["question"]:
        return f"ask.{row['question']}", None
    wanted = Wanted(
        product_id=str(row["product_id"]),
        variant_id=str(row["variant_id"]),
        quantity=row["quantity"],
        key=message_id(row["message_id"]),
        room_id=str(row["room_id"]),
        source="comment",
    )
    if _now(ctx) - row["at"] > timedelta(milliseconds=LATE_MS):
        # A process may have reserved in time and died before it said so.
        made = await stock_reads.reservations(ctx.db, [wanted.id_for(row["person"])])
        return ("ok", reservation_info(*made[0])) if made else ("too_late", None)
    viewer = Viewer(row["person"], row["name"], row["author_rank"])
    return "ok", reservation_info(*await stock.reserve(ctx, viewer, wanted))


async def _done(
    ctx: Context, row: Record, outcome: str, reservation: ReservationInfo | None
) -> None:
    """Note what became of it and tell who said it; what was taken back is not spoken of."""
    async with durable(ctx) as d:
        first = await d.value(SQL.done, row["message_id"], outcome, _now(ctx))
        if first is None or not outcome:
            return
        body = OrderSpoken(
            event="order.spoken",
            message=message_id(row["message_id"]),
            outcome=outcome,
            text=row["text"],
        )
        if row["product_id"] is not None:
            body["product"] = str(row["product_id"])
        if reservation is not None:
            body["reservation"] = reservation
        d.notice(room_channel(str(row["room_id"])), row["person"], dict(body))


def _now(ctx: Context) -> datetime:
    return datetime.fromtimestamp(ctx.clock() / 1000, UTC)
