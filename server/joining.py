"""How somebody comes onto a channel without missing or repeating anything."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from server.channel import Channel
from server.channels import Channels
from server.found import MOST, Found
from server.hot_list import Feed, HotList, Reader
from server.item import Item
from server.parts import Items
from server.publication import Flag, Publication
from server.recovery import NEWEST, REPLY_LIMIT, Place, Recovery, Window, recent, recover

LEAST: Final = 10
"""Publications that a channel may bring when others have filled the reply already."""

Position = tuple[int, int]
"""(epoch, offset)"""


@dataclass(slots=True)
class Joining:
    """A channel that somebody is about to read, and what its memory does not hold."""

    channels: Channels
    channel: Channel
    position: Position | None
    window: Window | None = None
    _list: HotList | None = None

    @classmethod
    async def prepare(cls, channels: Channels, name: str, position: Position | None) -> Joining:
        """Join the channel in Redis and read what is needed; Refused `unavailable`.

        What follows (`settle`, the reply, `seat`) is one step of the loop, without an await.
        """
        channel = await channels.enter(name)
        joining = cls(channels, channel, position)
        try:
            joining.window = await joining._read()
        except BaseException:
            joining.release()
            raise
        return joining

    def settle(self, reader: Reader, feed: Feed, budget: int) -> Found:
        """Give the reply: from the position up to where the list stands that is read then."""
        channel = self.channel
        if channel.name in reader.seats:
            channel.unseat(reader)
        self._list = channel.list_for(feed, reader.encoding)
        limit = max(LEAST, min(budget, REPLY_LIMIT))
        found = self._find(self._list.covered, limit)
        self.channels.recoveries[found.outcome] += 1
        return found

    def catch_up(self, reader: Reader, limit: int) -> dict[str, Any]:
        """Give the reply for somebody who reads the channel already."""
        seat = reader.seats.get(self.channel.name)
        stands = seat.list.stands(reader) if seat else self.channel.flushed
        return self._reply(self._recover(stands, max(1, min(limit, REPLY_LIMIT))))

    def seat(self, reader: Reader) -> None:
        """Let pushes follow the reply that was just written."""
        assert self._list is not None
        self.channel.seat(reader, self._list)
        self.release()

    def release(self) -> None:
        """Be done with the channel."""
        if self._list is not None:
            self.channel.discard(self._list)
        self.channels.release(self.channel)

    def _find(self, stands: int, limit: int) -> Found:
        """Recover, or give what another was given who came from the same place just now."""
        if self.position is None:
            limit = min(limit, NEWEST)
        known = self.channel.found
        place = (self.channel.epoch, stands, limit, self.position)
        found = known.get(place)
        if found is None or found.window is not self.window:
            recovery = self._recover(stands, limit)
            count, outcome = len(recovery.places), self._outcome(recovery)
            found = Found(self._reply(recovery), count, outcome, self.window)
            if len(known) >= MOST:
                known.clear()
            known[place] = found
        return found

    def _outcome(self, found: Recovery) -> str:
        """Name what came of it for the metrics."""
        if self.position is None:
            return "fresh"
        if found.recovered:
            return "recovered"
        return "lost" if found.lost else "too_far"

    async def _read(self) -> Window | None:
        channel, position = self.channel, self.position
        floor = channel.tail.floor
        if position is not None and position[1] > channel.seen and position[0] == channel.epoch:
            # The client was told more by another gateway than this one has heard yet.
            return await self.channels.source.window(channel.name, position[1])
        known = position is not None and position[0] in (0, channel.epoch)
        if position is not None and known and position[1] >= floor:
            return None
        if not known and (len(channel.tail) >= NEWEST or floor == 0):
            return None
        return await self.channels.read_window(channel)

    def _recover(self, stands: int, limit: int) -> Recovery:
        epoch, lost = self.channel.epoch, False
        if self.position is not None:
            known = self.window.top if self.window and self.window.epoch == epoch else 0
            ahead = stands < self.position[1] <= known
            top = self.position[1] if ahead else stands
            entries = self._entries(stands, self.position[1])
            found = recover(Window(epoch, top, entries), *self.position, limit)
            if found.recovered and not found.lost:
                return found
            # Without what a restart of Redis lost it would be a part, and that is never given.
            lost = found.recovered
        newest = Window(epoch, stands, self._entries(stands)[-NEWEST:])
        return replace(recent(newest, min(NEWEST, limit)), lost=lost)

    def _entries(self, stands: int, after: int = -1) -> list[Publication]:
        """Give what memory and the window hold above an offset, up to where the list stands."""
        tail, window = self.channel.tail, self.window
        items = tail.after(after) if after >= tail.floor else list(tail)
        entries = [item.publication for item in items if item.offset <= stands]
        if window is not None and window.epoch == self.channel.epoch and after < tail.floor:
            before = entries[0].offset if entries else stands + 1
            entries = [entry for entry in window.entries if entry.offset < before] + entries
        return entries

    def _reply(self, recovery: Recovery) -> dict[str, Any]:
        first = recovery.places[0][0] if recovery.places else recovery.offset
        made = {item.offset: item for item in self.channel.tail.after(first - 1)}
        items = [_item(made.get(place[0]), place) for place in recovery.places]
        reply: dict[str, Any] = {
            "epoch": recovery.epoch,
            "offset": recovery.offset,
            "recovered": recovery.recovered,
            "pubs": Items(items),
        }
        if recovery.more:
            reply["more"] = True
        if recovery.lost:
            reply["why"] = "restart"
        return reply


def _item(made: Item | None, place: Place) -> Item:
    offset, at, publication = place
    if publication is not None:
        return made if made is not None else Item(publication)
    return Item(Publication(0, offset, at, Flag.NONE, "", "", b""), hidden=True)
