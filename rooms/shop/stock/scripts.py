"""The scripts that decide about stock: how they are put together and called."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgpack

from rooms.shop.rules import product_channel
from server.context import Context
from server.packing import pack
from server.redis_wire import Argument

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
