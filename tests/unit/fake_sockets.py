"""Sockets in memory with a bounded kernel buffer, and a reader that holds us to the protocol."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Protocol

import msgpack

from server.hot_list import Seat
from server.protocol import Encoding
from server.roster import PlainDescriptors
from server.websocket_frames import CLOSE, PING, TEXT, close_code, close_frame


class Listening(Protocol):
    """Who is told what happens to a socket."""

    def on_paused(self) -> None: ...
    def on_resumed(self) -> None: ...
    def on_closed(self, code: int) -> None: ...


class Kernel:
    """Descriptors and what was written to them; a closed one's number is used again."""

    def __init__(self) -> None:
        self.sockets: dict[int, FakeSocket] = {}
        self.slice = 256
        """Writes between two looks at the clock."""

    def open(self, encoding: Encoding = Encoding.JSON, *, room: int = 10**9) -> FakeSocket:
        """Give a socket whose kernel buffer has `room` bytes."""
        fd = next(n for n in range(3, 10**6) if n not in self.sockets)
        self.sockets[fd] = FakeSocket(self, fd, encoding, room)
        return self.sockets[fd]

    def descriptors(self) -> PlainDescriptors:
        """Give what a roster writes through."""
        made = PlainDescriptors(lambda fd, data: self.write(fd, data))
        made.slice = self.slice
        return made

    def write(self, fd: int, data: bytes) -> int:
        """Do as os.write on a descriptor that does not block."""
        socket = self.sockets[fd]
        if socket.broken:
            raise BrokenPipeError
        assert not socket.unsent, "written past a transport that is not empty"
        return socket.take(data)


class FakeSocket:
    """One connection's transport and the peer behind it."""

    def __init__(self, kernel: Kernel, fd: int, encoding: Encoding, room: int) -> None:
        self.kernel = kernel
        self.fd = fd
        self.subprotocol = encoding.value
        self.encoding = encoding
        self.room = room
        self.open = True
        self.paused = False
        self.broken = False
        self.unsent = b""
        self.in_kernel = b""
        self.received = b""
        self.session: Listening | None = None
        self.code: int | None = None

    def take(self, data: bytes) -> int:
        """Put what fits into the kernel's buffer."""
        free = self.room - len(self.in_kernel)
        if not free:
            raise BlockingIOError
        self.in_kernel += data[:free]
        return min(free, len(data))

    def send(self, data: bytes) -> None:
        if not self.open:
            return
        if not self.unsent:
            with suppress(BlockingIOError):
                data = data[self.take(data) :]
        if data:
            self.unsent += data
            if not self.paused:
                self.paused = True
                if self.session is not None:
                    self.session.on_paused()

    def read(self, count: int = 10**9) -> None:
        """Let the peer read; the transport follows, and resumes once it is empty."""
        self.received += self.in_kernel[:count]
        self.in_kernel = self.in_kernel[count:]
        free = self.room - len(self.in_kernel)
        self.in_kernel += self.unsent[:free]
        self.unsent = self.unsent[free:]
        if self.paused and not self.unsent:
            self.paused = False
            if self.session is not None:
                self.session.on_resumed()

    def close(self, code: int, reason: str = "") -> None:
        if not self.open:
            return
        self._leave(code)
        frame = close_frame(code, reason)
        if not self.unsent and len(self.in_kernel) + len(frame) <= self.room:
            self.in_kernel += frame
        else:
            self.unsent += frame

    def abort(self) -> None:
        self._leave(1006)

    def _leave(self, code: int) -> None:
        self.open = False
        session, self.session = self.session, None
        if session is not None:
            self.code = code
            session.on_closed(code)
        self.kernel.sockets.pop(self.fd, None)
        self.fd = -1


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """Split what a server wrote into frames; it has to be whole."""
    found = []
    while data:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        assert len(data) >= start + size, "a frame is cut off"
        found.append((data[0] & 15, data[start : start + size]))
        data = data[start + size :]
    return found


