"""What has to work before a broadcast goes on air: source, storage, worker, link."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from rooms.rules import Broadcast, room_channel
from server.context import Context
from server.errors import Refused
from server.keys import keys_of, tagged
from server.outside import Unreachable
from web.fetching import ask

State = Literal["ok", "warn", "no"]
MANY_WAITING = 1000
"""Unsaved entries of a room's partition above which the storage is behind."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `why` is a stable word when it is not in order."""

    name: Literal["source", "poster", "storage", "worker", "link"]
    state: State
    why: str = ""


async def preflight(ctx: Context, broadcast: Broadcast) -> list[Check]:
    """Look at everything at once, within about five seconds."""
    return list(
        await asyncio.gather(
            _source(ctx, broadcast),
            _poster(broadcast),
            _storage(ctx),
            _worker(ctx, broadcast),
            _link(ctx),
        )
    )


async def _source(ctx: Context, broadcast: Broadcast) -> Check:
    if broadcast.video_url.startswith("/media/"):
        name = broadcast.video_url.removeprefix("/media/")
        there = (ctx.settings.data_dir / "media" / name).is_file()
        return Check("source", "ok") if there else Check("source", "no", "no_file")
    try:
        answer = await ask(broadcast.video_url)
    except Unreachable as error:
        return Check("source", "no", error.why)
    if answer.status >= 400:
        return Check("source", "no", "not_found" if answer.status == 404 else "refused")
    if broadcast.video_kind == "hls" and not answer.beginning.lstrip().startswith(b"#EXTM3U"):
        return Check("source", "no", "no_list")
    if broadcast.video_kind == "file" and answer.kind.partition("/")[0] not in ("video", "audio"):
        return Check("source", "warn", "no_video")
    return Check("source", "ok")


async def _poster(broadcast: Broadcast) -> Check:
    return Check("poster", "ok") if broadcast.poster_url else Check("poster", "warn", "none")


async def _storage(ctx: Context) -> Check:
    try:
        await ctx.db.value("SELECT 1")
    except Refused:
        return Check("storage", "no", "no_answer")
    return Check("storage", "ok")


async def _worker(ctx: Context, broadcast: Broadcast) -> Check:
    """The worker owns the room's partition, and has not fallen behind."""
    channel = keys_of(room_channel(broadcast.room_id))
    try:
        owner = await ctx.broker.call("EXISTS", tagged(channel.partition, "owner"))
        waiting = int(await ctx.broker.call("XLEN", channel.log))
    except Refused:
        return Check("worker", "no", "no_answer")
    if not owner:
        return Check("worker", "no", "nobody")
    return Check("worker", "warn", "behind") if waiting > MANY_WAITING else Check("worker", "ok")


async def _link(ctx: Context) -> Check:
    return Check("link", "ok") if ctx.broker.ready else Check("link", "no", "no_answer")
