"""Faults of PostgreSQL, the worker, clocks and people, each at about a fiftieth of its size."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from loadtest import report
from loadtest.chaos.stage import Stage, staged
from loadtest.scenarios.chaos import defaults, play_on

pytestmark = pytest.mark.asyncio(loop_scope="module")
SMALL = ("--scale", "0.02", "--untimed")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    """One Hiroba for all of them: each leaves it whole."""
    async with staged(2, HIROBA_BACKLOG_CAP="300") as stage:
        yield stage


async def holds(stage: Stage, name: str, *more: str) -> None:
    told = await play_on(stage, name, defaults(name, *SMALL, *more))

    assert told.problems == [], report.table(told)


async def test_a_killed_worker_leaves_every_row_once_wherever_it_was(stage: Stage) -> None:
    await holds(stage, "worker-killed")


async def test_people_talk_on_while_postgres_is_away_and_all_of_it_is_saved(stage: Stage) -> None:
    await holds(stage, "postgres-away", "--away", "3")


async def test_a_gateway_with_a_wrong_clock_changes_no_order_and_no_expiry(stage: Stage) -> None:
    await holds(stage, "clock-wrong")


async def test_nothing_that_races_a_mute_stands_above_it(stage: Stage) -> None:
    await holds(stage, "mute-race")


async def test_readers_that_stop_reading_are_let_go_and_nobody_else_is(stage: Stage) -> None:
    await holds(stage, "readers-stuck")


async def test_a_flood_leaves_nothing_guaranteed_out_and_says_what_it_does(stage: Stage) -> None:
    await holds(stage, "flood")


async def test_people_who_come_and_go_leave_nothing_behind(stage: Stage) -> None:
    await holds(stage, "churn", "--seconds", "4")
