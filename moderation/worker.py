"""What the persistence worker does for moderation with entries of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moderation import audit, sanctions
from moderation.audit import SQL
from moderation.ids import is_guest
from server.context import Context

if TYPE_CHECKING:
    from server.database import Transaction
    from server.stream_worker import Entry, Handler


async def record(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Save what entries carry for moderation only: addresses, acts, and sanctions.

    Sanctions travel so when Postgres did not answer the moderator; ids make all of it idempotent.
    """
    await _save_addresses(tx, entries)
    for entry in entries:
        sanction: Any = entry.private.get("sanction")
        if sanction is not None:
            await sanctions.insert(tx, sanction)
        columns: Any = entry.private.get("audit")
        if columns is not None:
            await audit.insert(tx, columns)


async def noted(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Accept events that change no message; `record` has saved what they carry."""


handlers: Mapping[str, Handler] = {"person.muted": noted, "person.unmuted": noted}
"""Events of moderation that reach the log and are no matter of messages."""


async def tidy(ctx: Context) -> None:
    """Forget addresses after 30 days; to be run now and then."""
    await ctx.db.run(SQL.forget_addresses, audit.moment(ctx.clock()))


async def _save_addresses(tx: Transaction, entries: Sequence[Entry]) -> None:
    found = [
        (entry.publication.publisher, entry.private["address"], audit.moment(entry.publication.at))
        for entry in entries
        if entry.private.get("address") and is_guest(entry.publication.publisher)
    ]
    if not found:
        return
    guests, addresses, times = (list(column) for column in zip(*found, strict=True))
    await tx.run(SQL.guest_addresses, guests, addresses, times)
    await tx.run(SQL.late_addresses, guests, addresses)
