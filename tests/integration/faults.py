"""What happens to a Valkey of a test's own: it starts again, with all it wrote or less."""

from __future__ import annotations

import asyncio
from pathlib import Path

from redis.asyncio import Redis

from server.broker import Broker
from tests import servers
from tests.integration.channels import until


async def start_again(own: servers.Own, *listening: Broker) -> None:
    """Start Valkey again after a kill and wait until the brokers are back."""
    own.valkey.launch()
    await asyncio.to_thread(own.valkey.wait_ready)
    await until(lambda: all(broker.ready for broker in listening))


async def written(own: servers.Own) -> int:
    """Wait until all is in the append-only file, which waits for a slow fsync; give its size."""
    async with Redis.from_url(own.valkey.url) as redis:
        facts = await redis.info("persistence")
        async with asyncio.timeout(10):
            while facts["aof_buffer_length"] or facts["aof_pending_bio_fsync"]:
                facts = await redis.info("persistence")
    return append_only_file(own).stat().st_size


def append_only_file(own: servers.Own) -> Path:
    """Find the file that Valkey appends to."""
    [found] = Path(own.valkey.data).rglob("*.incr.aof")
    return found


def cut(own: servers.Own, size: int) -> None:
    """Lose the newest writes, as a power failure does."""
    with append_only_file(own).open("r+b") as file:
        file.truncate(size)
