"""Makes the report of a run: its figures, what does not hold, and what took too long."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from loadtest.chaos.checker import check
from loadtest.chaos.history import REFUSED, UNKNOWN
from loadtest.chaos.play import Play, at_share
from loadtest.report import Report, Value


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure that may not exceed a bound; judged only in a timed run."""

    name: str
    value: float
    most: float


def scaled(count: float, options: argparse.Namespace, least: int = 1) -> int:
    """Give the size of something in this run: `--scale` times its full size."""
    return max(least, round(count * float(options.scale)))


def told(
    name: str,
    play: Play,
    options: argparse.Namespace,
    *,
    allowed: tuple[str, ...] = (),
    limits: tuple[Limit, ...] = (),
    facts: dict[str, Value] | None = None,
) -> Report:
    """Check the history and tell: `allowed` gaps as the checker wants them; `--out` keeps it."""
    history = play.history
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        history.write(options.out / "history.jsonl")
    report = Report(f"chaos {name}")
    resumed = [each for watch in history.watches for each in watch.resumed]
    deliveries = sum(len(watch.seen) for watch in history.watches)
    recovered = deliveries - sum(sum(watch.live) for watch in history.watches)
    report.facts = {
        "viewers": len(history.watches),
        "lines_acknowledged": len(history.acknowledged()),
        "attempts_refused": sum(each.outcome == REFUSED for each in history.posted),
        "attempts_unknown": sum(each.outcome == UNKNOWN for each in history.posted),
        "lines_seen": deliveries,
        "lines_recovered": recovered,
        "gaps_told": sum(len(watch.told) for watch in history.watches),
        "rows_in_the_table": len(history.stored or ()),
        "connections_lost": len(resumed),
        **(facts or {}),
    }
    if resumed:
        seconds = [each.seconds for each in resumed]
        report.facts["resume_p50_s"] = round(at_share(seconds, 0.5), 2)
        report.facts["resume_p99_s"] = round(at_share(seconds, 0.99), 2)
    for limit in limits:
        report.facts[f"{limit.name} (at most {limit.most:g})"] = round(limit.value, 3)
    report.problems = [*play.problems, *check(history, allowed)]
    report.problems += too_slow(limits, options)
    return report


def too_slow(limits: Sequence[Limit], options: argparse.Namespace) -> list[str]:
    """Give the figures that exceed their bounds; none in an untimed run."""
    if options.untimed:
        return []
    return [
        f"{limit.name}: {limit.value:.3f}, at most {limit.most:g}"
        for limit in limits
        if limit.value > limit.most
    ]


def resume_limit(play: Play, most: float) -> Limit:
    """Bound the time without the room that 99 % of the returning viewers had."""
    resumed = [each.seconds for watch in play.history.watches for each in watch.resumed]
    return Limit("resume p99 s", at_share(resumed, 0.99), most)


def delays(play: Play) -> list[float]:
    """Give for every line that a viewer saw how long after its acknowledgement that was, in s."""
    known = {each.line.place: each.done for each in play.history.acknowledged()}
    return [
        max(0.0, at - done)
        for watch in play.history.watches
        for line, at in zip(watch.seen, watch.times, strict=True)
        if (done := known.get(line.place)) is not None
    ]


MAX_SCALE: Final = 10.0
