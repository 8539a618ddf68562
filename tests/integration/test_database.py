"""The pool, transactions and what happens when the server is away."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from server.database import Database
from server.errors import Refused
from tests.servers import Own


async def test_jsonb_columns_carry_python_values(database: Database) -> None:
    value = {"name": "広場", "list": [1, None, True]}

    await database.run("INSERT INTO settings (name, value) VALUES ('x', $1)", value)

    assert await database.value("SELECT value FROM settings WHERE name = 'x'") == value


async def test_a_transaction_is_rolled_back_by_an_exception(database: Database) -> None:
    with pytest.raises(Refused):
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO settings (name, value) VALUES ('x', '1')")
            raise Refused("invalid")

    assert await database.one("SELECT * FROM settings WHERE name = 'x'") is None


async def test_a_transaction_is_committed_at_the_end(database: Database) -> None:
    async with database.transaction() as transaction:
        rows = [("a", 1), ("b", 2)]
        await transaction.many("INSERT INTO settings (name, value) VALUES ($1, $2)", rows)

    assert [row["name"] for row in await database.all("SELECT name FROM settings ORDER BY 1")] == [
        "a",
        "b",
    ]


async def test_a_text_that_no_column_can_hold_is_refused(database: Database) -> None:
    async with database.transaction() as transaction:
        with pytest.raises(Refused) as inside:
            await transaction.value("SELECT $1::text", "a\0")
    with pytest.raises(Refused) as outside:
        await database.value("SELECT $1::text", "a\0")

    assert (inside.value.code, outside.value.code) == ("invalid", "invalid")


async def test_a_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    with pytest.raises(Refused, match="does not answer") as caught:
        await database.run("SELECT pg_sleep(30)", timeout=0.05)

    assert caught.value.code == "unavailable"
    assert await database.value("SELECT 1") == 1


async def test_waiting_for_a_connection_has_an_end(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.database.TIMEOUT", 0.05)
    database = await Database.connect(database_url, size=1)

    async with database.transaction():
        with pytest.raises(Refused) as caught:
            await database.value("SELECT 1")

    assert caught.value.code == "unavailable"
    await database.close()


async def test_wrong_arguments_stay_loud(database: Database) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        await database.value("SELECT 1", 2)
    with pytest.raises(asyncpg.DataError):
        await database.value("SELECT $1::int", "word")


async def test_a_killed_server_is_unavailable_and_comes_back(own_servers: Own) -> None:
    database = await Database.connect(own_servers.postgres.dsn(), size=2)
    await database.run("CREATE TABLE kept AS SELECT 1 AS n")

    async def in_a_transaction() -> None:
        async with database.transaction() as transaction:
            await transaction.run("INSERT INTO kept VALUES (2)")
            own_servers.kill(own_servers.postgres)
            await transaction.run("INSERT INTO kept VALUES (3)")

    with pytest.raises(Refused) as during:
        await in_a_transaction()
    with pytest.raises(Refused) as after:
        await database.value("SELECT 1")
    own_servers.postgres.start()

    assert (during.value.code, after.value.code) == ("unavailable", "unavailable")
    assert [row["n"] for row in await database.all("SELECT n FROM kept")] == [1]
    await database.close()


async def test_a_frozen_server_is_unavailable(own_servers: Own) -> None:
    database = await Database.connect(own_servers.postgres.dsn(), size=2)
    own_servers.freeze(own_servers.postgres)

    with pytest.raises(Refused) as caught:
        await database.value("SELECT 1", timeout=0.2)

    assert caught.value.code == "unavailable"
    own_servers.thaw(own_servers.postgres)
    async with asyncio.timeout(10):
        assert await database.value("SELECT 1") == 1
        await database.close()


async def test_no_server_at_all_is_unavailable() -> None:
    with pytest.raises(Refused) as caught:
        await Database.connect("postgresql://nobody@127.0.0.1:1/none", size=1)

    assert caught.value.code == "unavailable"
