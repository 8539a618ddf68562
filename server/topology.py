"""Which node of a Redis Cluster serves which slot, and what its redirections say: no I/O."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from server.keys import PARTITIONS, tagged

SLOTS = 16384


class Node(NamedTuple):
    """Where a primary is reached."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Redirect(NamedTuple):
    """An answer that names another node; `is_moved` is False while the slot is on its way."""

    is_moved: bool
    slot: int
    node: Node


def slot_of(key: str | bytes) -> int:
    """Give the slot of a key or sharded channel: that of its tag, if it has one."""
    name = key.encode() if isinstance(key, str) else key
    start = name.find(b"{")
    if start >= 0:
        end = name.find(b"}", start + 1)
        if end > start + 1:
            name = name[start + 1 : end]
    return crc_hqx(name, 0) % SLOTS


@lru_cache(maxsize=1)
def partition_slots() -> tuple[int, ...]:
    """Give the slot of each partition."""
    return tuple(slot_of(tagged(partition, "")) for partition in range(PARTITIONS))


def redirect_of(error: str, asked: Node) -> Redirect | None:
    """Read `MOVED slot host:port` or `ASK slot host:port`; None for any other error.

    A node that does not know its own name leaves the host out: it is the one that was asked.
    """
    word, _, rest = error.partition(" ")
    if word not in ("MOVED", "ASK"):
        return None
    slot, _, where = rest.partition(" ")
    host, _, port = where.rpartition(":")
    if not (slot.isdecimal() and port.isdecimal() and int(slot) < SLOTS):
        return None
    return Redirect(word == "MOVED", int(slot), _node(host, int(port), asked))


@dataclass(frozen=True, slots=True)
class Topology:
    """The owner of every slot, as one node saw it; None where nobody serves it."""

    owners: tuple[Node | None, ...]
    nodes: frozenset[Node]
    """Every node that owns a slot."""

    @classmethod
    def read(cls, answer: Sequence[Any], asked: Node) -> Topology:
        """Read the answer to CLUSTER SLOTS that `asked` gave."""
        owners: list[Node | None] = [None] * SLOTS
        nodes: set[Node] = set()
        for first, last, (host, port, *_), *_ in answer:
            name = host.decode() if isinstance(host, bytes) else host
            node = _node(name or "", port, asked)
            owners[first : last + 1] = [node] * (last + 1 - first)
            nodes.add(node)
        return cls(tuple(owners), frozenset(nodes))

    def owner(self, slot: int) -> Node | None:
        """Give the node that serves a slot."""
        return self.owners[slot]

    def moved(self, slot: int, node: Node) -> Topology:
        """Give the topology in which a slot has another owner."""
        owners = (*self.owners[:slot], node, *self.owners[slot + 1 :])
        return Topology(owners, self.nodes | {node})


# Always the same object for a node: comparing two topologies then looks at no field.
@lru_cache(maxsize=1024)
def _node(host: str, port: int, asked: Node) -> Node:
    return _the(Node(asked.host if host in ("", "?") else host.strip("[]"), port))


@lru_cache(maxsize=1024)
def _the(node: Node) -> Node:
    return node
