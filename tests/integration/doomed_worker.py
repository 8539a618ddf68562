"""A worker process that meets with an accident: `python -m … ACCIDENT DSN REDIS`.

before-commit, after-commit: killed there; freeze: stops itself inside its first transaction;
none: goes on until it is ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from server.database import Database, Transaction
from server.settings import Settings
from server.stream_worker import Entry, StreamWorker
from tests.integration.lines import HANDLERS, count


async def main(accident: str, dsn: str, url: str) -> None:
    once = {"before-commit": signal.SIGKILL, "freeze": signal.SIGSTOP}

    async def counted(transaction: Transaction, entries: list[Entry]) -> None:
        await count(transaction, entries)
        if signal_number := once.pop(accident, None):
            os.kill(os.getpid(), signal_number)

    def committed() -> None:
        if accident == "after-commit":
            os.kill(os.getpid(), signal.SIGKILL)

    worker = StreamWorker(
        Settings.for_tests(database_url=dsn, redis_url=url),
        await Database.connect(dsn, size=2),
        HANDLERS,
        consumers=[counted],
        lease=1.0,
        renew=0.2,
        after_commit=committed,
    )
    await worker.run()


asyncio.run(main(*sys.argv[1:]))
