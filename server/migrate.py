"""Brings a database forward through numbered .sql files, each once and in order."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from asyncpg import Record

from server.database import unavailable_when_gone
from server.errors import HirobaError

LOCK = 0x6869726F6261
"""The advisory lock that two migrating processes share ("hiroba" in ASCII)."""
NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
TABLE = """
CREATE TABLE IF NOT EXISTS migrations (
    name       text PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class MigrationError(HirobaError):
    """The files and the database do not fit together; the sentence names the file."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, the same for every style of line ends."""
        return hashlib.sha256(self.sql.replace("\r\n", "\n").encode()).hexdigest()


def read_folder(folder: Path) -> list[Migration]:
    """Give the migrations of a folder in order; MigrationError for a name that is not one."""
    found = [Migration(p.name, p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.sql"))]
    numbers: dict[str, str] = {}
    for migration in found:
        match = NAME.match(migration.name)
        if match is None:
            raise MigrationError(f"{migration.name}: the name has to look like 0007_orders.sql")
        if match[1] in numbers:
            raise MigrationError(f"{numbers[match[1]]} and {migration.name} have the same number")
        numbers[match[1]] = migration.name
    return found


def outstanding(known: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """Give what is still to do; `applied` is name → checksum as the database has it."""
    names = {migration.name for migration in known}
    newer = sorted(set(applied) - names)
    if newer:
        raise MigrationError(
            f"the database has {newer[-1]}, which this version does not know: it was written by a "
            "newer version of the program; update before starting"
        )
    for migration in known:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"{migration.name} was edited after it was applied; restore it and write a new one"
            )
    waiting = [migration for migration in known if migration.name not in applied]
    if waiting and applied and waiting[0].name < max(applied):
        raise MigrationError(
            f"{waiting[0].name} comes before {max(applied)}, which is applied; give it a new number"
        )
    return waiting


async def migrate(dsn: str, folder: Path, *, timeout: float = 600) -> list[str]:
    """Apply what is outstanding, each file in its own transaction; gives the names applied.

    A second process that migrates at the same time waits for the first, at most `timeout` s.
    """
    known = read_folder(folder)
    connection = await _connect(dsn, timeout)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK)
        await connection.execute(TABLE)
        done = []
        for migration in outstanding(known, await _applied(connection)):
            await _apply(connection, migration)
            done.append(migration.name)
        return done
    finally:
        await connection.close(timeout=5)


async def waiting(dsn: str, folder: Path) -> list[str]:
    """Give the names of migrations that `migrate` would apply, without changing anything."""
    connection = await _connect(dsn, 10)
    try:
        exists = await connection.fetchval("SELECT to_regclass('migrations') IS NOT NULL")
        applied = await _applied(connection) if exists else {}
        return [migration.name for migration in outstanding(read_folder(folder), applied)]
    finally:
        await connection.close(timeout=5)


async def _connect(dsn: str, timeout: float) -> asyncpg.Connection[Record]:
    with unavailable_when_gone():
        return await asyncpg.connect(dsn, timeout=10, command_timeout=timeout)


async def _applied(connection: asyncpg.Connection[Record]) -> dict[str, str]:
    rows = await connection.fetch("SELECT name, checksum FROM migrations")
    return {row["name"]: row["checksum"] for row in rows}


async def _apply(connection: asyncpg.Connection[Record], migration: Migration) -> None:
    try:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO migrations (name, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{migration.name}: {error}") from error
