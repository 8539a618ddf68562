"""The HTTP side of the gateway: bounded heads, and the way to an upgrade."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import server.http_protocol
from server.entrance import Doorway
from server.handshake import MAX_HEAD
from server.websocket_frames import text_frame
from tests.integration.fake_gate import (
    App,
    FakeGate,
    RawClient,
    Running,
    eventually,
    request,
    running,
)

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def app() -> App:
    return App(FakeGate())


@pytest.fixture
async def server_(app: App) -> AsyncIterator[Running]:
    assert app.gate is not None
    async with running(app.gate, app=app) as server:
        yield server


async def test_requests_are_answered_one_after_another(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        for _ in range(3):
            await raw.send(GET)
            assert (await raw.response())[0] == 200


async def test_requests_sent_at_once_are_all_answered(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(GET * 3)
        for _ in range(3):
            assert (await raw.response())[0] == 200


async def test_a_body_beyond_the_limit_of_heads_is_not_a_head(server_: Running) -> None:
    size = 4 * MAX_HEAD
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
    async with RawClient(server_.port) as raw:
        for _ in range(2):
            await raw.send(post)
            await raw.send(b"x" * (size - 10))
            await raw.send(b"x" * 10)
            assert (await raw.response())[0] == 200


async def test_a_connection_may_become_a_websocket_after_a_request(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(GET)
        await raw.response()
        await raw.send(request() + b"\x81\x82\0\0\0\0hi")

        assert (await raw.response())[0] == 101
        assert await raw.receive(4) == text_frame(b"hi")


async def test_an_upgrade_behind_an_unanswered_request_ends_the_connection_in_order(
    server_: Running, app: App
) -> None:
    app.go.clear()
    async with RawClient(server_.port) as raw:
        await raw.send(GET + request())
        async with RawClient(server_.port) as other:
            await other.send(request())
            assert (await other.response())[0] == 101
        app.go.set()

        assert (await raw.response())[0] == 200
        assert await raw.rest() == b""
    assert len(server_.gate.sessions) == 1


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nx: " + b"y" * MAX_HEAD + b"\r\n\r\n",
        b"GET /" + b"y" * MAX_HEAD + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"y" * 1_000_000,
    ],
    ids=["a long header", "a long target", "many headers", "an endless header"],
)
async def test_a_head_above_the_limit_is_refused(server_: Running, head: bytes) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(head)
        status, headers, body = await raw.response()

        assert status == 431
        assert headers["connection"] == "close"
        assert b"too_large" in body
        assert await raw.rest() == b""


async def test_a_head_that_does_not_end_in_time_is_refused(
    server_: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.http_protocol, "HEAD_SECONDS", 0.05)
    async with RawClient(server_.port) as raw:
        await raw.send(b"GET / HTTP/1.1\r\nHost:")

        assert (await raw.response())[0] == 408
        assert await raw.rest() == b""


async def test_a_connection_that_sends_nothing_is_closed(app: App) -> None:
    assert app.gate is not None
    async with running(app.gate, app=app, http=Doorway(0.05)) as server_:
        async with RawClient(server_.port) as raw:
            assert await raw.rest() == b""
        await eventually(lambda: server_.connections == 0)


async def test_a_connection_that_sends_nothing_after_an_answer_is_closed(
    server_: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.http_protocol, "HEAD_SECONDS", 0.05)
    async with RawClient(server_.port) as raw:
        await raw.send(b"\r\n")
        assert await raw.rest() == b""


async def test_a_stopping_server_closes_who_has_said_nothing(app: App) -> None:
    assert app.gate is not None
    async with running(app.gate, app=app) as server_, RawClient(server_.port) as raw:
        await eventually(lambda: server_.connections == 1)

        server_.server.should_exit = True

        assert await raw.rest() == b""


@pytest.mark.parametrize("cut", [1, 20, 60, -1])
async def test_a_handshake_that_arrives_in_pieces_is_read_all_the_same(
    server_: Running, cut: int
) -> None:
    head = request()
    async with RawClient(server_.port) as raw:
        await raw.send(head[:cut])
        await eventually(lambda: server_.connections == 1)
        async with RawClient(server_.port) as other:
            await other.send(GET)
            await other.response()
        await raw.send(head[cut:] + b"\x81\x82\0\0\0\0hi")

        assert (await raw.response())[0] == 101
        assert await raw.receive(4) == text_frame(b"hi")


@pytest.mark.parametrize(
    "head",
    [
        request("/v1/live", "x-forwarded-for: 1.1.1.1", "X-Forwarded-For: 2.2.2.2"),
        request().replace(b"Host: ", b"Host:\t "),
        request().replace(b"websocket", b"WebSocket"),
        request().replace(b"Connection: Upgrade", b"Connection: keep-alive, upgrade"),
    ],
)
async def test_a_handshake_with_an_unusual_head_is_answered_as_any_other(
    server_: Running, head: bytes
) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(head)
        assert (await raw.response())[0] == 101


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (request("/v1/live", "Content-Length: 0x"), 400),
        (request("/v1/live", "a b: c"), 400),
        (request().replace(b"HTTP/1.1", b"HTTP/1.2"), 400),
        (request().replace(b"Upgrade: websocket\r\n", b""), 200),
        (request().replace(b"Connection: Upgrade\r\n", b""), 200),
    ],
)
async def test_what_is_no_plain_handshake_is_judged_by_the_parser_of_http(
    server_: Running, head: bytes, expected: int
) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(head)
        assert (await raw.response())[0] == expected
    assert server_.gate.sessions == []


async def test_a_slow_answer_is_not_a_slow_head(
    server_: Running, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.http_protocol, "HEAD_SECONDS", 0.05)
    app.go.clear()
    async with RawClient(server_.port) as raw:
        await raw.send(GET)
        async with RawClient(server_.port) as silent:
            await silent.send(b"\r\n")
            assert await silent.rest() == b""
        app.go.set()

        assert (await raw.response())[0] == 200


async def test_what_is_not_http_is_refused(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(b"\x16\x03\x01\x02\x00\r\n\r\n")

        assert (await raw.response())[0] == 400
        assert await raw.rest() == b""


async def test_a_peer_that_goes_on_sending_after_a_refusal_is_cut_off(
    server_: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.http_protocol, "LINGER_SECONDS", 0.05)
    async with RawClient(server_.port) as raw:
        await raw.send(b"nonsense\r\n\r\n")
        await raw.response()
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(5):
                while True:
                    await raw.send(b"x" * 1000)
