"""What each process knows by heart: filters, staff, sanctions; no message waits for Postgres."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moderation import audit, sanctions
from moderation.audit import SQL
from moderation.filters import read_filters
from moderation.ids import is_guest
from moderation.names import clean_name, problem_of
from moderation.rules import Draft, Filters, Rank, Standing, Verdict, judge, told, wire_until
from moderation.standings import Sanction, Standings
from server.context import Context, Viewer
from server.errors import Refused
from server.log import Log

if TYPE_CHECKING:
    from asyncpg import Record

log = Log(__name__)

PATIENCE = 0.5
"""Seconds a message waits for filters that are known to have changed; then the old ones judge."""
REFRESH = 30.0
"""Seconds after which a process looks by itself, in case it missed being told."""
RETRY = 1.0
"""Seconds between two tries while Postgres is away."""

_PROBLEMS = {
    "empty": "A name needs letters or digits.",
    "too_long": "A name takes at most 40 characters.",
    "invisible": "A name may not hold invisible or stacked characters.",
    "word": "This name is not allowed here.",
    "reserved": "This name is kept for the staff.",
    "resembles_staff": "This name looks like that of somebody from the staff.",
}


class Screening:
    """The cache of one process; `ctx.of(Screening)` gives it."""

    def __init__(self, ctx: Context) -> None:
        self.filters = Filters()
        self.staff: dict[str, tuple[str, int]] = {}
        """Name key and rank of everybody who moderates or more, by viewer id."""
        self.standings = Standings()
        self._ctx = ctx
        self._wanted = 1
        self._have = 0
        self._read_until = datetime.min.replace(tzinfo=UTC)
        self._next = 0.0
        self._task: asyncio.Task[None] | None = None

    def stale(self) -> None:
        """Read again before the next message is judged."""
        self._wanted += 1
        self._next = 0.0

    async def ready(self) -> None:
        """Wait until what is known to have changed is read; Refused only before the first time."""
        await self.hurry(None)
        if not self._have:
            raise Refused("unavailable", "The rules of this community cannot be read.")

    def is_fresh(self) -> bool:
        """Tell whether there is nothing to wait for; now and then look in the background."""
        if self._have != self._wanted:
            return False
        if self._task is None and time.monotonic() >= self._next:
            self._begin()
        return True

    async def hurry(self, first: float | None = PATIENCE) -> None:
        """Wait as `ready` does, but be content with knowing nothing after `first` seconds."""
        if self.is_fresh():
            return
        now = time.monotonic()
        patience = PATIENCE if self._have else first
        while self._have != self._wanted and time.monotonic() >= self._next:
            task = self._task or self._begin()
            left = None if patience is None else now + patience - time.monotonic()
            await asyncio.wait({task}, timeout=left)
            if patience is not None and time.monotonic() >= now + patience:
                # The next ones do not wait as well, one after another, while Postgres is slow.
                self._next = max(self._next, time.monotonic() + RETRY)

    def _begin(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._load(self._wanted), name="moderation filters")
        return self._task

    async def _load(self, version: int) -> None:
        try:
            filters = await read_filters(self._ctx.db)
            rows = await self._ctx.db.all(SQL.staff, Rank.MODERATOR)
            await self._load_sanctions()
            self.filters = filters
            self.staff = {f"m{row['id']}": (row["name_key"], row["rank"]) for row in rows}
            self._have = version
            self._next = time.monotonic() + REFRESH if version == self._wanted else 0.0
        except Refused as error:
            log.warning("filters.unread", error=error)
            self._next = time.monotonic() + RETRY
        except Exception as error:
            log.error("filters.unread", error=error)
            self._next = time.monotonic() + RETRY
        finally:
            self._task = None

    async def _load_sanctions(self) -> None:
        now = self._ctx.clock()
        if self._have:
            rows = await self._ctx.db.all(SQL.changed_sanctions, self._read_until)
        else:
            rows = await self._ctx.db.all(SQL.active_sanctions, audit.moment(now))
        for count, row in enumerate(rows):
            if row["revoked_at"] is None:
                self.standings.put(_sanction(row))
            else:
                self.standings.drop(row["id"])
            self._read_until = max(self._read_until, row["changed_at"])
            if count % 1000 == 999:
                # A large community's sanctions must not hold up the loop.
                await asyncio.sleep(0)
        self.standings.drop_ended(now)

    def rank_of(self, person: str) -> int:
        """Give the rank of a person as far as it matters here: staff, member or guest."""
        if person in self.staff:
            return self.staff[person][1]
        return Rank.GUEST if is_guest(person) else Rank.MEMBER


def _sanction(row: Record) -> Sanction:
    return Sanction(
        row["id"],
        row["person"],
        str(row["room_id"]) if row["room_id"] else None,
        row["kind"],
        audit.until_millis(row["until"]),
        row["reason"],
        tuple(bytes(address) for address in row["addresses"]),
    )


async def screen(ctx: Context, draft: Draft) -> Verdict:
    """Judge a draft by what this process knows; Refused `unavailable` before it knows anything."""
    known = ctx.of(Screening)
    if not known.is_fresh():
        await known.ready()
    now = ctx.clock()
    standing = known.standings.of(draft.author, draft.address, draft.room, now)
    return judge(draft, standing, known.filters, now)


async def standing(ctx: Context, viewer: Viewer, room_id: str | None) -> Standing:
    """Tell how a viewer stands in a room (None: in the whole community).

    A process that has never reached Postgres knows of nothing; the engine denies all the same.
    """
    known = ctx.of(Screening)
    await known.hurry()
    address = b""
    if viewer.rank < Rank.MEMBER and known.standings:
        address = await sanctions.address_hash(ctx, viewer.address)
    return known.standings.of(viewer.id or "", address, room_id, ctx.clock())


async def denied_as(ctx: Context, viewer: Viewer, room_id: str, refused: Refused) -> Refused:
    """Turn the engine's `denied` into `muted` or `banned`, with the reason when it is known."""
    known = await standing(ctx, viewer, room_id)
    until = int(refused.details.get("until", 0))
    if until > max(known.muted_until, known.banned_until):
        # The engine was told before this process was.
        ctx.of(Screening).stale()
        known = await standing(ctx, viewer, room_id)
    kind = "banned" if known.banned_until >= max(known.muted_until, 1) else "muted"
    sentence = told(kind, known.reason)
    return Refused(kind, sentence, until=wire_until(until), why=known.reason)


async def check_name(ctx: Context, name: str, *, own: str = "", staff: bool = False) -> str:
    """Give a name as it is stored; Refused `invalid` with `problem` when it may not be used.

    `own` is the viewer id of who takes it: staff keeps its own name, and may be called what it is.
    `staff` says that somebody new is to be of the staff.
    """
    known = ctx.of(Screening)
    await known.ready()
    cleaned = clean_name(name)
    others = [key for person, (key, _) in known.staff.items() if person != own]
    reserved = not staff and own not in known.staff
    problem = problem_of(cleaned, words=known.filters.words, staff=others, reserved=reserved)
    if problem:
        raise Refused("invalid", _PROBLEMS[problem], field="name", problem=problem)
    return cleaned


async def on_control(ctx: Context, body: Mapping[str, Any]) -> None:
    """Follow what another process told: changed filters and sanctions, changed roles."""
    changed = body.get("type") == "changed" and body.get("what") in ("moderation", "staff")
    if changed or (body.get("type") == "revoke" and str(body.get("publisher", "")).startswith("m")):
        ctx.of(Screening).stale()
