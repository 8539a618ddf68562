"""The load client in C and the one in Python count the same, and find every hole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from loadtest.native import client as client_module
from loadtest.native.build import NoCompiler, compiler
from loadtest.native.client import Aim, Encoding, LoadClient, hiroba
from loadtest.native.program import ProgramFailed
from loadtest.native.yardstick import Yardstick
from server.item import Item
from server.parts import Items
from server.protocol import Encoding as Wire
from server.protocol import passing, push, reply
from server.publication import Flag, Publication

EPOCH = 1_763_750_000_123
WIRES = {"msgpack": Wire.MSGPACK, "json": Wire.JSON}
NAMES = [Subprotocol(wire.value) for wire in Wire]

needs_compiler = pytest.mark.skipif(
    compiler() is None, reason="!!! there is no C compiler: the load client is not tested !!!"
)
KINDS = [pytest.param("c", marks=needs_compiler), "python"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which client it is."""

    def missing(program: str) -> Any:
        raise NoCompiler("no compiler here")

    if request.param == "python":
        monkeypatch.setattr(client_module, "built", missing)
    return str(request.param)


class Stage:
    """A server whose connections a test writes to."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.hellos: list[Any] = []
        self.welcome: bytes | str | None = None
        self.server: Server

    @property
    def url(self) -> str:
        port = next(iter(self.server.sockets)).getsockname()[1]
        return f"http://127.0.0.1:{port}"

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def serve(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        async for message in connection:
            self.hellos.append(message)
            if self.welcome is not None:
                await connection.send(self.welcome)

    async def write(self, message: Any) -> None:
        for connection in self.connections:
            await connection.send(message)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    async with serve(made.serve, "127.0.0.1", 0, subprotocols=NAMES, max_size=None) as server:
        made.server = server
        yield made


def item(offset: int, text: str = "こんにちは \"]}'") -> Item:
    body = {"event": "comment.posted", "text": text, "pubs": [1, {"to": 7}]}
    packed = msgpack.packb(body)
    return Item(Publication(EPOCH, offset, 1_763_750_000_999, Flag(0), "g1", "id", packed))


def pushed(wire: Wire, first: int, last: int, *, text: str = "x]}", **change: Any) -> bytes | str:
    items = [item(offset, text) for offset in range(first, last + 1)]
    options = {"epoch": EPOCH, "of": None} | change
    left = options.pop("items", items)
    epoch = options.pop("epoch")
    made = push(wire, "room:1", epoch, (first, last), left, **options)
    return made.decode() if wire is Wire.JSON else made


def welcome(wire: Wire, offset: int, epoch: int = EPOCH) -> bytes | str:
    ok = {
        "session": "s",
        "you": None,
        "limits": {"frame": 8192, "text": -1.5},
        "time": 1,
        "subscriptions": {
            "room:1": {
                "ok": {
                    "pubs": Items([item(1), item(2)]),
                    "room": {"title": 'a "quoted" \\ [{,', "epoch": 5, "list": []},
                    "recovered": False,
                    "epoch": epoch,
                    "offset": offset,
                }
            }
        },
    }
    made = reply(wire, 1, ok)
    return made.decode() if wire is Wire.JSON else made


@asynccontextmanager
async def opened(stage: Stage, encoding: Encoding, count: int, **more: Any) -> AsyncIterator[Any]:
    aim = hiroba(stage.url, "room:1", count, encoding, **more)
    async with await LoadClient.open(aim) as client:
        yield client


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
async def test_publications_are_counted_for_each_connection(
    stage: Stage, encoding: Encoding, kind: str
) -> None:
    wire = WIRES[encoding]
    stage.welcome = welcome(wire, 40)
    async with opened(stage, encoding, 3) as client:
        assert client.native is (kind == "c")
        await client.reset()
        event = passing(wire, "room:1", [msgpack.packb({"event": "reactions.counted"})])
        await stage.write(pushed(wire, 41, 41))
        await stage.write(event.decode() if wire is Wire.JSON else event)
        await stage.write(pushed(wire, 42, 41))
        await stage.write(pushed(wire, 42, 60))
        await stage.write(pushed(wire, 61, 1060))

        counts = await client.wait(3 * 1020, 10)

    assert counts.problems("client", 1020) == []
    assert (counts.publications, counts.frames, counts.passing) == (3060, 15, 3)
    assert (counts.open, counts.least, counts.most) == (3, 1020, 1020)
    assert counts.cpu_us > 0 and 0 < counts.first <= counts.last <= counts.seconds


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
async def test_every_hole_repetition_and_omission_is_found(
    stage: Stage, encoding: Encoding, kind: str
) -> None:
    wire = WIRES[encoding]
    stage.welcome = welcome(wire, 40)
    async with opened(stage, encoding, 2) as client:
        for message in (
            pushed(wire, 42, 42),  # 41 is missing
            pushed(wire, 42, 43),  # 42 came before
            pushed(wire, 44, 50, items=[item(44)], of=7, why="sampled"),
            pushed(wire, 1, 2, epoch=EPOCH + 9),
            pushed(wire, 9, 9, epoch=EPOCH + 10),  # a new epoch begins with 1
            pushed(wire, 10, 10, epoch=EPOCH + 10),
        ):
            await stage.write(message)

        counts = await client.wait(2 * 6, 0.5)

    assert (counts.holes, counts.repeated, counts.left_out) == (2 * 2, 2, 2)
    assert any("4 holes" in each for each in counts.problems("client"))


async def test_a_channel_without_a_publication_begins_with_the_first(
    stage: Stage, kind: str
) -> None:
    stage.welcome = welcome(Wire.MSGPACK, 0, epoch=0)
    async with opened(stage, "msgpack", 1) as client:
        await stage.write(pushed(Wire.MSGPACK, 1, 1))

        assert (await client.wait(1, 10)).problems("client", 1) == []


async def test_messages_in_pieces_and_pings_between_them_are_read(stage: Stage, kind: str) -> None:
    stage.welcome = welcome(Wire.JSON, 0)
    async with opened(stage, "json", 1) as client:
        (connection,) = stage.connections
        text = pushed(Wire.JSON, 1, 3, text="x" * 30_000)
        assert isinstance(text, str)
        await connection.send([text[:1], text[1:70_000], text[70_000:]])
        pong = await connection.ping(b"are you there")
        await pong
        await connection.send(pushed(Wire.JSON, 4, 4, text="y" * 70_000))

        counts = await client.wait(4, 10)

    assert counts.problems("client", 4) == []
    assert (counts.frames, counts.pings) == (2, 1)
    assert counts.bytes > 160_000


async def test_who_is_stalled_reads_later_what_was_written_meanwhile(
    stage: Stage, kind: str
) -> None:
    stage.welcome = welcome(Wire.MSGPACK, 0)
    async with opened(stage, "msgpack", 4) as client:
        await client.stall(1)
        await stage.write(pushed(Wire.MSGPACK, 1, 5))
        before = await client.wait(3 * 5, 10)
        await client.unstall()
        after = await client.wait(4 * 5, 10)

    assert (before.publications, before.least, before.most) == (15, 5, 5)
    assert after.problems("client", 5) == []


async def test_the_time_since_posting_is_sampled(stage: Stage, kind: str) -> None:
    stage.welcome = welcome(Wire.JSON, 0)
    async with opened(stage, "json", 2, latency=True) as client:
        posted = time.monotonic_ns() - 5_000_000
        await stage.write(pushed(Wire.JSON, 1, 3, text=f"hello t={posted:016x} 広場"))
        await stage.write(pushed(Wire.JSON, 4, 4, text="t=12 t= t=zz no moment"))
        await client.wait(8, 10)

        told = await client.latency()

    assert told["samples"] == 6
    assert 5 <= told["p50"] <= told["p99"] <= told["most"] < 60_000


async def test_close_codes_are_told(stage: Stage, kind: str) -> None:
    stage.welcome = welcome(Wire.MSGPACK, 0)
    async with opened(stage, "msgpack", 3) as client:
        await stage.connections[0].close(4001)
        await stage.connections[1].close(4002)
        async with asyncio.timeout(10):
            while (counts := await client.count()).dead < 2:
                pass

    assert counts.closes == {"4001": 1, "4002": 1}
    assert counts.open == 1


async def test_what_other_servers_say_is_counted_by_a_word(stage: Stage, kind: str) -> None:
    stage.welcome = "joined the room"
    aim = Aim(
        *(stage.port, 2),
        path="/any",
        headers=[f"Sec-WebSocket-Protocol: {NAMES[0]}"],
        hellos=[["first", b"\x01\x02"], ["second"]],
        ready="joined",
        counted='"pub"',
        answers=[("2", "3")],
    )
    async with await LoadClient.open(aim) as client:
        await stage.write('{"pub": 1}\n{"pub": 2}')
        await stage.write("2probe")
        await stage.write("nothing")
        counts = await client.wait(4, 10)
        await client.say(0, "last words")
        async with asyncio.timeout(10):
            while "last words" not in stage.hellos:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    assert counts.publications == 4
    assert stage.hellos.count("3") == 2
    assert {"first", b"\x01\x02", "second"} <= set(stage.hellos)


async def test_a_refusal_is_told_with_what_the_server_answered(stage: Stage, kind: str) -> None:
    stage.welcome = '{"id":1,"error":{"code":"unavailable"}}'

    with pytest.raises(ProgramFailed, match=r"0 of 2 came in.*unavailable"):
        async with opened(stage, "json", 2):
            pass


@needs_compiler
@pytest.mark.parametrize("way", ["send", "ring"])
async def test_the_yardstick_gives_every_frame_to_every_reader(way: Any) -> None:
    try:
        async with Yardstick(20, way) as yardstick:
            rounds = [await yardstick.round(30, 0.001, size) for size in (100, 300, 5000)]
    except ProgramFailed as failed:
        if way == "ring" and "no io_uring" in str(failed):
            pytest.skip(f"!!! {failed} !!!")
        raise

    assert [each.problems for each in rounds] == [[], [], []]
    assert all(each.deliveries == 600 and each.cpu_us > 0 for each in rounds)
