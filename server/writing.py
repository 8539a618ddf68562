"""Chooses at start how fan-out writes: through io_uring where it really works, else one by one."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

from server.errors import SettingsError
from server.log import Log
from server.ring import Ring, RingDescriptors
from server.roster import Descriptors, PlainDescriptors

log = Log(__name__)


def choose(way: str) -> Callable[[], Descriptors]:
    """Give what makes descriptors: `write`, `ring` (SettingsError without it), `auto`."""
    if way == "write":
        log.info("fan_out.chosen", way="write")
        return PlainDescriptors
    try:
        ring = open_ring()
    except OSError as error:
        if way == "ring":
            raise SettingsError("HIROBA_FAN_OUT", f"io_uring cannot be used: {error}") from None
        log.info("fan_out.chosen", way="write", reason=str(error))
        return PlainDescriptors
    log.info("fan_out.chosen", way="ring")
    return lambda: RingDescriptors(ring)


def open_ring() -> Ring:
    """Give a ring of this thread that has proved itself; OSError where there can be none."""
    if sys.platform != "linux":
        raise OSError("this is not Linux")
    ring = Ring()
    try:
        _prove(ring)
    except BaseException:
        ring.close()
        raise
    return ring


def _prove(ring: Ring) -> None:
    """Send for real: whole, in part, and to who has no room."""
    data = bytes(200_000)
    with socket.socket() as listener, socket.socket() as reader:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        reader.settimeout(2)
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        reader.connect(listener.getsockname())
        writer, _ = listener.accept()
        with writer:
            writer.setblocking(False)
            descriptors = RingDescriptors(ring, fewest=1)
            descriptors.append(writer.fileno())
            whole = descriptors.write(0, 1, data[:100])
            part = descriptors.write(0, 1, data)
            none = descriptors.write(0, 1, data)
        arrived = 0
        while got := len(reader.recv(65_536)):
            arrived += got
    sent = sum(count for _, count in part + none)
    if whole or len(part) != 1 or len(none) != 1 or arrived != 100 + sent:
        raise OSError(f"io_uring does not tell what it sent ({whole} {part} {none} {arrived})")
