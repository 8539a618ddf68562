"""The worker process: moves the persistence log into the database, and tidies up."""

from __future__ import annotations

import argparse
import asyncio
import random

import uvloop

from rooms.worker import CHORES, CONSUMERS, HANDLERS, Chore
from server import loop_lag
from server.backlog import Backlog
from server.context import Context
from server.errors import Refused
from server.log import Log
from server.outbox import Sweeper
from server.settings import Settings
from server.stream_worker import StreamWorker
from web.cli.process import serves, stopping
from web.cli.servers import reachable
from web.resources import opened

log = Log(__name__)


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Work until SIGTERM, SIGINT or the end of the supervisor; gives the exit status."""
    with (
        reachable(settings, start=False) as settings,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_work(settings))


async def _work(settings: Settings) -> int:
    async with stopping() as (stop, pipe), opened(settings, listen=False) as ctx:
        sweeper = Sweeper(ctx)
        worker = StreamWorker(
            settings,
            ctx.db,
            HANDLERS,
            consumers=CONSUMERS,
            after_commit=sweeper.nudge,
        )
        working = asyncio.create_task(worker.run(), name="stream worker")
        beside = [
            asyncio.create_task(sweeper.run(), name="sweeper"),
            asyncio.create_task(Backlog(ctx, lambda: worker.owned).run(), name="backlog"),
            asyncio.create_task(loop_lag.watch(), name="loop lag"),
            *(asyncio.create_task(_repeat(ctx, chore), name=chore.name) for chore in CHORES),
        ]
        stopped = asyncio.create_task(stop.wait())
        log.info("worker.started", name=worker.name)
        await serves(settings, pipe)
        await asyncio.wait({working, stopped, *beside}, return_when=asyncio.FIRST_COMPLETED)
        worker.stop()
        for task in (stopped, *beside):
            task.cancel()
        outcomes = await asyncio.gather(working, *beside, return_exceptions=True)
        faults = [o for o in outcomes if isinstance(o, Exception)]
        for fault in faults:
            log.error("worker.failed", error=fault)
        return 1 if faults else 0


async def _repeat(ctx: Context, chore: Chore) -> None:
    """Do a chore again and again; one that fails is logged and tried at the next turn."""
    while True:
        # Several workers do not all come at the same time.
        await asyncio.sleep(chore.seconds * random.uniform(0.9, 1.1))
        try:
            await chore.run(ctx)
        except Refused as error:
            log.warning("chore.postponed", name=chore.name, error=error)
        except Exception as error:
            log.error("chore.failed", name=chore.name, error=error)
