"""The fence of a Redis Cluster: nodes that lose what they had acknowledged reuse no place."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from loadtest.redis_cluster import ClusterNode, RedisCluster, redis_cluster
from server import cluster as clusters
from server.broker import Broker
from server.context import system_clock
from server.errors import Refused
from server.keys import keys_of
from server.publication import Flag, Published
from server.settings import Settings
from tests.integration.channels import Known, brokers, line, until


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three nodes for all tests of this module, to which each adds its own."""
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-cluster-") as folder,
        redis_cluster(Path(folder)) as cluster,
    ):
        yield cluster


def room_on(cluster: RedisCluster, node: ClusterNode) -> str:
    """Find a channel that a node serves and no other test uses."""
    channels = (f"room:{number}" for number in range(999))
    return next(
        channel
        for channel in channels
        if cluster.owner(keys_of(channel).channel) is node
        and not node.client.exists(keys_of(channel).channel)
    )


async def placed(broker: Broker, channel: str, text: str) -> Published:
    """Publish, with patience: a node that rises is not believed by all at once."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await broker.publish(line(text, channel=channel, client_message_id=text))
            except Refused:
                await asyncio.sleep(0.05)


async def window(broker: Broker, channel: str) -> list[str]:
    """What the window holds, with a word for a loss that is told."""
    found = await broker.window(channel, 0)
    return [
        "(lost)" if entry.flags & Flag.GAP else msgpack.unpackb(entry.body)["text"]
        for entry in found.entries
    ]


async def test_a_room_that_was_quiet_while_a_node_joined_moves_there_without_a_loss(
    cluster: RedisCluster, tmp_path: Path
) -> None:
    channel = room_on(cluster, cluster.nodes[0])
    async with brokers(cluster.url, Known()) as broker:
        await broker.publish(line("before", channel=channel))
        joined = await asyncio.to_thread(cluster.add, tmp_path / "joined")
        await asyncio.to_thread(cluster.move_by_keys, keys_of(channel).channel, joined)

        place = await placed(broker, channel, "after")

        assert await window(broker, channel) == ["before", "after"]
    assert place.offset == 2


async def test_a_node_that_followed_another_for_a_moment_and_lost_a_tail_is_fenced(
    cluster: RedisCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This process hears of nothing: the fence may not rest on what it notices in time.
    monkeypatch.setattr(clusters, "REFRESH_EVERY", 600.0)
    node = cluster.nodes[1]
    replica = await asyncio.to_thread(cluster.add, tmp_path / "replica", follows=node)
    channel = room_on(cluster, node)
    settings = Settings.for_tests(redis_url=cluster.url)
    broker = await Broker.open(settings, clock=system_clock, adoption=Known(), listen=False)
    try:
        await broker.publish(line("kept", channel=channel))
        await until(lambda: replica.has_all_of(node))
        node.let_replicas_in(False)
        lost = await broker.publish(line("lost", channel=channel))
        began = node.client.info("server")["run_id"], node.connected("hiroba-commands")

        replica.take_over()
        await until(lambda: node.has_all_of(replica), 30)
        node.let_replicas_in(True)
        node.take_over()
        await until(lambda: node.client.info("replication")["role"] == "master")
        same = node.client.info("server")["run_id"], node.connected("hiroba-commands")
        place = await placed(broker, channel, "after")

        assert await window(broker, channel) == ["kept", "(lost)", "after"]
    finally:
        await broker.close()
    assert same == began
    assert place.epoch == lost.epoch and place.offset > lost.offset + 1_000_000


async def test_a_slot_whose_new_node_dies_before_its_replica_knew_of_it_is_fenced(
    cluster: RedisCluster, tmp_path: Path
) -> None:
    source, target = cluster.nodes[0], cluster.nodes[2]
    replica = await asyncio.to_thread(cluster.add, tmp_path / "replica", follows=target)
    channel = room_on(cluster, source)
    async with brokers(cluster.url, Known()) as broker:
        await broker.publish(line("kept", channel=channel))
        await asyncio.to_thread(cluster.move_by_keys, keys_of(channel).channel, target)
        await until(lambda: replica.has_all_of(target))
        target.let_replicas_in(False)
        lost = await placed(broker, channel, "lost")

        target.kill()
        replica.take_over()
        place = await placed(broker, channel, "after")

        assert await window(broker, channel) == ["kept", "(lost)", "after"]
    assert lost.offset == 2
    assert place.epoch == lost.epoch and place.offset > lost.offset + 1_000_000
