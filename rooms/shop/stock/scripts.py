"""The scripts that decide about stock: how they are put together and called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import msgpack

from rooms.shop.rules import product_channel
from server.context import Context
from server.errors import Refused
from server.packing import pack
from server.redis_wire import Argument

AT_ONCE = 64
PATIENCE = 5.0
"""Seconds to wait for a turn."""
_FOLDER = files(__package__) / "lua"
_PARTS = ("holds", "due", "people", "shoppers", "waiting", "waiters", "done")


def _source(*names: str) -> str:
    return "\n".join((_FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in names)


VERBS = {
    **{
        verb: _source("prelude", verb)
        for verb in (
            *("reserve", "release", "expire", "claim", "unpin", "wait", "leave"),
            *("snapshot", "find"),
        )
    },
    **{verb: _source("prelude", "truth", verb) for verb in ("mirror", "adopt")},
}
"""Each script whole: what all have in common, then its own."""


class Gate:
    """Lets few of this process ask at once, in the order in which they came.

    In a rush Redis would get so many scripts in one moment that the last ones, and comments with
    them, ran into the limit after which a link counts as dead.
    """

    def __init__(self, _: Context) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn; Refused("unavailable") when that takes too long."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            sentence = "Too many want to buy at this moment."
            raise Refused("unavailable", sentence, retry_after=1000) from None
        try:
            yield
        finally:
            self._free.release()


async def send(
    ctx: Context, verb: str, product_id: str, *args: Argument, kept: str = ""
) -> tuple[str, Sequence[Any]]:
    """Run one script: its word and what follows; `kept` names where its answer is remembered.

    After Refused("unavailable") it will not happen; whether it has, the same call tells later.
    """
    channel = product_channel(product_id)
    names = [channel, *(f"{channel}:{part}" for part in _PARTS), "log"]
    if kept:
        names.append(f"reserved:{product_id}:{kept}")
    async with ctx.of(Gate).turn():
        answer = await ctx.broker.guarded(
            channel, VERBS[verb], names, (channel, ctx.settings.backlog_cap, *args)
        )
    return answer[0].decode(), answer[1:]


def packed(value: Any) -> bytes:
    """Give a value as the scripts take it."""
    return pack(value)


def unpacked(value: bytes) -> Any:
    """Read what a script packed."""
    return msgpack.unpackb(value)
