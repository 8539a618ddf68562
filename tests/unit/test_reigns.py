"""When the newest reign of a Cluster began, from what its nodes say of themselves."""

from __future__ import annotations

import pytest

from server.reigns import Facts, Reigns
from server.topology import Node

HERE, THERE = Node("10.0.0.1", 7000), Node("10.0.0.2", 7000)
NOBODY = "0" * 40


class Kept:
    """What all processes remember of when a reign was first seen."""

    def __init__(self) -> None:
        self.times: dict[str, int] = {}

    async def first_seen(self, reign: str, now: int) -> int:
        return self.times.setdefault(reign, now)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def info(run_id: str = "a", followed: str = NOBODY, now: int = 100_000, uptime: int = 60) -> bytes:
    lines = (
        "# Server",
        f"run_id:{run_id}",
        f"server_time_usec:{now}000",
        f"uptime_in_seconds:{uptime}",
        "# Replication",
        f"master_replid2:{followed}",
    )
    return "\r\n".join(lines).encode()


def test_a_reign_has_another_name_after_every_start_and_every_promotion() -> None:
    names = {
        Facts.read(info(run_id, followed)).reign
        for run_id in ("a", "b")
        for followed in (NOBODY, "f" * 40)
    }

    assert len(names) == 4


async def test_a_node_that_never_followed_another_reigns_since_it_started(kept: Kept) -> None:
    reigns = Reigns(kept.first_seen)

    await reigns.see(HERE, Facts.read(info()))
    await reigns.see(THERE, Facts.read(info("b", uptime=50)))
    await reigns.see(HERE, Facts.read(info(now=200_000, uptime=160)))

    assert reigns.shaken == 50_000


async def test_a_promotion_and_a_new_start_count_from_when_they_were_seen(kept: Kept) -> None:
    reigns = Reigns(kept.first_seen)

    await reigns.see(HERE, Facts.read(info()))
    await reigns.see(HERE, Facts.read(info(followed="f" * 40, now=200_000, uptime=160)))
    promoted = reigns.shaken
    await reigns.see(HERE, Facts.read(info("b", now=300_000, uptime=5)))

    assert (promoted, reigns.shaken) == (200_000, 300_000)


async def test_a_node_that_was_promoted_before_anybody_looked_counts_from_the_first_look(
    kept: Kept,
) -> None:
    reigns = Reigns(kept.first_seen)

    await reigns.see(HERE, Facts.read(info(followed="f" * 40)))

    assert reigns.shaken == 100_000


async def test_a_process_that_comes_later_takes_no_old_reign_for_a_new_one(kept: Kept) -> None:
    first, later = Reigns(kept.first_seen), Reigns(kept.first_seen)

    await first.see(HERE, Facts.read(info(followed="f" * 40)))
    await later.see(HERE, Facts.read(info(followed="f" * 40, now=900_000, uptime=860)))

    assert later.shaken == 100_000
