"""Both ways of writing on real sockets: no stream is ever corrupted, no stranger gets a byte."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
import uvloop

from server import fan_out, hot_list, hub, ring, writing
from server.errors import SettingsError
from server.roster import Descriptors, PlainDescriptors
from server.websocket_frames import PING
from tests.integration.fake_gate import request
from tests.integration.pausing import PausingViewer
from tests.integration.towns import Town, town, until
from tests.unit.fake_sockets import frames

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset."""


def is_allowed() -> bool:
    try:
        writing.open_ring()
    except OSError:
        return False
    return True


WAYS = ["write", pytest.param("ring", marks=pytest.mark.skipif(not is_allowed(), reason="no ring"))]


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy()


@pytest.fixture(params=WAYS)
async def busy_town(
    request: pytest.FixtureRequest, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Town]:
    """A gateway with small send buffers that writes to three in a turn of the loop."""
    monkeypatch.setattr(fan_out, "TURN", 0.0)
    # However slow the machine is, nobody is let go for reading too slowly.
    monkeypatch.setattr(hub, "SLOW_SECONDS", 600.0)
    monkeypatch.setattr(hot_list, "MAX_SECONDS", 600.0)
    monkeypatch.setattr(hot_list, "MAX_BYTES", 2**24)
    async with town(redis_url, sndbuf=4096, fan_out=request.param) as made:
        make = made.gateway.hub.fan_out._make

        def small() -> Descriptors:
            descriptors = make()
            descriptors.slice = 3
            if isinstance(descriptors, ring.RingDescriptors):
                descriptors.fewest = 1
            return descriptors

        made.gateway.hub.fan_out._make = small
        assert (
            type(small()).__name__
            == ("RingDescriptors", "PlainDescriptors")[request.param == "write"]
        )
        yield made


async def test_readers_that_stop_and_go_on_get_every_byte_in_its_place(busy_town: Town) -> None:
    random = Random(7)
    said: list[str] = []
    with ExitStack() as stack:
        viewers = [stack.enter_context(PausingViewer(busy_town.port)) for _ in range(12)]
        for viewer in viewers:
            await viewer.open()

        for _ in range(60):
            lines = [
                chr(random.randrange(97, 123)) * int(random.expovariate(1 / 400))
                for _ in range(random.randrange(1, 8))
            ]
            said += lines
            await asyncio.gather(busy_town.say(*lines))
            for viewer in viewers[1:]:
                if random.random() < 0.4:
                    viewer.read(random.randrange(1, 12_000))
            viewers[0].read()
        await until(lambda: all(_texts(viewer) == said for viewer in viewers if viewer.read()))

    stats = busy_town.gateway.hub.stats
    assert stats.short_writes > 20
    assert stats.lost == stats.slow == 0
    assert all(len(viewer.offsets) == len(said) for viewer in viewers)


async def test_a_descriptor_that_is_used_again_brings_nothing_to_a_stranger(
    busy_town: Town,
) -> None:
    random = Random(11)
    gateway, port = busy_town.gateway, busy_town.port
    talking = asyncio.create_task(_talk(busy_town))
    used: set[int] = set()
    reused = 0
    with ExitStack() as stack:
        for _ in range(12):
            viewers = [stack.enter_context(PausingViewer(port)) for _ in range(15)]
            for viewer in viewers:
                await viewer.open()
            mine = {c.socket.fd for c in gateway.connections if c.seats}
            used |= mine
            leaving = random.sample(sorted(gateway.connections, key=lambda c: c.number), 4)
            for connection in leaving:
                # While a fan-out is under way, as likely as not.
                await asyncio.sleep(0)
                connection.socket.abort() if random.random() < 0.5 else connection.end(4001)
            for viewer in viewers:
                viewer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                viewer.socket.close()
            before = set(gateway.connections)
            strangers = [stack.enter_context(socket.socket()) for _ in range(15)]
            for stranger in strangers:
                stranger.setblocking(False)
                await asyncio.get_running_loop().sock_connect(stranger, ("127.0.0.1", port))
                stranger.sendall(_handshake(port))
            await until(lambda: len(gateway.connections - before) == 15)  # noqa: B023
            fds = {c.socket.fd for c in gateway.connections - before}
            reused += len(fds & used)
            stands = gateway.hub.stats.publications
            await until(lambda: gateway.hub.stats.publications > stands + 20)  # noqa: B023
            for stranger in strangers:
                head, _, rest = stranger.recv(65_536).partition(b"\r\n\r\n")
                assert b" 101 " in head
                # It is pinged like everybody.
                assert {opcode for opcode, _ in frames(rest)} <= {PING}
                stranger.close()
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)

    assert reused > 20


