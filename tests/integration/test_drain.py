"""Processes give way to fresh ones at a fiftieth of the size of the load test's scenario."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

from loadtest import report
from loadtest.chaos import processes
from loadtest.chaos.stage import staged
from loadtest.scenarios.chaos import defaults, play_on
from server.child import wait_until
from tests.running import running


async def test_nobody_misses_or_repeats_anything_while_every_process_is_replaced() -> None:
    async with staged(2, HIROBA_DRAIN_SECONDS="1") as stage:
        told = await play_on(stage, "drain", defaults("drain", "--scale", "0.02", "--untimed"))

    assert told.problems == [], report.table(told)
    assert int(told.facts["connections_lost"]) >= int(told.facts["viewers"])


def test_a_gateway_that_cannot_be_replaced_goes_on() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-drain-") as folder,
        running(Path(folder), "--gateways", "1", "--no-demo") as hiroba,
    ):
        supervisor = hiroba.process.pid
        before = processes.of_role(supervisor, "gateway")
        hiroba.process.send_signal(signal.SIGHUP)

        def fresh(role: str) -> set[int]:
            """Give the processes of a role that came while another one still runs."""
            children = processes.children(supervisor)
            return {pid for pid, words in children.items() if role in words} - old

        old = {*before.values(), *processes.of_role(supervisor, "worker").values()}
        assert wait_until(lambda: bool(fresh("gateway")), 60, 0.01)
        os.kill(min(fresh("gateway")), signal.SIGKILL)
        assert wait_until(lambda: "rolling.given_up" in hiroba.log(), 60)

        assert processes.of_role(supervisor, "gateway") == before
        assert "process.not_replaced" in hiroba.log()
