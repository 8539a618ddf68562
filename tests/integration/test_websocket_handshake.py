"""Handshakes under a real uvicorn: accepted, refused with a whole response, or left to others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvloop

from server.handshake import Refusal
from server.websocket_frames import close_frame, text_frame
from tests.integration.fake_gate import (
    App,
    FakeGate,
    RawClient,
    Running,
    eventually,
    request,
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


@pytest.mark.parametrize("protocol", ["hiroba.v1.json", "hiroba.v1.msgpack"])
async def test_a_client_of_either_subprotocol_talks(server_: Running, protocol: str) -> None:
    async with client(server_, protocol) as socket:
        assert socket.subprotocol == protocol
        await socket.send("広場")
        await socket.send(b"\x00\xff" * 40_000)
        assert await socket.recv() == "広場"
        assert await socket.recv() == b"\x00\xff" * 40_000

    session = await server_.session()
    await eventually(lambda: session.closed)
    assert session.socket.subprotocol == protocol
    assert session.closed == [1000]
    assert server_.connections == 0


async def test_the_handshake_tells_the_gate_what_was_asked(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(request("/v1/live?a=b", "Origin: https://shop.example"))
        await raw.response()

        asked = server_.gate.asked[0]
        assert (asked.path, asked.query, asked.peer) == ("/v1/live", "a=b", "127.0.0.1")
        assert asked.headers["origin"] == "https://shop.example"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (request("/elsewhere"), 404),
        (request(method="POST"), 405),
        (request().replace(b"Version: 13", b"Version: 8"), 426),
        (request().replace(b"ub25jZQ==", b""), 400),
        (request(protocol="chat"), 400),
        (request("/v1/live", "x: " + "y" * 17_000), 431),
    ],
)
async def test_a_refused_handshake_is_a_whole_response_and_the_end(
    server_: Running, data: bytes, expected: int
) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(data)
        status, headers, body = await raw.response()

        assert status == expected
        assert headers["connection"] == "close"
        assert b'"error"' in body
        assert await raw.rest() == b""
    await eventually(lambda: server_.connections == 0)
    assert server_.gate.sessions == []


async def test_the_gate_refuses_before_the_handshake_is_looked_at(server_: Running) -> None:
    server_.gate.refusal = Refusal.of(503, "unavailable", "Full.", retry_after="3")

    async with RawClient(server_.port) as raw:
        await raw.send(request(protocol="chat"))
        status, headers, _ = await raw.response()

        assert (status, headers["retry-after"]) == (503, "3")
        assert await raw.rest() == b""
        await eventually(lambda: server_.connections == 0)


async def test_the_gate_is_not_asked_about_other_addresses(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(request("/elsewhere"))
        await raw.response()

    assert server_.gate.asked == []


async def test_a_server_without_a_gate_says_that_it_is_starting() -> None:
    async with running(FakeGate(), app=App(None)) as server, RawClient(server.port) as raw:
        await raw.send(request())
        status, headers, _ = await raw.response()

        assert (status, headers["retry-after"]) == (503, "1")


async def test_a_gate_that_fails_is_an_internal_error(server_: Running) -> None:
    server_.gate.fault = "admit"
    async with RawClient(server_.port) as raw:
        await raw.send(request())
        assert (await raw.response())[0] == 500

    server_.gate.fault = "accept"
    async with RawClient(server_.port) as raw:
        await opened(raw)
        assert await raw.receive(len(close_frame(1011, "internal"))) == close_frame(
            1011, "internal"
        )


async def test_a_frame_in_the_same_packet_as_the_handshake_is_not_lost(server_: Running) -> None:
    async with RawClient(server_.port) as raw:
        await raw.send(request() + sent(1, b"early") + sent(1, b"split")[:5])
        await raw.response()

        assert await raw.receive(7) == text_frame(b"early")
        session = await server_.session()
        assert session.received == [(b"early", True)]
        assert session.request.path == "/v1/live"


async def test_the_class_works_under_the_http_protocol_of_uvicorn_too(gate: FakeGate) -> None:
    async with running(gate, http="httptools") as server, client(server) as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
