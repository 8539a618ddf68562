"""The community as it stands, kept in the process."""

from __future__ import annotations

import asyncio
from typing import Any

from rooms.community.rules import Community, from_stored
from server.context import Context
from server.database import Queries, statements

SQL = statements(__package__)


async def load(db: Queries) -> Community:
    """Read the community from Postgres."""
    return from_stored({row["name"]: row["value"] for row in await db.all(SQL.all_settings)})


class CommunityCache:
    """Keeps the community of this process until control says that settings changed."""

    MOST_AGE_MS = 30_000

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._known: Community | None = None
        self._loaded_at = 0
        self._loading: asyncio.Task[Community] | None = None

    async def get(self) -> Community:
        """Give the community; Refused only while it was never read and cannot be."""
        known = self.at_hand()
        return await asyncio.shield(self._load()) if known is None else known

    def at_hand(self) -> Community | None:
        """Give the community without waiting, where it is known."""
        if self._known is not None and self._ctx.clock() - self._loaded_at >= self.MOST_AGE_MS:
            # Should a change not have been heard. Nobody waits for it, least of all while Postgres
            # is away: then the community looks as it did before.
            self._load()
        return self._known

    def _load(self) -> asyncio.Task[Community]:
        if self._loading is None:
            self._loading = asyncio.create_task(load(self._ctx.db), name="community")
            self._loading.add_done_callback(self._keep)
        return self._loading

    def _keep(self, done: asyncio.Task[Community]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if self._loading is not done:
            # What was read may be older than the change that was told meanwhile.
            return
        self._loading = None
        self._loaded_at = self._ctx.clock()
        if not failed:
            self._known = done.result()

    def on_control(self, body: dict[str, Any]) -> None:
        """Forget what is known when settings changed."""
        if body.get("type") == "changed" and body.get("what") == "settings":
            self._known = None
            self._loading = None
