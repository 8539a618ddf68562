"""Slots of a Redis Cluster, and what its nodes answer about them."""

from __future__ import annotations

import pytest

from server.keys import PARTITIONS, keys_of, tagged
from server.topology import SLOTS, Node, Redirect, Topology, partition_slots, redirect_of, slot_of

ASKED = Node("10.0.0.1", 7000)
ANSWER = [
    [0, 99, [b"10.0.0.2", 7001, b"id-1", []], [b"10.0.0.9", 7009, b"id-9", []]],
    [200, 16383, [b"", 7000, b"id-2", []]],
    [150, 150, [None, 7000, b"id-2", []]],
]


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 0x31C3),
        (b"foo", 12182),
        ("{foo}:anything", 12182),
        ("before{foo}after{bar}", 12182),
        ("foo{}{bar}", 8363),
        ("{foo", slot_of("{foo")),
        ("", 0),
    ],
)
def test_the_slot_of_a_key_is_that_of_its_first_tag(key: str | bytes, slot: int) -> None:
    assert slot_of(key) == slot


def test_all_keys_of_a_channel_lie_in_the_slot_of_its_partition() -> None:
    keys = keys_of("room:42")
    names = [*keys[3:-1], keys.personal("sent", "m1"), tagged(keys.partition, "owner")]

    assert {slot_of(name) for name in names} == {partition_slots()[keys.partition]}


def test_partitions_spread_evenly_over_three_nodes() -> None:
    thirds = [sum(s * 3 // SLOTS == third for s in partition_slots()) for third in range(3)]

    assert sum(thirds) == PARTITIONS
    assert min(thirds) >= 30


def test_the_first_node_of_a_range_owns_it_and_an_unnamed_one_is_the_one_asked() -> None:
    topology = Topology.read(ANSWER, ASKED)

    assert topology.owner(0) == topology.owner(99) == Node("10.0.0.2", 7001)
    assert topology.owner(150) == topology.owner(16383) == ASKED
    assert topology.owner(100) is None
    assert topology.nodes == {Node("10.0.0.2", 7001), ASKED}


def test_a_slot_that_moved_has_its_new_owner_and_the_others_stay() -> None:
    before = Topology.read(ANSWER, ASKED)

    after = before.moved(5, ASKED)

    assert after.owner(5) == ASKED
    assert [after.owner(n) for n in (4, 6)] == [before.owner(n) for n in (4, 6)]
    assert len(after.owners) == SLOTS
    assert before.owner(5) == Node("10.0.0.2", 7001)


@pytest.mark.parametrize(
    ("error", "redirect"),
    [
        ("MOVED 3999 127.0.0.1:6381", Redirect(True, 3999, Node("127.0.0.1", 6381))),
        ("ASK 0 cache-2.example:6379", Redirect(False, 0, Node("cache-2.example", 6379))),
        ("MOVED 7 ::1:7000", Redirect(True, 7, Node("::1", 7000))),
        ("MOVED 7 :7001", Redirect(True, 7, Node("10.0.0.1", 7001))),
        ("MOVED 7 ?:7001", Redirect(True, 7, Node("10.0.0.1", 7001))),
        ("MOVED 99999 a:1", None),
        ("MOVED", None),
        ("CLUSTERDOWN Hash slot not served", None),
        ("ERR MOVED 1 a:1", None),
    ],
)
def test_a_redirection_names_a_slot_and_a_node(error: str, redirect: Redirect | None) -> None:
    assert redirect_of(error, ASKED) == redirect


def test_a_node_is_written_as_in_an_address() -> None:
    assert [str(Node("a", 1)), str(Node("::1", 7000))] == ["a:1", "[::1]:7000"]
