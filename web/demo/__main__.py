"""`python -m web.demo --url URL`: the process in which the demo's people live."""

from __future__ import annotations

import argparse
import asyncio
import os

from rooms.members import tokens
from server.context import Context
from server.errors import HirobaError
from server.identity import Keyring
from server.log import Log, configure
from server.settings import Settings
from web.demo.people import Crowd
from web.demo.seed import demo_people, live_room
from web.demo.shop_server import example_shop
from web.resources import opened

log = Log("demo")


async def live(settings: Settings, url: str) -> None:
    """Run the shop, and take part as long as a broadcast is on; look again every half minute."""
    async with opened(settings, listen=False) as ctx, example_shop(ctx, url) as shop:
        log.info("demo.shop", url=shop)
        keyring = await Keyring.load(ctx.db)
        known = await demo_people(ctx)

        async def token(key: str) -> str:
            return await tokens.bearer(ctx, keyring, known[key])

        while True:
            room = await live_room(ctx)
            if room is None:
                await asyncio.sleep(30)
                continue
            await _until_ended(ctx, Crowd(url, room, token), room)


async def _until_ended(ctx: Context, crowd: Crowd, room: str) -> None:
    task = asyncio.create_task(crowd.run())
    try:
        while await live_room(ctx) == room and not task.done():
            await asyncio.wait([task], timeout=30)
        if task.done() and (error := task.exception()) is not None:
            log.warning("demo.failed", error=error)
            await asyncio.sleep(5)
    except HirobaError as error:
        log.warning("demo.failed", error=error)
        await asyncio.sleep(5)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the public address of this community")
    url = parser.parse_args().url
    settings = Settings.from_env(os.environ)
    configure(settings.log_level, settings.log_format, "demo")
    asyncio.run(live(settings, url))


if __name__ == "__main__":
    main()
