"""The only code that changes stock: reserving, letting go, waiting, mirroring."""

from __future__ import annotations

import logging
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from rooms.rules import message_id, message_uuid
from rooms.shop import outgoing
from rooms.shop.rules import HoldState, Reservation
from rooms.shop.stock import reads, rules
from rooms.shop.stock.decide import decide, truth
from rooms.shop.stock.reads import SQL
from rooms.shop.stock.rules import Wanted, no_reservation, refusal
from rooms.shop.stock.saving import save_held, tell
from rooms.shop.stock.scripts import packed, send, unpacked
from rooms.shop.stock.told import Teller
from server.context import Context, Viewer
from server.database import Queries
from server.errors import Refused

log = logging.getLogger(__name__)

RECENT = 10_000


class Recent:
    """Of which product the newest reservations of this process are: they may not be saved yet."""

    def __init__(self, _: Context) -> None:
        self._products: OrderedDict[str, str] = OrderedDict()

    def note(self, id: str, product_id: str) -> None:
        """Remember one, and forget the oldest of too many."""
        self._products[id] = product_id
        if len(self._products) > RECENT:
            self._products.popitem(last=False)

    def product(self, id: str) -> str | None:
        """Give the product of a reservation, if it is known here."""
        return self._products.get(id)


Held = tuple[Reservation, str]
"""A reservation, and the title of what it is of."""


async def reserve(ctx: Context, viewer: Viewer, wanted: Wanted) -> Held:
    """Hold stock for somebody, or give what the same key held before, in the state it has now.

    Refused: not_found, sold_out (left, waiting, price), limit_reached (most, left), expired (price:
    another one than was seen), duplicate_conflict, backlog, unavailable (also `stopped`).
    """
    person = viewer.id or ""
    id = wanted.id_for(person)
    if wanted.coupon is not None:
        await _use_coupon(ctx, wanted.coupon.coupon_id, person, id)
    try:
        wish = packed(rules.wish_of(wanted, person, viewer.name))
        word, rest = await decide(
            *(ctx, "reserve", wanted.product_id, wish, wanted.digest, rules.REMEMBER_MS),
            kept=f"{person}:{wanted.key}",
        )
        if word == "repeated" and not rest[0]:
            return await _ended(ctx, id)
        if word not in ("ok", "repeated"):
            raise refusal(word, rest)
    except Refused as refused:
        if wanted.coupon is not None and _did_not_happen(refused):
            await ctx.db.run(SQL.coupons_free, [message_uuid(id)])
        raise
    ctx.of(Recent).note(id, wanted.product_id)
    if word == "ok":
        ctx.of(Teller).changed(wanted.product_id)
    return rules.hold_of(wanted.product_id, unpacked(rest[0])), rest[1].decode()


def _did_not_happen(refused: Refused) -> bool:
    """Tell a refusal by the script from a lost answer, after which it may be held all the same."""
    if refused.code == "unavailable":
        return "stopped" in refused.details
    return refused.code != "duplicate_conflict"


async def _use_coupon(ctx: Context, coupon: str, person: str, id: str) -> None:
    # Before it is held: so one coupon is never part of two reservations.
    if await ctx.db.value(SQL.coupon_use, int(coupon), person, message_uuid(id)) is None:
        raise Refused("limit_reached", "This coupon was used already.", field="coupon")


async def keeps_discount(ctx: Context, r: Reservation) -> bool:
    """Bind a coupon to a reservation that had ended again; False when it is used elsewhere."""
    if r.coupon_id is None:
        return True
    try:
        await _use_coupon(ctx, r.coupon_id, r.person, r.id)
    except Refused as refused:
        if refused.code == "unavailable":
            raise
        return False
    return True


async def _ended(ctx: Context, id: str) -> Held:
    """Find a reservation that Redis no longer holds; what is not saved either was lost."""
    found = await reads.reservations(ctx.db, [id])
    if not found:
        raise Refused("expired", "This reservation has ended.", state=HoldState.VOID.value)
    return found[0]


async def find(ctx: Context, id: str) -> tuple[Reservation, str, str]:
    """Give a reservation as it is saved: with title and key; `not_found` when it is not."""
    row = await ctx.db.one(SQL.reservations, [message_uuid(id)])
    if row is None:
        raise no_reservation()
    return reads.reservation_of(row), reads.title_in(row), row["key"]


async def release(
    ctx: Context, id: str, person: str | None, *, product_id: str, why: str = ""
) -> bool:
    """Let a hold go: for its person, or (None) for the shop; whether it was still held.

    Refused `too_late` for a person while it is being paid.
    """
    word, rest = await decide(ctx, "release", product_id, id, person or "", why)
    if word == "none":
        return False
    if word != "ok":
        raise refusal(word, rest)
    ctx.of(Teller).changed(product_id)
    return True


async def save(ctx: Context, product_id: str, id: str) -> bool:
    """Make sure that a hold stands in the database, before the worker gets to it.

    False when it is not held, or no longer.
    """
    word, rest = await decide(ctx, "find", product_id, id)
    if word != "ok":
        return False
    hold = unpacked(rest[0])
    async with ctx.db.transaction() as tx:
        await save_held(tx, [{**hold, "product_id": int(product_id)}])
    return True


async def claim(
    ctx: Context, reservation: Reservation, key: str, *, again: bool = True
) -> Literal["held", "again"] | None:
    """Keep a hold for 60 s while its payment is written down.

    One that has ended is taken again if that can be, at the price as it was fixed; None: it cannot.
    """
    fixed = packed(rules.as_hold(reservation, key))
    word, _ = await decide(ctx, "claim", reservation.product_id, fixed, "1" if again else "0")
    if word == "held":
        return "held"
    if word == "again":
        ctx.of(Teller).changed(reservation.product_id)
        return "again"
    return None


