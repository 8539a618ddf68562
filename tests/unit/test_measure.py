"""Values fall into buckets whose upper bounds belong to them, and several measures add up."""

from __future__ import annotations

from server.measure import Measure, family


def test_a_bound_belongs_to_its_bucket_and_the_last_bucket_is_open() -> None:
    measure = Measure(1, 5)

    for value in (0.5, 1, 2, 5, 6, 100):
        measure.observe(value)

    assert measure.counts == [2, 2, 2]
    assert measure.sum == 114.5


def test_measures_of_several_gateways_make_one_histogram() -> None:
    one, other = Measure(1, 5), Measure(1, 5)
    one.observe(0)
    other.observe(3)
    other.observe(30)

    samples = family("size", "Sizes", (1, 5), [one, other]).samples

    values = {(s.name, s.labels.get("le")): s.value for s in samples}
    assert values["size_bucket", "1.0"] == 1
    assert values["size_bucket", "5.0"] == 2
    assert values["size_bucket", "+Inf"] == 3
    assert values["size_count", None] == 3
    assert values["size_sum", None] == 33
