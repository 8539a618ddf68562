"""Faults at a fiftieth of their size: gateways end, Redis is cut off, freezes, forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from loadtest.chaos.stage import Stage, staged
from loadtest.chaos.table import FAULTS
from loadtest.scenarios.chaos import defaults, play_on

pytestmark = pytest.mark.asyncio(loop_scope="module")

HERE = (
    "gateways-killed",
    "gateways-restart",
    "pubsub-killed",
    "redis-frozen",
    "redis-cut",
    "redis-stale",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with staged(gateways=2) as stage:
        yield stage


@pytest.mark.parametrize("fault", HERE)
async def test_nothing_acknowledged_is_lost_by(fault: str, stage: Stage) -> None:
    report = await play_on(stage, fault, defaults(fault, "--scale", "0.02", "--untimed"))

    assert report.problems == []
    assert report.facts["lines_acknowledged"] != 0
    assert fault in FAULTS
