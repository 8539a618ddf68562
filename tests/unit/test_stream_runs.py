"""How a batch of log entries is cut into runs."""

from __future__ import annotations

import random

import msgpack
import pytest

from server.errors import HirobaError
from server.publication import Flag, Publication, encode
from server.stream_apply import runs
from server.stream_entry import Entry, RawEntry


def entry(partition: int, number: int, event: str) -> Entry:
    publication = Publication(1, number, 0, Flag.NONE, "m1", "", b"")
    return Entry(partition, f"{number}-0", "room:1", publication, {"event": event})


def test_one_event_of_many_partitions_is_one_run() -> None:
    entries = [entry(p, n, "said") for p in range(5) for n in range(3)]

    assert [len(run) for run in runs(entries)] == [15]


def test_a_run_ends_where_the_order_of_a_partition_would_break() -> None:
    events = ["said", "said", "changed", "said"]
    found = list(runs([entry(1, n, event) for n, event in enumerate(events)]))

    assert [[e.event for e in run] for run in found] == [["said"] * 2, ["changed"], ["said"]]


def test_nothing_gives_no_run() -> None:
    assert list(runs([])) == []


def test_every_entry_comes_once_and_in_the_order_of_its_partition() -> None:
    chance = random.Random(3)
    for _ in range(100):
        entries = [
            entry(p, n, chance.choice(["said", "changed", "gone"]))
            for p in range(chance.randint(1, 6))
            for n in range(chance.randint(0, 12))
        ]
        found = list(runs(entries))
        flat = [e for run in found for e in run]

        assert all(len({e.event for e in run}) == 1 for run in found)
        for p in range(6):
            mine = [e for e in entries if e.partition == p]
            assert [e for e in flat if e.partition == p] == mine


def test_an_entry_opens_with_body_and_private_part() -> None:
    body = msgpack.packb({"event": "said", "text": "hi"})
    payload = encode(Publication(7, 8, 9, Flag.KEEP, "m1", "k", body))
    fields = [b"c", b"room:42", b"p", payload, b"x", msgpack.packb({"address": b"a"})]

    opened = RawEntry.read(3, b"5-0", fields).open()

    assert (opened.partition, opened.entry_id, opened.channel) == (3, "5-0", "room:42")
    assert (opened.event, opened.body["text"], opened.private) == ("said", "hi", {"address": b"a"})
    assert opened.publication.offset == 8


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", msgpack.packb([1]), msgpack.packb({"text": "no event"})],
    ids=["empty", "not msgpack", "not a map", "no event"],
)
def test_what_is_no_entry_is_refused(body: bytes) -> None:
    payload = encode(Publication(7, 8, 9, Flag.NONE, "m1", "k", body))

    with pytest.raises(HirobaError, match="not an entry"):
        RawEntry.read(3, b"5-0", [b"c", b"room:42", b"p", payload, b"x", b""]).open()


def test_an_entry_without_fields_is_refused() -> None:
    with pytest.raises(HirobaError, match="not a publication"):
        RawEntry.read(3, b"5-0", None).open()
