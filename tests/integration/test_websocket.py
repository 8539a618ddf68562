"""The WebSocket protocol class under a real uvicorn, with well-behaved and other clients."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator

import pytest
import uvloop
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

import server.websocket
from server.websocket_frames import PING_FRAME, binary_frame, close_frame, text_frame
from tests.integration.fake_gate import (
    FakeGate,
    RawClient,
    Running,
    eventually,
    running,
)
from tests.integration.raw_talk import client, opened, sent


@pytest.fixture(params=["uvloop", "asyncio"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return (
        uvloop.EventLoopPolicy() if request.param == "uvloop" else asyncio.DefaultEventLoopPolicy()
    )


@pytest.fixture
async def server_(gate: FakeGate) -> AsyncIterator[Running]:
    async with running(gate) as server:
        yield server


@pytest.fixture
def gate() -> FakeGate:
    return FakeGate()


async def test_a_ping_is_answered_and_a_pong_reaches_the_session(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        await raw.send(sent(9, b"abc"))
        assert await raw.receive(5) == b"\x8a\x03abc"

        session = await server_.session()
        session.socket.send(PING_FRAME)
        assert await raw.receive(2) == PING_FRAME
        await raw.send(sent(10))
        await eventually(lambda: session.pongs == 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (sent(2, b"x" * 100_001), 1009),
        (sent(1, b"\xff"), 1007),
        (b"\x81\x01x", 1002),
        (b"\xf1\x80\0\0\0\0", 1002),
        (sent(8, struct.pack("!H", 1005)), 1002),
    ],
    # Frames are masked at random; the names of tests stay the same in every process.
    ids=["too-large", "no-text", "no-mask", "reserved-bits", "reserved-code"],
)
async def test_a_peer_that_breaks_the_protocol_is_told_why(
    server_: Running, data: bytes, code: int
) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        await raw.send(sent(1, b"before") + data + b"x" * 300_000)

        rest = await raw.rest()
        assert rest.startswith(text_frame(b"before"))
        close = rest[len(text_frame(b"before")) :]
        assert (close[0], int.from_bytes(close[2:4], "big")) == (0x88, code)
        session = await server_.session()
        assert session.closed == [code]
        assert len(session.received) == 1
    await eventually(lambda: server_.connections == 0)


async def test_a_close_is_answered_once_and_ends_the_connection(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        await raw.send(sent(8, Close(4001, "bye").serialize()) + sent(1, b"late"))

        assert await raw.rest() == close_frame(4001)
        session = await server_.session()
        assert session.closed == [4001]
        assert session.received == []
    await eventually(lambda: server_.connections == 0)


async def test_a_normal_close_inside_an_incomplete_message_is_answered_1000(
    server_: Running,
) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        await raw.send(sent(1, b"never", final=False) + sent(8, Close(1000, "").serialize()))

        assert await raw.rest() == close_frame(1000)


async def test_our_close_waits_for_the_answer(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        session = await server_.session()
        session.socket.close(4005, "token expired")

        assert session.closed == [4005]
        assert session.alive_at_close
        frame = close_frame(4005, "token expired")
        assert await raw.receive(len(frame)) == frame
        session.socket.send(b"never")
        await raw.send(sent(1, b"in flight") + sent(9) + sent(8, Close(4005, "").serialize()))
        assert await raw.rest() == b""
        assert session.received == []
        assert session.closed == [4005]
    await eventually(lambda: server_.connections == 0)


async def test_a_close_without_an_answer_is_aborted(
    server_: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.websocket, "CLOSE_SECONDS", 0.05)

    async with RawClient(server_.port) as raw:
        await opened(raw)
        (await server_.session()).socket.close(4002, "slow")

        await eventually(lambda: server_.connections == 0)


async def test_a_close_to_a_peer_that_does_not_read_is_aborted(
    gate: FakeGate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.websocket, "CLOSE_SECONDS", 0.05)
    async with running(gate, sndbuf=8192) as server_, RawClient(server_.port, rcvbuf=4096) as raw:
        await opened(raw)
        session = await server_.session()
        while not session.socket.paused:
            session.socket.send(binary_frame(b"x" * 10_000))

        session.socket.close(4002, "slow")

        await eventually(lambda: server_.connections == 0)
        assert session.log == ["paused", "closed"]


async def test_an_abort_ends_at_once_after_the_session_left(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        session = await server_.session()
        session.socket.abort()

        assert session.closed == [1006]
        assert session.alive_at_close
        with pytest.raises(ConnectionResetError):
            if not await raw.rest():
                raise ConnectionResetError
        session.socket.abort()
        session.socket.close(1000)
        await eventually(lambda: server_.connections == 0)
        assert session.closed == [1006]


async def test_a_peer_that_ends_its_side_is_gone(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        await raw.send(sent(1, b"last"))
        raw.socket.shutdown(socket.SHUT_WR)

        assert await raw.rest() == text_frame(b"last")
        session = await server_.session()
        assert session.closed == [1006]
        assert session.alive_at_close


async def test_a_reset_closes_the_session_exactly_once(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        session = await server_.session()
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.socket.close()

        await eventually(lambda: server_.connections == 0)
        assert session.closed == [1006]
        assert session.alive_at_close
        assert session.socket.fd == -1


async def test_a_session_that_fails_closes_with_1011(server_: Running) -> None:
    async with client(server_) as socket_:
        await socket_.send("raise")
        with pytest.raises(ConnectionClosed):
            await socket_.recv()
        assert socket_.close_code == 1011

    assert (await server_.session()).closed == [1011]


async def test_a_slow_reader_is_paused_and_gets_everything_in_order(gate: FakeGate) -> None:
    async with running(gate, sndbuf=8192) as server_, RawClient(server_.port, rcvbuf=4096) as raw:
        await opened(raw)
        session = await server_.session()
        expected = b""
        for number in range(60):
            frame = binary_frame(b"%d " % number * 5000)
            expected += frame
            session.socket.send(frame)

        assert session.socket.paused
        assert session.log == ["paused"]
        assert await raw.receive(len(expected)) == expected
        await eventually(lambda: session.log == ["paused", "resumed"])
        assert not session.socket.paused


async def test_a_peer_that_does_not_read_is_not_read(gate: FakeGate) -> None:
    async with running(gate, sndbuf=8192) as server_, RawClient(server_.port, rcvbuf=4096) as raw:
        await opened(raw)
        session = await server_.session()
        size = 0
        while not session.socket.paused:
            session.socket.send(binary_frame(b"x" * 10_000))
            size += len(binary_frame(b"x" * 10_000))
        await raw.send(sent(1, b"command") + sent(9, b"one") + sent(9, b"two"))
        async with RawClient(server_.port) as other:
            await opened(other)
            await other.send(sent(9))
            await other.receive(2)
        assert session.received == []

        await raw.receive(size)

        expected = text_frame(b"command") + b"\x8a\x03one" + b"\x8a\x03two"
        assert await raw.receive(len(expected)) == expected


async def test_a_flood_of_pings_in_one_read_leaves_one_answer_waiting(gate: FakeGate) -> None:
    async with running(gate, sndbuf=8192) as server_, RawClient(server_.port, rcvbuf=4096) as raw:
        await opened(raw)
        session = await server_.session()
        size = 0
        while not session.socket.paused:
            session.socket.send(binary_frame(b"x" * 10_000))
            size += len(binary_frame(b"x" * 10_000))

        session.socket.data_received(sent(9, b"one") * 1000 + sent(9, b"two"))

        await raw.receive(size)
        assert await raw.receive(5) == b"\x8a\x03two"
        await raw.send(sent(9, b"end"))
        assert await raw.receive(5) == b"\x8a\x03end"


async def test_writes_to_the_descriptor_and_through_the_socket_keep_their_order(
    server_: Running,
) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        session = await server_.session()
        expected = b""
        for number in range(200):
            frame = text_frame(b"%d" % number)
            expected += frame
            assert not session.socket.paused
            if number % 2:
                os.write(session.socket.fd, frame)
            else:
                session.socket.send(frame)

        assert await raw.receive(len(expected)) == expected


async def test_small_frames_are_sent_without_delay(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await opened(raw)
        fd = os.dup((await server_.session()).socket.fd)

        with socket.socket(fileno=fd) as copy:
            assert copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


async def test_a_stopping_server_tells_its_connections_to_come_back(gate: FakeGate) -> None:
    async with running(gate) as server_:
        clients = [await client(server_) for _ in range(5)]

        server_.server.should_exit = True

        for socket_ in clients:
            with pytest.raises(ConnectionClosed):
                await socket_.recv()
            assert socket_.close_code == 4001
        await eventually(lambda: server_.connections == 0)
    assert [session.closed for session in gate.sessions] == [[4001]] * 5


async def test_many_connections_at_once_talk_and_leave_nothing_behind(server_: Running) -> None:
    async def visit(number: int) -> None:
        async with client(server_, open_timeout=30) as socket_:
            for turn in range(5):
                await socket_.send(f"{number} {turn}")
                assert await socket_.recv() == f"{number} {turn}"

    await asyncio.gather(*(visit(number) for number in range(300)))

    await eventually(lambda: server_.connections == 0)
    assert [session.closed for session in server_.gate.sessions] == [[1000]] * 300
