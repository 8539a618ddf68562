"""A backup holds everything that is kept, and a restore brings all of it back."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from redis import Redis

from server.embedded import Embedded
from server.migrate import MigrationError
from server.settings import Settings
from tests.running import running
from tests.servers import Shared
from web.cli.archive import ArchiveError, run_backup, run_restore
from web.cli.servers import reachable

INSERT = "INSERT INTO settings (name, value) VALUES ('kept', '\"広場 🎉\"')"
SELECT = "SELECT value #>> '{}' FROM settings WHERE name = 'kept'"


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hiroba-archive-") as folder:
        yield Path(folder)


async def fetch(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def ask(dsn: str, sql: str) -> object:
    return asyncio.run(fetch(dsn, sql))


def backup(settings: Settings, file: Path) -> None:
    assert run_backup(settings, Namespace(file=file)) == 0


def restore(settings: Settings, file: Path) -> None:
    assert run_restore(settings, Namespace(file=file)) == 0


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as file:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


def test_everything_comes_back_from_a_running_hiroba(folder: Path) -> None:
    with running(folder / "first", "--gateways", "1", "--no-demo") as hiroba:
        ask(hiroba.facts["database_url"], INSERT)
        secret = ask(hiroba.facts["database_url"], "SELECT secret FROM secrets")
        media = Path(hiroba.facts["data_dir"]) / "media"
        media.mkdir()
        (media / "logo-1a2b.png").write_bytes(b"\x89PNG")
        settings = Settings.for_tests(data_dir=Path(hiroba.facts["data_dir"]))

        backup(settings, folder / "saved.tar")

    restored = Settings.for_tests(data_dir=folder / "second")
    restore(restored, folder / "saved.tar")
    embedded = Embedded(folder / "second")
    embedded.start()

    assert ask(embedded.dsn, SELECT) == "広場 🎉"
    assert ask(embedded.dsn, "SELECT secret FROM secrets") == secret
    assert (folder / "second" / "media" / "logo-1a2b.png").read_bytes() == b"\x89PNG"
    embedded.stop()
    with running(folder / "second-run", "--no-demo", "--data", str(folder / "second")) as again:
        assert ask(again.facts["database_url"], SELECT) == "広場 🎉"


def test_nobody_else_can_read_a_backup(folder: Path, settings: Settings) -> None:
    backup(settings, folder / "saved.tar")

    assert (folder / "saved.tar").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["saved.tar"]


def test_a_backup_never_replaces_a_file(folder: Path, settings: Settings) -> None:
    (folder / "saved.tar").write_text("precious")

    with pytest.raises(ArchiveError, match="is there already"):
        backup(settings, folder / "saved.tar")

    assert (folder / "saved.tar").read_text() == "precious"


def test_a_database_without_tables_has_nothing_to_save(
    folder: Path, empty_database_url: str, redis_url: str
) -> None:
    settings = Settings.for_tests(database_url=empty_database_url, redis_url=redis_url)

    with pytest.raises(ArchiveError, match="nothing to save"):
        backup(settings, folder / "saved.tar")

    assert list(folder.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "mine").write_text("precious")
    settings = Settings.for_tests(data_dir=folder / "data")

    with pytest.raises(ArchiveError, match="is not empty"):
        restore(settings, folder / "saved.tar")

    assert (folder / "data" / "mine").read_text() == "precious"


def test_a_database_that_is_used_is_refused(folder: Path, settings: Settings) -> None:
    backup(settings, folder / "saved.tar")

    with pytest.raises(ArchiveError, match="the database is not empty"):
        restore(settings, folder / "saved.tar")


def test_a_redis_that_is_used_is_refused(
    folder: Path, settings: Settings, empty_database_url: str
) -> None:
    backup(settings, folder / "saved.tar")
    with Redis.from_url(settings.redis_url) as redis:
        redis.set("{p001}:log", "left over")

    with pytest.raises(ArchiveError, match="Redis is not empty"):
        restore(replace(settings, database_url=empty_database_url), folder / "saved.tar")


def test_an_empty_database_of_ones_own_is_filled(
    folder: Path, settings: Settings, shared_servers: Shared
) -> None:
    ask(settings.database_url, INSERT)
    backup(settings, folder / "saved.tar")
    other = asyncio.run(shared_servers.create(migrated=False))

    restore(replace(settings, database_url=other), folder / "saved.tar")

    assert ask(other, SELECT) == "広場 🎉"
    asyncio.run(shared_servers.drop(other))


@pytest.mark.parametrize("content", [b"", b"not a tar file", b"\x1f\x8b\x08broken"])
def test_a_file_that_is_no_backup_is_refused(folder: Path, content: bytes) -> None:
    (folder / "other").write_bytes(content)

    with pytest.raises(ArchiveError, match="is not a backup of Hiroba"):
        restore(Settings.for_tests(data_dir=folder / "d"), folder / "other")

    assert not (folder / "d").exists()


def test_a_missing_file_is_refused(folder: Path) -> None:
    with pytest.raises(ArchiveError, match=r"cannot read .*No such file"):
        restore(Settings.for_tests(data_dir=folder / "d"), folder / "none")


def test_an_archive_of_a_newer_version_is_refused_before_anything_is_made(
    folder: Path,
) -> None:
    label = {"format": 1, "made_at": "2030-01-01", "migrations": {"9999_new.sql": "x"}}
    newer = archive(
        folder / "newer.tar",
        {"hiroba-backup.json": json.dumps(label).encode(), "database.dump": b"x"},
    )

    with pytest.raises(MigrationError, match=r"9999_new\.sql.*newer version"):
        restore(Settings.for_tests(data_dir=folder / "d"), newer)

    assert not (folder / "d").exists()


def test_an_archive_writes_nowhere_but_where_it_belongs(folder: Path) -> None:
    evil = archive(
        folder / "evil.tar",
        {"../outside": b"x", "media/../../outside": b"x", "/outside": b"x"},
    )

    with pytest.raises(ArchiveError, match="is not a backup"):
        restore(Settings.for_tests(data_dir=folder / "d"), evil)

    assert not list(folder.rglob("outside"))


def test_a_dump_that_is_broken_leaves_the_folder_empty_again(
    folder: Path, settings: Settings
) -> None:
    backup(settings, folder / "saved.tar")
    with tarfile.open(folder / "saved.tar") as file:
        content = file.extractfile("hiroba-backup.json")
        assert content is not None
        label = content.read()
    broken = archive(
        folder / "broken.tar", {"hiroba-backup.json": label, "database.dump": b"PGDMP" * 9}
    )
    target = Settings.for_tests(data_dir=folder / "d")

    with pytest.raises(ArchiveError, match="pg_restore failed"):
        restore(target, broken)
    restore(target, folder / "saved.tar")

    with reachable(target) as found:
        assert ask(found.database_url, "SELECT count(*) FROM settings") is not None
