"""Numbered files go into a real database once, in order, and never change afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest

from server.errors import Refused
from server.migrate import MigrationError, migrate, waiting

FIRST = "CREATE TABLE first (n integer);"
SECOND = "ALTER TABLE first ADD m integer;"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_first.sql").write_text(FIRST)
    (tmp_path / "0002_second.sql").write_text(SECOND)
    return tmp_path


async def fetch(dsn: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


async def test_each_file_is_applied_once(empty_database_url: str, folder: Path) -> None:
    assert await waiting(empty_database_url, folder) == ["0001_first.sql", "0002_second.sql"]

    first = await migrate(empty_database_url, folder)
    again = await migrate(empty_database_url, folder)

    assert (first, again) == (["0001_first.sql", "0002_second.sql"], [])
    assert await waiting(empty_database_url, folder) == []


async def test_two_processes_that_migrate_at_once_do_it_once(
    empty_database_url: str, folder: Path
) -> None:
    results = await asyncio.gather(*(migrate(empty_database_url, folder) for _ in range(4)))

    assert sorted(map(len, results)) == [0, 0, 0, 2]


async def test_an_edited_file_is_named(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder)
    (folder / "0001_first.sql").write_text(FIRST + " -- edited")

    with pytest.raises(MigrationError, match=r"0001_first\.sql was edited"):
        await migrate(empty_database_url, folder)


async def test_other_line_ends_are_no_edit(empty_database_url: str, folder: Path) -> None:
    (folder / "0002_second.sql").write_bytes(b"SELECT 1;\nSELECT 2;\n")
    await migrate(empty_database_url, folder)
    (folder / "0002_second.sql").write_bytes(b"SELECT 1;\r\nSELECT 2;\r\n")

    assert await migrate(empty_database_url, folder) == []


async def test_a_database_of_a_newer_version_is_refused(
    empty_database_url: str, folder: Path
) -> None:
    await migrate(empty_database_url, folder)
    (folder / "0002_second.sql").unlink()

    with pytest.raises(MigrationError, match=r"0002_second\.sql.*newer version"):
        await migrate(empty_database_url, folder)


async def test_a_file_that_fails_leaves_nothing_of_itself(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0002_second.sql").write_text("CREATE TABLE half (n int); SELECT 1 / 0;")

    with pytest.raises(MigrationError, match=r"0002_second\.sql: division by zero"):
        await migrate(empty_database_url, folder)

    tables = await fetch(empty_database_url, "SELECT relname FROM pg_stat_user_tables ORDER BY 1")
    assert [row["relname"] for row in tables] == ["first", "migrations"]
    assert await waiting(empty_database_url, folder) == ["0002_second.sql"]


async def test_a_file_put_in_between_is_refused(empty_database_url: str, folder: Path) -> None:
    (folder / "0002_second.sql").rename(folder / "0003_second.sql")
    await migrate(empty_database_url, folder)
    (folder / "0002_late.sql").write_text("SELECT 1;")

    with pytest.raises(MigrationError, match=r"0002_late\.sql comes before 0003_second\.sql"):
        await migrate(empty_database_url, folder)


@pytest.mark.parametrize("name", ["1_short.sql", "0003-dash.sql", "0003_Big.sql"])
async def test_a_name_without_number_is_refused(
    empty_database_url: str, folder: Path, name: str
) -> None:
    (folder / name).write_text("SELECT 1;")

    with pytest.raises(MigrationError, match="the name has to look like"):
        await migrate(empty_database_url, folder)


async def test_two_files_with_one_number_are_refused(empty_database_url: str, folder: Path) -> None:
    (folder / "0002_other.sql").write_text("SELECT 1;")

    with pytest.raises(MigrationError, match="have the same number"):
        await migrate(empty_database_url, folder)


async def test_a_database_that_is_away_is_unavailable(folder: Path) -> None:
    with pytest.raises(Refused, match="does not answer"):
        await migrate("postgresql://nobody@127.0.0.1:1/none", folder)
