"""`hiroba backup` and `hiroba restore`: the database and the uploaded pictures in one file."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from server.database import unavailable_when_gone
from server.embedded_place import EmbeddedError, wheel_postgres
from server.errors import HirobaError
from server.migrate import migrate, outstanding, read_folder
from server.settings import Settings
from web.cli.paths import MIGRATIONS, program_version
from web.cli.redis_nodes import count_keys
from web.cli.servers import reachable

FORMAT = 1
LABEL, DUMP, MEDIA = "hiroba-backup.json", "database.dump", "media"
_NAME = re.compile(rf"{re.escape(LABEL)}|{re.escape(DUMP)}|{MEDIA}/[A-Za-z0-9_-][A-Za-z0-9._-]*")


class ArchiveError(HirobaError):
    """A backup cannot be made or used; the sentence says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file that both commands take."""
    parser.add_argument("file", type=Path, help="the archive, one file")


def run_backup(settings: Settings, args: argparse.Namespace) -> int:
    """Write one archive of everything that is kept; a running Hiroba goes on meanwhile."""
    target: Path = args.file
    if target.exists():
        raise ArchiveError(f"{target} is there already; choose another name")
    if not target.absolute().parent.is_dir():
        raise ArchiveError(f"{target.absolute().parent} is not a folder")
    with reachable(settings) as found, tempfile.TemporaryDirectory() as scratch:
        # What the label says is read first: a migration afterwards makes it too old, never wrong.
        label = asyncio.run(_label(found.database_url))
        dump = Path(scratch) / DUMP
        _postgres_tool(
            found.database_url, "pg_dump", "--format=custom", "--no-owner", f"--file={dump}"
        )
        _write(target, label, dump, found.data_dir / MEDIA)
    print(f"{target}: {target.stat().st_size:,} bytes")
    return 0


def run_restore(settings: Settings, args: argparse.Namespace) -> int:
    """Fill an empty data directory, or the empty database of DATABASE_URL, from an archive."""
    data = settings.data_dir
    private = not settings.database_url
    if private and data.exists() and any(data.iterdir()):
        raise ArchiveError(f"{data} is not empty; restore into a new folder with --data DIR")
    with tempfile.TemporaryDirectory() as scratch:
        label = _unpack(args.file, Path(scratch))
        outstanding(read_folder(MIGRATIONS), label["migrations"])
        try:
            with reachable(settings) as found:
                asyncio.run(_refuse_used(found))
                _restore(found, Path(scratch))
        except BaseException:
            if private:
                _empty(data)
            raise
    print(f"Restored what was saved at {label['made_at']}.")
    return 0


async def _label(dsn: str) -> dict[str, Any]:
    with unavailable_when_gone():
        connection = await asyncpg.connect(dsn, timeout=10)
    try:
        rows = await connection.fetch("SELECT name, checksum FROM migrations ORDER BY name")
    except asyncpg.UndefinedTableError:
        raise ArchiveError("there is nothing to save: the database was never set up") from None
    finally:
        await connection.close()
    return {
        "format": FORMAT,
        "program": program_version(),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "migrations": {row["name"]: row["checksum"] for row in rows},
    }


def _write(target: Path, label: dict[str, Any], dump: Path, media: Path) -> None:
    """Write the archive under another name first, so that a half one is never taken for whole."""
    half = target.with_name(f"{target.name}.half")
    text = json.dumps(label, indent=1).encode()
    # It holds the hashes of passwords and the secrets: nobody else may read it.
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
            entry = tarfile.TarInfo(LABEL)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
            archive.add(dump, DUMP, filter=_anonymous)
            if media.is_dir():
                archive.add(media, MEDIA, filter=_anonymous)
        half.rename(target)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if not (entry.isfile() or entry.isdir()):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _unpack(source: Path, folder: Path) -> dict[str, Any]:
    """Unpack an archive and give its label; ArchiveError when it is none of ours."""
    try:
        with tarfile.open(source, "r:") as archive:
            for entry in archive:
                # Only the names that a backup has; a link or a path upwards is never followed.
                if entry.isfile() and _NAME.fullmatch(entry.name):
                    content = archive.extractfile(entry)
                    assert content is not None
                    path = folder / entry.name
                    path.parent.mkdir(exist_ok=True)
                    with path.open("wb") as file:
                        shutil.copyfileobj(content, file)
        label: dict[str, Any] = (
            json.loads((folder / LABEL).read_bytes()) if (folder / LABEL).exists() else {}
        )
        known = label["format"] == FORMAT and label["migrations"] and label["made_at"]
    except OSError as error:
        raise ArchiveError(f"cannot read {source}: {error.strerror or error}") from None
    except (tarfile.TarError, ValueError, KeyError, TypeError):
        raise ArchiveError(f"{source} is not a backup of Hiroba") from None
    if not known or not (folder / DUMP).is_file():
        raise ArchiveError(f"{source} is not a backup that this version understands")
    return label


async def _refuse_used(settings: Settings) -> None:
    with unavailable_when_gone():
        connection = await asyncpg.connect(settings.database_url, timeout=10)
    try:
        tables = await connection.fetchval("SELECT count(*) FROM pg_stat_user_tables")
    finally:
        await connection.close()
    keys = await count_keys(settings.redis_url)
    if tables:
        raise ArchiveError("the database is not empty; restore into a new one")
    if keys:
        # Its log would be written into the restored database.
        raise ArchiveError("Redis is not empty; restore with a new one")


def _restore(settings: Settings, folder: Path) -> None:
    _postgres_tool(
        settings.database_url,
        "pg_restore",
        *("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"),
        str(folder / DUMP),
    )
    asyncio.run(migrate(settings.database_url, MIGRATIONS))
    if (folder / MEDIA).is_dir():
        shutil.copytree(folder / MEDIA, settings.data_dir / MEDIA, dirs_exist_ok=True)


def _empty(data: Path) -> None:
    """Take back what a restore that failed has begun."""
    for path in data.iterdir() if data.exists() else ():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _postgres_tool(dsn: str, tool: str, *options: str) -> None:
    """Run a program of PostgreSQL on a database; the password goes by the environment."""
    parts = urlsplit(dsn)
    environ = {**os.environ, "LC_ALL": "C"}
    if parts.password:
        environ["PGPASSWORD"] = unquote(parts.password)
        user, _, rest = parts.netloc.rpartition("@")
        parts = parts._replace(netloc=f"{user.split(':')[0]}@{rest}")
    command = [_program(tool), f"--dbname={urlunsplit(parts)}", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    if done.returncode:
        raise ArchiveError(f"{tool} failed: {done.stderr.strip()}")


def _program(tool: str) -> str:
    """Give the program of the wheel, else one on the PATH."""
    try:
        return str(wheel_postgres() / "bin" / tool)
    except EmbeddedError:
        found = shutil.which(tool)
        if found is None:
            raise ArchiveError(f"{tool} is needed; install the client of PostgreSQL") from None
        return found