async def unclaim(ctx: Context, reservation: Reservation) -> None:
    """Take a claim back: what was claimed can be let go again."""
    await decide(ctx, "unpin", reservation.product_id, reservation.id)


async def wait(ctx: Context, viewer: Viewer, wanted: Wanted) -> int:
    """Put somebody on the waiting list; gives their place from 1, 0 when it was held at once."""
    waiter = rules.given(
        {
            "id": rules.reservation_id(
                wanted.product_id, viewer.id or "", f"waiting {secrets.token_hex(8)}"
            ),
            "variant": wanted.variant_id,
            "person": viewer.id or "",
            "name": viewer.name,
            "named": wanted.named,
            "room": wanted.room_id,
            "quantity": wanted.quantity,
        }
    )
    word, rest = await decide(ctx, "wait", wanted.product_id, packed(waiter), rules.MOST_WAITING)
    if word != "ok":
        raise refusal(word, rest)
    ctx.of(Teller).changed(wanted.product_id)
    return int(rest[0])


async def leave(ctx: Context, viewer: Viewer, product_id: str, variant_id: str) -> bool:
    """Take somebody off the waiting list; whether they were on it."""
    word, rest = await decide(ctx, "leave", product_id, variant_id, viewer.id or "")
    if word not in ("ok", "none"):
        raise refusal(word, rest)
    return word == "ok"


async def touch(d: Queries, product_id: str) -> int:
    """Count a change of a product in its transaction, holding it until the commit; the version.

    Whoever changes a product, a variant, a sale or an order calls this first, and `mirror` after
    the commit.
    """
    version = await d.value(SQL.touch, int(product_id))
    if version is None:
        raise Refused("not_found", "There is no such product.")
    return int(version)


async def mirror(ctx: Context, product_id: str) -> int:
    """Bring to Redis what the database decided; gives how many holds no longer fit and are void."""
    known = await truth(ctx.db, product_id, ctx.broker.redis_time)
    ordered = known["ordered"]
    ids = [message_id(UUID(id)) for id, _, _ in ordered]
    word, rest = await send(ctx, "mirror", product_id, packed({**known, "ordered": ids}))
    if word == "stale" or (
        word == "absent" and await ctx.db.value(SQL.is_awaited, int(product_id))
    ):
        word, rest = await decide(ctx, "mirror", product_id, packed({**known, "ordered": ids}))
    if word == "old":
        # Whoever brought a newer version knew of these orders too, and notes it.
        return 0
    if word not in ("ok", "absent"):
        raise refusal(word, rest)
    if ordered:
        await ctx.db.run(SQL.orders_mirrored, *map(list, zip(*ordered, strict=True)))
    await ctx.db.run(SQL.product_mirrored, int(product_id), known["version"])
    ctx.of(Teller).changed(product_id)
    return int(rest[0]) if rest else 0


async def mirror_all(ctx: Context) -> None:
    """Bring to Redis what a process left behind that ended between commit and mirror."""
    for row in await ctx.db.all(SQL.unmirrored):
        await _alone(mirror(ctx, str(row["id"])), row["id"])
    await ctx.db.run(SQL.coupons_left_over)


async def expire(ctx: Context, product_id: str, lost: list[str] | None = None) -> int:
    """Let go what has run out; gives how many. Of `lost` those are ended that Redis has not."""
    word, rest = await decide(ctx, "expire", product_id, *(lost or ()))
    if word != "ok":
        raise refusal(word, rest)
    if len(rest) > 1:
        ids = [message_uuid(id.decode()) for id in rest[1:]]
        async with ctx.db.transaction() as tx:
            await tell(tx, [row["id"] for row in await tx.all(SQL.end_lost, ids)], {})
    if rest[0]:
        ctx.of(Teller).changed(product_id)
    return int(rest[0])


async def expire_all(ctx: Context) -> None:
    """Let go what has run out of every product."""
    now = datetime.fromtimestamp(ctx.broker.redis_time / 1000, UTC)
    for row in await ctx.db.all(SQL.due, now):
        lost = [message_id(id) for id in row["ids"] or ()]
        await _alone(expire(ctx, str(row["product_id"]), lost), row["product_id"])


async def _alone(work: Awaitable[object], product_id: int) -> None:
    """Do something for one product; what is wrong with it must not stop the others."""
    try:
        await work
    except Refused as refused:
        log.info("stock of %s: %s", product_id, refused)
    except Exception:
        log.exception("stock of %s cannot be kept", product_id)


async def set_total(ctx: Context, product_id: str, variant_id: str, total: int) -> int:
    """Set how many of a variant there are to sell; gives how many holds became void by that.

    Refused: not_found, `invalid` (sold) below what is sold already.
    """
    async with ctx.db.transaction() as tx:
        await touch(tx, product_id)
        row = await tx.one(SQL.variant, int(product_id), int(variant_id))
        if row is None:
            raise refusal("not_found", ())
        if await tx.value(SQL.set_total, int(product_id), int(variant_id), total) is None:
            raise Refused("invalid", "More are sold already.", field="total", sold=row["sold"])
        await tell_stock(tx, product_id)
    return await mirror(ctx, product_id)


async def tell_stock(tx: Queries, product_id: str) -> None:
    """Tell shops how a product stands, in the transaction that changed it."""
    rows = await tx.all(SQL.levels, [int(product_id)])
    variants = [{"id": str(r["id"]), "total": r["total"], "sold": r["sold"]} for r in rows]
    body: Mapping[str, Any] = {"product": product_id, "variants": variants}
    await outgoing.tell(tx, "stock.changed", int(product_id), body)
