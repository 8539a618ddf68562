"""A viewer on a small socket that reads when it is told to, and no more than it is told to."""

from __future__ import annotations

import json
import socket
from typing import Any

from websockets.frames import Frame, Opcode

from tests.integration.fake_gate import request
from tests.integration.towns import until

ROOM = "room:42"


class PausingViewer:
    """Speaks JSON on a socket whose receive buffer is small."""

    def __init__(self, port: int, *, rcvbuf: int = 4096) -> None:
        self.port = port
        self.data = b""
        self.trees: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)

    def __enter__(self) -> PausingViewer:
        self.socket.connect(("127.0.0.1", self.port))
        self.socket.setblocking(False)
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    async def open(self) -> None:
        """Shake hands, connect and subscribe."""
        host = f"127.0.0.1:{self.port}"
        head = request("/v1/live", f"Origin: http://{host}").replace(
            b"Host: 127.0.0.1\r\n", f"Host: {host}\r\n".encode()
        )
        self.socket.sendall(head)
        await until(lambda: self._head())
        self.send(1, "connect", subscribe=[{"channel": ROOM, "feed": "full"}])
        await until(lambda: self.read() or self.trees)

    def send(self, id: int, cmd: str, **args: Any) -> None:
        """Send a command."""
        payload = json.dumps({"id": id, "cmd": cmd, "args": args}).encode()
        self.socket.sendall(Frame(Opcode.TEXT, payload).serialize(mask=True))

    def read(self, count: int = 1 << 20) -> bool:
        """Read at most so many bytes of what is there; False when the stream is over."""
        try:
            part = self.socket.recv(count)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        self.data += part
        self._parse()
        return bool(part)

    @property
    def offsets(self) -> list[int]:
        """What the pushes brought, in order; each has to continue the one before."""
        outcome = self.trees[0]["ok"]["subscriptions"][ROOM]["ok"]
        stands, found = outcome["offset"], []
        for tree in self.trees[1:]:
            assert tree["from"] <= stands + 1 <= tree["to"] + 1, f"a hole at {stands}: {tree}"
            found += [offset for offset, _, _ in tree["pubs"]]
            stands = tree["to"]
        return found

    def _head(self) -> bool:
        try:
            self.data += self.socket.recv(65_536)
        except BlockingIOError:
            return False
        head, end, self.data = self.data.partition(b"\r\n\r\n")
        assert not end or b" 101 " in head.splitlines()[0]
        if not end:
            self.data = head
        return bool(end)

    def _parse(self) -> None:
        data, place = self.data, 0
        while len(data) - place >= 2:
            size, start = data[place + 1], place + 2
            wide = {126: 2, 127: 8}.get(size, 0)
            if wide:
                size, start = int.from_bytes(data[start : start + wide], "big"), start + wide
            if len(data) < start + size:
                break
            payload = data[start : start + size]
            if data[place] & 15 == 1:
                self.trees.append(json.loads(payload))
            elif data[place] & 15 == 8:
                self.closed = int.from_bytes(payload[:2], "big")
            place = start + size
        self.data = data[place:]
