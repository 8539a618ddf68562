"""The pipe between the supervisor and a process it started: ready, metrics, and who is gone."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from server.log import Log

log = Log(__name__)

VARIABLE = "HIROBA_SUPERVISOR"
"""Names the descriptor of the child's end."""
LONGEST_LINE = 16 * 2**20


class ControlPipe:
    """One end of the pipe: JSON lines, each a message; requests are answered by name."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answers: dict[str, Callable[[], Awaitable[Any]]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self.said: dict[str, Any] = {}
        """What the other end has said last, by name."""
        self._news = asyncio.Event()

    @classmethod
    async def open(cls, end: socket.socket) -> ControlPipe:
        """Use a connected socket."""
        return cls(*await asyncio.open_connection(sock=end, limit=LONGEST_LINE))

    @classmethod
    async def of_child(cls, environ: Mapping[str, str]) -> ControlPipe | None:
        """Open the child's end; None when nobody supervises this process."""
        descriptor = environ.get(VARIABLE)
        return await cls.open(socket.socket(fileno=int(descriptor))) if descriptor else None

    def answer(self, name: str, value: Callable[[], Awaitable[Any]]) -> None:
        """Answer requests of this name."""
        self._answers[name] = value

    def say(self, name: str, value: Any = True) -> None:
        """Tell the other end something."""
        self._send({"say": name, "value": value})

    async def ask(self, name: str) -> Any:
        """Ask the other end; ConnectionError when it is gone before it answers."""
        if self._reader.at_eof():
            raise ConnectionError("the other process ended")
        self._number += 1
        future = self._asked[self._number] = asyncio.get_running_loop().create_future()
        self._send({"ask": name, "number": self._number})
        try:
            return await future
        finally:
            self._asked.pop(self._number, None)

    async def heard(self, *names: str) -> None:
        """Wait until the other end has said one of these; ConnectionError when it ends before."""
        while not any(name in self.said for name in names):
            if self._reader.at_eof():
                raise ConnectionError("the other process ended")
            self._news.clear()
            await self._news.wait()

    async def run(self) -> None:
        """Serve the pipe until the other end is gone."""
        try:
            while line := await self._reader.readline():
                self._take(json.loads(line))
        except (OSError, ValueError):
            pass
        finally:
            self._reader.feed_eof()
            self._news.set()
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(ConnectionError("the other process ended"))

    def close(self) -> None:
        """Close this end."""
        self._writer.close()

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"say": name, "value": value}:
                self.said[name] = value
                self._news.set()
            case {"ask": name, "number": number}:
                answering = asyncio.create_task(self._reply(name, number))
                self._answering.add(answering)
                answering.add_done_callback(self._answering.discard)
            case {"reply": number, "value": value}:
                future = self._asked.get(number)
                if future is not None and not future.done():
                    future.set_result(value)

    async def _reply(self, name: str, number: int) -> None:
        value = None
        try:
            if name in self._answers:
                value = await self._answers[name]()
        except Exception as error:
            # Whoever asks waits for an answer, even for an empty one.
            log.error("pipe.unanswered", name=name, error=error)
        self._send({"reply": number, "value": value})

    def _send(self, message: dict[str, Any]) -> None:
        if not self._writer.transport.is_closing():
            self._writer.write(json.dumps(message).encode() + b"\n")
