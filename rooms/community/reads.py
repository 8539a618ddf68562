"""The community as it stands, kept in the process."""

from __future__ import annotations

import asyncio
from typing import Any

from rooms.community.rules import Community, from_stored
from server.context import Context
from server.database import Queries, statements
from server.errors import Refused

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
        self._lock = asyncio.Lock()

    async def get(self) -> Community:
        """Give the community; read anew at most every 30 s, should a control message get lost."""
        known = self.at_hand()
        if known is not None:
            return known
        async with self._lock:
            if self.at_hand() is None:
                try:
                    self._known = await load(self._ctx.db)
                except Refused:
                    # While Postgres is away the community looks as it did before.
                    if self._known is None:
                        raise
                self._loaded_at = self._ctx.clock()
            assert self._known is not None
            return self._known

    def at_hand(self) -> Community | None:
        """Give the community without waiting, where what is known is not too old."""
        return self._known if self._ctx.clock() - self._loaded_at < self.MOST_AGE_MS else None

    def on_control(self, body: dict[str, Any]) -> None:
        """Forget what is known when settings changed."""
        if body.get("type") == "changed" and body.get("what") == "settings":
            self._known = None
