"""PostgreSQL: a small pool with bounded waits, transactions, and SQL kept in named files."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
import orjson
from asyncpg import Record
from prometheus_client import Histogram

from server.errors import HirobaError, Refused

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Raw = PoolConnectionProxy[Record] | asyncpg.Connection[Record]

TIMEOUT = 2.0
"""Seconds to wait for a free connection, and for a statement unless the call says more."""

GONE = (
    OSError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InvalidCatalogNameError,
    # A connection that the server ended while it was idle.
    asyncpg.InternalClientError,
)
"""What means that the database is away or too slow, rather than that a statement is wrong."""


STATEMENT_SECONDS = Histogram(
    "hiroba_statement_seconds",
    "From sending a statement to its rows",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
)


class Queries(Protocol):
    """What a `Database` and a `Transaction` have in common; `timeout` is in seconds."""

    async def all(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> list[Record]: ...
    async def one(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Record | None: ...
    async def value(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Any: ...
    async def run(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> str: ...
    async def many(
        self, sql: str, rows: Iterable[Sequence[Any]], timeout: float = TIMEOUT
    ) -> None: ...


@contextmanager
def unavailable_when_gone() -> Iterator[None]:
    """Turn a lost connection or a timeout into Refused("unavailable").

    A text with a zero byte, which PostgreSQL cannot hold, is Refused("invalid").
    """
    try:
        yield
    except asyncpg.CharacterNotInRepertoireError as error:
        raise Refused("invalid", "A text holds a character that cannot be kept.") from error
    except GONE as error:
        raise Refused("unavailable", "The database does not answer.") from error
    except asyncpg.InterfaceError as error:
        # The same class tells of wrong arguments, which must stay loud.
        if not any(word in str(error) for word in ("closed", "closing", "released")):
            raise
        raise Refused("unavailable", "The database does not answer.") from error


@contextmanager
def _timed() -> Iterator[None]:
    began = time.perf_counter()
    try:
        with unavailable_when_gone():
            yield
    finally:
        STATEMENT_SECONDS.observe(time.perf_counter() - began)


class Transaction:
    """One open transaction; every method may be called many times, one after another."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Raw) -> None:
        self._raw = raw

    async def all(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> list[Record]:
        """Give every row."""
        with _timed():
            return await self._raw.fetch(sql, *args, timeout=timeout)

    async def one(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Record | None:
        """Give the first row, or None."""
        with _timed():
            return await self._raw.fetchrow(sql, *args, timeout=timeout)

    async def value(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Any:
        """Give the first column of the first row, or None."""
        with _timed():
            return await self._raw.fetchval(sql, *args, timeout=timeout)

    async def run(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> str:
        """Execute a statement and give its tag, such as `UPDATE 1`."""
        with _timed():
            return await self._raw.execute(sql, *args, timeout=timeout)

    async def many(self, sql: str, rows: Iterable[Sequence[Any]], timeout: float = TIMEOUT) -> None:
        """Execute a statement once for every row, all or none."""
        with _timed():
            await self._raw.executemany(sql, rows, timeout=timeout)


class Database:
    """The pool of a process; its methods take a connection for one statement each."""

    def __init__(self, pool: asyncpg.Pool[Record]) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, dsn: str, *, size: int) -> Database:
        """Open a pool of at most `size` connections; Refused("unavailable") without a server."""
        with unavailable_when_gone():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=10,
                command_timeout=TIMEOUT,
                init=_prepare,
                reset=_nothing_to_reset,
            )
        return cls(pool)

    async def close(self) -> None:
        """Close every connection, waiting at most 5 s for those in use."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except GONE:
            self._pool.terminate()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction: committed at the end of the block, rolled back by an exception."""
        async with self._acquired() as raw:
            transaction = raw.transaction()
            with unavailable_when_gone():
                await transaction.start()
            try:
                yield Transaction(raw)
            except BaseException:
                # A connection that is lost has rolled back already.
                with _quiet_when_gone():
                    await transaction.rollback()
                raise
            with unavailable_when_gone():
                await transaction.commit()

    async def all(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> list[Record]:
        """Give every row."""
        async with self._acquired() as raw:
            return await Transaction(raw).all(sql, *args, timeout=timeout)

    async def one(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Record | None:
        """Give the first row, or None."""
        async with self._acquired() as raw:
            return await Transaction(raw).one(sql, *args, timeout=timeout)

    async def value(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> Any:
        """Give the first column of the first row, or None."""
        async with self._acquired() as raw:
            return await Transaction(raw).value(sql, *args, timeout=timeout)

    async def run(self, sql: str, *args: Any, timeout: float = TIMEOUT) -> str:
        """Execute a statement and give its tag, such as `UPDATE 1`."""
        async with self._acquired() as raw:
            return await Transaction(raw).run(sql, *args, timeout=timeout)

    async def many(self, sql: str, rows: Iterable[Sequence[Any]], timeout: float = TIMEOUT) -> None:
        """Execute a statement once for every row, all or none."""
        async with self._acquired() as raw:
            await Transaction(raw).many(sql, rows, timeout=timeout)

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[PoolConnectionProxy[Record]]:
        with unavailable_when_gone():
            raw = await self._pool.acquire(timeout=TIMEOUT)
        try:
            yield raw
        finally:
            with _quiet_when_gone():
                await self._pool.release(raw, timeout=TIMEOUT)


@contextmanager
def _quiet_when_gone() -> Iterator[None]:
    with suppress(Refused), unavailable_when_gone():
        yield


async def _prepare(connection: Raw) -> None:
    """Let jsonb and json columns carry Python values."""
    for name in ("jsonb", "json"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=lambda value: orjson.dumps(value).decode(),
            decoder=orjson.loads,
        )


async def _nothing_to_reset(_: Raw) -> None:
    """Save the round trip of RESET ALL: no statement of ours changes the session."""


class Statements:
    """The named statements of one `queries.sql`, as attributes."""

    def __init__(self, source: str, statements: dict[str, str]) -> None:
        self._source = source
        self._statements = statements

    def __getattr__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"no statement `{name}` in {self._source}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)


_HEADING = re.compile(r"^-- *([a-z_][a-z0-9_]*) *-- *$", re.MULTILINE)


def parse_statements(source: str, text: str) -> Statements:
    """Read `-- name --`, a line that describes it, and the SQL, as often as they come."""
    parts = _HEADING.split(text)
    if parts[0].strip():
        raise HirobaError(f"{source}: text before the first `-- name --`")
    found: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        lines = body.strip().splitlines()
        described = [line for line in lines if line.startswith("--")]
        sql = "\n".join(line for line in lines if not line.startswith("--")).strip()
        if name in found:
            raise HirobaError(f"{source}: `{name}` stands there twice")
        if not sql or not described or not lines[0].startswith("--"):
            raise HirobaError(f"{source}: `{name}` needs a line of description and its SQL")
        found[name] = sql.removesuffix(";")
    return Statements(source, found)


def statements(package: str | None, name: str = "queries.sql") -> Statements:
    """Load the statements of a package: `SQL = statements(__package__)`."""
    if not package:
        raise HirobaError("statements() needs the name of a package")
    text = (files(package) / name).read_text(encoding="utf-8")
    return parse_statements(f"{package.replace('.', '/')}/{name}", text)
