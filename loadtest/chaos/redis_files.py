"""What lies in the data folder of a Redis: how much of it is written, a copy, a cut tail."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import Any

from loadtest.chaos.stage import Stage
from loadtest.errors import CannotRun

WRITTEN_SECONDS = 20.0


def folder(stage: Stage) -> Path:
    """Give the data folder of the private server."""
    return stage.servers.data / "valkey"


def append_only_file(stage: Stage) -> Path:
    """Find the file that is being appended to; CannotRun where there is not exactly one."""
    found = list(folder(stage).rglob("*.incr.aof"))
    if len(found) != 1:
        raise CannotRun(f"{len(found)} append-only files in {folder(stage)}")
    return found[0]


async def written(stage: Stage) -> int:
    """Wait until all is in the append-only file that Redis has been told; gives its size."""
    deadline = time.monotonic() + WRITTEN_SECONDS
    async with stage.redis() as redis:
        while time.monotonic() < deadline:
            facts: dict[str, Any] = await redis.info("persistence")
            if not facts["aof_buffer_length"] and not facts["aof_pending_bio_fsync"]:
                return append_only_file(stage).stat().st_size
            await asyncio.sleep(0.01)
    raise CannotRun("Redis does not come to write its append-only file")


def cut(stage: Stage, size: int) -> int:
    """Lose the newest writes, as a power failure does; gives how many bytes went."""
    path = append_only_file(stage)
    before = path.stat().st_size
    os.truncate(path, size)
    return before - size


def copy(stage: Stage, to: Path) -> None:
    """Copy the whole data folder, with the owners of its files."""
    shutil.copytree(folder(stage), to, symlinks=True)
    for source in (folder(stage), *folder(stage).rglob("*")):
        found = to / source.relative_to(folder(stage))
        info = source.stat()
        if found.exists():
            os.chown(found, info.st_uid, info.st_gid)


def promote(stage: Stage, copied: Path) -> None:
    """Put a copy in the place of the data folder."""
    for entry in folder(stage).iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    for entry in copied.iterdir():
        shutil.move(entry, folder(stage) / entry.name)
