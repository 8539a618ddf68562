"""Frames and handshakes of clients, well-behaved and raw, for tests."""

from __future__ import annotations

from typing import Any

from websockets.asyncio.client import connect
from websockets.frames import Frame, Opcode

from tests.integration.fake_gate import RawClient, Running, request


def sent(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    return Frame(Opcode(opcode), payload, fin=final).serialize(mask=True)


def client(server: Running, protocol: str = "hiroba.v1.json", **options: Any) -> connect:
    return connect(server.url, subprotocols=[protocol], compression=None, **options)  # type: ignore[list-item]


async def opened(raw: RawClient) -> None:
    """Shake hands and read the answer."""
    await raw.send(request())
    status, headers, _ = await raw.response()
    assert status == 101
    assert headers["sec-websocket-protocol"] == "hiroba.v1.json"
