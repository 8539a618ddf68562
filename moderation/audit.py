"""Every act of a moderator leaves one row, in the transaction of what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from moderation.ids import fresh_id, wire_id
from moderation.rules import FOREVER, MAX_REASON, Rank
from server.context import Context, Viewer
from server.database import Queries, statements
from server.errors import Refused

SQL = statements(__package__)
SYSTEM = Viewer(id="system", name="", rank=Rank.OWNER)
"""Who decided when a filter did."""


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody does something: who, when, where from, why. Its id makes it happen once."""

    id: UUID
    actor: Viewer
    at: int
    """ms since 1970."""
    reason: str = ""
    room: str | None = None
    undoes: UUID | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What the audit log keeps of an act."""

    act: Act
    action: str
    person: str | None = None
    person_name: str | None = None
    message: UUID | None = None
    text: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> tuple[Any, ...]:
        """Give the columns of `add_audit`, as they also travel in the persistence log."""
        act = self.act
        return (
            act.id.bytes,
            act.at,
            act.actor.id or "",
            act.actor.name,
            int(act.actor.rank),
            self.action,
            self.person,
            self.person_name,
            int(act.room) if act.room else None,
            self.message.bytes if self.message else None,
            self.text,
            act.reason,
            dict(self.details),
        )


def begin(
    ctx: Context,
    actor: Viewer,
    *,
    room: str | None = None,
    reason: str = "",
    id: UUID | None = None,
    undoes: UUID | None = None,
) -> Act:
    """Begin an act of staff; Refused `forbidden` for anybody else, `invalid` for a long reason."""
    require_staff(actor)
    if len(reason) > MAX_REASON:
        raise Refused("invalid", f"A reason takes at most {MAX_REASON} characters.", field="reason")
    now = ctx.clock()
    return Act(id or fresh_id(now), actor, now, reason.strip(), room, undoes)


def require_staff(viewer: Viewer) -> None:
    """Refuse `forbidden` to who does not moderate."""
    if viewer.id is None or not Rank.staff(viewer.rank):
        raise Refused("forbidden", "This is for moderators.")


async def record(queries: Queries, row: Row) -> bool:
    """Write the row, and mark the one it takes back; False when this act was recorded before."""
    fresh = await insert(queries, row.values())
    if fresh and row.act.undoes is not None:
        actor = row.act.actor
        await queries.run(SQL.mark_undone, row.act.undoes, row.act.id, actor.name)
    return fresh


async def insert(queries: Queries, values: tuple[Any, ...] | list[Any]) -> bool:
    """Write the columns that `Row.values` gave; False when they are there."""
    id, at, *middle, message, text, reason, details = values
    found = await queries.value(
        SQL.add_audit,
        UUID(bytes=bytes(id)),
        moment(at),
        *middle,
        UUID(bytes=bytes(message)) if message else None,
        text,
        reason,
        details,
    )
    return found is not None


async def is_done(queries: Queries, act: Act) -> bool:
    """Whether this act was recorded before, so that a repetition changes nothing."""
    return await queries.value(SQL.audit_exists, act.id) is not None


def moment(ms: int) -> datetime:
    """Give a time of the database for ms since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def until_moment(until: int) -> datetime | None:
    """Give the end of a sanction as the database keeps it: null is for good."""
    return None if until >= FOREVER else moment(until)


def millis(at: datetime) -> int:
    """Give ms since 1970 for a time of the database."""
    return round(at.timestamp() * 1000)


def until_millis(until: datetime | None) -> int:
    """Give the end of a sanction in ms for what the database keeps."""
    return FOREVER if until is None else millis(until)


def wire(act: Act) -> str:
    """Give the id of an act as it stands on the wire."""
    return wire_id(act.id)
