"""The only code that writes what the owner decides about the shop behind it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from moderation.rules import Rank
from rooms.shop.rules import number
from rooms.shop.webhooks.reads import SQL
from rooms.shop.webhooks.rules import MOST_ENDPOINTS, endpoint_url, kinds_of
from server.context import Context, Viewer
from server.database import Queries
from server.errors import Refused

if TYPE_CHECKING:
    from asyncpg import Record

MOST_SECRETS = 3


async def set_checkout(ctx: Context, viewer: Viewer, url: object) -> None:
    """Decide where people pay, empty for nowhere; the first time this makes a secret too.

    Raises Refused: forbidden for anybody but the owner, invalid.
    """
    _owner_only(viewer)
    chosen = endpoint_url(url, "checkout_url") if url != "" else ""
    async with ctx.db.transaction() as tx:
        known = await tx.one(SQL.settings_of_shop)
        await tx.run(SQL.save_checkout, chosen)
        if known is not None and not known["secrets"]:
            await tx.run(SQL.save_secrets, [new_secret()])


async def add_secret(ctx: Context, viewer: Viewer) -> None:
    """Make a new secret for the shop, beside those that it knows; limit_reached above three."""
    _owner_only(viewer)
    async with ctx.db.transaction() as tx:
        known = await tx.one(SQL.settings_of_shop)
        await tx.run(SQL.save_secrets, _with_one_more(known["secrets"] if known else []))


async def drop_old_secrets(ctx: Context, viewer: Viewer) -> None:
    """Stop accepting all secrets of the shop but the newest."""
    _owner_only(viewer)
    async with ctx.db.transaction() as tx:
        known = await tx.one(SQL.settings_of_shop)
        await tx.run(SQL.save_secrets, known["secrets"][:1] if known else [])


async def add_endpoint(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> str:
    """Send events to `url` from now on, those of `kinds`; gives the endpoint's id.

    Raises Refused: forbidden for anybody but the owner, invalid, limit_reached.
    """
    _owner_only(viewer)
    url, kinds = endpoint_url(args.get("url")), kinds_of(args.get("kinds", []))
    async with ctx.db.transaction() as tx:
        await tx.one(SQL.settings_of_shop)
        if await tx.value(SQL.count_endpoints) >= MOST_ENDPOINTS:
            raise Refused("limit_reached", f"There can be {MOST_ENDPOINTS} of these at most.")
        return str(await tx.value(SQL.add_endpoint, url, [new_secret()], kinds))


async def change_endpoint(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> None:
    """Change address and kinds of `endpoint`."""
    _owner_only(viewer)
    url, kinds = endpoint_url(args.get("url")), kinds_of(args.get("kinds", []))
    async with ctx.db.transaction() as tx:
        row = await _locked(tx, args)
        await tx.run(SQL.save_endpoint, row["id"], url, kinds)


async def rotate_endpoint(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], *, finish: bool
) -> None:
    """Give `endpoint` a new secret beside the old, or keep only the newest to `finish` that."""
    _owner_only(viewer)
    async with ctx.db.transaction() as tx:
        row = await _locked(tx, args)
        known = row["secrets"]
        await tx.run(
            SQL.save_endpoint_secrets, row["id"], known[:1] if finish else _with_one_more(known)
        )


async def pause_endpoint(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], *, paused: bool
) -> None:
    """Stop sending to `endpoint`, or go on at once where it stopped."""
    _owner_only(viewer)
    async with ctx.db.transaction() as tx:
        row = await _locked(tx, args)
        await tx.run(SQL.pause_endpoint, row["id"], paused)


async def remove_endpoint(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> None:
    """Send to `endpoint` no more, and forget its secrets."""
    _owner_only(viewer)
    async with ctx.db.transaction() as tx:
        row = await _locked(tx, args)
        await tx.run(SQL.drop_again, row["id"])
        await tx.run(SQL.remove_endpoint, row["id"])


async def send_again(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> None:
    """Have `event` sent to `endpoint` once more, soon, whatever waits in order."""
    _owner_only(viewer)
    if not await ctx.db.value(SQL.ask_again, number(args, "endpoint"), _event(args)):
        raise Refused("not_found", "There is no such event any more.")


async def skip(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> None:
    """Leave out `event`, which `endpoint` does not take and behind which all others wait.

    Raises Refused: too_late when it is not the one that comes next.
    """
    _owner_only(viewer)
    done = await ctx.db.run(SQL.skip_event, number(args, "endpoint"), _event(args))
    if done == "UPDATE 0":
        raise Refused("too_late", "Another event comes next by now.")


def _event(args: Mapping[str, Any]) -> UUID:
    event = args.get("event")
    try:
        return UUID(event if isinstance(event, str) else "")
    except ValueError:
        raise Refused("invalid", "event is the id of an event.", field="event") from None


def new_secret() -> str:
    """Make a secret that can be pasted anywhere."""
    return "hrb_" + secrets.token_urlsafe(32)


def _with_one_more(known: list[str]) -> list[str]:
    if len(known) >= MOST_SECRETS:
        raise Refused("limit_reached", "Drop the old secrets first.")
    return [new_secret(), *known]


async def _locked(tx: Queries, args: Mapping[str, Any]) -> Record:
    row = await tx.one(SQL.lock_endpoint, number(args, "endpoint"))
    if row is None:
        raise Refused("not_found", "There is no such endpoint any more.")
    return row


def _owner_only(viewer: Viewer) -> None:
    if viewer.rank < Rank.OWNER:
        raise Refused("forbidden", "Only the owner can change the community's settings.")
