"""Buckets let bursts through, fill up again, and never grow without bound."""

from __future__ import annotations

from server.rate_limit import LocalBuckets
from server.settings import Rate


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    buckets = LocalBuckets(Rate(5, 10_000))

    burst = [buckets.take("a", 0) for _ in range(7)]

    assert burst == [0, 0, 0, 0, 0, 2000, 2000]
    assert buckets.take("a", 1999) == 1
    assert buckets.take("a", 2000) == 0
    assert buckets.take("a", 2000) == 2000


def test_a_bucket_holds_no_more_than_the_burst() -> None:
    buckets = LocalBuckets(Rate(2, 1000))
    buckets.take("a", 0)

    taken = [buckets.take("a", 1_000_000) for _ in range(3)]

    assert taken == [0, 0, 500]


def test_keys_do_not_share_a_bucket() -> None:
    buckets = LocalBuckets(Rate(1, 1000))

    assert (buckets.take("a", 0), buckets.take("b", 0), buckets.take("a", 0)) == (0, 0, 1000)


def test_only_so_many_buckets_are_remembered_and_the_longest_unused_goes() -> None:
    buckets = LocalBuckets(Rate(1, 1_000_000), size=100)
    for number in range(150):
        buckets.take(str(number), number)
        buckets.take("busy", number)

    assert len(buckets) == 100
    assert buckets.take("busy", 150) > 0
    assert buckets.take("0", 150) == 0


def test_a_clock_that_is_set_back_costs_nobody_anything() -> None:
    buckets = LocalBuckets(Rate(2, 1000))
    buckets.take("a", 300_000)

    taken = [buckets.take("a", 0) for _ in range(2)]

    assert taken == [0, 500]
