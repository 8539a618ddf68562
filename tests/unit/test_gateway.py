"""What all connections of a gateway share: who may come, who has to go, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from server.handshake import Refusal
from server.protocol import Encoding
from tests.unit.fake_product import ORIGIN, Client, Town

ROOM = "room:42"


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    town = Town()
    town.gateway.start()
    yield town
    await town.gateway.close()


async def connected(town: Town, token: str | None = None, *channels: str) -> Client:
    client = town.client()
    client.send("connect", token=token, subscribe=[{"channel": name} for name in channels])
    await settle()
    assert "ok" in client.reply(1)
    return client


async def settle() -> None:
    """Let everything run that needs no time to pass."""
    for _ in range(20):
        await asyncio.sleep(0)


def status(refusal: Refusal | None) -> int | None:
    return None if refusal is None else refusal.status


# Who may come.


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"host": "LIVE.example.com"}, None),
        ({"host": "other.example.com"}, 403),
        ({"host": ""}, 403),
        ({"host": "live.example.com:8443"}, 403),
        ({"origin": "https://evil.example.com"}, 403),
        ({"origin": "http://live.example.com"}, 403),
        ({"origin": ORIGIN + "/"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "", "authorization": "Bearer nonsense"}, 403),
        ({"origin": "", "authorization": "Basic abc"}, 403),
        ({"authorization": "Bearer nonsense"}, 403),
    ],
)
async def test_host_and_origin_are_compared_exactly(
    town: Town, headers: dict[str, str], expected: int | None
) -> None:
    assert status(town.gateway.admit(town.upgrade(**headers))) == expected


async def test_without_origin_only_a_signed_token_is_let_in(town: Town) -> None:
    token, expired = town.token("m7"), town.token("m7", expires=town.clock())

    found = [
        status(town.gateway.admit(town.upgrade(origin="", authorization=f"Bearer {each}")))
        for each in (token, expired, "t.ticket")
    ]
    foreign = town.upgrade(origin="https://evil.example.com", authorization=f"Bearer {token}")

    assert found == [None, 403, 403]
    assert status(town.gateway.admit(foreign)) == 403


async def test_an_address_connects_so_often_and_no_more(town: Town) -> None:
    found = [status(town.gateway.admit(town.upgrade())) for _ in range(51)]
    other = status(town.gateway.admit(town.upgrade(peer="198.51.100.2")))
    refusal = town.gateway.admit(town.upgrade())
    town.turned.now += 1

    assert found == [None] * 50 + [429]
    assert other is None
    assert refusal is not None
    assert refusal.headers["retry-after"] == "1"
    assert town.gateway.admit(town.upgrade()) is None


async def test_behind_a_trusted_proxy_the_clients_address_counts() -> None:
    town = Town(trusted_proxies=(ip_network("10.0.0.0/8"),))

    def try_from(client: str) -> int | None:
        return status(town.gateway.admit(town.upgrade("10.0.0.1", x_forwarded_for=client)))

    found = [try_from("2001:db8::1") for _ in range(51)]

    assert found[-1] == 429
    assert try_from("2001:db8::2") == 429
    assert try_from("2001:db8:0:1::1") is None
    connection = Client(
        town.gateway,
        town.kernel.open(),
        town.upgrade("10.0.0.1", x_forwarded_for="203.0.113.5"),
    ).connection
    assert connection.address == "203.0.113.5"


async def test_a_full_process_sends_new_connections_elsewhere() -> None:
    town = Town(max_connections=2)
    clients = [town.client() for _ in range(2)]

    full = town.gateway.admit(town.upgrade())
    clients[0].socket.abort()

    assert full is not None
    assert (full.status, full.headers["retry-after"]) == (503, "5")
    assert town.gateway.admit(town.upgrade()) is None


async def test_a_full_process_is_told_before_anything_else_is_judged() -> None:
    town = Town(max_connections=1)
    town.client()

    found = [status(town.gateway.admit(town.upgrade(host="x"))) for _ in range(60)]

    assert found == [503] * 60


# Who has to go.


async def test_a_revoked_session_ends_and_a_newer_one_stays(town: Town) -> None:
    old = await connected(town, town.token("m42", version=1))
    new = await connected(town, town.token("m42", version=2))
    other = await connected(town, town.token("m43", version=1))

    await town.broker.control({"type": "revoke", "publisher": "m42", "version": 2})
    await settle()

    assert [old.closed, new.closed, other.closed] == [4508, None, None]
    assert town.sessions.versions == {"m42": 2}


async def test_version_0_ends_all_sessions_of_a_publisher(town: Town) -> None:
    clients = [await connected(town, town.token("m42", version=n)) for n in (0, 5)]

    await town.broker.control({"type": "revoke", "publisher": "m42", "version": 0})
    await settle()

    assert [client.closed for client in clients] == [4508, 4508]
    assert town.sessions.versions == {}


async def test_what_is_revoked_while_it_connects_does_not_stay(town: Town) -> None:
    opened, genuine = asyncio.Event(), town.sessions.open

    async def slow(*args: object, **options: object) -> None:
        await genuine(*args, **options)  # type: ignore[arg-type]
        await opened.wait()

    town.sessions.open = slow  # type: ignore[method-assign, assignment]
    client = town.client()
    client.send("connect", token=town.token("m42", version=1))
    await settle()
    await town.broker.control({"type": "revoke", "publisher": "m42", "version": 2})
    opened.set()
    await settle()

    assert client.closed == 4508


async def test_who_is_denied_everywhere_has_to_go_and_stay_away(town: Town) -> None:
    client = await connected(town, town.token("m42"))
    other = await connected(town, town.token("m43"))
    end = town.clock() + 60_000

    await town.broker.control({"type": "deny", "publisher": "m42", "until": end})
    await settle()
    again = town.client()
    again.send("connect", token=town.token("m42"))
    await settle()

    assert [client.closed, again.closed, other.closed] == [4505, 4505, None]
    assert town.sessions.denied == {"m42": end}


async def test_a_lifted_denial_lets_somebody_in_again(town: Town) -> None:
    for end in (town.clock() + 60_000, 0):
        await town.broker.control({"type": "deny", "publisher": "m42", "until": end})
    await settle()

    client = await connected(town, town.token("m42"))

    assert client.closed is None


async def test_who_may_no_longer_read_a_channel_has_to_go(town: Town) -> None:
    reader = await connected(town, None, ROOM)
    of_both = await connected(town, None, ROOM, "room:43")
    other = await connected(town, None, "room:43")
    town.product.closed_channels.add(ROOM)

    await town.broker.control({"type": "recheck", "channel": ROOM})
    await settle()

    assert [reader.closed, of_both.closed, other.closed] == [4507, 4003, None]


async def test_a_recheck_sees_what_was_told_with_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = await connected(town, None, ROOM)

    async def forget(ctx: object, body: dict[str, object]) -> None:
        await asyncio.sleep(0)
        town.product.closed_channels.add(ROOM)

    monkeypatch.setattr(town.product, "on_control", forget)
    await town.broker.control({"type": "recheck", "channel": ROOM})
    await settle()

    assert reader.closed == 4507


async def test_everything_that_is_told_reaches_the_product(town: Town) -> None:
    bodies = [{"type": "changed", "what": "room"}, {"type": "deny", "publisher": "m1", "until": 0}]

    for body in bodies:
        await town.broker.control(body)
    await settle()

    assert town.product.told == bodies


async def test_a_product_that_fails_at_control_does_not_end_it(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*args: object) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(town.product, "on_control", fail)
    await town.broker.control({"type": "changed"})
    await settle()
    monkeypatch.undo()
    await town.broker.control({"type": "changed"})
    await settle()

    assert town.product.told == [{"type": "changed"}]


async def test_new_keys_are_read_when_it_is_told(town: Town) -> None:
    new = {"id": 2, "secret": b"n" * 32, "created": 0, "retired": None}
    town.table.rows.append(new)

    await town.broker.control({"type": "secrets"})
    await settle()

    assert town.table.reads == 1
    assert town.token() != Town().token()


# Pings.


async def test_who_answers_no_ping_within_20_seconds_is_gone(town: Town) -> None:
    clients = [await connected(town) for _ in range(40)]
    dead, late = clients[3], clients[4]
    town.gateway.pings.tick()
    for _ in range(19):
        town.gateway.pings.tick()
    pinged = [client.screen.look().pings for client in clients]
    for client in clients:
        if client is late:
            client.send("say", text="anything counts")
        elif client is not dead:
            client.connection.on_pong()
    for _ in range(20):
        town.gateway.pings.tick()

    assert pinged == [1] * 40
    assert [client for client in clients if not client.socket.open] == [dead]
    assert town.gateway.pings.aborted == 1
    assert dead.connection not in town.gateway.connections


async def test_a_paused_connection_gets_no_ping_into_its_frames(town: Town) -> None:
    socket = town.kernel.open(room=100)
    client = Client(town.gateway, socket, town.upgrade())
    client.send("connect")
    await settle()
    assert socket.paused

    for _ in range(60):
        town.gateway.pings.tick()

    assert socket.open


# The end of a process.


async def test_draining_sends_everybody_elsewhere_and_lets_nobody_in(town: Town) -> None:
    clients = [await connected(town, None, ROOM) for _ in range(30)]

    await town.gateway.drain(0.2)

    assert {client.closed for client in clients} == {4001}
    refusal = town.gateway.admit(town.upgrade())
    assert refusal is not None
    assert (refusal.status, refusal.headers["retry-after"]) == (503, "1")
    assert town.gateway.problems() == {"draining": "stopping"}
    assert town.gateway.connections == set()


async def test_draining_without_anybody_takes_no_time(town: Town) -> None:
    async with asyncio.timeout(1):
        await town.gateway.drain(60)


async def test_a_gateway_that_is_cut_off_is_not_ready(town: Town) -> None:
    before = town.gateway.problems()
    town.broker.ready = False

    assert before == {}
    assert "live" in town.gateway.problems()


async def test_viewers_are_people_not_connections(town: Town) -> None:
    for token in (town.token("m1"), town.token("m1"), town.token("m2"), None, None):
        await connected(town, token, ROOM)
    staff = town.token("m3", rank=40)
    await connected(town, staff, "room:42:staff")

    assert town.gateway.viewers() == {ROOM: 4}


async def test_one_publication_reaches_the_viewers_of_two_gateways(town: Town) -> None:
    other = Town(town.redis)
    other.gateway.start()
    clients = [await connected(town, None, ROOM), await connected(other, None, ROOM)]
    msgpack_client = other.client(Encoding.MSGPACK)
    msgpack_client.send("connect", subscribe=[{"channel": ROOM}])
    await settle()

    for n in range(5):
        town.redis.publish(ROOM, str(n))
    await settle()

    for client in (*clients, msgpack_client):
        assert client.screen.look().texts(ROOM) == list("01234")
    await other.gateway.close()
