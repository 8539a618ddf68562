"""Counts in buckets, cheap enough for what is hot; read when somebody asks for the metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily


class Measure:
    """How often values fell between bounds (each bucket holds its upper bound)."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


def family(
    name: str, text: str, bounds: Sequence[float], measures: Iterable[Measure]
) -> HistogramMetricFamily:
    """Give the histogram that several measures of the same bounds make together."""
    counts = [0] * (len(bounds) + 1)
    total = 0.0
    for measure in measures:
        counts = [sum(pair) for pair in zip(counts, measure.counts, strict=True)]
        total += measure.sum
    buckets, running = [], 0
    for bound, count in zip((*map(str, map(float, bounds)), "+Inf"), counts, strict=True):
        running += count
        buckets.append((bound, float(running)))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=total)


def labelled(
    name: str, text: str, label: str, values: Iterable[tuple[str, int]]
) -> CounterMetricFamily:
    """Give a counter with one label."""
    made = CounterMetricFamily(name, text, labels=[label])
    for value, number in values:
        made.add_metric([value], number)
    return made
