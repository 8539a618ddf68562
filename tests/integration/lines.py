"""What a product could do with the log: rows for lines, and a count that must not count twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack

from server.database import Database, Queries, Transaction
from server.publication import Publish
from server.settings import Settings
from server.stream_worker import Entry, StreamWorker

TABLES = """
CREATE TABLE lines (
    channel text, epoch bigint, "offset" bigint, key text UNIQUE,
    text text CHECK (text <> 'poison'), changed bigint, PRIMARY KEY (channel, epoch, "offset"));
CREATE TABLE counts (publisher text PRIMARY KEY, said int NOT NULL);
"""


async def said(transaction: Transaction, entries: list[Entry]) -> None:
    rows = [
        (e.channel, e.publication.epoch, e.publication.offset, e.publication.key, e.body["text"])
        for e in entries
    ]
    await transaction.run(
        """INSERT INTO lines (channel, epoch, "offset", key, text)
           SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])
           ON CONFLICT DO NOTHING""",
        *(list(column) for column in zip(*rows, strict=True)),
    )


async def changed(transaction: Transaction, entries: list[Entry]) -> None:
    await transaction.many(
        """UPDATE lines SET text = $2, changed = $3
           WHERE key = $1 AND coalesce(changed, 0) < $3""",
        [(e.publication.key, e.body["text"], e.publication.offset) for e in entries],
    )


async def count(transaction: Transaction, entries: list[Entry]) -> None:
    """Not idempotent on purpose: a second application of an entry shows."""
    for entry in entries:
        if entry.body["text"] == "not for the count":
            raise ValueError("the count cannot bear this")
        await transaction.run(
            """INSERT INTO counts VALUES ($1, 1)
               ON CONFLICT (publisher) DO UPDATE SET said = counts.said + 1""",
            entry.publication.publisher,
        )


HANDLERS = {"line.said": said, "line.changed": changed}


def change(key: str, text: str, **more: Any) -> Publish:
    """Make the publication that changes a line."""
    more.setdefault("channel", "room:42")
    body = msgpack.packb({"event": "line.changed", "text": text})
    return Publish(body=body, key=key, publisher="editor", **more)


@asynccontextmanager
async def working(
    settings: Settings, database: Database, count_of: int = 1, **options: Any
) -> AsyncIterator[list[StreamWorker]]:
    """Run workers with short leases; they stop in an orderly way at the end."""
    options = {"lease": 1.0, "renew": 0.2, "consumers": [count], **options}
    workers = [StreamWorker(settings, database, HANDLERS, **options) for _ in range(count_of)]
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield workers
        for worker in workers:
            worker.stop()
        async with asyncio.timeout(15):
            await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def texts(queries: Queries, channel: str = "room:42") -> list[str]:
    """Give the texts of a channel in its order."""
    sql = """SELECT text FROM lines WHERE channel = $1 ORDER BY epoch, "offset" """
    return [row["text"] for row in await queries.all(sql, channel)]


async def counted(queries: Queries) -> dict[str, int]:
    """Give the count of every publisher."""
    rows = await queries.all("SELECT publisher, said FROM counts")
    return {row["publisher"]: row["said"] for row in rows}


async def eventually(check: Any, seconds: float = 20.0) -> None:
    """Wait until an asynchronous check holds; fails when it does not in time."""
    async with asyncio.timeout(seconds):
        while True:
            if await check():
                return
            await asyncio.sleep(0.02)
