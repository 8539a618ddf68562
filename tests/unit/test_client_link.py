"""A link fails what waits when its connection ends, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, Literal

import pytest
from websockets.exceptions import ConnectionClosedError

from server.client_link import Link
from server.errors import Refused


class Broken:
    """A socket on which sending hangs until the connection is lost."""

    close_code = 1006
    close_reason = ""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.told = asyncio.Event()

    async def send(self, message: bytes, *, text: bool | None = None) -> None:
        await self.told.wait()
        raise ConnectionClosedError(None, None)

    async def recv(self, decode: Literal[False]) -> bytes:
        await self.lost.wait()
        raise ConnectionClosedError(None, None)

    async def close(self) -> None:
        self.lost.set()


@pytest.mark.parametrize("reader_first", [True, False])
async def test_a_call_whose_sending_fails_with_the_connection_is_refused_once(
    reader_first: bool,
) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
    socket = Broken()
    link = Link(socket, False, lambda push: None)
    reading = asyncio.create_task(link.run())
    call = asyncio.create_task(link.call("line.post", {}))
    await asyncio.sleep(0)

    first, second = (socket.lost, socket.told) if reader_first else (socket.told, socket.lost)
    first.set()
    if reader_first:
        await reading
    second.set()
    told = await asyncio.gather(call, return_exceptions=True)
    ended = await reading

    refused = told.pop()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.details["answered"]) == ("unavailable", False)
    assert ended.code == 1006
    # What holds the future of the call, which complains when it goes.
    del call, reading, refused
    await asyncio.sleep(0)
    gc.collect()
    assert complaints == []
