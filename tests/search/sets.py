"""The development sets, loaded and asked through the product's own tables and search."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from rooms.events import Author, comment_posted
from rooms.history import actions as history
from rooms.rules import message_id, room_channel
from rooms.search import actions
from rooms.search.encode import tsvector
from rooms.search.reads import search
from rooms.search.rules import LONGEST_QUESTION, Filters
from server.context import Context, Viewer
from server.database import Database
from server.publication import Flag, Publication
from server.settings import Settings
from server.stream_worker import Entry

QUERIES = 150
DEPTH = 10
BATCH = 50
FOLD = 500
"""Documents between two runs of the worker's chore, which otherwise a slow insert would do."""
AUTHOR = Author(id="gAAAAAAAAAAAAAAAA", name="A", role="guest")


@dataclass(frozen=True, slots=True)
class Known:
    """What other ways of searching reached (MRR@10), and what is to be reached."""

    stock: float
    bm25: float
    ngram: float
    reach: float


SETS = {
    "jsquad-ja": Known(0.214, 0.909, 0.915, 0.91),
    "jaquad-ja": Known(0.172, 0.885, 0.878, 0.88),
    "jsts-ja": Known(0.023, 0.565, 0.526, 0.56),
    "iapp-th": Known(0.535, 0.903, 0.894, 0.90),
    "xquad-th": Known(0.249, 0.956, 0.963, 0.95),
    "arcd-ar": Known(0.664, 0.770, 0.707, 0.77),
    "xquad-ar": Known(0.844, 0.930, 0.918, 0.92),
    "xquad-en": Known(0.913, 0.930, 0.932, 0.93),
    "banking-en": Known(0.835, 0.829, 0.865, 0.83),
}


@dataclass(frozen=True, slots=True)
class Query:
    """A question of a set, and the documents that answer it."""

    text: str
    relevant: frozenset[str]


def queries(folder: Path, name: str) -> list[Query]:
    """Read the first 150 questions of a set."""
    rows = _rows(folder / "search" / f"{name}.queries.dev.jsonl")[:QUERIES]
    return [Query(row["query"][:LONGEST_QUESTION], frozenset(row["relevant"])) for row in rows]


class Pool:
    """A database with sets in it, one room each."""

    def __init__(self, ctx: Context, names: dict[str, str]) -> None:
        self._ctx = ctx
        self._names = names

    async def load(self, folder: Path, name: str) -> None:
        """Say every document of a set in a new room, as the worker saves what was said."""
        db = self._ctx.db
        room = await db.value(
            "INSERT INTO rooms (kind, slug, title) VALUES ('topic', $1, $1) RETURNING id", name
        )
        documents = _rows(folder / "search" / f"{name}.docs.jsonl")
        for first in range(0, len(documents), BATCH):
            entries = [
                _entry(room, first + n, row["text"])
                for n, row in enumerate(documents[first : first + BATCH])
            ]
            async with db.transaction() as transaction:
                await history.posted(tsvector, transaction, entries)
                await transaction.run("SELECT pg_stat_force_next_flush()")
            if first % FOLD == 0:
                await actions.fold(self._ctx)
            for entry, row in zip(entries, documents[first:], strict=False):
                self._names[entry.body["id"]] = row["id"]

    async def analyse(self) -> None:
        """Let the worker's chore make the statistics, and make them where it waits for more."""
        await actions.fold(self._ctx)
        if "messages" not in await actions.analyse(self._ctx):
            await self._ctx.db.run("ANALYZE messages", timeout=60)

    async def mrr(self, asked: Sequence[Query], change: Callable[[str], str] = str) -> float:
        """Give the mean reciprocal rank of the first right document among the first ten."""
        total = 0.0
        for query in asked:
            hits = await search(
                self._ctx, Viewer(), change(query.text), Filters(), limit=DEPTH, boost=False
            )
            places = [n for n, hit in enumerate(hits, 1) if self._names[hit.id] in query.relevant]
            total += 1 / places[0] if places else 0
        return total / len(asked)


@asynccontextmanager
async def pool(database_url: str, names: dict[str, str]) -> AsyncIterator[Pool]:
    """Open a pool; `names` is message id → document, and the search needs only the database."""
    database = await Database.connect(database_url, size=3)
    try:
        yield Pool(Context(Settings.for_tests(), database, cast(Any, None), cast(Any, None)), names)
    finally:
        await database.close()


def two_typos(seed: int) -> Callable[[str], str]:
    """Give a way to mistype: two letters swapped with the next, left out or doubled."""
    chance = random.Random(seed)

    def mistype(text: str) -> str:
        for _ in range(2):
            letters = [n for n, letter in enumerate(text) if letter.isalpha()]
            n = chance.choice(letters)
            way = chance.randrange(3)
            if way == 0:
                text = text[:n] + text[n + 1 : n + 2] + text[n] + text[n + 2 :]
            else:
                text = text[:n] + text[n] * (way - 1) * 2 + text[n + 1 :]
        return text[:LONGEST_QUESTION]

    return mistype


def _entry(room: int, number: int, text: str) -> Entry:
    key = message_id(UUID(int=room << 96 | 7 << 76 | 2 << 62 | number))
    publication = Publication(1, number + 1, 1_700_000_000_000, Flag.NONE, AUTHOR["id"], key, b"")
    body = dict(comment_posted(key, AUTHOR, text, f"{room}-{number}"))
    return Entry(0, f"{number}-0", room_channel(str(room)), publication, body)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
