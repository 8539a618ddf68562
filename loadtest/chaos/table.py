"""Every fault by its name."""

from __future__ import annotations

import argparse
from typing import Final, Protocol

from loadtest.chaos import (
    churn,
    clock_wrong,
    drain,
    flood,
    gateways_killed,
    gateways_restart,
    mute_race,
    postgres_away,
    pubsub_killed,
    readers_stuck,
    redis_cut,
    redis_frozen,
    redis_stale,
    slot_moved,
    worker_killed,
)
from loadtest.chaos.stage import Stage
from loadtest.report import Report


class Fault(Protocol):
    """What a module in the table offers, beside the line that it begins with.

    It may also have LIMITS, settings that its stage needs, GATEWAYS and PROCESSES, how many of
    each there are by default, and CLUSTERED, true when its Redis has to be a Cluster.
    """

    NAME: str

    def add_arguments(self, parser: argparse.ArgumentParser, /) -> None:
        """Declare the scenario's own options."""

    async def run(self, stage: Stage, options: argparse.Namespace, /) -> Report:
        """Break something on the stage, and tell what came of it."""


_MODULES: Final[tuple[Fault, ...]] = (
    gateways_killed,
    gateways_restart,
    drain,
    pubsub_killed,
    redis_frozen,
    redis_cut,
    redis_stale,
    slot_moved,
    postgres_away,
    worker_killed,
    clock_wrong,
    mute_race,
    readers_stuck,
    flood,
    churn,
)
FAULTS: Final = {module.NAME: module for module in _MODULES}
