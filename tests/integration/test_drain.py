"""Processes give way to fresh ones at a fiftieth of the size of the load test's scenario."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest import report
from loadtest.chaos import processes
from loadtest.chaos.stage import LIMITS, Stage
from loadtest.scenarios.chaos import defaults, play_on
from loadtest.servers import Servers, new_room
from server.child import wait_until
from tests.running import Running, clean_environ, running


@pytest.fixture(scope="module")
def hiroba() -> Iterator[Running]:
    environ = {**LIMITS, "HIROBA_DRAIN_SECONDS": "1"}
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-drain-") as folder,
        running(Path(folder), "--gateways", "2", "--no-demo", environ=environ) as hiroba,
    ):
        yield hiroba


async def stage_of(hiroba: Running) -> Stage:
    """Give the load test's stage over servers that run already."""
    facts = hiroba.facts
    servers = Servers(
        urls=facts["urls"],
        processes={"supervisor": [hiroba.process.pid]},
        environment={
            **clean_environ(),
            "DATABASE_URL": facts["database_url"],
            "REDIS_URL": facts["redis_url"],
        },
        metrics_url=facts["metrics_url"],
    )
    return Stage(servers, await new_room(servers, "drain"))


async def test_nobody_misses_or_repeats_anything_while_every_process_is_replaced(
    hiroba: Running,
) -> None:
    stage = await stage_of(hiroba)

    told = await play_on(stage, "drain", defaults("drain", "--scale", "0.02", "--untimed"))

    assert told.problems == [], report.table(told)
    assert int(told.facts["connections_lost"]) >= int(told.facts["viewers"])
    assert "process.killed" not in hiroba.log()


def test_where_the_fresh_process_does_not_come_up_the_old_ones_go_on(hiroba: Running) -> None:
    supervisor = hiroba.process.pid
    before = {role: processes.of_role(supervisor, role) for role in ("worker", "gateway")}
    worker = before["worker"]["worker"]

    hiroba.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: processes.of_role(supervisor, "worker")["worker"] != worker, 60)
    os.kill(processes.of_role(supervisor, "worker")["worker"], signal.SIGKILL)
    assert wait_until(lambda: "rolling.given_up" in hiroba.log(), 60)

    assert "process.not_replaced" in hiroba.log()
    assert {role: processes.of_role(supervisor, role) for role in before} == before
