"""Signed-in browsers: a random cookie whose hash is in Postgres, and who it belongs to."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any

from rooms.members.reads import SQL
from rooms.members.rules import SESSION_DAYS, secret_hash
from server.context import Context, Viewer

FRESH_MS = 10_000
CAPACITY = 10_000


class SessionCache:
    """Who the cookies of this process's visitors belong to, for ten seconds each."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._kept: OrderedDict[bytes, tuple[int, Viewer | None]] = OrderedDict()

    async def viewer(self, cookie: str) -> Viewer | None:
        """Give the member behind a cookie, without an address; None when it is void."""
        key, now = secret_hash(cookie), self._ctx.clock()
        known = self._kept.get(key)
        if known is not None and now - known[0] <= FRESH_MS:
            return known[1]
        row = await self._ctx.db.one(SQL.session_member, key)
        viewer = (
            None
            if row is None
            else Viewer(
                id=f"m{row['id']}",
                name=row["name"],
                rank=row["rank"],
                version=row["session_version"],
                language=row["language"],
                since=int(row["created_at"].timestamp() * 1000),
            )
        )
        self._kept[key] = (now, viewer)
        self._kept.move_to_end(key)
        if len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)
        return viewer

    def on_control(self, body: dict[str, Any]) -> None:
        """Forget a publisher whose sessions were revoked."""
        if body.get("type") == "revoke":
            person = body.get("publisher")
            for key, (_, viewer) in list(self._kept.items()):
                if viewer is not None and viewer.id == person:
                    del self._kept[key]

    def forget(self, cookie: str) -> None:
        """Forget one cookie, on signing out."""
        self._kept.pop(secret_hash(cookie), None)


async def begin(ctx: Context, member_id: int, user_agent: str = "") -> str:
    """Sign a browser in and give the value of its cookie."""
    cookie = secrets.token_urlsafe(32)
    agent = "".join(c for c in user_agent[:200] if c.isprintable())
    await ctx.db.run(SQL.begin_session, secret_hash(cookie), member_id, SESSION_DAYS, agent)
    return cookie


async def end(ctx: Context, cookie: str) -> None:
    """Sign a browser out."""
    ctx.of(SessionCache).forget(cookie)
    await ctx.db.run(SQL.end_session, secret_hash(cookie))
