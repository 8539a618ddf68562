"""The only code that writes what the owner decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.rules import Rank
from rooms.community.reads import SQL, CommunityCache, load
from rooms.community.rules import Community, checked
from rooms.community.steps import Draft
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable

CHANGED = {"type": "changed", "what": "settings"}


async def save(
    ctx: Context, viewer: Viewer, changes: Mapping[str, Any], *, step: str = ""
) -> Community:
    """Save some of the settings, as one of the first steps if it is named; every gateway shows
    them within the second.

    Raises Refused: forbidden for anybody but the owner, invalid with the `field` that is wrong.
    """
    _owner_only(viewer)
    decided = checked(changes)
    async with durable(ctx) as tx:
        if "texts" in decided:
            decided["texts"] = {**(await load(tx)).texts, **decided["texts"]}
        if step:
            decided["steps"] = (await load(tx)).steps.with_done(step).stored()
        await _write(tx, decided)
    ctx.of(CommunityCache).on_control(CHANGED)
    return await ctx.of(CommunityCache).get()


async def keep_draft(ctx: Context, viewer: Viewer, step: str, draft: Draft) -> None:
    """Keep what the owner entered in one of the first steps and left before it was right.

    Raises Refused: forbidden for anybody but the owner.
    """
    _owner_only(viewer)
    async with durable(ctx) as tx:
        await _write(tx, {"steps": (await load(tx)).steps.with_draft(step, draft).stored()})
    ctx.of(CommunityCache).on_control(CHANGED)


async def _write(tx: Durable, decided: Mapping[str, Any]) -> None:
    for name, value in decided.items():
        await tx.run(SQL.save_setting, name, value)
    tx.control(CHANGED)


def _owner_only(viewer: Viewer) -> None:
    if viewer.rank < Rank.OWNER:
        raise Refused("forbidden", "Only the owner can change the community's settings.")
