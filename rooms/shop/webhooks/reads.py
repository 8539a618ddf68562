"""What the owner sees of endpoints, of what was sent, and of what came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rooms.shop.webhooks.rules import Attempt, Event
from server.database import Queries, statements

if TYPE_CHECKING:
    from asyncpg import Record

SQL = statements(__package__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that events are sent to; times in ms."""

    id: str
    url: str
    secrets: tuple[str, ...]
    kinds: tuple[str, ...]
    """Empty for all."""
    waiting: int
    """How many events it has still to get, counted up to 10,000."""
    missed: int
    failures: int
    next_at: int | None
    """When it is tried again after a failure."""
    paused: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Logged:
    """A try to deliver, as it was written down."""

    id: int
    event_id: str
    kind: str
    number: int | None
    data: Mapping[str, Any]
    attempt: Attempt
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Received:
    """What the shop told, and what it was answered (None while that is under way)."""

    id: str
    kind: str
    body: Mapping[str, Any]
    answer: Mapping[str, Any] | None
    refused: bool
    at: int


def event_from(row: Record) -> Event:
    """Make an event from its row."""
    product = row["product_id"]
    return Event(
        id=str(row["id"]),
        number=row["number"],
        kind=row["kind"],
        product_id=None if product is None else str(product),
        data=row["body"],
        at=row["at"],
    )


async def endpoints(db: Queries) -> list[Endpoint]:
    """Give every endpoint that was not removed."""
    return [
        Endpoint(
            id=str(row["id"]),
            url=row["url"],
            secrets=tuple(row["secrets"]),
            kinds=tuple(row["kinds"]),
            waiting=row["waiting"],
            missed=row["missed"],
            failures=row["failures"],
            next_at=row["next"],
            paused=row["paused"],
            created_at=row["created"],
        )
        for row in await db.all(SQL.all_endpoints)
    ]


async def attempts(
    db: Queries, endpoint_id: int, *, before: int | None = None, limit: int = 50
) -> list[Logged]:
    """Give the tries of an endpoint, the newest first, older than the try `before`."""
    return [
        Logged(
            id=row["id"],
            event_id=str(row["event_id"]),
            kind=row["kind"],
            number=row["number"],
            data=row["body"],
            attempt=Attempt(row["status"], row["error"], row["at"], row["ms"]),
            by_hand=row["by_hand"],
        )
        for row in await db.all(SQL.attempts_of, endpoint_id, before, limit)
    ]


async def received(db: Queries, *, limit: int = 50) -> list[Received]:
    """Give what the shop told lately, the newest first."""
    return [
        Received(row["id"], row["kind"], row["body"], row["answer"], row["refused"], row["at"])
        for row in await db.all(SQL.newest_received, limit)
    ]