def test_a_ring_tells_what_was_sent_of_every_frame() -> None:
    if not is_allowed():
        pytest.skip("no ring")
    random = Random(3)
    with ExitStack() as stack:
        pairs = [_pair(stack, sndbuf=4096 * (1 + n % 3)) for n in range(9)]
        descriptors = ring.RingDescriptors(writing.open_ring(), fewest=1)
        for writer, _ in pairs:
            descriptors.append(writer.fileno())
        sent: dict[int, bytearray] = {place: bytearray() for place in range(len(pairs))}
        got: dict[int, bytearray] = {place: bytearray() for place in range(len(pairs))}
        short = 0
        for number in range(500):
            data = bytes([number % 251]) * random.choice((1, 125, 700, 5000, 40_000, 300_000))
            taken = dict(descriptors.write(0, len(pairs), data))
            short += len(taken)
            for place, (_, reader) in enumerate(pairs):
                count = taken.get(place, len(data))
                assert 0 <= count <= len(data)
                sent[place] += data[:count]
                if random.random() < 0.3:
                    got[place] += _read(reader, random.randrange(1, 60_000))
        for place, (_, reader) in enumerate(pairs):
            while len(got[place]) < len(sent[place]):
                reader.settimeout(5)
                got[place] += reader.recv(1 << 20)

        assert short > 100
        assert got == sent


def test_a_ring_follows_its_places() -> None:
    if not is_allowed():
        pytest.skip("no ring")
    with ExitStack() as stack:
        pairs = [_pair(stack) for _ in range(4)]
        descriptors = ring.RingDescriptors(writing.open_ring(), fewest=1)
        for writer, _ in pairs:
            descriptors.append(writer.fileno())

        descriptors.swap(0, 3)
        descriptors.pop()
        pairs[1][0].close()
        short = descriptors.write(0, 3, b"abc")

        assert short == [(1, -1)]
        assert [_read(reader, 10) for _, reader in pairs] == [b"", b"", b"abc", b"abc"]


def test_a_ring_that_nobody_knows_any_more_is_given_back() -> None:
    if not is_allowed():
        pytest.skip("no ring")
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir()))

    for _ in range(20):
        writing.open_ring()
    gc.collect()

    assert len(list(folder.iterdir())) <= before


def test_without_io_uring_frames_are_written_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(writing, "Ring", refused)

    assert writing.choose("auto") is PlainDescriptors
    assert writing.choose("write") is PlainDescriptors
    with pytest.raises(SettingsError, match="HIROBA_FAN_OUT"):
        writing.choose("ring")


def test_a_kernel_that_does_not_tell_what_it_sent_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not is_allowed():
        pytest.skip("no ring")
    monkeypatch.setattr(ring, "MESSAGE_FLAGS", socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)

    assert writing.choose("auto") is PlainDescriptors


def _texts(viewer: PausingViewer) -> list[str]:
    return [body["text"] for tree in viewer.trees[1:] for _, _, body in tree.get("pubs", ())]


async def _talk(town: Town) -> None:
    while True:
        await town.say("not for a stranger")


def _handshake(port: int) -> bytes:
    host = f"127.0.0.1:{port}"
    head = request("/v1/live", f"Origin: http://{host}")
    return head.replace(b"Host: 127.0.0.1\r\n", f"Host: {host}\r\n".encode())


def _pair(stack: ExitStack, sndbuf: int = 0) -> tuple[socket.socket, socket.socket]:
    """Give the writing and the reading end of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if sndbuf:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        reader = stack.enter_context(socket.create_connection(listener.getsockname()))
        writer = stack.enter_context(listener.accept()[0])
    writer.setblocking(False)
    reader.setblocking(False)
    return writer, reader


def _read(reader: socket.socket, count: int) -> bytes:
    try:
        return reader.recv(count)
    except BlockingIOError:
        return b""


@pytest.mark.skipif(not is_allowed(), reason="no ring")
def test_a_few_are_written_one_by_one_and_many_through_the_ring() -> None:
    descriptors = ring.RingDescriptors(writing.open_ring())
    sent: list[int] = []
    send = descriptors._ring.send

    def counting(entries: memoryview, data: bytes) -> tuple[list[tuple[int, int]], int]:
        sent.append(len(entries) // ring.SQE.size)
        return send(entries, data)

    descriptors._ring.send = counting  # type: ignore[method-assign]
    with ExitStack() as stack:
        pairs = [socket.socketpair() for _ in range(ring.FEWEST)]
        for mine, its in pairs:
            stack.enter_context(mine)
            stack.enter_context(its)
            descriptors.append(mine.fileno())

        assert descriptors.write(0, ring.FEWEST - 1, b"few ") == []
        assert sent == []
        assert descriptors.write(0, ring.FEWEST, b"many") == []
        assert sent == [ring.FEWEST]

        got = [its.recv(100) for _, its in pairs]
    assert got == [*[b"few many"] * (ring.FEWEST - 1), b"many"]
