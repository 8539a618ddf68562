"""The load client in Python, for where there is no compiler: what `client.c` does, at its own cost.

Its options, commands and answers are those that the head of `client.c` explains.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import re
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgpack
import orjson

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT: Final = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
POSTED: Final = re.compile(rb"t=([0-9a-f]{16})")
COUNTED: Final = ("frames", "passing", "bytes", "wire_bytes", "holes", "repeated", "left_out")


class Client:
    """All connections, and what they count together."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.hellos = _hellos(options.hello)
        self.connections: list[Connection] = []
        self.open = self.dead = 0
        self.closes: Counter[int] = Counter()
        self.reset()

    def reset(self) -> None:
        """Begin to count anew."""
        self.counts: Counter[str] = Counter()
        self.samples: list[float] = []
        self.begun = time.monotonic()
        self.first = self.last = 0.0
        self.cpu = _cpu_us()
        for connection in self.connections:
            connection.publications = 0

    def published(self, connection: Connection, publications: int) -> None:
        """Count publications of one connection."""
        if publications:
            connection.publications += publications
            self.counts["publications"] += publications
            self.last = time.monotonic()
            self.first = self.first or self.last

    async def open_all(self) -> dict[str, Any]:
        """Open everything, a window at a time; gives the first line."""
        options, begun = self.options, time.monotonic()
        slots = asyncio.Semaphore(options.window)

        async def enter(number: int) -> None:
            async with slots:
                connection = Connection(self, number)
                self.connections.append(connection)
                loop = asyncio.get_running_loop()
                try:
                    async with asyncio.timeout(options.patience):
                        await loop.create_connection(lambda: connection, options.host, options.port)
                        await connection.settled.wait()
                except (OSError, TimeoutError):
                    connection.bury(1006)

        await asyncio.gather(*map(enter, range(options.connections)))
        seconds = time.monotonic() - begun
        facts = {"say": "ready", "open": self.open, "dead": self.dead, "seconds": seconds}
        return facts | {"cpu_us": _cpu_us(), "closes": self._closes()}

    async def carry_out(self, line: str) -> dict[str, Any]:
        """Carry out one command."""
        match line.split():
            case ["reset"]:
                self.reset()
                return {"say": "reset"}
            case ["count"]:
                return self._counted()
            case ["wait", expected, idle]:
                await self._wait(int(expected), int(idle) / 1000)
                return self._counted()
            case ["latency"]:
                return self._latency()
            case ["stall", many]:
                return self._stall(int(many))
            case ["unstall"]:
                for connection in self.connections:
                    connection.pause(False)
                return {"say": "unstalled"}
            case ["send", index, message]:
                self.connections[int(index)].send(*_message(message))
                return {"say": "sent"}
        return {"say": "error", "problem": "no such command"}

    async def _wait(self, expected: int, idle: float) -> None:
        begun = time.monotonic()
        while self.counts["publications"] < expected:
            if time.monotonic() - max(self.last, begun) > idle:
                return
            await asyncio.sleep(0.01)

    def _counted(self) -> dict[str, Any]:
        seen = [one.publications for one in self.connections if one.ready and not one.stalled]
        counts = {name: self.counts[name] for name in ("publications", *COUNTED, "unread", "pings")}
        return {
            "say": "counted",
            **counts,
            "least": min(seen, default=0),
            "most": max(seen, default=0),
            "open": self.open,
            "dead": self.dead,
            "seconds": time.monotonic() - self.begun,
            "first": max(0.0, self.first - self.begun),
            "last": max(0.0, self.last - self.begun),
            "cpu_us": _cpu_us() - self.cpu,
            "closes": self._closes(),
        }

    def _latency(self) -> dict[str, Any]:
        ordered = sorted(self.samples)

        def at(share: float) -> float:
            return ordered[min(math.floor(share * len(ordered)), len(ordered) - 1)]

        shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
        told = {name: at(share) if ordered else 0.0 for name, share in shares.items()}
        return {"say": "latency", "samples": len(ordered), **told}

    def _stall(self, many: int) -> dict[str, Any]:
        for connection in [one for one in self.connections if one.ready][::-1][:many]:
            connection.pause(True)
        return {"say": "stalled", "connections": sum(one.stalled for one in self.connections)}

    def _closes(self) -> dict[str, int]:
        return {str(code): times for code, times in self.closes.items()}


