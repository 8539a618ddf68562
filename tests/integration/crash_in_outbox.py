"""Dies around the publish of a durable action: `python -m … before|after DSN REDIS`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from server.broker import Broker
from server.context import Context, system_clock
from server.database import Database
from server.outbox import durable
from server.publication import Publish, Published
from server.settings import Settings
from tests.integration.channels import Known, line


class Mortal(Broker):
    """Dies with its whole process before or after it publishes."""

    when = ""

    async def publish(self, p: Publish, *, remember_ms: int = 600_000) -> Published:
        if self.when == "after":
            await super().publish(p, remember_ms=remember_ms)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


async def main(when: str, dsn: str, url: str) -> None:
    settings = Settings.for_tests(database_url=dsn, redis_url=url)
    broker = await Mortal.open(settings, clock=system_clock, adoption=Known())
    assert isinstance(broker, Mortal)
    broker.when = when
    db = await Database.connect(dsn, size=2)
    ctx = Context(settings, db, None, broker)  # type: ignore[arg-type]
    async with durable(ctx) as d:
        await d.run("INSERT INTO settings (name, value) VALUES ('done', 'true')")
        d.publish(line("announced"))


asyncio.run(main(*sys.argv[1:]))
