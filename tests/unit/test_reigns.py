"""When the newest reign of a Cluster began, from what its nodes say of themselves."""

from __future__ import annotations

from server.reigns import Facts, Reigns
from server.topology import Node

HERE, THERE = Node("10.0.0.1", 7000), Node("10.0.0.2", 7000)
NOBODY = "0" * 40


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


def test_a_node_that_never_followed_another_reigns_since_it_started() -> None:
    reigns = Reigns()

    reigns.see(HERE, Facts.read(info()))
    reigns.see(THERE, Facts.read(info("b", uptime=50)))
    reigns.see(HERE, Facts.read(info(now=200_000, uptime=160)))

    assert reigns.shaken == 50_000


def test_a_promotion_and_a_new_start_count_from_when_they_were_seen() -> None:
    reigns = Reigns()

    reigns.see(HERE, Facts.read(info()))
    reigns.see(HERE, Facts.read(info(followed="f" * 40, now=200_000, uptime=160)))
    promoted = reigns.shaken
    reigns.see(HERE, Facts.read(info("b", now=300_000, uptime=5)))

    assert (promoted, reigns.shaken) == (200_000, 300_000)


def test_a_node_that_was_promoted_before_anybody_looked_counts_from_the_first_look() -> None:
    reigns = Reigns()

    reigns.see(HERE, Facts.read(info(followed="f" * 40)))

    assert reigns.shaken == 100_000
