"""The real PostgreSQL and Valkey behind the tests: shared ones, and ones a test may break."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from server.child import wait_until
from server.embedded import Embedded
from server.embedded_servers import Postgres, PrivateServer, Valkey
from server.migrate import migrate

MIGRATIONS = Path(__file__).parent.parent / "rooms" / "migrations"


@dataclass
class Shared:
    """The servers of one test session; every test gets a database of its own."""

    admin_dsn: str
    redis_url: str
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def template(self) -> str:
        """The migrated database that is cloned for each test."""
        return f"hiroba_template_{os.getpid()}"

    def dsn(self, database: str) -> str:
        """Give the address of another database of the same server."""
        return urlunsplit(urlsplit(self.admin_dsn)._replace(path=f"/{database}"))

    async def make_template(self) -> None:
        """Create the template and bring it to the newest migration."""
        await self._admin(f"DROP DATABASE IF EXISTS {self.template} WITH (FORCE)")
        await self._admin(f"CREATE DATABASE {self.template}")
        await migrate(self.dsn(self.template), MIGRATIONS)

    async def create(self, *, migrated: bool = True) -> str:
        """Create a database and give its address."""
        name = f"hiroba_test_{os.getpid()}_{next(self._numbers)}"
        await self._admin(f"CREATE DATABASE {name}" + f" TEMPLATE {self.template}" * migrated)
        return self.dsn(name)

    async def drop(self, dsn: str) -> None:
        """Drop a database that `create` gave, with whoever is still connected."""
        await self._admin(f"DROP DATABASE {urlsplit(dsn).path[1:]} WITH (FORCE)")

    async def _admin(self, sql: str) -> None:
        connection = await asyncpg.connect(self.admin_dsn, timeout=10)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()


@contextmanager
def shared(folder: Path) -> Iterator[Shared]:
    """Give the servers that DATABASE_URL and REDIS_URL name, or private ones without fsync."""
    embedded: Embedded | None = None
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        embedded = Embedded(folder, fast=True)
        embedded.start()
    try:
        servers = Shared(
            os.environ.get("DATABASE_URL") or embedded.dsn,  # type: ignore[union-attr]
            os.environ.get("REDIS_URL") or embedded.redis_url,  # type: ignore[union-attr]
        )
        apart(servers.make_template())
        yield servers
        with contextlib.suppress(OSError):
            apart(servers._admin(f"DROP DATABASE {servers.template} WITH (FORCE)"))
    finally:
        if embedded is not None:
            embedded.stop()


def apart(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in a thread of its own: in this one a browser may keep a loop running."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


class Own:
    """A PostgreSQL and a Valkey for one test, which may kill, freeze and restart them.

    They keep what they acknowledged as in production: the append-only file and fsync are on.
    """

    def __init__(self, folder: Path) -> None:
        self._embedded = Embedded(folder)
        self._embedded.start()

    @property
    def postgres(self) -> Postgres:
        """The PostgreSQL; its address is `postgres.dsn()`."""
        return self._embedded.postgres

    @property
    def valkey(self) -> Valkey:
        """The Valkey; its address is `valkey.url`."""
        return self._embedded.valkey

    def kill(self, server: PrivateServer) -> None:
        """End a server with SIGKILL, with every process of its own, and wait until it is gone."""
        processes = _family(server)
        _send(processes, signal.SIGKILL)
        assert wait_until(lambda: server.pid is None, 10)
        _, alive = psutil.wait_procs(processes, timeout=10)
        assert not alive

    def freeze(self, server: PrivateServer) -> None:
        """Stop a server from running without closing anything."""
        _send(_family(server), signal.SIGSTOP)

    def thaw(self, server: PrivateServer) -> None:
        """Let a frozen server go on."""
        _send(_family(server), signal.SIGCONT)

    def close(self) -> None:
        """Stop both, thawed if need be."""
        for server in self._embedded.servers:
            if server.pid is not None:
                self.thaw(server)
        self._embedded.stop()


def _family(server: PrivateServer) -> list[psutil.Process]:
    assert server.pid is not None
    parent = psutil.Process(server.pid)
    return [parent, *parent.children(recursive=True)]


def _send(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
