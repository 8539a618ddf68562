"""Creates, changes and archives products; each write counts a version for Redis to learn of."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import asyncpg

from rooms.access import Action, require
from rooms.actions import member_number
from rooms.events import packed
from rooms.rules import room_channel
from rooms.shop import outgoing
from rooms.shop.catalogue import reads, rules
from rooms.shop.catalogue.reads import SQL
from rooms.shop.catalogue.rules import Draft, VariantDraft
from rooms.shop.events import ProductChanged, ProductRemoved, product_info
from rooms.shop.rules import Product, number
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable
from server.publication import Flag, Publish


async def create(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Product:
    """Create a product of the form that `rules.read_draft` describes."""
    require(viewer, Action.SELL)
    draft = rules.read_draft(args)
    async with durable(ctx) as d:
        # A sign of its own, so that what is exported here is known again wherever it is imported.
        made = await insert(d, draft, source=f"own:{secrets.token_hex(8)}", viewer=viewer)
        product = await reads.product(d, made)
    return product


async def change(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Product:
    """Change a product {product, seen?, …the form}; variants that are left out are taken off.

    `seen` is the `rules.fingerprint` of what the form showed: `duplicate_conflict` when somebody
    else changed the product since. The caller has `stock.actions.mirror` tell Redis.
    """
    require(viewer, Action.SELL)
    which, draft = number(args, "product"), rules.read_draft(args)
    async with durable(ctx) as d:
        before = await locked(d, which)
        if args.get("seen") not in (None, rules.fingerprint(before)):
            raise Refused(
                "duplicate_conflict",
                "Somebody else changed this product meanwhile.",
                problem="changed_meanwhile",
                seen=rules.fingerprint(before),
            )
        after = await update(d, before, draft)
        await announce(d, after, ctx.clock())
    return after


async def archive(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], *, back: bool = False
) -> Product:
    """Take a product {product} off the catalogue and every shelf, or bring it back."""
    require(viewer, Action.SELL)
    which = number(args, "product")
    async with durable(ctx) as d:
        before = await locked(d, which)
        if before.archived != back:
            return before
        await _unique(d, SQL.restore if back else SQL.archive, which)
        rooms = await d.all(SQL.rooms_showing, which)
        for row in () if back else rooms:
            body = ProductRemoved(event="product.removed", id=str(which))
            _publish(d, str(row["room_id"]), body)
        if not back:
            await d.run(SQL.off_rundowns, which)
        after = await reads.product(d, which)
    return after


async def insert(d: Durable, draft: Draft, *, source: str, viewer: Viewer) -> int:
    """Write a new product and its variants; gives its number."""
    made: int = await _unique(
        d, SQL.create, *_columns(draft), source, member_number(viewer) if viewer.id else None
    )
    for place, variant in enumerate(draft.variants):
        await d.run(SQL.add_variant, made, place, *_of_variant(variant))
    return made


async def locked(d: Durable, which: int) -> Product:
    """Give a product that nobody else can change until this transaction ends."""
    if await d.value(SQL.lock, which) is None:
        raise Refused("not_found", "There is no such product.")
    return await reads.product(d, which)


async def update(d: Durable, before: Product, draft: Draft) -> Product:
    """Write a changed product and its variants, and count a version; `before` is locked."""
    rules.check_change(before, draft)
    which = int(before.id)
    await _unique(d, SQL.change, which, *_columns(draft))
    kept = [int(variant.id) for variant in draft.variants if variant.id]
    await d.run(SQL.remove_variants, which, kept)
    # Codes may be swapped: nobody keeps one while they are given out anew.
    await d.run(SQL.free_codes, which)
    for place, variant in enumerate(draft.variants):
        if variant.id is None:
            await d.run(SQL.add_variant, which, place, *_of_variant(variant))
        elif not await d.value(
            SQL.change_variant, int(variant.id), which, place, *_of_variant(variant)
        ):
            raise rules.below_sold(before.variant(variant.id), place)
    after = await reads.product(d, which)
    await _tell_stock(d, before, after)
    return after


async def announce(d: Durable, product: Product, at: int) -> None:
    """Tell every room on whose shelf a product is what it is like now; `at` is ms."""
    body = ProductChanged(event="product.changed", product=product_info(product, at))
    for row in await d.all(SQL.rooms_showing, int(product.id)):
        _publish(d, str(row["room_id"]), body)


async def _tell_stock(d: Durable, before: Product, after: Product) -> None:
    """Tell the shop's endpoints when there is another number of something."""
    if {v.id: v.total for v in before.variants} == {v.id: v.total for v in after.variants}:
        return
    listed = [
        {"id": v.id, "sku": v.sku, "title": v.title, "total": v.total, "sold": v.sold}
        for v in after.variants
    ]
    body = {"product": after.id, "title": after.title, "variants": listed}
    await outgoing.tell(d, "stock.changed", int(after.id), body)


async def _unique(d: Durable, sql: str, *values: Any) -> Any:
    """Run a statement that gives a product its code; a code that is taken is refused."""
    try:
        return await d.value(sql, *values)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "products_code":
            raise Refused(
                "invalid",
                "Another product has this code.",
                field="code",
                problem="code_taken",
            ) from None
        raise


def _columns(draft: Draft) -> tuple[Any, ...]:
    return (
        draft.title,
        draft.about,
        draft.code,
        draft.currency,
        list(draft.pictures),
        draft.per_person,
        draft.checkout,
        draft.checkout_url,
        draft.hold_seconds,
    )


def _of_variant(variant: VariantDraft) -> tuple[Any, ...]:
    return (
        variant.title,
        variant.code,
        variant.sku,
        variant.price,
        variant.was_price,
        variant.total,
    )


def _publish(d: Durable, room: str, body: ProductChanged | ProductRemoved) -> None:
    d.publish(Publish(channel=room_channel(room), body=packed(body), flags=Flag.KEEP))
