"""The only code that writes coupons and giveaways: drop, claim, end; open, enter, draw."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from moderation.rules import told, wire_until
from moderation.screening import standing
from rooms.access import Action, require
from rooms.actions import member_number
from rooms.cache import RoomCache
from rooms.events import packed
from rooms.limits import Limit
from rooms.rules import Kind, Room, room_channel, room_number
from rooms.shop.events import (
    CouponCounted,
    CouponDropped,
    CouponEnded,
    GiveawayDrawn,
    GiveawayOpened,
)
from rooms.shop.gifts import rules
from rooms.shop.gifts.reads import SQL, coupon_info, giveaway_row, moment, winners_of
from rooms.shop.rules import number
from server.context import Context, Viewer
from server.database import Queries
from server.errors import Refused
from server.outbox import Durable, durable
from server.publication import Flag, Publish
from server.settings import Rate


class GiftLimit(Limit):
    """Claims and entries."""

    rate = Rate(20, 10_000)


async def drop(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Drop a coupon in a room {room, percent or amount + currency, cap, minutes, code?, product?}.

    Gives {coupon}. An amount with a product has the product's currency.
    """
    room = await _selling(ctx, viewer, args.get("room"))
    draft = rules.read_coupon(args, os.urandom)
    ends_at = moment(ctx.clock() + draft.minutes * 60_000)
    async with durable(ctx) as d:
        if draft.product_id is not None:
            await _check_product(d, draft)
        row = await d.one(
            SQL.drop,
            *(draft.code, int(room.id), draft.product_id, draft.percent, draft.amount),
            *(draft.currency, draft.cap, ends_at, member_number(viewer)),
        )
        if row is None:
            raise Refused(
                "invalid", "There is a coupon with this code.", field="code", problem="code_taken"
            )
        info = coupon_info(row)
        _say(d, room.id, CouponDropped(event="coupon.dropped", **info))
    return {"coupon": info}


