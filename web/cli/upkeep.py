"""`hiroba migrate` and `hiroba secret rotate`."""

from __future__ import annotations

import argparse
import asyncio

from server.control import packed
from server.database import Database
from server.keys import CONTROL
from server.migrate import migrate
from server.route import open_route
from server.settings import Settings
from web.cli.paths import MIGRATIONS
from web.cli.servers import reachable

ROTATE = """
WITH retired AS (UPDATE secrets SET retired_at = now() WHERE retired_at IS NULL)
INSERT INTO secrets (secret)
SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
"""
FORGET = "DELETE FROM secrets WHERE retired_at < now() - interval '2 days'"


def run_migrate(settings: Settings, _: argparse.Namespace) -> int:
    """Bring the database to the newest version."""
    with reachable(settings) as found:
        applied = asyncio.run(migrate(found.database_url, MIGRATIONS))
    for name in applied:
        print(f"applied {name}")
    if not applied:
        print("the database is up to date")
    return 0


def secret_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the one thing to do with secrets."""
    parser.add_argument("action", choices=["rotate"], help="sign with a new secret from now on")


def run_secret(settings: Settings, _: argparse.Namespace) -> int:
    """Make a new signing secret and tell every process; the old one is accepted for a day."""
    with reachable(settings) as found:
        asyncio.run(rotate(found))
    print("A new secret signs from now on; the old one is accepted for a day.")
    return 0


async def rotate(settings: Settings) -> None:
    """Retire the present secret, make a new one and drop those that nobody accepts any more."""
    db = await Database.connect(settings.database_url, size=1)
    try:
        async with db.transaction() as transaction:
            await transaction.run(ROTATE)
            await transaction.run(FORGET)
    finally:
        await db.close()
    route = await open_route(settings.redis_url, name="command")
    try:
        await route.call("PUBLISH", CONTROL, packed({"type": "secrets"}))
    finally:
        await route.close()
