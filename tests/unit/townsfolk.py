"""Clients of a town in memory, and what they are answered, for tests."""

from __future__ import annotations

import asyncio
from typing import Any

from server.protocol import Encoding
from tests.unit.fake_product import Client, Town

ROOM = "room:42"

BOTH = list(Encoding)


async def settle() -> None:
    """Let everything run that needs no time to pass."""
    for _ in range(20):
        await asyncio.sleep(0)


async def connected(town: Town, encoding: Encoding = Encoding.JSON, **args: Any) -> Client:
    client = town.client(encoding)
    client.send("connect", version=1, **args)
    await settle()
    return client


def error(client: Client, id: int) -> str:
    return str(client.reply(id)["error"]["code"])