class Connection(asyncio.Protocol):
    """One connection: its frames, its place, what it was given."""

    def __init__(self, client: Client, number: int) -> None:
        self.client = client
        self.number = number
        self.settled = asyncio.Event()
        self.ready = self.stalled = self.over = False
        self.publications = 0
        self.place = (0, 0)
        self._data = bytearray()
        self._message = bytearray()
        self._upgraded = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        options = self.client.options
        lines = [
            f"GET {options.path} HTTP/1.1",
            f"Host: {options.host}:{options.port}",
            *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
            *(f"Sec-WebSocket-Key: {KEY}", *options.header, "", ""),
        ]
        transport.write("\r\n".join(lines).encode())

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self.client.counts["wire_bytes"] += len(data)
        self._data += data
        if not self._upgraded and not self._upgrade():
            return
        while not self.over and (frame := self._frame()) is not None:
            self._take(*frame)

    def connection_lost(self, error: Exception | None) -> None:
        """It ended without a word."""
        self.bury(1006)

    def bury(self, code: int) -> None:
        """It is over."""
        if self.over:
            return
        self.over = True
        self.client.open -= self.ready
        self.client.dead += 1
        self.client.closes[code] += 1
        self.ready = False
        self.settled.set()
        if hasattr(self, "_transport"):
            self._transport.abort()

    def pause(self, stalled: bool) -> None:
        """Stop reading, or go on."""
        if self.ready and stalled is not self.stalled:
            self.stalled = stalled
            (self._transport.pause_reading if stalled else self._transport.resume_reading)()

    def send(self, opcode: int, data: bytes) -> None:
        """Send one message, masked with zeros: nobody stands between us and the server."""
        size = len(data)
        head = bytes((0x80 | opcode, 0x80 | min(size, 126)))
        self._transport.write(head + (size.to_bytes(2, "big") if size >= 126 else b"") + b"\0" * 4)
        self._transport.write(data)

    def _upgrade(self) -> bool:
        head, end, rest = self._data.partition(b"\r\n\r\n")
        if not end:
            return False
        if not head.startswith(b"HTTP/1.1 101") or ACCEPT not in head:
            print(head[:400].decode(errors="replace"), file=sys.stderr)
            self.bury(int(head[9:12]) if head[9:12].isdigit() else 0)
            return False
        self._upgraded, self._data = True, rest
        if self.client.hellos:
            for opcode, data in self.client.hellos[self.number % len(self.client.hellos)]:
                self.send(opcode, data)
        if self.client.options.wire == "frames" and not self.client.options.ready:
            self._become_ready()
        return True

    def _become_ready(self) -> None:
        self.ready = True
        self.client.open += 1
        self.settled.set()

    def _frame(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, used = data[1] & 127, 2
        if size >= 126:
            used = 4 if size == 126 else 10
            if len(data) < used:
                return None
            size = int.from_bytes(data[2:used], "big")
        if len(data) < used + size:
            return None
        payload = bytes(data[used : used + size])
        first = data[0]
        del data[: used + size]
        return first, payload

    def _take(self, first: int, payload: bytes) -> None:
        opcode = first & 15
        if opcode == PING:
            self.client.counts["pings"] += 1
            self.send(PONG, payload)
        elif opcode == CLOSE:
            self.bury(int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005)
        elif opcode < CLOSE:
            self._message += payload
            if first & 0x80:
                message, self._message = bytes(self._message), bytearray()
                self._take_message(message)

    def _take_message(self, message: bytes) -> None:
        counts = self.client.counts
        if self.ready:
            counts["frames"] += 1
            counts["bytes"] += len(message)
        if self.client.options.latency:
            now = time.monotonic_ns()
            posted = (int(digits, 16) for digits in POSTED.findall(message))
            self.client.samples += ((now - at) / 1e6 for at in posted if at <= now)
        if self.client.options.wire == "frames":
            self._take_frame(message)
            return
        try:
            is_json = self.client.options.wire == "json"
            value = orjson.loads(message) if is_json else msgpack.unpackb(message)
            self._take_hiroba(value)
        except (ValueError, KeyError, TypeError, msgpack.UnpackException):
            counts["unread"] += 1
            if not self.ready:
                print(message[:400], file=sys.stderr)
                self.bury(0)

    def _take_frame(self, message: bytes) -> None:
        options = self.client.options
        for begins, answer in options.answer:
            if message.startswith(begins.encode()):
                self.send(TEXT, bytes.fromhex(answer))
                return
        if not self.ready:
            if options.ready.encode() in message:
                self._become_ready()
            return
        count = message.count(options.count.encode()) if options.count else 1
        self.client.published(self, count)

    def _take_hiroba(self, value: dict[str, Any]) -> None:
        counts = self.client.counts
        if not self.ready:
            (subscription,) = value["ok"]["subscriptions"].values()
            self.place = (subscription["ok"]["epoch"], subscription["ok"]["offset"])
            self._become_ready()
            return
        if "now" in value:
            counts["passing"] += 1
            return
        epoch, first, last = value["epoch"], value["from"], value["to"]
        mine = self.place[1] if epoch == self.place[0] else 0
        counts["holes"] += first > mine + 1
        counts["repeated"] += first <= last and first <= mine
        counts["left_out"] += len(value["pubs"]) < last - first + 1
        self.place = (epoch, max(mine, last))
        self.client.published(self, len(value["pubs"]))


def _message(word: str) -> tuple[int, bytes]:
    kind, _, digits = word.partition(":")
    return {"text": TEXT, "binary": BINARY}[kind], bytes.fromhex(digits)


def _hellos(path: Path | None) -> list[list[tuple[int, bytes]]]:
    lines = [] if path is None else path.read_text().splitlines()
    return [[_message(word) for word in line.split()] for line in lines]


def _cpu_us() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("connections", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--path", default="/v1/live")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--hello", type=Path)
    parser.add_argument("--wire", choices=("frames", "msgpack", "json"), default="frames")
    parser.add_argument("--ready", default="")
    parser.add_argument("--count", default="")
    parser.add_argument("--answer", action="append", nargs=2, default=[])
    parser.add_argument("--window", type=int, default=256)
    parser.add_argument("--patience", type=float, default=20.0)
    parser.add_argument("--receive-buffer", type=int)
    parser.add_argument("--latency", action="store_true")
    return parser.parse_args()


async def _main(options: argparse.Namespace) -> None:
    client = Client(options)
    print(json.dumps(await client.open_all()), flush=True)
    client.reset()
    loop = asyncio.get_running_loop()
    while (line := await loop.run_in_executor(None, sys.stdin.readline)).strip() not in (
        "",
        "quit",
    ):
        print(json.dumps(await client.carry_out(line)), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(_options()))
