"""Measures the load of a gateway every second, and has it leave out what the level says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from server.shedding import TELL_SECONDS, Load, Shedding

if TYPE_CHECKING:
    from server.gateway import Gateway

LAGS: Final = 4
"""Measurements of the loop's lag that make an average: those of about a second."""


class Relief:
    """Turns the policy of a gateway, and tells its viewers and the other gateways."""

    def __init__(self, gateway: Gateway, now: Callable[[], float]) -> None:
        self._gateway = gateway
        self._shedding = gateway.ctx.of(Shedding)
        self._now = now
        self._lags: deque[float] = deque(maxlen=LAGS)
        self._at = now()
        self._fan_out = 0.0
        self._deliveries = 0
        self._announced = 0
        self._announced_at = 0.0

    def note_lag(self, late: float) -> None:
        """Take how late the loop was (s)."""
        self._lags.append(late)

    def tick(self) -> None:
        """Measure what was since the last tick, and act on it."""
        now, shedding = self._now(), self._shedding
        if now > self._at:
            shedding.turn(self._load(now), now)
        self._gateway.hub.spare(shedding.patience, shedding.quota)
        level = shedding.to_tell()
        if level is not None:
            self._gateway.do(lambda: self._tell(level))
        due = shedding.level > 0 and now - self._announced_at >= TELL_SECONDS
        if due or shedding.level != self._announced:
            # Again and again, for those who came meanwhile: what passes by is not recovered.
            self._announced, self._announced_at = shedding.level, now
            self._announce()

    def hear(self, body: dict[str, Any]) -> None:
        """Take the level that another gateway tells."""
        who, level = body.get("from"), body.get("level")
        if isinstance(who, str) and type(level) is int and who != self._gateway.ctx.broker.id:
            self._shedding.hear(who, level)

    def _load(self, now: float) -> Load:
        stats, elapsed = self._gateway.hub.stats, now - self._at
        load = Load(
            lag=sum(self._lags) / len(self._lags) if self._lags else 0.0,
            fan_out=min(1.0, (stats.fan_out_seconds - self._fan_out) / elapsed),
            deliveries=(stats.deliveries - self._deliveries) / elapsed,
        )
        self._at = now
        self._fan_out, self._deliveries = stats.fan_out_seconds, stats.deliveries
        return load

    async def _tell(self, level: int) -> None:
        broker = self._gateway.ctx.broker
        await broker.control({"type": "load", "from": broker.id, "level": level})

    def _announce(self) -> None:
        shedding, hub = self._shedding, self._gateway.hub
        body = self._gateway.product.loaded(shedding.level, shedding.cooldown_ms)
        for channel in list(hub.channels.by_name.values()):
            if channel.readers and channel.name.count(":") == 1:
                hub.pass_on(channel.name, body)
