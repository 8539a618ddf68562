"""Measures the search on a million rows: `python -m tests.search.speed [--rows N]`.

CPU time is that of one core: of this process for tokens and ranking, of the database's process for
queries. The rows are pieces of the texts of HIROBA_TEST_DATA, so that words come as often as in
talk about a few subjects. Nothing here is a test: timings depend on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID

from rooms.search.encode import tsvector
from rooms.search.query import Plan, plan
from rooms.search.rank import rank
from rooms.search.reads import SQL, statistics
from server.database import Database
from tests.search.sets import AUTHOR, SETS, queries
from tests.servers import shared

BATCH = 2000
ROOMS = 6
INSERT = """
INSERT INTO messages (room_id, id, guest_id, author_name, author_rank, client_message_id, text,
                      epoch, "offset", at, tokens)
SELECT v.room, v.id, $5, 'A', 10, v.id::text, v.text, 1, 1, now(), v.tokens::tsvector
FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[]) AS v (room, id, text, tokens)
"""


def texts(folder: Path) -> list[str]:
    """Read every text there is."""
    found = [
        json.loads(line)["text"]
        for name in SETS
        for line in (folder / "search" / f"{name}.docs.jsonl").read_text("utf-8").splitlines()
    ]
    chat = (folder / "premiere-chat.jsonl").read_text("utf-8").splitlines()
    return found + [json.loads(line)["text"] for line in chat]


def pieces(sources: Sequence[str], chance: random.Random) -> list[str]:
    """Make a batch of comments of 12 to 90 characters, or shorter ones as they are."""
    made = []
    for source in chance.choices(sources, k=BATCH):
        start = chance.randrange(max(1, len(source) - 12))
        made.append(source[start : start + chance.randrange(12, 90)])
    return made


async def fill(database: Database, sources: Sequence[str], rows: int) -> None:
    """Insert the rows, and say how fast that was."""
    chance = random.Random(1)
    await database.run("INSERT INTO guests VALUES ($1, 'A')", AUTHOR["id"])
    cpu, wall, inserting = 0.0, time.perf_counter(), 0.0
    for first in range(0, rows, BATCH):
        batch = pieces(sources, chance)
        began = time.process_time()
        tokens = [tsvector(text) for text in batch]
        cpu += time.process_time() - began
        ids = [UUID(int=(first + n) << 80 | 7 << 76 | 2 << 62) for n in range(BATCH)]
        rooms = [chance.randrange(1, ROOMS + 1) for _ in batch]
        began = time.perf_counter()
        await database.run(INSERT, rooms, ids, batch, tokens, AUTHOR["id"], timeout=60)
        inserting += time.perf_counter() - began
    print(f"{rows:,} rows in {time.perf_counter() - wall:.0f} s")
    print(f"tokenise and encode: {rows / cpu:,.0f} messages a second of CPU time")
    print(f"indexed insert: {rows / inserting:,.0f} rows a second (wall clock)")
    began = time.perf_counter()
    await database.run("ANALYZE messages", timeout=600)
    print(f"ANALYZE: {time.perf_counter() - began:.1f} s")


def cpu_of(pid: int) -> Callable[[], float]:
    """Give a clock of the ms that a process has run."""
    path = Path(f"/proc/{pid}/schedstat")
    return lambda: int(path.read_text().split()[0]) / 1e6


async def ask(database: Database, asked: Sequence[str]) -> None:
    """Ask each question twice and tell the times of the second round."""
    clock = cpu_of(await database.value("SELECT pg_backend_pid()"))
    await database.run("SET max_parallel_workers_per_gather = 0")
    known = await statistics(database)
    found: dict[str, list[float]] = {"database, CPU": [], "database, wall": [], "ranking, CPU": []}
    for text in [*asked, *asked]:
        planned = plan(text, known)
        if planned is None:
            continue
        cpu, wall = clock(), time.perf_counter()
        rows = await database.all(SQL.comments, *arguments(planned), timeout=60)
        found["database, CPU"].append(clock() - cpu)
        found["database, wall"].append((time.perf_counter() - wall) * 1000)
        cpu = time.process_time()
        rank(text, planned.weights, [(row["kind"], row["text"]) for row in rows])
        found["ranking, CPU"].append((time.process_time() - cpu) * 1000)
    for name, all_times in found.items():
        times = sorted(islice(all_times, len(all_times) // 2, None))
        half, most = times[len(times) // 2], times[int(len(times) * 0.95)]
        print(f"query, {name}: p50 {half:.1f} ms, p95 {most:.1f} ms, most {times[-1]:.1f} ms")


def arguments(planned: Plan) -> list[object]:
    """Give what the candidate query takes, without filters."""
    weights, asked = zip(*planned.buckets, strict=True)
    rooms = list(range(1, ROOMS + 1))
    return [planned.condition, rooms, None, None, None, planned.least_id, [*weights], [*asked]]


async def measure(url: str, folder: Path, rows: int) -> None:
    """Fill a database and ask it."""
    database = await Database.connect(url, size=1)
    try:
        await fill(database, texts(folder), rows)
        chance = random.Random(3)
        asked = [q.text for name in SETS for q in chance.sample(queries(folder, name), 40)]
        pages = await database.value(SQL.fold, "messages_tokens", timeout=60)
        print(f"folded {pages} pages of new entries into the index")
        await ask(database, asked)
    finally:
        await database.close()


def main() -> None:
    """Read the options and measure on a private server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    data = Path(os.environ["HIROBA_TEST_DATA"])
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-speed-") as folder,
        shared(Path(folder) / "data") as servers,
    ):
        url = asyncio.run(servers.create())
        asyncio.run(measure(url, data, options.rows))


if __name__ == "__main__":
    main()
