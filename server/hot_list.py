"""Whoever reads the same bytes: written in one loop, without asking anybody whether there is room.

A viewer is on a hot list only while its transport has nothing left to send, so a frame may be
written past the transport, straight to the descriptor. What the kernel does not take goes to the
transport, which pauses the viewer, who leaves every list until the transport is empty again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import islice
from typing import Final, Protocol

from server.fan_out import FanOut
from server.item import Item
from server.protocol import Encoding, push
from server.roster import Roster, Wire
from server.stats import Stats
from server.websocket_frames import frame

MAX_SECONDS: Final = 10.0
MAX_BYTES: Final = 256 * 1024
PIECE: Final = 64 * 1024
"""Bytes of publications in one push, and of pushes handed to one slow viewer at a time."""


class Feed(StrEnum):
    """How much of a channel somebody wants."""

    SAMPLED = "sampled"
    FULL = "full"


class Reader(Protocol):
    """A connection, as the hub sees it."""

    @property
    def socket(self) -> Wire:
        """Where it is written."""

    encoding: Encoding
    publisher: str | None
    seats: dict[str, Seat]

    def end(self, code: int, reason: str = "") -> None:
        """Leave every list, then close."""


class HotList:
    """Those who read one feed of one channel in one encoding, and the frames they were given.

    Frames are written one batch after another, each in slices with other work in between. What
    arrives meanwhile waits in the channel; a batch that cannot wait has the one before finished.
    """

    __slots__ = (
        "_before",
        "_bytes",
        "_channel",
        "_fan_out",
        "_frames",
        "_on_written",
        "_stats",
        "_stood",
        "audience",
        "covered",
        "encoding",
        "feed",
        "held_since",
        "hot",
        "pushed_at",
        "serial",
    )

    def __init__(
        self,
        channel: str,
        feed: Feed,
        encoding: Encoding,
        covered: int,
        fan_out: FanOut,
        stats: Stats,
        on_written: Callable[[], None],
    ) -> None:
        self._channel = channel
        self.feed = feed
        self.encoding = encoding
        self.covered = covered
        """Everybody on this list stands at this offset, or will when the batch is written."""
        self.hot: Roster[Reader] = fan_out.roster()
        self.audience = 0
        """Those on the list and those who left it for a while."""
        self.serial = 0
        """Frames given so far."""
        self.held_since: float | None = None
        """When a push that would show nothing was put off."""
        self.pushed_at = 0.0
        """When it was last told where it stands; what passes by does not tell that."""
        self._before = (0, covered)
        """Serial and offset before the batch that was written last or is being written."""
        self._stood = covered
        """The offset after it."""
        self._fan_out = fan_out
        self._stats = stats
        self._on_written = on_written
        self._frames: deque[tuple[float, bytes]] = deque()
        self._bytes = 0

    @property
    def busy(self) -> bool:
        """Whether some on the list do not have the last batch yet."""
        return bool(self.hot.data)

    def push(self, epoch: int, items: Sequence[Item], to: int, *, why: str = "sampled") -> bytes:
        """Give the push from where the list stands to an offset, and move the list there."""
        covers = (self.covered + 1, to)
        of = to - self.covered
        left_out = of if of > len(items) else None
        self.covered = to
        self.held_since = None
        payload = push(self.encoding, self._channel, epoch, covers, items, of=left_out, why=why)
        return frame(self.encoding.opcode, payload)

    def give(self, pushed: bytes, now: float, passing: bytes = b"") -> None:
        """Write a push to those on the list, and keep it for those who come back to it.

        `passing` follows in the same write and is not kept.
        """
        if not (pushed or passing):
            return
        self._follow()
        if pushed:
            self.serial += 1
            self.pushed_at = now
            self._frames.append((now, pushed))
            self._bytes += len(pushed)
            self._forget(now)
        self._write(pushed + passing)

    def beat(self, pushed: bytes, now: float) -> None:
        """Write a heartbeat, which nobody needs who is off the list."""
        self._follow()
        self.pushed_at = now
        self._write(pushed)

    def finish(self) -> None:
        """Write the rest of the last batch, however long that takes."""
        if self.busy:
            self._fan_out.finish(self.hot)

    def restart(self, offset: int) -> None:
        """Go on elsewhere: the next push shows everybody that there is a hole."""
        self.finish()
        self.covered = self._stood = offset
        self.held_since = None

    def stands(self, reader: Reader) -> int:
        """Give the offset up to which somebody was given everything."""
        if self.busy and reader in self.hot and not self.hot.has(reader):
            return self._before[1]
        return self.covered

    def leave(self, reader: Reader) -> int | None:
        """Take somebody off; the last frame that was given, or None for who is not on the list."""
        given = self.hot.discard(reader)
        if given is None:
            return None
        return self.serial if given else self._before[0]

    def missed(self, serial: int) -> tuple[bytes, int] | None:
        """Give the frames after the `serial`-th in one piece, and the last one that is in it.

        A piece is about 64 KB at most: what follows waits until it is read. None when some of
        the frames are forgotten.
        """
        skipped = len(self._frames) - (self.serial - serial)
        if skipped < 0:
            return None
        piece: list[bytes] = []
        size = 0
        for _, missed in islice(self._frames, skipped, None):
            if piece and size + len(missed) > PIECE:
                break
            piece.append(missed)
            size += len(missed)
        return b"".join(piece), serial + len(piece)

    def forget(self, now: float) -> None:
        """Drop frames that are too old."""
        while self._frames and self._frames[0][0] < now - MAX_SECONDS:
            self._bytes -= len(self._frames.popleft()[1])

    def _follow(self) -> None:
        """Begin another batch."""
        self.finish()
        self._before = (self.serial, self._stood)
        self._stood = self.covered

    def _write(self, data: bytes) -> None:
        readers = len(self.hot)
        self._stats.frames += readers
        self._stats.bytes += readers * len(data)
        self._fan_out.begin(self.hot, data, self._on_written)

    def _forget(self, now: float) -> None:
        self.forget(now)
        # The newest stays, however large: otherwise nobody could come back after it.
        while len(self._frames) > 1 and self._bytes > MAX_BYTES:
            self._bytes -= len(self._frames.popleft()[1])


class Seat:
    """A reader's place on a channel."""

    __slots__ = ("list", "serial")

    def __init__(self, list: HotList) -> None:
        self.list = list
        self.serial = list.serial
        """The last frame that was given, while off the list."""

    def is_hot(self, reader: Reader) -> bool:
        """Tell whether the reader is on the list."""
        return reader in self.list.hot

    def enter(self, reader: Reader) -> None:
        """Put the reader on the list; it has had all that was given."""
        self.list.hot.add(reader)

    def leave(self, reader: Reader) -> None:
        """Take the reader off the list, and remember what it was given."""
        serial = self.list.leave(reader)
        if serial is not None:
            self.serial = serial
