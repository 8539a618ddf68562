"""Whoever reads the same bytes: written in one loop, without asking anybody whether there is room.

A viewer is on a hot list only while its transport has nothing left to send, so a frame may be
written past the transport, straight to the descriptor. What the kernel does not take goes to the
transport, which pauses the viewer, who leaves every list until the transport is empty again.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Final, Protocol

from server.item import Item
from server.measure import Measure
from server.protocol import Encoding, push
from server.websocket_frames import frame

MAX_SECONDS: Final = 10.0
MAX_BYTES: Final = 256 * 1024
PIECE: Final = 64 * 1024
"""Bytes of publications in one push, and of pushes handed to one slow viewer at a time."""

BATCHES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
OFF_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

Writer = Callable[[int, bytes], int]


class Feed(StrEnum):
    """How much of a channel somebody wants."""

    SAMPLED = "sampled"
    FULL = "full"


class Wire(Protocol):
    """What the hub needs of a socket."""

    @property
    def fd(self) -> int:
        """The descriptor; -1 once the connection is over."""

    @property
    def paused(self) -> bool:
        """Whether the transport holds something that the kernel has not taken."""

    def send(self, data: bytes) -> None:
        """Write through the transport."""

    def abort(self) -> None:
        """End it at once."""


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


@dataclass(slots=True)
class Stats:
    """What a hub counts."""

    publications: int = 0
    """Taken from Redis."""
    frames: int = 0
    """Written to viewers."""
    deliveries: int = 0
    """Publications in these frames, each as often as it was written."""
    left_out: int = 0
    """Publications that the sampled feed of a channel did not show."""
    fan_out_seconds: float = 0.0
    """Time of the loop that building and writing frames took."""
    bytes: int = 0
    short_writes: int = 0
    slow: int = 0
    """Viewers let go because they stopped reading."""
    lost: int = 0
    """Viewers let go because the tail no longer reached back to them."""
    batches: Measure = field(default_factory=lambda: Measure(*BATCHES))
    """Publications written together to one list."""
    off_seconds: Measure = field(default_factory=lambda: Measure(*OFF_SECONDS))
    """How long viewers were off their lists who came back."""


def fan(hot: dict[int, Reader], frame: bytes, write: Writer = os.write) -> int:
    """Write a frame to every descriptor; give how many could not take all of it at once."""
    size = len(frame)
    short: list[tuple[int, int]] = []
    for fd in hot:
        try:
            sent = write(fd, frame)
            if sent == size:
                continue
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = -1
        # The dict must not change while it is walked, so these wait until all are served.
        short.append((fd, sent))
    for fd, sent in short:
        reader = hot.get(fd)
        if reader is None:
            continue
        if sent < 0:
            reader.socket.abort()
        else:
            reader.socket.send(frame[sent:])
    return len(short)


class HotList:
    """Those who read one feed of one channel in one encoding, and the frames they were given."""

    __slots__ = (
        "_bytes",
        "_channel",
        "_frames",
        "_stats",
        "_write",
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
        stats: Stats,
        write: Writer,
    ) -> None:
        self._channel = channel
        self.feed = feed
        self.encoding = encoding
        self.covered = covered
        """Everybody on this list stands at this offset."""
        self.hot: dict[int, Reader] = {}
        self.audience = 0
        """Those on the list and those who left it for a while."""
        self.serial = 0
        """Frames given so far."""
        self.held_since: float | None = None
        """When a push that would show nothing was put off."""
        self.pushed_at = 0.0
        """When it was last told where it stands; what passes by does not tell that."""
        self._stats = stats
        self._write = write
        self._frames: deque[tuple[float, bytes]] = deque()
        self._bytes = 0

    def pushes(self, epoch: int, items: Sequence[Item], to: int) -> list[bytes]:
        """Give pushes up to an offset, none so large that slow viewers would fill our memory."""
        frames: list[bytes] = []
        part: list[Item] = []
        size = 0
        for item in items:
            if part and size + len(item.packed) > PIECE:
                frames.append(self.push(epoch, part, part[-1].offset))
                part, size = [], 0
            part.append(item)
            size += len(item.packed)
        frames.append(self.push(epoch, part, to))
        return frames

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
        if pushed:
            self.serial += 1
            self.pushed_at = now
            self._frames.append((now, pushed))
            self._bytes += len(pushed)
            self._forget(now)
        if pushed or passing:
            self._write_all(pushed + passing)

    def beat(self, pushed: bytes, now: float) -> None:
        """Write a heartbeat, which nobody needs who is off the list."""
        self.pushed_at = now
        self._write_all(pushed)

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

    def _write_all(self, data: bytes) -> None:
        self._stats.frames += len(self.hot)
        self._stats.bytes += len(self.hot) * len(data)
        self._stats.short_writes += fan(self.hot, data, self._write)

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
        return reader.socket.fd in self.list.hot

    def enter(self, reader: Reader) -> None:
        """Put the reader on the list."""
        self.list.hot[reader.socket.fd] = reader

    def leave(self, reader: Reader) -> None:
        """Take the reader off the list, and remember what it was given."""
        if self.list.hot.pop(reader.socket.fd, None) is not None:
            self.serial = self.list.serial
