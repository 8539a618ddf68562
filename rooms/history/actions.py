"""Writes what was published into Postgres: the worker's handlers of comments and messages.

Each takes a run of log entries of one event. All are idempotent: an insert that is there already
stays, a change applies only when its place is later than the last one applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from moderation.rules import Rank
from rooms.history.reads import sql
from rooms.rules import message_uuid, read_channel
from server.database import Transaction
from server.stream_worker import Entry

Tokens = Callable[[str], str]
"""Gives the search tokens of a text, as PostgreSQL reads a tsvector."""


async def posted(tokens: Tokens, tx: Transaction, entries: list[Entry]) -> None:
    """Insert messages, with the guests among their authors; approved ones take their places."""
    guests = {
        e.body["author"]["id"]: e.body["author"]["name"]
        for e in entries
        if e.body["author"]["id"].startswith("g")
    }
    if guests:
        await tx.run(sql.insert_guests, list(guests), list(guests.values()))
    await tx.run(sql.release_held, *_columns(entries, partial(_released, tokens)))
    await tx.run(sql.insert_messages, *_columns(entries, partial(_row, tokens)))


async def edited(tokens: Tokens, tx: Transaction, entries: list[Entry]) -> None:
    """Store new texts."""
    await tx.run(sql.edit_messages, *_columns(_last(entries), partial(_new_text, tokens)))


async def deleted(tx: Transaction, entries: list[Entry]) -> None:
    """Empty what its author took back."""
    await tx.run(sql.delete_messages, *_columns(_last(entries), _place))


async def hidden(tx: Transaction, entries: list[Entry]) -> None:
    """Hide messages."""
    await tx.run(sql.hide_messages, *_columns(_last(entries), _place))


async def restored(tx: Transaction, entries: list[Entry]) -> None:
    """Show messages again."""
    await tx.run(sql.restore_messages, *_columns(_last(entries), _place))


async def purged(tx: Transaction, entries: list[Entry]) -> None:
    """Hide everything that a person said in a room before the purge."""
    for e in entries:
        place = (e.publication.epoch, e.publication.offset)
        await tx.run(sql.purge, _room(e), e.body["person"], *place)


async def unpurged(tx: Transaction, entries: list[Entry]) -> None:
    """Show again what purges hid."""
    for e in entries:
        place = (e.publication.epoch, e.publication.offset)
        await tx.run(sql.unpurge, _room(e), e.body["person"], *place)


def _columns(entries: Iterable[Entry], row: Callable[[Entry], tuple[Any, ...]]) -> list[list[Any]]:
    """Turn entries into the columns that one `unnest` takes."""
    return [list(column) for column in zip(*map(row, entries), strict=True)]


def _last(entries: Sequence[Entry]) -> list[Entry]:
    """Keep the last entry about each message: one UPDATE takes only one row for each."""
    return list({(e.channel, e.publication.key): e for e in entries}.values())


def _room(entry: Entry) -> int:
    return int(read_channel(entry.channel)[0])


def _at(entry: Entry) -> datetime:
    return datetime.fromtimestamp(entry.publication.at / 1000, UTC)


def _place(e: Entry) -> tuple[Any, ...]:
    return _room(e), message_uuid(e.body["id"]), e.publication.epoch, e.publication.offset


def _place_and_time(e: Entry) -> tuple[Any, ...]:
    return *_place(e), _at(e)


def _released(tokens: Tokens, e: Entry) -> tuple[Any, ...]:
    return *_place_and_time(e), tokens(e.body["text"])


def _new_text(tokens: Tokens, e: Entry) -> tuple[Any, ...]:
    return *_place_and_time(e), e.body["text"], tokens(e.body["text"])


def _row(tokens: Tokens, e: Entry) -> tuple[Any, ...]:
    author = e.body["author"]
    reply_to = e.body.get("reply_to")
    is_member = author["id"].startswith("m")
    return (
        _room(e),
        message_uuid(e.body["id"]),
        e.private.get("broadcast"),
        int(author["id"][1:]) if is_member else None,
        None if is_member else author["id"],
        author["name"],
        int(e.private.get("rank", Rank.MEMBER if is_member else Rank.GUEST)),
        e.body["client_message_id"],
        e.body["text"],
        message_uuid(reply_to["id"]) if reply_to else None,
        bool(e.body.get("question")),
        e.publication.epoch,
        e.publication.offset,
        _at(e),
        tokens(e.body["text"]),
    )
