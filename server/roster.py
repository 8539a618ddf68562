"""Readers who are given the same bytes, in slices: who comes or goes in between is counted right.

Those who have what is being written stand in front, the others behind them. Whoever comes
meanwhile has had it another way and stands in front; whoever goes learns which of both it was.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

from server.log import Log

log = Log(__name__)

SLICE_BYTES: Final = 2 * 2**20
"""What is written between two looks at the clock, when frames are large."""
LEAST: Final = 8

Write = Callable[[int, bytes], int]
Short = tuple[int, int]
"""The place of a descriptor that did not take everything, and the bytes it took; -1: broken."""


class Wire(Protocol):
    """What is needed of a socket."""

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


class Written(Protocol):
    """Somebody behind a socket."""

    @property
    def socket(self) -> Wire:
        """Where it is written."""


Somebody = TypeVar("Somebody", bound=Written)


class Descriptors(Protocol):
    """The descriptors of one roster, in the form in which they are written, by place."""

    slice: int
    """How many are written between two looks at the clock, about a millisecond or two."""

    def append(self, fd: int) -> None:
        """Add one behind the last."""

    def swap(self, one: int, other: int) -> None:
        """Let two change places."""

    def pop(self) -> None:
        """Drop the last."""

    def write(self, first: int, end: int, data: bytes) -> list[Short]:
        """Write to those from `first` to before `end`; give those that did not take all of it."""


class PlainDescriptors:
    """Written one after another."""

    __slots__ = ("_fds", "_write", "slice")

    def __init__(self, write: Write = os.write) -> None:
        # A list would hold numbers that lie all over the memory of thousands of connections.
        self._fds = array("i")
        self._write = write
        self.slice = 256

    def append(self, fd: int) -> None:
        """Add one behind the last."""
        self._fds.append(fd)

    def swap(self, one: int, other: int) -> None:
        """Let two change places."""
        fds = self._fds
        fds[one], fds[other] = fds[other], fds[one]

    def pop(self) -> None:
        """Drop the last."""
        self._fds.pop()

    def some(self, first: int, end: int) -> Sequence[int]:
        """Give those from `first` to before `end`."""
        return self._fds[first:end]

    def write(self, first: int, end: int, data: bytes) -> list[Short]:
        """Write to those from `first` to before `end`; give those that did not take all of it."""
        fds, write, size = self._fds[first:end], self._write, len(data)
        short: list[Short] = []
        for fd in fds:
            try:
                sent = write(fd, data)
                if sent == size:
                    continue
            except BlockingIOError:
                sent = 0
            except OSError:
                sent = -1
            short.append((first + fds.index(fd), sent))
        return short


class Roster(Generic[Somebody]):
    """Readers, each at a place, and the bytes that are being written to them."""

    __slots__ = ("_descriptors", "_given", "_places", "_readers", "data")

    def __init__(self, descriptors: Descriptors) -> None:
        self._descriptors = descriptors
        self._readers: list[Somebody] = []
        self._places: dict[Somebody, int] = {}
        self._given = 0
        """How many stand in front: those who have what is being written."""
        self.data = b""
        """What is being written; empty while it is idle."""

    def __len__(self) -> int:
        return len(self._readers)

    def __contains__(self, reader: object) -> bool:
        return reader in self._places

    def __iter__(self) -> Iterator[Somebody]:
        return iter(self._readers)

    def has(self, reader: Somebody) -> bool:
        """Tell whether somebody on the roster was given what is being written."""
        return self._places[reader] < self._given

    def add(self, reader: Somebody) -> None:
        """Put somebody on it who needs nothing of what is being written."""
        last = len(self._readers)
        self._readers.append(reader)
        self._descriptors.append(reader.socket.fd)
        self._places[reader] = last
        self._swap(self._given, last)
        self._given += 1

    def discard(self, reader: Somebody) -> bool | None:
        """Take somebody off; whether what is being written was given, None if not on it."""
        place = self._places.get(reader)
        if place is None:
            return None
        given = place < self._given
        if given:
            self._given -= 1
            self._swap(place, self._given)
            place = self._given
        self._swap(place, len(self._readers) - 1)
        self._readers.pop()
        self._descriptors.pop()
        del self._places[reader]
        return given

    def begin(self, data: bytes) -> None:
        """Have all of them want these bytes; what was being written has to be done."""
        assert not self.data, "the bytes before are not written"
        self.data = data
        self._given = 0

    @property
    def is_done(self) -> bool:
        """Whether nobody on it waits for what is being written."""
        return self._given == len(self._readers)

    def end(self) -> None:
        """Be idle again."""
        self.data = b""

    def write(self) -> int:
        """Write to a slice of those who wait; give how many of it did not take everything.

        The transports take what is left. They tell at once who is paused, and whoever ends is
        off the roster before its descriptor is closed.
        """
        data, first = self.data, self._given
        most = min(self._descriptors.slice, max(LEAST, SLICE_BYTES // len(data)))
        end = min(first + most, len(self._readers))
        short = self._descriptors.write(first, end, data)
        self._given = end
        # Places change in what follows.
        found = [(self._readers[place], sent) for place, sent in short]
        for reader, sent in found:
            if sent >= 0:
                _send(reader, data[sent:])
        # Ending somebody has effects on others, whose rest must not come after anything else.
        for reader, sent in found:
            if sent < 0 and reader in self._places:
                reader.socket.abort()
        return len(short)

    def _swap(self, one: int, other: int) -> None:
        if one == other:
            return
        readers, places = self._readers, self._places
        readers[one], readers[other] = readers[other], readers[one]
        places[readers[one]], places[readers[other]] = one, other
        self._descriptors.swap(one, other)


def _send(reader: Written, rest: bytes) -> None:
    try:
        reader.socket.send(rest)
    except Exception as error:
        # Without the rest nothing that follows could be read, and the others want theirs.
        log.error("rest.unsent", error=error)
        reader.socket.abort()
