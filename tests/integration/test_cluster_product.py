"""A whole Hiroba on a Redis Cluster, what the doctor says of it, and a replica that takes over."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from loadtest.redis_cluster import RedisCluster, redis_cluster
from moderation.rules import Rank
from rooms.actions import create_room
from rooms.shop.orders.actions import settle
from rooms.shop.rules import product_channel
from rooms.shop.stock import actions as stock
from server.context import Viewer, system_clock
from server.errors import Refused
from server.keys import keys_of
from server.publication import Flag
from server.settings import Settings
from tests.integration.channel_reader import Reader
from tests.integration.channels import Known, brokers, line, refusal, until
from tests.integration.lines import eventually
from tests.integration.market import market
from tests.integration.street import Watcher
from tests.running import running
from web.cli import doctor_servers
from web.cli.redis_nodes import count_keys
from web.resources import opened


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three nodes for all tests of this module."""
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-cluster-") as folder,
        redis_cluster(Path(folder)) as cluster,
    ):
        yield cluster


async def faults(settings: Settings) -> list[str]:
    return [f"{f.about}: {f.text}" async for f in doctor_servers.redis(settings) if not f.ok]


def has(reader: Watcher, count: int) -> bool:
    return len(reader.bodies) == count


async def test_people_talk_and_are_saved_also_after_their_room_moved(
    cluster: RedisCluster, tmp_path: Path
) -> None:
    with running(
        tmp_path, "--gateways", "1", "--no-demo", environ={"REDIS_URL": cluster.url}
    ) as hiroba:
        settings = Settings.for_tests(
            database_url=hiroba.facts["database_url"], redis_url=cluster.url
        )
        async with opened(settings, listen=False) as ctx:
            owner = Viewer(rank=Rank.OWNER)
            rooms = [
                await create_room(ctx, owner, {"kind": "topic", "slug": name, "title": name})
                for name in ("one", "two", "three")
            ]
        async with httpx.AsyncClient(base_url=hiroba.url) as http:
            token = (await http.post("/v1/guest", json={"name": "Ken"})).json()["token"]
            ready = (await http.get("/readyz")).json()

            async def is_saved(room: str, text: str) -> bool:
                page = (await http.get(f"/v1/rooms/{room}/messages")).json()["messages"]
                return text in [each["text"] for each in page]

            for room in rooms:
                async with (
                    Watcher(hiroba.url, room, token=token) as ken,
                    Watcher(hiroba.url, room) as reader,
                ):
                    for text in ("before", "after"):
                        if text == "after":
                            key = keys_of(room.channel).channel
                            to = cluster.other(cluster.owner(key))
                            await asyncio.to_thread(cluster.move_by_keys, key, to)
                        args = {"room": room.id, "text": text, "client_message_id": text}
                        await ken.client.call("comment.post", args)
                    await until(partial(has, reader, 2))

                    assert [body["text"] for body in reader.bodies] == ["before", "after"]
                await eventually(partial(is_saved, room.id, "after"))

    assert ready["ready"] is True
    assert {ready[f"redis {node.name}"] for node in cluster.nodes} == {"ok"}


async def test_the_doctor_looks_at_every_node(cluster: RedisCluster) -> None:
    settings = Settings.for_tests(redis_url=cluster.url)
    healthy = [f async for f in doctor_servers.redis(settings) if f.about == "redis"]
    other = cluster.nodes[2]

    other.client.config_set("maxmemory-policy", "allkeys-lru")
    cluster.nodes[0].client.config_set("cluster-require-full-coverage", "yes")
    found = await faults(settings)
    other.client.config_set("maxmemory-policy", "noeviction")
    cluster.nodes[0].client.config_set("cluster-require-full-coverage", "no")

    assert [finding.text for finding in healthy] == ["a Cluster of 3 nodes"]
    assert any("allkeys-lru" in f and f.startswith(f"redis {other.name}") for f in found)
    assert any("cluster-require-full-coverage" in fault for fault in found)
    assert await count_keys(cluster.url) == sum(node.client.dbsize() for node in cluster.nodes)


async def test_stock_stays_with_its_product_when_that_moves(
    cluster: RedisCluster, database_url: str
) -> None:
    settings = Settings.for_tests(database_url=database_url, redis_url=cluster.url)
    async with market(settings) as shop:
        cup = await shop.product(3)
        first, _ = await stock.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup))
        await shop.save(cup)
        key = keys_of(product_channel(cup.id)).channel
        to = cluster.other(cluster.owner(key))

        await asyncio.to_thread(cluster.move_by_keys, key, to)
        second, _ = await stock.reserve(shop.ctx, shop.town.guest("Ann"), shop.wanted(cup))
        await shop.save(cup)
        orders = [await settle(shop.ctx, held.id, "paid") for held in (first, second)]

        assert [order.state for order in orders if order] == ["paid", "paid"]
        assert await shop.left(cup) == (1, 0, 2, 3)


async def test_a_promoted_replica_is_fenced_and_everybody_hears_it(
    cluster: RedisCluster, tmp_path: Path
) -> None:
    lost = cluster.nodes[1]
    room = next(
        f"room:{n}" for n in range(99) if cluster.owner(keys_of(f"room:{n}").channel) is lost
    )
    replica = await asyncio.to_thread(cluster.add, tmp_path / "replica", follows=lost)
    known = Known()
    async with brokers(cluster.url, known, 2) as (here, there):
        reader = await Reader(there, room).listen()
        await here.publish(line("before", channel=room))
        await until(lambda: replica.has_all_of(lost))
        known.everywhere = {"m2": system_clock() + 600_000}
        for node in cluster.nodes:
            node.client.config_set("cluster-node-timeout", 700)
        lost.kill()

        async def is_placed() -> bool:
            try:
                return bool(await here.publish(line("after", channel=room, client_message_id="c")))
            except Refused:
                return False

        await eventually(is_placed, 30)
        denied = await refusal(here.publish(line("no", channel=room, publisher="m2")))
        await until(lambda: reader.texts(room) == ["before", "after"])

    assert cluster.owner(keys_of(room).channel) is replica
    assert denied.code == "denied"
    assert any(publication.flags & Flag.GAP for publication in reader.taken[room])
