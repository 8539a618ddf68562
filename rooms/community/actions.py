"""The only code that writes what the owner decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation.rules import Rank
from rooms.community.reads import SQL, CommunityCache, load
from rooms.community.rules import Community, checked
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import durable

CHANGED = {"type": "changed", "what": "settings"}


async def save(ctx: Context, viewer: Viewer, changes: Mapping[str, Any]) -> Community:
    """Save some of the settings; every gateway shows them within the second.

    Raises Refused: forbidden for anybody but the owner, invalid with the `field` that is wrong.
    """
    if viewer.rank < Rank.OWNER:
        raise Refused("forbidden", "Only the owner can change the community's settings.")
    decided = checked(changes)
    async with durable(ctx) as step:
        if "texts" in decided:
            decided["texts"] = {**(await load(step)).texts, **decided["texts"]}
        for name, value in decided.items():
            await step.run(SQL.save_setting, name, value)
        step.control(CHANGED)
    ctx.of(CommunityCache).on_control(CHANGED)
    return await ctx.of(CommunityCache).get()
