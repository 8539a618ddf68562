"""The rooms of this process: read once, dropped when a change is announced."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass

from rooms import reads
from rooms.rules import Room, room_channel, room_number
from server.context import Context, Viewer
from server.errors import Refused
from server.keys import partition_of, tagged

CAPACITY = 1000
FRESH_MS = 30_000
"""After this a room is read again, should an announcement have been lost."""
RETRY_MS = 5_000
"""How long a room that could not be read again is left alone."""
COPY_MS = 3_600_000
"""How long the copy in Redis lives, for a process that never read the room."""


@dataclass(slots=True)
class _Kept:
    room: Room | None
    since: int


class RoomCache:
    """Up to 1,000 rooms; many askers at once cause one read, and an outage of Postgres none."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        """By the ids as they are written on the wire; there is one way to write each."""
        self._loads: dict[int, asyncio.Task[Room | None]] = {}
        self._visible: dict[tuple[str, ...], tuple[int, list[int]]] = {}

    async def room(self, room_id: str) -> Room:
        """Give a room; `not_found` when there is none."""
        room = self.at_hand(room_id)
        if room is None:
            try:
                number = room_number(room_id)
            except Refused:
                raise _missing() from None
            kept = self._kept.get(room_id)
            room = await self._first(number) if kept is None else kept.room
        if room is None:
            raise _missing()
        return room

    def at_hand(self, room_id: str) -> Room | None:
        """Give a room that was read before, without waiting."""
        kept = self._kept.get(room_id)
        if kept is None:
            return None
        self._kept.move_to_end(room_id)
        if self._ctx.clock() - kept.since > FRESH_MS:
            # Nobody waits for this: what changes is announced, so it is seldom needed.
            self._load(int(room_id))
        return kept.room

    async def visible(self, viewer: Viewer) -> list[int]:
        """Give the numbers of all rooms that this viewer may see."""
        key = tuple(reads.visibilities(viewer.rank))
        known = self._visible.get(key)
        if known is not None and self._ctx.clock() - known[0] <= FRESH_MS:
            return known[1]
        at = self._ctx.clock()
        numbers = await reads.visible_ids(self._ctx.db, viewer.rank)
        self._visible[key] = (at, numbers)
        return numbers

    def forget(self, room_id: str | None = None) -> None:
        """Drop a room, or all of them, so that the next asker reads what is true now."""
        self._visible.clear()
        if room_id is None:
            self._kept.clear()
            self._loads.clear()
        elif room_id.isascii() and room_id.isdigit():
            self._kept.pop(room_id, None)
            # A read under way may carry what was true before the change.
            self._loads.pop(int(room_id), None)

    async def _first(self, number: int) -> Room | None:
        try:
            return await asyncio.shield(self._load(number))
        except Refused as refused:
            if refused.code != "unavailable":
                raise
            # Readers who come back to another gateway during an outage find their room there.
            copy = await self._ctx.broker.call("GET", _key(number))
            if copy is None:
                raise
            return reads.room_of_copy(copy)

    def _load(self, number: int) -> asyncio.Task[Room | None]:
        task = self._loads.get(number)
        if task is None:
            task = asyncio.create_task(self._read(number))
            self._loads[number] = task
            task.add_done_callback(lambda done: self._keep(number, done))
        return task

    async def _read(self, number: int) -> Room | None:
        room = await reads.room(self._ctx.db, number)
        if room is not None:
            with suppress(Refused):
                copy = reads.copy_of(room)
                await self._ctx.broker.call("SET", _key(number), copy, "PX", COPY_MS)
        return room

    def _keep(self, number: int, done: asyncio.Task[Room | None]) -> None:
        failed = done.cancelled() or done.exception() is not None
        if self._loads.get(number) is not done:
            return
        del self._loads[number]
        room_id = str(number)
        if failed:
            if room_id in self._kept:
                self._kept[room_id].since = self._ctx.clock() - FRESH_MS + RETRY_MS
            return
        self._kept[room_id] = _Kept(done.result(), self._ctx.clock())
        self._kept.move_to_end(room_id)
        while len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)


def _key(number: int) -> str:
    return tagged(partition_of(room_channel(str(number))), f"room:{number}:copy")


def _missing() -> Refused:
    return Refused("not_found", "There is no such room.")
