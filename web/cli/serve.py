"""`hiroba serve`: everything on this machine, from the database to the pages."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from rooms.members.actions import make_setup_link
from server.embedded import Embedded
from server.migrate import migrate
from server.settings import Settings
from web.cli import announce, demo, listeners
from web.cli.paths import MIGRATIONS
from web.cli.supervisor import Supervisor
from web.demo.seed import seed
from web.resources import opened


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `serve`."""
    parser.add_argument("--port", metavar="N", help="port of pages and sockets; 0 takes a free one")
    parser.add_argument("--gateways", metavar="N", help="gateway processes; default one per core")
    parser.add_argument("--no-demo", action="store_true", help="an empty community, to be set up")
    parser.add_argument("--json", action="store_true", help="print one JSON line when ready")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Start everything and stay until Ctrl-C or SIGTERM; gives the exit status."""
    settings = replace(settings, demo=not args.no_demo)
    if settings.demo:
        demo.refuse_for_strangers(settings)
    with ExitStack() as stack:
        sockets = listeners.bind(settings)
        for listener in sockets:
            stack.callback(listener.close)
        settings = settings.with_port(sockets[0].getsockname()[1])
        embedded = _private_servers(settings, stack)
        clip = demo.draw_clip(settings) if settings.demo else None
        if clip is not None:
            stack.callback(clip.stop, ())
        if embedded is not None:
            settings = _started(embedded, settings)
        applied = asyncio.run(migrate(settings.database_url, MIGRATIONS))
        if applied and not args.json:
            print(f"The database is at {applied[-1].removesuffix('.sql')}.", flush=True)
        setup = asyncio.run(_prepare(settings))
        supervisor = Supervisor(settings, sockets, embedded, finishing=clip)
        tell = announce.as_json if args.json else announce.as_list
        status = asyncio.run(supervisor.run(partial(tell, setup=setup)))
        if not args.json and not status:
            print("Hiroba has stopped.", flush=True)
        return status


def _private_servers(settings: Settings, stack: ExitStack) -> Embedded | None:
    """Lock the data directory for those servers whose address nobody gave."""
    if settings.database_url and settings.redis_url:
        return None
    embedded = Embedded(
        settings.data_dir, postgres=not settings.database_url, valkey=not settings.redis_url
    )
    stack.callback(embedded.stop)
    embedded.lock()
    embedded.announce(settings.public_url)
    return embedded


def _started(embedded: Embedded, settings: Settings) -> Settings:
    embedded.start()
    return replace(
        settings,
        database_url=settings.database_url or embedded.dsn,
        redis_url=settings.redis_url or embedded.redis_url,
    )


async def _prepare(settings: Settings) -> str | None:
    """Fill the demo, or give the link with which somebody becomes the owner."""
    async with opened(settings, listen=False) as ctx:
        await demo.refuse_other_kind(ctx.db, settings.demo)
        if settings.demo:
            await seed(ctx)
            return None
        token = await make_setup_link(ctx)
        return None if token is None else f"{settings.public_url}/set-up/{token}"
