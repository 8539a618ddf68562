"""`hiroba room create`: the operator makes a room without being signed in."""

from __future__ import annotations

import argparse
import asyncio
import json

from moderation.rules import Rank
from rooms.actions import create_room
from rooms.rules import MODES, Room
from server.context import Viewer
from server.migrate import migrate
from server.settings import Settings
from web.cli.paths import MIGRATIONS
from web.cli.servers import reachable
from web.resources import opened


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what a room is made of."""
    parser.add_argument("action", choices=["create"], help="make a room")
    parser.add_argument("--kind", choices=["live", "topic"], required=True)
    parser.add_argument("--slug", required=True, help="its short name in addresses")
    parser.add_argument("--title", required=True)
    parser.add_argument("--mode", choices=list(MODES), default="everyone", help="who may write")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Make the room and print its id."""
    wanted = {name: getattr(args, name) for name in ("kind", "slug", "title", "mode")}
    with reachable(settings) as found:
        room = asyncio.run(_create(found, wanted))
    if args.json:
        print(json.dumps({"id": room.id, "slug": room.slug}))
    else:
        print(f"room {room.id}: {room.title} ({room.slug})")
    return 0


async def _create(settings: Settings, wanted: dict[str, str]) -> Room:
    await migrate(settings.database_url, MIGRATIONS)
    async with opened(settings, listen=False) as ctx:
        return await create_room(ctx, Viewer(rank=Rank.OWNER), wanted)
