"""What a gateway tells Prometheus: read from its counters when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import REGISTRY, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.protocol import CloseCode

if TYPE_CHECKING:
    from server.gateway import Gateway

LAG = Histogram(
    "hiroba_loop_lag_seconds",
    "How late the event loop was",
    buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 1, 5),
)
KNOWN_CODES: Final = frozenset((1000, 1001, 1002, 1006, 1007, 1009, 1011, 1013, *CloseCode))

_gateways: set[Gateway] = set()

GAUGES: dict[str, tuple[str, Callable[[Gateway], int]]] = {
    "hiroba_connections": ("Open connections", lambda g: len(g.connections)),
    "hiroba_connections_off_list": ("Connections that read slowly", lambda g: len(g.hub.off)),
    "hiroba_channels": ("Channels read here", lambda g: len(g.hub.channels.by_name)),
}
COUNTERS: dict[str, tuple[str, Callable[[Gateway], int]]] = {
    "hiroba_publications": ("Taken from Redis", lambda g: g.hub.stats.publications),
    "hiroba_frames": ("Frames written to viewers", lambda g: g.hub.stats.frames),
    "hiroba_frame_bytes": ("Bytes of these frames", lambda g: g.hub.stats.bytes),
    "hiroba_short_writes": ("Frames not taken at once", lambda g: g.hub.stats.short_writes),
    "hiroba_window_repairs": ("Windows read to fill a hole", lambda g: g.hub.channels.repairs),
    "hiroba_slow_closed": ("Closed for reading too slowly", lambda g: g.hub.stats.slow),
    "hiroba_position_lost": ("Closed because too far behind", lambda g: g.hub.stats.lost),
    "hiroba_ping_aborted": ("Aborted without an answer to a ping", lambda g: g.pings.aborted),
}


class _Collector(Collector):
    def collect(self) -> Iterator[Metric]:
        gateways = list(_gateways)
        for name, (text, count) in GAUGES.items():
            yield GaugeMetricFamily(name, text, value=sum(map(count, gateways)))
        for name, (text, count) in COUNTERS.items():
            yield CounterMetricFamily(name, text, value=sum(map(count, gateways)))
        closed: Counter[str] = Counter()
        for gateway in gateways:
            for code, number in gateway.closed.items():
                closed[_label(code)] += number
        yield _labelled("hiroba_closed", "Ended connections", "code", closed.items())
        refused: Counter[str] = Counter()
        for gateway in gateways:
            refused.update(gateway.refused)
        text = "Handshakes refused, by HTTP status"
        yield _labelled("hiroba_refused_handshakes", text, "status", refused.items())


def watch(gateway: Gateway) -> None:
    """Let a gateway's counters be read, until `forget`."""
    _gateways.add(gateway)


def forget(gateway: Gateway) -> None:
    """Count a gateway no longer."""
    _gateways.discard(gateway)


def _label(code: int) -> str:
    # A peer closes with whatever code it likes: unknown ones must not make ever new series.
    return str(int(code)) if code in KNOWN_CODES else "other"


def _labelled(
    name: str, text: str, label: str, values: Iterable[tuple[str, int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, number in values:
        family.add_metric([value], number)
    return family


REGISTRY.register(_Collector())
