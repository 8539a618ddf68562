"""Every named SQL statement is understood by PostgreSQL as the migrations leave it."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest

from server.database import parse_statements

ROOT = Path(__file__).parent.parent.parent
FILES = sorted(
    path.relative_to(ROOT)
    for package in ("rooms", "moderation", "server", "web")
    for path in (ROOT / package).rglob("queries.sql")
)


@pytest.mark.parametrize("path", FILES, ids=str)
async def test_every_statement_can_be_prepared(path: Path, database_url: str) -> None:
    statements = parse_statements(str(path), (ROOT / path).read_text())
    connection = await asyncpg.connect(database_url)

    try:
        for name in statements:
            try:
                await connection.prepare(getattr(statements, name))
            except asyncpg.PostgresError as error:
                pytest.fail(f"{path}, {name}: {error}")
    finally:
        await connection.close()
