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
        if self._known is not None and self._ctx.clock() - self._loaded_at < self.MOST_AGE_MS:
            return self._known
        async with self._lock:
            if self._known is None or self._ctx.clock() - self._loaded_at >= self.MOST_AGE_MS:
                try:
                    self._known = await load(self._ctx.db)
                except Refused:
                    # While Postgres is away the community looks as it did before.
                    if self._known is None:
                        raise
                self._loaded_at = self._ctx.clock()
            return self._known

    def on_control(self, body: dict[str, Any]) -> None:
        """Forget what is known when settings changed."""
        if body.get("type") == "changed" and body.get("what") == "settings":
            self._known = None
