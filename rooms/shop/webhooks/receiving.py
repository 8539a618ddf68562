"""Takes what the shop tells of payments: believed when signed, each id once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Protocol

from rooms.shop import checkout, signing
from rooms.shop.events import order_info
from rooms.shop.rules import Order
from rooms.shop.stock import reads as stock
from rooms.shop.webhooks.notices import Notice, Outcome, notice_of
from rooms.shop.webhooks.reads import SQL
from server.context import Context
from server.errors import Refused
from server.log import Log

log = Log(__name__)

LEFT_BEHIND_S = 30
"""After so long without an answer, whoever worked on a notice is taken for dead."""
LATER = frozenset({"unavailable", "backlog", "room_busy", "channel_busy", "rate_limited"})
"""Refusals that are ours, after which the shop has to repeat."""
RETRY_MS = 5000
_LOOKS, _LOOK_S = 50, 0.1


class Settle(Protocol):
    """Makes an order of a reservation, or ends it; safe to repeat."""

    async def __call__(
        self, ctx: Context, reservation_id: str, outcome: Outcome, payment: str, restock: bool
    ) -> Order | None: ...


async def receive(ctx: Context, header: str, raw: bytes, settle: Settle) -> dict[str, Any]:
    """Do what a signed notice says, once, and give the answer: {id, order, state}.

    Raises Refused: too_large, unauthenticated, expired, malformed, invalid (with the field),
    not_found, duplicate_conflict (the id came with something else), and unavailable when nothing
    was done and the shop has to repeat.
    """
    known = await checkout.load(ctx.db)
    try:
        signing.verify(header, known.secrets, raw, ctx.clock() // 1000)
    except Refused as refused:
        log.warning("webhook.not_believed", problem=refused.message)
        raise
    notice = notice_of(raw)
    for _ in range(_LOOKS):
        if await _claim(ctx, notice):
            return await _carry_out(ctx, notice, settle)
        answer = await _answered(ctx, notice)
        if answer is not None:
            return answer
        # The same notice came twice at once: the other one is being worked on.
        await asyncio.sleep(_LOOK_S)
    raise Refused("unavailable", "This is being worked on; repeat it.", retry_after=RETRY_MS)


async def _claim(ctx: Context, notice: Notice) -> bool:
    now = ctx.clock() / 1000
    claimed = await ctx.db.value(
        SQL.claim_received,
        notice.id,
        notice.kind,
        notice.stored(),
        datetime.fromtimestamp(now, UTC),
        datetime.fromtimestamp(now - LEFT_BEHIND_S, UTC),
    )
    return claimed is not None


async def _answered(ctx: Context, notice: Notice) -> dict[str, Any] | None:
    row = await ctx.db.one(SQL.received, notice.id)
    if row is None:
        return None
    if row["body"] != notice.stored():
        raise Refused("duplicate_conflict", "This id came before with something else.", field="id")
    return None if row["answer"] is None or row["refused"] else dict(row["answer"])


async def _carry_out(ctx: Context, notice: Notice, settle: Settle) -> dict[str, Any]:
    try:
        title = await _compare(ctx, notice)
        order = await settle(
            ctx, notice.reservation, notice.outcome, notice.payment, notice.restock
        )
    except Refused as refused:
        if refused.code in LATER:
            await _leave(ctx, notice)
            raise Refused("unavailable", refused.message, retry_after=RETRY_MS) from refused
        log.warning("webhook.refused_notice", id=notice.id, problem=refused.message)
        await ctx.db.run(SQL.answer_received, notice.id, {"error": refused.as_wire()}, True)
        raise
    except Exception:
        await _leave(ctx, notice)
        raise
    answer = {
        "id": notice.id,
        "order": order_info(order, title) if order else None,
        "state": str(order.state) if order else notice.outcome,
    }
    await ctx.db.run(SQL.answer_received, notice.id, answer, False)
    return answer


async def _compare(ctx: Context, notice: Notice) -> str:
    """Compare a notice with what was reserved; gives the title of what it is of."""
    found = await stock.reservations(ctx.db, [notice.reservation])
    if not found:
        raise Refused("not_found", "There is no such reservation.", field="reservation")
    reservation, title = found[0]
    notice.check(reservation.amount, reservation.currency)
    return title


async def _leave(ctx: Context, notice: Notice) -> None:
    """Leave a notice to its repetition; if that fails too, it is free again after a while."""
    try:
        await ctx.db.run(SQL.forget_received, notice.id)
    except Refused as refused:
        log.warning("webhook.left_behind", id=notice.id, problem=refused.message)
