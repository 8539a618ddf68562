"""One channel in this process: where it stands, what waits to be written, and who reads it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from server.fan_out import FanOut
from server.found import Found, Place
from server.hot_list import PIECE, Feed, HotList, Reader, Seat
from server.item import Item
from server.protocol import Encoding, passing
from server.publication import Flag, Publication
from server.recovery import Window, covered, merge
from server.sampling import Sampler
from server.stats import Stats
from server.tail import Tail
from server.websocket_frames import frame

HOLD: Final = 1.0
"""Seconds that a push may be put off which would show nothing."""
HEARTBEAT: Final = 15.0
"""Seconds of quiet after which an empty push tells that nothing was missed."""
REMEMBER: Final = 10.0
"""Seconds that a window is kept after it was read."""
MAX_PASSING: Final = 100
"""Passing events of one flush; the oldest of more are dropped."""
MAX_HELD: Final = 5000
"""Publications that wait for a window to be read."""
# Operators of enum flags take a microsecond each.
_KEEP, _GAP = int(Flag.KEEP), int(Flag.GAP)


class Channel:
    """What this process knows of a channel. Nothing here waits for anybody."""

    def __init__(
        self,
        name: str,
        stats: Stats,
        fan_out: FanOut,
        on_written: Callable[[Channel], None],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without a position; `begin` gives one."""
        self.name = name
        self.lock = asyncio.Lock()
        """Held by the first subscribe and the last unsubscribe."""
        self.joined = False
        """Whether the subscription in Redis stands and the position is known."""
        self.joining = 0
        """Connections on their way in: the channel may not be left."""
        self.epoch = 0
        self.seen = 0
        """The offset up to which everything was taken; what is above `flushed` waits."""
        self.flushed = 0
        self.flushed_at = 0.0
        self.touched_at = now()
        """When somebody last came or went."""
        self.tail = Tail()
        self.timer: asyncio.Handle | None = None
        self.held: list[Publication] | None = None
        """While a window is read: what arrives meanwhile."""
        self.read_again = False
        """Something was missed again while the window was read."""
        self.window: Window | None = None
        """The whole window as it was read last, for those who come back together."""
        self.window_read_at = 0.0
        self.reading: asyncio.Task[Window] | None = None
        self.found: dict[Place, Found] = {}
        """What was given within the last second to those who came from some place."""
        self.lists: dict[tuple[Feed, Encoding], HotList] = {}
        self.readers: dict[Reader, None] = {}
        self._stats = stats
        self._fan_out = fan_out
        self._on_written = on_written
        self._now = now
        self.sampler = Sampler()
        self._pending: list[Item] = []
        self.cut = False
        """Whether the last flush left something that waited already."""
        self._passing: list[bytes] = []

    # What arrives.

    def begin(self, window: Window) -> None:
        """Take the position and the newest publications; nobody reads yet."""
        self._restart(window.epoch, window.top)
        self.flushed = window.top
        entries = window.entries
        if entries and entries[-1].offset == window.top:
            self.tail = Tail(covered(entries[0])[0] - 1)
            for entry in entries:
                self.tail.add(self._item(entry))
        self.joined = True
        self._release(Window(window.epoch, window.top))
        self.flush()

    def take(self, publication: Publication) -> bool:
        """Take a publication in its turn; False when something before it is missing."""
        if self.held is None:
            return self._accept(publication)
        if len(self.held) >= MAX_HELD:
            self.held.clear()
            self.read_again = True
        self.held.append(publication)
        return True

    def hold(self, publications: Iterable[Publication] = ()) -> None:
        """Let what arrives wait, until `merge`."""
        self.held = list(publications)
        self.read_again = False

    def continues(self, window: Window) -> bool:
        """Tell whether what is held follows what was read; if not, the reading was too early."""
        return merge(Window(window.epoch, window.top), self.held or []).whole

    def merge(self, window: Window) -> None:
        """Join what was read with what arrived meanwhile, and go on."""
        self._release(window)
        if (window.epoch, window.top) > (self.epoch, self.seen):
            # Nothing will follow that shows the hole, so it is shown at once.
            self._restart(window.epoch, window.top)
            for hot_list in self.lists.values():
                hot_list.give(hot_list.push(self.epoch, [], self.flushed), self._now())

    def pass_on(self, body: bytes) -> None:
        """Take what happens now and has no place."""
        self._passing.append(body)
        if len(self._passing) > MAX_PASSING:
            del self._passing[0]

    @property
    def waiting(self) -> bool:
        """Whether a flush would write something."""
        return bool(self._pending or self._passing)

    @property
    def busy(self) -> bool:
        """Whether some do not have yet what was flushed last."""
        # Asked several times for each push, and a generator costs more than the loop.
        for hot_list in self.lists.values():  # noqa: SIM110
            if hot_list.hot.data:
                return True
        return False

    # What leaves.

    def flush(self, *, all: bool = False) -> None:
        """Write what waits, one push for each list; with `all` also what was put off.

        More than a push may hold waits for another flush, unless all of it is asked for.
        """
        self._flush(self._take(), all)
        while all and self._pending:
            self._flush(self._take(), all)

    def _take(self) -> list[Item]:
        """Take from what waits as much as slow viewers can be left with without harm to us."""
        size = 0
        for count, item in enumerate(self._pending):
            size += len(item.packed)
            if size > PIECE and count:
                items, self._pending = self._pending[:count], self._pending[count:]
                self.flushed = items[-1].offset
                self.cut = True
                return items
        items, self._pending = self._pending, []
        self.flushed = self.seen
        self.cut = False
        return items

    def _flush(self, items: list[Item], all: bool) -> None:
        now = self._now()
        passed, self._passing = self._passing, []
        self.flushed_at = now
        stats = self._stats
        passings: dict[Encoding, bytes] = {}
        for hot_list in list(self.lists.values()):
            encoding = hot_list.encoding
            if passed and encoding not in passings:
                payload = passing(encoding, self.name, passed)
                passings[encoding] = frame(encoding.opcode, payload)
            shown = [item for item in items if item.offset > hot_list.covered]
            if hot_list.feed is Feed.SAMPLED:
                arrived = len(shown)
                shown = [item for item in shown if item.chosen]
                stats.left_out += arrived - len(shown)
            if shown:
                stats.deliveries += len(shown) * len(hot_list.hot)
                stats.batches.observe(len(shown))
            pushed = b""
            if hot_list.covered < self.flushed:
                if shown or all:
                    pushed = hot_list.push(self.epoch, shown, self.flushed)
                elif hot_list.held_since is None:
                    hot_list.held_since = now
            hot_list.give(pushed, now, passings.get(encoding, b""))

    def beat(self) -> None:
        """Write what was put off for too long, and heartbeats where it was quiet."""
        now = self._now()
        self.found.clear()
        if now - self.window_read_at >= REMEMBER:
            self.window = None
        for hot_list in list(self.lists.values()):
            hot_list.forget(now)
            if hot_list.busy:
                continue
            held = hot_list.held_since is not None and now - hot_list.held_since >= HOLD
            if held and hot_list.covered < self.flushed:
                hot_list.give(hot_list.push(self.epoch, [], self.flushed), now)
            elif now - hot_list.pushed_at >= HEARTBEAT:
                hot_list.beat(hot_list.push(self.epoch, [], self.flushed), now)

    # Who reads.

    def list_for(self, feed: Feed, encoding: Encoding) -> HotList:
        """Give the list of a feed in an encoding."""
        made = self.lists.get((feed, encoding))
        if made is None:
            made = HotList(
                *(self.name, feed, encoding, self.flushed),
                *(self._fan_out, self._stats, self._written),
            )
            made.pushed_at = self._now()
            self.lists[feed, encoding] = made
        return made

    def seat(self, reader: Reader, hot_list: HotList) -> None:
        """Put a reader on a list, or beside it while its transport is not empty."""
        seat = Seat(hot_list)
        hot_list.audience += 1
        self.readers[reader] = None
        reader.seats[self.name] = seat
        if not reader.socket.paused:
            seat.enter(reader)

    def unseat(self, reader: Reader) -> None:
        """Let a reader go."""
        seat = reader.seats.pop(self.name)
        seat.leave(reader)
        self.readers.pop(reader, None)
        hot_list = seat.list
        hot_list.audience -= 1
        self.discard(hot_list)
        self.touched_at = self._now()

    def discard(self, hot_list: HotList) -> None:
        """Forget a list that nobody is on."""
        if not hot_list.audience:
            self.lists.pop((hot_list.feed, hot_list.encoding), None)

    @property
    def is_idle(self) -> bool:
        """Whether nobody reads it, is on the way, or waits for what it writes."""
        return not (self.readers or self.joining or self.waiting)

    @property
    def audience(self) -> int:
        """Connections that read this channel here."""
        return len(self.readers)

    def viewers(self) -> int:
        """Count the people behind the connections; each nameless one counts."""
        names = [reader.publisher for reader in self.readers]
        return len({name for name in names if name is not None}) + names.count(None)

    def _accept(self, publication: Publication) -> bool:
        epoch, offset = publication.epoch, publication.offset
        if epoch < self.epoch or (epoch == self.epoch and offset <= self.seen):
            return True
        first = covered(publication)[0]
        if epoch > self.epoch:
            if first > 1:
                return False
            self._restart(epoch, 0)
        if first > self.seen + 1:
            return False
        self._stats.publications += 1
        item = self._item(publication)
        if int(publication.flags) & _GAP:
            self.flush(all=True)
            self.seen = self.flushed = offset
            self._tell_gap()
        else:
            self._pending.append(item)
            self.seen = offset
        self.tail.add(item)
        return True

    def _tell_gap(self) -> None:
        for hot_list in self.lists.values():
            gap = hot_list.push(self.epoch, [], self.flushed, why="restart")
            hot_list.give(gap, self._now())

    def _release(self, window: Window) -> None:
        """Take what was read and what was held in their order, jumping where nobody has it."""
        held, self.held = self.held or [], None
        entries = {(entry.epoch, entry.offset): entry for entry in (*window.entries, *held)}
        for place in sorted(entries):
            entry = entries[place]
            if not self._accept(entry):
                self._restart(entry.epoch, covered(entry)[0] - 1)
                self._accept(entry)

    def _restart(self, epoch: int, offset: int) -> None:
        """Go on elsewhere; every list sees from its next push that there is a hole."""
        if self.waiting:
            self.flush(all=True)
        self.epoch = epoch
        self.seen = self.flushed = offset
        self.tail = Tail(offset)
        for hot_list in self.lists.values():
            hot_list.restart(offset)

    def _written(self) -> None:
        if not self.busy:
            self._on_written(self)

    def _item(self, publication: Publication) -> Item:
        keep = bool(int(publication.flags) & _KEEP)
        return Item(publication, chosen=self.sampler.choose(publication.at, keep=keep))
