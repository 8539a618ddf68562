"""io_uring without a compiled extension: many sends for one call into the kernel.

Only what fan-out needs: sends that never wait, whose success leaves no trace. `MSG_WAITALL` makes
a short send count as failed, so that its completion is posted although those of successes are
skipped; with `MSG_DONTWAIT` every send is over when the call comes back, so nothing is under way
in the kernel while a descriptor is closed or the bytes change.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
import weakref
from array import array
from typing import Any, Final

from server.roster import PlainDescriptors, Short

SETUP: Final = 425
ENTER: Final = 426
SUBMIT_ALL: Final = 1 << 7
COOP_TASKRUN: Final = 1 << 8
SINGLE_ISSUER: Final = 1 << 12
SINGLE_MMAP: Final = 1
SQES: Final = 0x10000000
"""Where the kernel maps the submission entries."""

SEND: Final = 26
CQE_SKIP_SUCCESS: Final = 1 << 6
MESSAGE_FLAGS: Final = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL | socket.MSG_WAITALL
SQE: Final = struct.Struct("<BBHiQQIIQ24x")
"""opcode, flags, ioprio, fd, offset, address, length, message flags, user data."""
CQE: Final = struct.Struct("<QiI")
LENGTH: Final = 6
"""Which 32-bit word of an entry holds the length."""
WORDS: Final = 16

ENTRIES: Final = 512
FEWEST: Final = 32
"""For fewer, a call into the kernel for each is cheaper than preparing one for all."""
BUFFER: Final = 256 * 1024
"""The most bytes that one send may have; mapped, and used only as far as frames are long."""
NOT_NOW: Final = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EINTR))


class Ring:
    """One ring of one thread: the kernel refuses others."""

    def __init__(self, entries: int = ENTRIES) -> None:
        """Set it up; OSError where the kernel is too old or does not allow it."""
        # Holding the interpreter is right: nothing in the call waits, and whoever got it
        # meanwhile would keep it for milliseconds.
        libc = ctypes.PyDLL(None, use_errno=True)
        self._syscall: Any = libc.syscall
        self._syscall.restype = ctypes.c_long
        self._syscall.argtypes = [ctypes.c_long] * 7
        parameters = ctypes.create_string_buffer(120)
        flags = SUBMIT_ALL | COOP_TASKRUN | SINGLE_ISSUER
        struct.pack_into("<III", parameters, 0, 0, 0, flags)
        self._fd = self._call(SETUP, entries, ctypes.addressof(parameters))
        self._close = weakref.finalize(self, os.close, self._fd)
        self._map(parameters.raw)
        self._buffer = ctypes.create_string_buffer(BUFFER)
        self._bytes = b""
        """What stands in the buffer."""

    def close(self) -> None:
        """Give it back to the kernel; otherwise that happens when nobody knows it any more."""
        self._close()

    def entry(self, fd: int) -> bytes:
        """Give the entry that sends the buffer to a descriptor; its length is set when used."""
        address = ctypes.addressof(self._buffer)
        return SQE.pack(SEND, CQE_SKIP_SUCCESS, 0, fd, 0, address, 0, MESSAGE_FLAGS, fd)

    def send(self, entries: memoryview, data: bytes) -> tuple[list[tuple[int, int]], int]:
        """Send the same bytes by all of these entries, at most ENTRIES.

        Gives (descriptor, bytes sent or -errno) of those that did not take all, and how many
        entries the kernel looked at.
        """
        size, count = len(data), len(entries) // SQE.size
        if data is not self._bytes:
            ctypes.memmove(self._buffer, data, size)
            self._bytes = data
        words, tail = self._words, self._words[self._sq_tail]
        place = tail & self._sq_mask
        until_wrap = min(count, self._sq_mask + 1 - place)
        self._put(place, entries[: until_wrap * SQE.size], until_wrap, size)
        if until_wrap < count:
            self._put(0, entries[until_wrap * SQE.size :], count - until_wrap, size)
        words[self._sq_tail] = (tail + count) & 0xFFFFFFFF
        try:
            taken = self._call(ENTER, self._fd, count)
        except OSError:
            taken = (words[self._sq_head] - tail) & 0xFFFFFFFF
        if taken < count:
            words[self._sq_tail] = words[self._sq_head]
        return self._reap(), taken

    def _put(self, place: int, entries: memoryview, count: int, size: int) -> None:
        start = place * SQE.size
        self._sqes[start : start + len(entries)] = entries
        first = place * WORDS
        lengths = self._sqe_words[first + LENGTH : first + count * WORDS : WORDS]
        lengths[:] = memoryview(array("I", (size,)) * count)

    def _reap(self) -> list[tuple[int, int]]:
        words, found = self._words, []
        head, tail = words[self._cq_head], words[self._cq_tail]
        while head != tail:
            at = self._cqes + (head & self._cq_mask) * CQE.size
            descriptor, result, _ = CQE.unpack_from(self._memory, at)
            found.append((descriptor, result))
            head = (head + 1) & 0xFFFFFFFF
        words[self._cq_head] = head
        return found

    def _map(self, parameters: bytes) -> None:
        sq_entries, cq_entries, _, _, _, features = struct.unpack_from("<6I", parameters)
        if not features & SINGLE_MMAP:
            raise OSError(errno.ENOSYS, "io_uring is too old")
        sq = struct.unpack_from("<7I", parameters, 40)
        cq = struct.unpack_from("<6I", parameters, 80)
        size = max(sq[6] + sq_entries * 4, cq[5] + cq_entries * CQE.size)
        self._memory = self._mapped(size, 0)
        self._sqes = memoryview(self._mapped(sq_entries * SQE.size, SQES))
        self._words = memoryview(self._memory).cast("I")
        self._sqe_words = self._sqes.cast("I")
        self._sq_head, self._sq_tail, self._sq_mask = sq[0] // 4, sq[1] // 4, sq_entries - 1
        self._cq_head, self._cq_tail, self._cq_mask = cq[0] // 4, cq[1] // 4, cq_entries - 1
        self._cqes = cq[5]
        for number in range(sq_entries):
            self._words[sq[6] // 4 + number] = number

    def _mapped(self, size: int, offset: int) -> mmap.mmap:
        flags, access = mmap.MAP_SHARED | mmap.MAP_POPULATE, mmap.PROT_READ | mmap.PROT_WRITE
        return mmap.mmap(self._fd, size, flags=flags, prot=access, offset=offset)

    def _call(self, number: int, *args: int) -> int:
        result: int = self._syscall(number, *args, *(0,) * (6 - len(args)))
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return result


class RingDescriptors:
    """Written through a ring; each stands as a prepared entry at its place."""

    __slots__ = ("_each", "_entries", "_ring", "fewest", "slice")

    def __init__(self, ring: Ring, fewest: int = FEWEST) -> None:
        """Use the ring for at least `fewest` at a time."""
        self._ring = ring
        self._each = PlainDescriptors()
        self.fewest = fewest
        # Every call has its price: with 64 in each, nothing is left of what a ring saves.
        self.slice = ENTRIES
        self._entries = bytearray()

    def append(self, fd: int) -> None:
        """Add one behind the last."""
        self._each.append(fd)
        self._entries += self._ring.entry(fd)

    def swap(self, one: int, other: int) -> None:
        """Let two change places."""
        self._each.swap(one, other)
        entries, size = self._entries, SQE.size
        mine, its = slice(one * size, (one + 1) * size), slice(other * size, (other + 1) * size)
        entries[mine], entries[its] = entries[its], entries[mine]

    def pop(self) -> None:
        """Drop the last."""
        self._each.pop()
        del self._entries[-SQE.size :]

    def write(self, first: int, end: int, data: bytes) -> list[Short]:
        """Write to those from `first` to before `end`; give those that did not take all of it."""
        short: list[Short] = []
        while end - first >= self.fewest and len(data) <= BUFFER:
            stop = min(end, first + ENTRIES)
            found, taken = self._write(first, stop, data)
            short += found
            first += taken
            if first < stop:
                break
        # One by one: a few, what is too long, and what the kernel did not even look at.
        return short + self._each.write(first, end, data) if first < end else short

    def _write(self, first: int, end: int, data: bytes) -> tuple[list[Short], int]:
        with memoryview(self._entries) as entries:
            failed, taken = self._ring.send(entries[first * SQE.size : end * SQE.size], data)
        if not failed:
            return [], taken
        places = {fd: place for place, fd in enumerate(self._each.some(first, end), first)}
        return [(places[fd], _sent(result)) for fd, result in failed], taken


def _sent(result: int) -> int:
    """Give the bytes that a send took, -1 when its connection is broken."""
    if result >= 0:
        return result
    return 0 if -result in NOT_NOW else -1
