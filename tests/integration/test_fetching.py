"""An address that somebody typed is asked with care."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from server.outside import Unreachable
from web.fetching import MOST_BYTES, ask

PAGES = {
    "/list.m3u8": (200, "Content-Type: application/vnd.apple.mpegurl", b"#EXTM3U\n"),
    "/big.mp4": (200, "Content-Type: video/mp4", b"x" * (4 * MOST_BYTES)),
    "/moved": (302, "Location: /list.m3u8", b""),
    "/round": (302, "Location: /round", b""),
    "/inside": (302, "Location: https://internal.example/", b""),
}


@pytest.fixture
async def server() -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ")[1].decode()
        status, header, body = PAGES.get(path, (404, "X-None: 1", b""))
        length = f"Content-Length: {len(body)}\r\nConnection: close"
        writer.write(f"HTTP/1.1 {status} X\r\n{header}\r\n{length}\r\n\r\n".encode() + body)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()


async def to_loopback(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def test_the_first_bytes_and_the_kind_are_given(server):
    answer = await ask(f"http://video.example:{server}/list.m3u8", to_loopback, local=True)

    assert answer.status == 200
    assert answer.kind == "application/vnd.apple.mpegurl"
    assert answer.beginning == b"#EXTM3U\n"


async def test_a_large_file_is_not_read_whole(server):
    answer = await ask(f"http://video.example:{server}/big.mp4", to_loopback, local=True)

    assert len(answer.beginning) == MOST_BYTES


async def test_a_redirect_is_followed_and_a_circle_is_not(server):
    answer = await ask(f"http://video.example:{server}/moved", to_loopback, local=True)

    assert answer.status == 200
    with pytest.raises(Unreachable) as error:
        await ask(f"http://video.example:{server}/round", to_loopback, local=True)
    assert error.value.why == "redirects"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "192.168.1.1", "fe80::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.7", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1"),
    ],
)
async def test_a_name_that_points_into_a_private_network_is_not_asked(address):
    async def inside(host: str, port: int) -> list[str]:
        return ["93.184.216.34", address]

    with pytest.raises(Unreachable) as error:
        await ask("https://video.example/list.m3u8", inside)

    assert error.value.why == "private"


async def test_plain_http_is_not_asked():
    with pytest.raises(Unreachable) as error:
        await ask("http://video.example/list.m3u8", to_loopback)

    assert error.value.why == "not_https"


async def test_a_server_that_is_away_is_said_to_be(server):
    with pytest.raises(Unreachable) as error:
        await ask("http://video.example:1/list.m3u8", to_loopback, local=True)

    assert error.value.why == "no_answer"


@pytest.mark.parametrize("address", ["https://video.example:99999/a", "https://[video.example/a"])
async def test_what_is_no_address_is_not_asked(address):
    with pytest.raises(Unreachable) as error:
        await ask(address, to_loopback)

    assert error.value.why == "no_answer"
