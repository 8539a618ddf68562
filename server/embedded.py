"""Starts a private PostgreSQL and Valkey for one data directory, and stops them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from server.child import wait_until
from server.embedded_place import RECORD, EmbeddedError, Place, make_private
from server.embedded_servers import (
    LEFTOVER,
    Postgres,
    PrivateServer,
    Valkey,
    dsn_in,
    redis_url_in,
)


class AlreadyRunning(EmbeddedError):
    """Another process uses the data directory."""

    def __init__(self, data_dir: Path, owner: Mapping[str, str]) -> None:
        where = f" at {owner['url']}" if owner.get("url") else ""
        who = f" (process {owner['pid']})" if owner.get("pid") else ""
        super().__init__(f"Hiroba already runs{where} on {data_dir}{who}; stop it first")


class Embedded:
    """The private servers of one data directory, which is locked as long as they run."""

    postgres: Postgres
    valkey: Valkey

    def __init__(
        self, data_dir: Path, *, fast: bool = False, postgres: bool = True, valkey: bool = True
    ) -> None:
        """Start nothing yet; either server may be left out.

        `fast` trades safety against a crash of the machine for speed: for tests only.
        """
        self.data_dir = data_dir.absolute()
        self.servers: tuple[PrivateServer, ...] = ()
        self._fast = fast
        self._wanted = (valkey, postgres)
        self._place: Place | None = None
        self._locks: list[int] = []

    @property
    def dsn(self) -> str:
        """The address of the database, as DATABASE_URL writes it."""
        return dsn_in(self.postgres.place.folder)

    @property
    def redis_url(self) -> str:
        """The address of Valkey, as REDIS_URL writes it."""
        return redis_url_in(self.valkey.place.folder)

    def lock(self) -> None:
        """Make the data directory this process's own; AlreadyRunning when it is another's."""
        make_private(self.data_dir)
        self._take_lock()

    def start(self) -> None:
        """Lock the data directory and start both; blocks until they answer (first time 2 s).

        AlreadyRunning when another process has the lock, EmbeddedError with the reason otherwise.
        """
        try:
            if not self._locks:
                self.lock()
            self._place = Place(self.data_dir, self._wait_for_leftovers())
            self.valkey = Valkey(self._place, self._fast)
            self.postgres = Postgres(self._place, self._fast)
            both = (self.valkey, self.postgres)
            self.servers = tuple(s for s, wanted in zip(both, self._wanted, strict=True) if wanted)
            for server in self.servers:
                server.prepare()
                server.launch()
            for server in self.servers:
                server.wait_ready()
            if self.postgres in self.servers:
                self.postgres.create_database()
        except BaseException:
            self.stop()
            raise

    def announce(self, url: str) -> None:
        """Write into the lock where we are reached, for whoever tries a second start."""
        os.ftruncate(self._locks[0], 0)
        os.pwrite(self._locks[0], json.dumps({"pid": str(os.getpid()), "url": url}).encode(), 0)

    def stop(self) -> None:
        """Stop both and give the data directory free; calling it twice does no harm."""
        for server in reversed(self.servers):
            server.stop()
        self.servers = ()
        if self._place is not None:
            self._place.remove()
            self._place = None
        while self._locks:
            os.close(self._locks.pop())

    def _take_lock(self) -> None:
        descriptor = os.open(self.data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        if not _locked(descriptor):
            owner = _owner(os.pread(descriptor, 1000, 0))
            os.close(descriptor)
            raise AlreadyRunning(self.data_dir, owner)
        self._locks.append(descriptor)
        os.ftruncate(descriptor, 0)

    def _wait_for_leftovers(self) -> int:
        """Take the lock that servers inherit, which is free only when every one of them ended."""
        path = self.data_dir / "servers.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._locks.append(descriptor)
        if not wait_until(lambda: _locked(descriptor), LEFTOVER, 0.1):
            raise EmbeddedError(
                f"servers of an earlier run still use {self.data_dir}; end those that hold {path}"
            )
        # Nobody alive can own it, whatever became of the process number inside.
        (self.data_dir / "postgres" / "postmaster.pid").unlink(missing_ok=True)
        return descriptor


class RunningServers(NamedTuple):
    """Servers that another process has started."""

    dsn: str
    redis_url: str
    public_url: str
    """Where that process is reached; empty when it did not say."""


def running_servers(data_dir: Path) -> RunningServers | None:
    """Give the addresses of the servers that run on this data; None when none do."""
    try:
        descriptor = os.open(data_dir / "servers.lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EmbeddedError(f"cannot read {data_dir}: {error.strerror}") from error
    try:
        if _locked(descriptor):
            return None
    finally:
        os.close(descriptor)
    try:
        folder = Path((data_dir / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    owner = _owner((data_dir / "lock").read_bytes())
    return RunningServers(dsn_in(folder), redis_url_in(folder), owner.get("url", ""))


def _owner(lock: bytes) -> dict[str, str]:
    """Read what the owner of a lock wrote into it."""
    with contextlib.suppress(ValueError):
        owner: dict[str, str] = json.loads(lock)
        return owner
    return {}


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
