"""What the pieces around Redis count, for `/metrics`."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.measure import Measure, family, labelled

PUBLISHES: Tally[str] = Tally()
"""Publications asked for, by outcome."""
PUBLISH_SECONDS = Measure(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)
"""From asking for a publication to its place or refusal."""
GAPS = Counter("hiroba_redis_gaps", "Times that something from Redis may not have arrived")
REDIS_SECONDS = Histogram(
    "hiroba_redis_seconds",
    "From a command to its reply, asked once a second by each link",
    buckets=(0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2),
)
APPLIED = Counter("hiroba_log_entries_applied", "Log entries committed to the database")
DEAD = Counter("hiroba_log_entries_dead", "Log entries put aside as dead letters")
OWNED = Gauge("hiroba_log_partitions_owned", "Partitions of the log that this worker reads")
"""Over all workers the sum is 128 while everything is saved."""
SWEPT = Counter("hiroba_outbox_swept", "Outbox rows that the process which wrote them left behind")


class _Publishes(Collector):
    """What is counted for every publication, by hand: a counter of the library costs a lock."""

    def collect(self) -> Iterator[Metric]:
        text = "Publications asked for, by outcome"
        yield labelled("hiroba_publishes", text, "outcome", PUBLISHES.items())
        text = "From asking for a publication to its place or refusal"
        yield family("hiroba_publish_seconds", text, PUBLISH_SECONDS.bounds, (PUBLISH_SECONDS,))


REGISTRY.register(_Publishes())
