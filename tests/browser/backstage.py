"""A running Hiroba, and people in it who act without a browser."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from moderation import screening
from moderation.names import name_key
from moderation.rules import Rank
from rooms.comments import actions as comments
from rooms.members import sessions
from server.context import Context, Viewer, system_clock
from server.settings import Settings
from web.resources import opened

T = TypeVar("T")


class Backstage:
    """Talks to the servers of a running Hiroba, from a loop in a thread of its own.

    Playwright's own loop runs in the thread of the test.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self.url = str(facts["urls"][0])
        self._settings = Settings.for_tests(
            database_url=facts["database_url"],
            redis_url=facts["redis_url"],
            data_dir=Path(facts["data_dir"]),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self.ctx: Context

    def __enter__(self) -> Backstage:
        self._thread.start()
        self._opened = opened(self._settings, listen=True)
        self.ctx = self.run(self._opened.__aenter__())
        self.ctx.broker.on_control = self._follow
        return self

    def _follow(self, body: dict[str, Any]) -> None:
        task = self._loop.create_task(screening.on_control(self.ctx, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.run(self._opened.__aexit__(kind, error, trace))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def run(self, coroutine: Coroutine[Any, Any, T], seconds: float = 20) -> T:
        """Run something in the loop and give its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def member(self, name: str, rank: Rank) -> tuple[Viewer, str]:
        """Make a member; gives the viewer and the value of a session's cookie."""

        async def make() -> tuple[Viewer, str]:
            number = await self.ctx.db.value(
                "INSERT INTO members (name, name_key, rank) VALUES ($1, $2, $3) RETURNING id",
                name,
                name_key(name),
                rank,
            )
            cookie = await sessions.begin(self.ctx, number, "test")
            return Viewer(f"m{number}", name, rank), cookie

        return self.run(make())

    def room(self, slug: str, kind: str = "topic") -> str:
        """Make a room that guests may write in; gives its id."""
        sql = "INSERT INTO rooms (kind, slug, title) VALUES ($1, $2, $2) RETURNING id"
        return str(self.run(self.ctx.db.value(sql, kind, slug)))

    def guest(self, name: str) -> Viewer:
        """Make a guest."""
        id = "g" + secrets.token_urlsafe(12)
        return Viewer(id, name, Rank.GUEST, address="203.0.113.9", since=system_clock())

    def say(self, viewer: Viewer, room: str, text: str) -> dict[str, Any]:
        """Post a message as somebody; Refused is raised here."""
        args = {"room": room, "text": text, "client_message_id": secrets.token_hex(8)}
        return self.run(comments.post(self.ctx, viewer, args))

    def value(self, sql: str, *args: Any) -> Any:
        """Ask the database for one value."""
        return self.run(self.ctx.db.value(sql, *args))
