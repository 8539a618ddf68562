"""Every key and channel name in Redis: one partition tag for all that belongs to a channel."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from server.errors import HirobaError

PARTITIONS = 128
CONTROL = "control"
"""The one channel that every process listens to."""
GROUP = "workers"
"""The consumer group of every partition's log."""


class ChannelKeys(NamedTuple):
    """The keys of one channel, all with the tag of its partition."""

    partition: int
    tag: str
    name: str
    channel: str
    window: str
    denied: str
    denied_everywhere: str
    denied_version: str
    log: str
    viewers: str
    tallies: str
    of_publishing: tuple[str, ...]
    """Those that publish.lua is given whoever publishes, in its order."""

    def personal(self, kind: str, publisher: str) -> str:
        """Give a key about one publisher on this channel; kind is sent, slow or rate."""
        return f"{self.tag}{kind}:{self.name}:{publisher}"


def stem(channel: str) -> str:
    """Give the second segment of a channel name, which decides its partition."""
    parts = channel.split(":", 2)
    if len(parts) < 2 or not parts[1]:
        raise HirobaError(f"{channel!r} is not a channel: it needs a name of the form kind:id")
    return parts[1]


def partition_of(channel: str) -> int:
    """Give the partition (0-127) of a channel."""
    return crc32(stem(channel).encode()) % PARTITIONS


def tagged(partition: int, name: str) -> str:
    """Give the key `name` of a partition; the braces make a Cluster keep them on one node."""
    return f"{{p{partition:03d}}}:{name}"


@lru_cache(maxsize=4096)
def keys_of(channel: str) -> ChannelKeys:
    """Give the keys of a channel."""
    partition = partition_of(channel)
    base, log = tagged(partition, channel), tagged(partition, "log")
    window, denied = f"{base}:window", f"{base}:denied"
    denied_everywhere = tagged(partition, "denied")
    return ChannelKeys(
        partition,
        tagged(partition, ""),
        channel.split(":", 1)[1],
        base,
        window,
        denied,
        denied_everywhere,
        tagged(partition, "denied:version"),
        log,
        f"{base}:viewers",
        f"{base}:tallies",
        (base, window, denied, denied_everywhere, log),
    )


def notice_channel(channel: str) -> str:
    """Give the pub/sub name on which single viewers of a channel are told something."""
    return f"{channel}:notice"
