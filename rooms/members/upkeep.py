"""What the worker tidies up now and then."""

from __future__ import annotations

from rooms.members.reads import SQL
from server.context import Context


async def tidy(ctx: Context) -> None:
    """Drop what has expired, and names that were saved after their member had left."""
    await ctx.db.run(SQL.drop_old_sessions)
    await ctx.db.run(SQL.forget_names, timeout=30)