async def end(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Let nobody claim a coupon {coupon} any more; who has it keeps it."""
    key = number(args, "coupon")
    row = await _coupon(ctx.db, key)
    room = await _selling(ctx, viewer, str(row["room_id"]))
    async with durable(ctx) as d:
        if await d.value(SQL.end_coupon, key, moment(ctx.clock())) is not None:
            _say(d, room.id, CouponEnded(event="coupon.ended", id=str(key)))
    return {"coupon": str(key)}


async def claim(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Claim a coupon {coupon}, once a person and as often as its cap allows; gives {coupon}.

    Claiming again gives the same. Refused: sold_out, expired, muted, banned.
    """
    key = number(args, "coupon")
    row = await _coupon(ctx.db, key)
    room = await _taking_part(ctx, viewer, str(row["room_id"]))
    if row["claimed"] >= row["cap"]:
        # In a rush most come too late: they do not queue for the row's lock.
        if not await ctx.db.value(SQL.has_claimed, key, viewer.id):
            raise Refused("sold_out", "All of these coupons are taken.")
        return {"coupon": coupon_info(row), "room": room.id}
    async with ctx.db.transaction() as tx:
        if await tx.value(SQL.claim_once, key, viewer.id) is not None:
            now = moment(ctx.clock())
            if await tx.value(SQL.count_claim, key, now) is None:
                over = (await _coupon(tx, key))["ends_at"] <= now
                raise (
                    Refused("expired", "This coupon is over.")
                    if over
                    else Refused("sold_out", "All of these coupons are taken.")
                )
    return {"coupon": coupon_info(row), "room": room.id}


async def tell_claims(ctx: Context) -> None:
    """Tell rooms how many coupons are claimed; the worker does it every second."""
    for row in await ctx.db.all(SQL.untold_claims):
        body = CouponCounted(
            event="coupon.counted", id=str(row["id"]), claimed=row["claimed"], cap=row["cap"]
        )
        await ctx.broker.pass_on(room_channel(str(row["room_id"])), packed(body))


async def open_giveaway(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Open a giveaway {room, title, winners, seconds}: its seed is fixed now and told at the draw.

    Gives {giveaway}, with the commitment to the seed.
    """
    room = await _selling(ctx, viewer, args.get("room"))
    draft = rules.read_giveaway(args)
    seed = os.urandom(rules.SEED_BYTES)
    commitment = rules.commitment_of(seed)
    closes_at = ctx.clock() + draft.seconds * 1000
    async with durable(ctx) as d:
        key = await d.value(
            SQL.open_giveaway,
            *(int(room.id), draft.title, draft.winners, commitment, seed),
            *(moment(closes_at), member_number(viewer)),
        )
        body = GiveawayOpened(
            event="giveaway.opened",
            id=str(key),
            title=draft.title,
            winners=draft.winners,
            closes_at=closes_at,
            commitment=commitment.hex(),
        )
        _say(d, room.id, body)
    return {"giveaway": {name: value for name, value in body.items() if name != "event"}}


async def enter(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Enter a giveaway {giveaway} before it closes by server time; entering again changes nothing.

    Refused: expired, muted, banned.
    """
    key = number(args, "giveaway")
    row = await giveaway_row(ctx.db, key)
    await _taking_part(ctx, viewer, str(row["room_id"]))
    if await ctx.db.value(SQL.enter, key, viewer.id, viewer.name, moment(ctx.clock())) is None:
        raise Refused("expired", "This giveaway takes no more entries.")
    return {"giveaway": str(key), "entered": True}


async def draw(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the winners of a giveaway {giveaway} that has closed, and reveal its seed.

    Gives {giveaway, winners}; drawing again gives the same winners and tells nobody.
    """
    key = number(args, "giveaway")
    found = await giveaway_row(ctx.db, key)
    room = await _selling(ctx, viewer, str(found["room_id"]))
    async with durable(ctx) as d:
        row = await d.one(SQL.lock_giveaway, key)
        assert row is not None
        if row["drawn_at"] is None:
            now = moment(ctx.clock())
            if row["closes_at"] > now:
                raise Refused("invalid", "It can still be entered.", problem="still_open")
            people = [entry["person"] for entry in await d.all(SQL.entries, key)]
            winners = rules.drawn(row["seed"], people, row["winners"])
            digest = rules.digest_of(people)
            await d.run(SQL.win, key, winners)
            await d.run(SQL.close_giveaway, key, digest, now)
        entries = await d.all(SQL.entries, key)
        won = winners_of(entries)
        if row["drawn_at"] is None:
            body = GiveawayDrawn(
                event="giveaway.drawn",
                id=str(key),
                title=row["title"],
                seed=row["seed"].hex(),
                entries=len(entries),
                entries_digest=digest.hex(),
                winners=won,
            )
            _say(d, room.id, body)
    return {"giveaway": str(key), "winners": won}


async def _selling(ctx: Context, viewer: Viewer, room_id: object) -> Room:
    """Find the live room in which this viewer may sell."""
    room = await ctx.of(RoomCache).room(str(room_number(room_id)))
    require(viewer, Action.SELL, room)
    if room.kind is not Kind.LIVE:
        raise Refused("invalid", "Products are shown in live rooms.", field="room")
    return room


async def _taking_part(ctx: Context, viewer: Viewer, room_id: str) -> Room:
    """Find the room in which this viewer may take part: neither muted nor banned there."""
    room = await ctx.of(RoomCache).room(room_id)
    require(viewer, Action.BUY, room)
    ctx.of(GiftLimit).take(viewer)
    known, now = await standing(ctx, viewer, room.id), ctx.clock()
    for kind, until in (("banned", known.banned_until), ("muted", known.muted_until)):
        if until > now:
            sentence = told(kind, known.reason)
            raise Refused(kind, sentence, until=wire_until(until), why=known.reason)
    return room


async def _coupon(db: Queries, key: int) -> Any:
    row = await db.one(SQL.coupon, key)
    if row is None or row["room_id"] is None:
        raise Refused("not_found", "There is no such coupon.")
    return row


async def _check_product(d: Durable, draft: rules.CouponDraft) -> None:
    row = await d.one(SQL.product, draft.product_id)
    if row is None or row["archived_at"] is not None:
        raise Refused("not_found", "There is no such product.", field="product")
    if draft.currency not in (None, row["currency"]):
        raise Refused(
            "invalid",
            "The coupon has another currency than the product.",
            field="currency",
            problem="other_currency",
        )


def _say(d: Durable, room_id: str, body: Mapping[str, Any]) -> None:
    d.publish(Publish(channel=room_channel(room_id), body=packed(body), flags=Flag.KEEP))
