"""A whole Hiroba that a scenario may break: its processes, its metrics, its Redis, its table."""

from __future__ import annotations

import asyncio
import base64
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
from redis.asyncio import Redis

from loadtest import api
from loadtest.chaos import processes
from loadtest.chaos.history import Line, Place
from loadtest.redis_cluster import RedisCluster, redis_cluster
from loadtest.servers import NotStarted, Servers, metrics_page, new_member, new_room, started

ROLES: Final = ("gateway", "worker", "valkey", "postgres")
START_SECONDS: Final = 60.0
STEP: Final = 0.02
LIMITS: Final = {
    # Everybody comes from this one address, and posts as fast as the scenario wants.
    "HIROBA_VISITOR_RATE": "100000/10min",
    "HIROBA_CONNECT_RATE": "1000000/10s",
    "HIROBA_MAX_CONNECTIONS": "200000",
    "HIROBA_MAX_CONNECTIONS_PER_VIEWER": "100000",
    "HIROBA_POST_RATE": "100000/10s",
    "HIROBA_CHANNEL_RATE": "100000",
}


@dataclass(slots=True)
class Stage:
    """The servers of one or more scenarios, with a room for them."""

    servers: Servers
    room: str
    cluster: RedisCluster | None = None
    """The nodes that stand in for the private Redis, where a scenario wants that."""
    _moderator: str = ""
    _talker: str = ""
    _runs: int = 0
    _frozen: set[int] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where everybody connects; the gateways share it."""
        return self.servers.urls[0]

    @property
    def log(self) -> Path:
        """What the servers have written about themselves."""
        return self.servers.data.parent / "log"

    @property
    def supervisor(self) -> int:
        """The parent of all processes."""
        return self.servers.processes["supervisor"][0]

    def next_run(self) -> str:
        """Give a name for one more run: what it posts begins with it."""
        self._runs += 1
        return f"run{self._runs}"

    async def moderator(self) -> str:
        """Give the token of a moderator, made when it is first asked for."""
        if not self._moderator:
            self._moderator = await new_member(self.servers, "Moderator", "moderator")
        return self._moderator

    async def talker(self) -> str:
        """Give the token of a member who may be muted, and is to be freed again.

        A visitor without an account would not do: with it everybody of the same address is muted.
        """
        if not self._talker:
            self._talker = await new_member(self.servers, "Talker", "member")
        return self._talker

    # Processes.

    def pids(self, role: str) -> dict[str, int]:
        """Give the processes of a role as they are now, by name."""
        return processes.of_role(self.supervisor, role)

    def pid(self, name: str) -> int:
        """Give the process of a name (`gateway-1`, `worker`, `valkey`, …); NotStarted if none."""
        role = name.rpartition("-")[0] or name
        pid = self.pids(role).get(name)
        if pid is None:
            raise NotStarted(f"{name} does not run")
        return pid

    async def kill(self, name: str) -> None:
        """End a process with SIGKILL, and wait until it is gone."""
        pid = self.pid(name)
        processes.kill(pid)
        await self.until(lambda: pid not in processes.children(self.supervisor), 10)

    def terminate(self, name: str) -> None:
        """Ask a process to end in order."""
        processes.send([self.pid(name)], signal.SIGTERM)

    def freeze(self, name: str) -> None:
        """Stop a process from running; the end of the stage thaws what is left frozen."""
        pid = self.supervisor if name == "supervisor" else self.pid(name)
        self._frozen.add(pid)
        if name == "supervisor":
            processes.send([pid], signal.SIGSTOP)
        else:
            processes.freeze(pid)

    def thaw(self, name: str = "") -> None:
        """Let a frozen process go on, or all of them."""
        chosen = set(self._frozen)
        if name:
            chosen = {self.supervisor if name == "supervisor" else self.pid(name)}
        for pid in chosen:
            # Its children may be younger than the freezing, and SIGCONT harms nobody.
            processes.thaw(pid)
        self._frozen -= chosen

    async def ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until every gateway runs and answers that it is ready; NotStarted if not in time."""
        async with api.client(self.url) as http:
            await self.until(lambda: all(self.pids(role) for role in ROLES), seconds)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                try:
                    if (await http.get("/readyz", timeout=5)).status_code == 200:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        raise NotStarted(f"not ready after {seconds:g} s")

    async def returned(self, name: str, seconds: float = START_SECONDS) -> None:
        """Wait until a process runs again; it may not serve yet."""
        role = name.rpartition("-")[0] or name
        await self.until(lambda: name in self.pids(role), seconds)

    async def serves(self, name: str, seconds: float = START_SECONDS) -> None:
        """Wait until a gateway that was started again serves; NotStarted if not in time."""
        deadline = time.monotonic() + seconds
        while ("hiroba_connections", name) not in await self.metrics():
            if time.monotonic() > deadline:
                raise NotStarted(f"{name} does not serve after {seconds:g} s")
            await asyncio.sleep(0.1)

    @staticmethod
    async def until(holds: Callable[[], bool], seconds: float) -> None:
        """Wait for something; NotStarted when it does not come in time."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise NotStarted(f"waited for nothing during {seconds:g} s")
            await asyncio.sleep(STEP)

    # What the servers know.

    def redis(self) -> Redis:
        """Make a client of Redis; to be used with `async with`."""
        url = self.servers.environment["REDIS_URL"]
        return Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)

    async def query(self, sql: str, *args: Any) -> list[Any]:
        """Ask the database over a connection of its own."""
        dsn = self.servers.environment["DATABASE_URL"]
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=30)
        try:
            return list(await connection.fetch(sql, *args))
        finally:
            await connection.close()

    async def stored(self, run: str) -> list[Line]:
        """Read the rows of a run, in the order of their places."""
        rows = await self.query(
            'SELECT epoch, "offset", id, author, client_message_id FROM messages '
            'WHERE room_id = $1 AND client_message_id LIKE $2 ORDER BY epoch, "offset"',
            int(self.room),
            f"{run}-%",
        )
        return _lines(rows)

    async def stored_between(self, since: Place, until: Place) -> list[Line]:
        """Read all rows above a place and up to another, in their order."""
        rows = await self.query(
            'SELECT epoch, "offset", id, author, client_message_id FROM messages '
            'WHERE room_id = $1 AND (epoch, "offset") > ($2, $3) AND (epoch, "offset") <= ($4, $5) '
            'ORDER BY epoch, "offset"',
            *(int(self.room), *since, *until),
        )
        return _lines(rows)

    async def metrics(self) -> dict[tuple[str, str], float]:
        """Read the metrics: values by name and process; samples of other labels are added up."""
        page = await metrics_page(self.servers)
        values: dict[tuple[str, str], float] = {}
        for text in page.splitlines():
            if text and not text.startswith("#"):
                name, _, rest = text.partition("{")
                process = rest.partition('process="')[2].partition('"')[0]
                key = (name.split(" ")[0], process)
                values[key] = values.get(key, 0.0) + float(text.rpartition(" ")[2])
        return values


@asynccontextmanager
async def staged(
    gateways: int = 2, *, clustered: bool = False, **limits: str
) -> AsyncIterator[Stage]:
    """Start a Hiroba for scenarios, on a Cluster if wanted; stop it at the end, thawed."""
    async with AsyncExitStack() as stack:
        environment, cluster = {**LIMITS, **limits}, None
        if clustered:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hiroba-cluster-"))
            cluster = stack.enter_context(redis_cluster(Path(folder)))
            environment["REDIS_URL"] = cluster.url
        servers = await stack.enter_async_context(started(environment, gateways))
        stage = Stage(servers, await new_room(servers, "chaos"), cluster)
        stack.callback(stage.thaw)
        yield stage


def _lines(rows: Iterable[Any]) -> list[Line]:
    return [Line(row[0], row[1], _wire_id(row[2]), row[3], row[4]) for row in rows]


def _wire_id(value: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(value.bytes).decode().rstrip("=")