class Screen:
    """A client as the protocol describes it: takes pushes in order and notices every hole."""

    def __init__(self, socket: FakeSocket) -> None:
        self.socket = socket
        self.position: dict[str, tuple[int, int]] = {}
        self.shown: dict[str, list[tuple[int, Any]]] = {}
        self.pushes: list[dict[str, Any]] = []
        self.passed: list[Any] = []
        self.replies: dict[int, Any] = {}
        self.holes: list[str] = []
        self.repeated: list[str] = []
        """Where a push brought what was known; the protocol allows it."""
        self.pings = 0
        self.closed: int | None = None
        self.order: list[str] = []

    def look(self) -> Screen:
        """Read all that is there."""
        while self.socket.in_kernel or self.socket.unsent:
            self.socket.read()
        data, self.socket.received = self.socket.received, b""
        for opcode, payload in frames(data):
            if opcode == CLOSE:
                self.closed = close_code(payload)
            elif opcode == PING:
                self.pings += 1
            else:
                self._take(json.loads(payload) if opcode == TEXT else msgpack.unpackb(payload))
        return self

    def texts(self, channel: str) -> list[str]:
        """Give the texts that stand on the screen."""
        return [body and body["text"] for _, body in self.shown.get(channel, [])]

    def offsets(self, channel: str) -> list[int]:
        """Give the offsets that were seen, in order."""
        return [offset for offset, _ in self.shown.get(channel, [])]

    def take_reply(self, channel: str, ok: dict[str, Any]) -> None:
        """Take the reply of a subscribe or of history."""
        if not ok["recovered"]:
            self.shown[channel] = []
            self.position.pop(channel, None)
        self._show(channel, ok["pubs"])
        self.position[channel] = (ok["epoch"], ok["offset"])

    def _take(self, tree: dict[str, Any]) -> None:
        if "id" in tree:
            self.replies[tree["id"]] = tree
            self.order.append(f"reply {tree['id']}")
            for channel, outcome in tree.get("ok", {}).get("subscriptions", {}).items():
                if "ok" in outcome:
                    self.take_reply(channel, outcome["ok"])
            if "pubs" in tree.get("ok", {}):
                self.order[-1] += " with pubs"
        elif "now" in tree:
            self.passed += tree["now"]
        else:
            self.order.append(f"push {tree['ch']}")
            self.pushes.append(tree)
            self._push(tree)

    def _push(self, tree: dict[str, Any]) -> None:
        channel = tree["ch"]
        epoch, mine = self.position.get(channel, (0, 0))
        if epoch not in (0, tree["epoch"]) or tree["from"] > mine + 1:
            self.holes.append(channel)
            return
        if tree["pubs"] and tree["from"] <= mine:
            self.repeated.append(channel)
        if mine > tree["to"]:
            return
        self._show(channel, tree["pubs"])
        self.position[channel] = (tree["epoch"], tree["to"])

    def _show(self, channel: str, pubs: list[Any]) -> None:
        mine = self.position.get(channel, (0, 0))[1]
        shown = self.shown.setdefault(channel, [])
        shown += [(offset, body) for offset, _, body in pubs if offset > mine]


class Viewer:
    """A reader of a hub without a protocol around it."""

    def __init__(self, socket: FakeSocket, hub: Any, *, publisher: str | None = None) -> None:
        self.socket = socket
        self.encoding = socket.encoding
        self.publisher: str | None = None
        self.seats: dict[str, Seat] = {}
        self.screen = Screen(socket)
        self.hub = hub
        socket.session = self
        hub.name(self, publisher)

    def end(self, code: int, reason: str = "") -> None:
        self.socket.close(code, reason)

    def on_paused(self) -> None:
        self.hub.pause(self)

    def on_resumed(self) -> None:
        self.hub.resume(self)

    def on_closed(self, code: int) -> None:
        self.hub.remove(self)


class Turned:
    """A monotonic clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now
