"""Sessions, tickets and shared counters, on a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from server.broker import Broker
from server.errors import Closed, Refused
from server.identity import Claims
from server.protocol import CloseCode
from server.rate_limit import RedisLimit
from server.sessions import TICKET_SECONDS, Sessions
from server.settings import Rate
from tests.integration.channels import Known, brokers


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """A broker on an emptied Valkey."""
    async with brokers(redis_url, Known()) as broker:
        yield broker


CLAIMS = Claims("ticket", "m42", "Mana", 20, 3, 1_763_750_000_000, language="ja")


async def close_code(sessions: Sessions, session: str, **options: object) -> int:
    with pytest.raises(Closed) as caught:
        await sessions.open("m42", session, "g1:9", **{"version": 3, "most": 10, **options})  # type: ignore[arg-type]
    return caught.value.code


async def test_a_ticket_connects_once(broker: Broker) -> None:
    sessions = Sessions(broker)

    ticket = await sessions.issue_ticket(CLAIMS)

    assert await sessions.redeem(ticket) == CLAIMS
    with pytest.raises(Refused) as caught:
        await sessions.redeem(ticket)
    assert caught.value.code == "expired"


async def test_a_ticket_lives_a_minute(broker: Broker) -> None:
    ticket = await Sessions(broker).issue_ticket(CLAIMS)

    left = await broker.call("TTL", f"ticket:{ticket.removeprefix('t.')}")

    assert TICKET_SECONDS - 5 <= left <= TICKET_SECONDS


@pytest.mark.parametrize("ticket", ["t.", "t.unknown", "t." + "x" * 5000])
async def test_an_invented_ticket_is_refused(broker: Broker, ticket: str) -> None:
    with pytest.raises(Refused) as caught:
        await Sessions(broker).redeem(ticket)

    assert caught.value.code == "expired"


async def test_only_so_many_connections_are_open_at_once(broker: Broker) -> None:
    sessions = Sessions(broker)
    for number in range(3):
        await sessions.open("m42", f"s{number}", f"g1:{number}", version=3, most=3)

    refused = await close_code(sessions, "s9", most=3)
    await sessions.close("m42", "s1", "g1:1")
    await sessions.open("m42", "s9", "g1:9", version=3, most=3)

    assert refused == CloseCode.CONNECTION_LIMIT


async def test_a_reconnect_takes_its_session_over(broker: Broker) -> None:
    sessions = Sessions(broker)
    await sessions.open("m42", "s1", "g1:1", version=3, most=1)

    await sessions.open("m42", "s1", "g2:1", version=3, most=1)
    await sessions.close("m42", "s1", "g1:1")

    assert await close_code(sessions, "s2", most=1) == CloseCode.CONNECTION_LIMIT
    await sessions.close("m42", "s1", "g2:1")
    await sessions.open("m42", "s2", "g1:2", version=3, most=1)


async def test_connections_of_a_killed_gateway_do_not_count(broker: Broker) -> None:
    sessions = Sessions(broker)
    await sessions.open("m42", "s1", "dead:1", version=3, most=1)

    unknown = await close_code(sessions, "s2", most=1)
    await sessions.open("m42", "s2", "g1:2", version=3, most=1, gateways=("g1", "g2"))

    assert unknown == CloseCode.CONNECTION_LIMIT
    assert await close_code(sessions, "s3", most=1, gateways=("g1",)) == CloseCode.CONNECTION_LIMIT


async def test_a_revoked_session_cannot_come_back(broker: Broker) -> None:
    sessions = Sessions(broker)

    await sessions.revoke("m42", 4)
    await sessions.revoke("m42", 2)

    assert await close_code(sessions, "s1") == CloseCode.SESSION_REVOKED
    await sessions.open("m42", "s1", "g1:1", version=4, most=10)


async def test_somebody_denied_cannot_connect_until_it_is_lifted(broker: Broker) -> None:
    sessions = Sessions(broker)
    now = broker.redis_time

    await sessions.deny("m42", now + 60_000)
    denied = await close_code(sessions, "s1")
    await sessions.deny("m42", 0)
    await sessions.open("m42", "s1", "g1:1", version=3, most=10)
    await sessions.deny("m42", now - 60_000)
    await sessions.open("m42", "s1", "g1:1", version=3, most=10)

    assert denied == CloseCode.DENIED


async def test_a_denial_outlives_what_else_is_known_of_a_publisher(broker: Broker) -> None:
    sessions = Sessions(broker)
    week = 7 * 86_400
    await sessions.open("m42", "s1", "g1:1", version=3, most=10)

    await sessions.deny("m42", broker.redis_time + week * 1000)
    await sessions.revoke("m42", 3)

    assert await broker.call("TTL", "session:m42") > week - 60
    assert await close_code(sessions, "s2") == CloseCode.DENIED
    await sessions.deny("m42", 253_402_300_799_000)
    assert await broker.call("TTL", "session:m42") > 50 * week


async def test_tries_are_counted_over_all_processes(broker: Broker) -> None:
    one, other = RedisLimit(broker), RedisLimit(broker)
    rate = Rate(2, 60_000)

    await one.take("sign-in", "mana", rate)
    await other.take("sign-in", "mana", rate)
    await other.take("sign-in", "yuki", rate)
    with pytest.raises(Refused) as caught:
        await one.take("sign-in", "mana", rate)

    assert caught.value.code == "rate_limited"
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 60_000


async def test_a_counter_ends_with_its_period(broker: Broker, redis: Redis) -> None:
    limit = RedisLimit(broker)

    await limit.take("sign-in", "\ud800" * 9000, Rate(1, 60_000))

    (key,) = await redis.keys("rate:*")
    assert 0 < await redis.pttl(key) <= 60_000
    assert len(key) < 64


async def test_without_redis_a_counter_answers_unavailable(redis_url: str) -> None:
    async with brokers(redis_url, Known()) as broker:
        pass
    with pytest.raises(Refused) as caught:
        await RedisLimit(broker).take("sign-in", "mana", Rate(1, 1))

    assert caught.value.code == "unavailable"
