"""Faults at a fiftieth of their size: gateways end, Redis is cut off, freezes, forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from loadtest.chaos.stage import Stage, staged
from loadtest.scenarios.chaos import defaults, play_on

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = {
    "gateways-killed": "connections_lost",
    "gateways-restart": "connections_lost",
    "pubsub-killed": "kills",
    "redis-frozen": "attempts_refused",
    "redis-cut": "gaps_told",
    "redis-stale": "gaps_told",
}
"""Each with a figure that is not 0 when something has really been broken."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with staged(gateways=2) as stage:
        yield stage


@pytest.mark.parametrize(("fault", "sign"), HERE.items())
async def test_nothing_acknowledged_is_lost_by(fault: str, sign: str, stage: Stage) -> None:
    report = await play_on(stage, fault, defaults(fault, "--scale", "0.02", "--untimed"))

    assert report.problems == []
    assert report.facts["lines_acknowledged"] != 0
    assert report.facts[sign] != 0
