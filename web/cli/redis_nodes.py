"""The servers behind REDIS_URL: one, or all primaries of a Cluster."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis

from server.redis_wire import parse_url, urls_of
from server.topology import Node, Topology


def client_of(url: str) -> Redis:
    """Give a client of the first server named; it does not wait for ever, nor connects yet."""
    client: Redis = Redis.from_url(
        urls_of(url)[0], socket_timeout=5, socket_connect_timeout=5, decode_responses=True
    )
    return client


async def topology_of(client: Any, url: str) -> Topology | None:
    """Ask who serves what; None for a single server."""
    if not (await client.info("cluster")).get("cluster_enabled"):
        return None
    asked = parse_url(urls_of(url)[0])
    answer = await client.execute_command("CLUSTER SLOTS")
    return Topology.read(answer, Node(asked.host, asked.port))


def at(url: str, node: Node) -> str:
    """Give the address of a node, with what REDIS_URL says about signing in."""
    parts = urlsplit(urls_of(url)[0])
    who, sign, _ = parts.netloc.rpartition("@")
    scheme = "redis" if parts.scheme == "unix" else parts.scheme
    return urlunsplit((scheme, f"{who}{sign}{node}", "", parts.query, ""))


async def count_keys(url: str) -> int:
    """Count the keys of all servers."""
    async with client_of(url) as client:
        topology = await topology_of(client, url)
        if topology is None:
            return int(await client.dbsize())
    keys = 0
    for node in topology.nodes:
        async with client_of(at(url, node)) as client:
            keys += await client.dbsize()
    return keys
