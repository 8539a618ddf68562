"""The load client: many connections in another process, in C or, without a compiler, in Python."""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

import msgpack
import orjson

from loadtest.errors import CannotRun
from loadtest.native.build import NoCompiler, built
from loadtest.native.program import Program, ProgramFailed

Wire = Literal["msgpack", "json", "frames"]
Encoding = Literal["msgpack", "json"]

SPARE_FILES: Final = 200
"""Descriptors that a process needs beside those of its connections."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What the connections of a client are opened to, and how they read; see client.c."""

    port: int
    connections: int
    wire: Wire = "frames"
    path: str = "/v1/live"
    headers: Sequence[str] = ()
    hellos: Sequence[Sequence[str | bytes]] = ()
    """What each connection sends once it is open: texts, and bytes as binary messages."""
    ready: str = ""
    counted: str = ""
    answers: Sequence[tuple[str, str]] = ()
    latency: bool = False
    window: int = 256
    receive_buffer: int = 0

    def arguments(self, hellos: Path | None) -> list[str]:
        """Give the command line behind the program's name."""
        words = [str(self.port), str(self.connections), "--path", self.path, "--wire", self.wire]
        words += ["--window", str(self.window)]
        for header in self.headers:
            words += ["--header", header]
        for name, value in (("--ready", self.ready), ("--count", self.counted)):
            words += [name, value] if value else []
        for begins, answer in self.answers:
            words += ["--answer", begins, answer.encode().hex()]
        if self.receive_buffer:
            words += ["--receive-buffer", str(self.receive_buffer)]
        if hellos is not None:
            words += ["--hello", str(hellos)]
        return words + ["--latency"] * self.latency


@dataclass(frozen=True, slots=True)
class Counts:
    """What a client counted since `reset`; the names are explained in client.c."""

    publications: int
    frames: int
    passing: int
    bytes: int
    wire_bytes: int
    holes: int
    repeated: int
    left_out: int
    unread: int
    least: int
    most: int
    pings: int
    open: int
    dead: int
    seconds: float
    first: float
    last: float
    cpu_us: float
    closes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, said: dict[str, Any]) -> Self:
        """Read what the program said."""
        try:
            return cls(**{each.name: said[each.name] for each in fields(cls)})
        except KeyError as error:
            raise ProgramFailed(f"the load client does not tell {error}") from None

    def problems(self, who: str, posted: int | None = None) -> list[str]:
        """Tell what went wrong: holes, repetitions, lost connections; and all of `posted` seen."""
        found = [
            f"{who}: {count} {name.replace('_', ' ')}"
            for name in ("holes", "repeated", "left_out", "unread", "dead")
            if (count := getattr(self, name))
        ]
        if posted is not None and (self.least, self.most) != (posted, posted):
            found.append(f"{who}: saw {self.least} to {self.most} of {posted} publications")
        return found


class LoadClient(Program):
    """A client whose connections are open."""

    native = True
    """Whether it is the one in C."""

    @classmethod
    async def open(cls, aim: Aim, name: str = "load client", *, whole: bool = True) -> Self:
        """Open all connections; CannotRun when, with `whole`, some did not come in."""
        check_files(aim.connections)
        try:
            command = [str(built("client"))]
            native = True
        except NoCompiler as missing:
            print(f"  {missing}; the client in Python costs more itself", file=sys.stderr)
            command = [sys.executable, "-m", "loadtest.native.fallback"]
            native = False
        with tempfile.NamedTemporaryFile("w", prefix="hiroba-hello-") as file:
            file.writelines(_hello(line) + "\n" for line in aim.hellos)
            file.flush()
            path = Path(file.name) if aim.hellos else None
            client = await cls.start(name, [*command, *aim.arguments(path)])
        client.native = native
        if whole and client.ready["open"] < aim.connections:
            told = f"{client.ready['open']} of {aim.connections} came in"
            closes, complaints = client.ready["closes"], client.complaints
            await client.stop()
            raise ProgramFailed(f"{name}: {told}; closes {closes}; {complaints}")
        return client

    async def reset(self) -> None:
        """Begin to count anew."""
        await self.ask("reset")

    async def count(self) -> Counts:
        """Give the counts since `reset`."""
        return Counts.read(await self.ask("count"))

    async def wait(self, publications: int, idle: float) -> Counts:
        """Wait until so many came to all connections together, or none for `idle` seconds."""
        return Counts.read(await self.ask(f"wait {publications} {round(idle * 1000)}"))

    async def latency(self) -> dict[str, float]:
        """Give samples, p50, p95, p99 and most, in ms."""
        said = await self.ask("latency")
        return {name: said[name] for name in ("samples", "p50", "p95", "p99", "most")}

    async def stall(self, connections: int) -> None:
        """Let the last so many stop reading."""
        await self.ask(f"stall {connections}")

    async def unstall(self) -> None:
        """Let all read again."""
        await self.ask("unstall")

    async def say(self, connection: int, message: str | bytes) -> None:
        """Send a message on one connection."""
        await self.ask(f"send {connection} {_written(message)}")


def hiroba(
    url: str,
    channel: str,
    connections: int,
    encoding: Encoding,
    *,
    feed: str = "full",
    tokens: Sequence[str] = (),
    latency: bool = False,
    window: int = 256,
    receive_buffer: int = 0,
) -> Aim:
    """Aim at a channel of a Hiroba: every connection connects and subscribes in one message.

    Without tokens they are nameless readers; connection i takes token i modulo their number.
    """
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise CannotRun(f"{url} is not an address with a port")
    hellos: list[list[str | bytes]] = []
    for token in tokens or [""]:
        args: dict[str, Any] = {"version": 1, "subscribe": [{"channel": channel, "feed": feed}]}
        if token:
            args["token"] = token
        command = {"id": 1, "cmd": "connect", "args": args}
        packed = encoding == "msgpack"
        hellos.append([msgpack.packb(command) if packed else orjson.dumps(command).decode()])
    return Aim(
        parts.port,
        connections,
        wire=encoding,
        headers=(f"Origin: {url}", f"Sec-WebSocket-Protocol: hiroba.v1.{encoding}"),
        hellos=hellos,
        latency=latency,
        window=window,
        receive_buffer=receive_buffer,
    )


def check_files(connections: int) -> None:
    """Raise our limit of open files as far as we may; CannotRun when it stays too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise CannotRun(
            f"{connections} connections need {needed} open files a process, and the limit is"
            f" {hard}; raise it (ulimit -Hn) or ask for fewer"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _hello(messages: Sequence[str | bytes]) -> str:
    return " ".join(map(_written, messages))


def _written(message: str | bytes) -> str:
    if isinstance(message, bytes):
        return f"binary:{message.hex()}"
    return f"text:{message.encode().hex()}"
