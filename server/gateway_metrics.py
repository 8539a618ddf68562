"""What a gateway tells Prometheus: read from its counters when somebody asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.channels import REPAIR_SECONDS
from server.measure import Measure, family, labelled
from server.protocol import CloseCode
from server.stats import BATCHES, OFF_SECONDS

if TYPE_CHECKING:
    from server.gateway import Gateway

KNOWN_CODES: Final = frozenset((1000, 1001, 1002, 1006, 1007, 1009, 1011, 1013, *CloseCode))

_gateways: set[Gateway] = set()


def _subscriptions(gateway: Gateway) -> int:
    return sum(channel.audience for channel in gateway.hub.channels.by_name.values())


GAUGES: dict[str, tuple[str, Callable[[Gateway], float]]] = {
    "hiroba_connections": ("Open connections", lambda g: len(g.connections)),
    "hiroba_connections_off_list": ("Connections that read slowly", lambda g: len(g.hub.off)),
    "hiroba_channels": ("Channels read here", lambda g: len(g.hub.channels.by_name)),
    "hiroba_subscriptions": ("Channels read, for each connection", _subscriptions),
    "hiroba_load_level": ("How much is left out, 0 to 5", lambda g: g.shedding.level),
    "hiroba_load_pressure": ("Load measured last; 1 is too much", lambda g: g.shedding.pressure),
    "hiroba_draining": ("Whether everybody is sent elsewhere", lambda g: g.draining),
}
COUNTERS: dict[str, tuple[str, Callable[[Gateway], float]]] = {
    "hiroba_publications": ("Taken from Redis", lambda g: g.hub.stats.publications),
    "hiroba_deliveries": ("Publications, each to each viewer", lambda g: g.hub.stats.deliveries),
    "hiroba_left_out": ("Not shown by a sampled feed", lambda g: g.hub.stats.left_out),
    "hiroba_frames": ("Frames written to viewers", lambda g: g.hub.stats.frames),
    "hiroba_frame_bytes": ("Bytes of these frames", lambda g: g.hub.stats.bytes),
    "hiroba_fan_out_seconds": ("Time of writing them", lambda g: g.hub.stats.fan_out_seconds),
    "hiroba_short_writes": ("Frames not taken at once", lambda g: g.hub.stats.short_writes),
    "hiroba_gaps": ("Holes found in channels", lambda g: g.hub.channels.repairs),
    "hiroba_slow_closed": ("Closed for reading too slowly", lambda g: g.hub.stats.slow),
    "hiroba_position_lost": ("Closed because too far behind", lambda g: g.hub.stats.lost),
    "hiroba_ping_aborted": ("Aborted without an answer to a ping", lambda g: g.pings.aborted),
}
HISTOGRAMS: dict[str, tuple[str, tuple[float, ...], Callable[[Gateway], Measure]]] = {
    "hiroba_batch_publications": (
        "Publications written together to one list",
        BATCHES,
        lambda g: g.hub.stats.batches,
    ),
    "hiroba_off_list_seconds": (
        "How long viewers needed to read what waited for them",
        OFF_SECONDS,
        lambda g: g.hub.stats.off_seconds,
    ),
    "hiroba_gap_seconds": (
        "From finding a hole to its end",
        REPAIR_SECONDS,
        lambda g: g.hub.channels.repaired,
    ),
}


class _Collector(Collector):
    def collect(self) -> Iterator[Metric]:
        gateways = list(_gateways)
        for name, (text, count) in GAUGES.items():
            yield GaugeMetricFamily(name, text, value=sum(map(count, gateways)))
        for name, (text, count) in COUNTERS.items():
            yield CounterMetricFamily(name, text, value=sum(map(count, gateways)))
        for name, (text, bounds, measure) in HISTOGRAMS.items():
            yield family(name, text, bounds, map(measure, gateways))
        for name, (text, label, counter) in LABELLED.items():
            total: Counter[str] = Counter()
            for gateway in gateways:
                total.update(counter(gateway))
            yield labelled(name, text, label, total.items())


def watch(gateway: Gateway) -> None:
    """Let a gateway's counters be read, until `forget`."""
    _gateways.add(gateway)


def forget(gateway: Gateway) -> None:
    """Count a gateway no longer."""
    _gateways.discard(gateway)


def _closed(gateway: Gateway) -> Counter[str]:
    # A peer closes with whatever code it likes: unknown ones must not make ever new series.
    closed: Counter[str] = Counter()
    for code, number in gateway.closed.items():
        closed[str(int(code)) if code in KNOWN_CODES else "other"] += number
    return closed


LABELLED: dict[str, tuple[str, str, Callable[[Gateway], Counter[str]]]] = {
    "hiroba_closed": ("Ended connections", "code", _closed),
    "hiroba_refused_handshakes": (
        "Handshakes refused, by HTTP status",
        "status",
        lambda g: g.refused,
    ),
    "hiroba_commands": ("Commands answered, by outcome", "outcome", lambda g: g.outcomes),
    "hiroba_shed": ("Left out or put off under load", "what", lambda g: g.shedding.shed),
    "hiroba_recoveries": (
        "Channels joined, by what came of the position",
        "outcome",
        lambda g: g.hub.channels.recoveries,
    ),
}


REGISTRY.register(_Collector())
