"""What must hold after a run, as pure functions over its history."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Final

from loadtest.chaos.history import History, Line, Place, Watch

MOST_EXAMPLES: Final = 4
MOST_VIEWERS: Final = 10
"""Viewers whose problems are told; the others' are counted."""


def check(history: History, allowed: Collection[str] = ()) -> list[str]:
    """Give everything that does not hold.

    `allowed` are the reasons (`restart`, `unrecovered`, …) for which a viewer may have been told
    that something does not come; without one a told gap is a problem itself.
    """
    return [
        *check_places(history),
        *check_posts(history),
        *check_denied(history),
        *check_viewers(history, allowed),
        *check_table(history),
    ]


def check_places(history: History) -> list[str]:
    """A place is given to one line in all eyes, and a line has one place, lost ones aside."""
    lines = _all_lines(history)
    places = Counter(line.place for line in lines)
    ids = Counter(line.id for line in lines if not _is_lost(history, line))
    return [
        *_listed("offset used twice", (place for place, count in places.items() if count > 1)),
        *_listed("id at two places", (id for id, count in ids.items() if count > 1)),
    ]


def check_posts(history: History) -> list[str]:
    """Whoever posts the same again is told the same place, unless that one was lost."""
    first: dict[tuple[str, str], Line] = {}
    twice = []
    for posted in history.acknowledged():
        line = posted.line
        before = first.setdefault((line.author, line.client_message_id), line)
        if before != line and not (_is_lost(history, before) or _is_lost(history, line)):
            twice.append(f"{line.author} {line.client_message_id}")
    return _listed("acknowledged at two places", twice)


def check_denied(history: History) -> list[str]:
    """Nothing of a denied author stands above the place of the denial."""
    if not history.denied:
        return []
    lines = sorted(_all_lines(history))
    above = [
        f"{line.author} at {line.place}"
        for denied in history.denied
        for line in lines
        if line.author == denied.author
        and line.place > denied.place
        and (denied.until is None or line.place < denied.until)
    ]
    return _listed("heard although denied", above)


def check_viewers(history: History, allowed: Collection[str]) -> list[str]:
    """Every viewer saw every line once, in the order of places, or was told what does not come."""
    wanted = {posted.line.place for posted in history.acknowledged()}
    for watch in history.watches:
        wanted.update(line.place for line in watch.seen)
    due = sorted(wanted)
    problems: list[str] = []
    troubled = 0
    for watch in history.watches:
        found = check_viewer(history, watch, due, allowed)
        troubled += bool(found)
        if found and troubled <= MOST_VIEWERS:
            problems += (f"{watch.viewer}: {problem}" for problem in found)
    if troubled > MOST_VIEWERS:
        problems.append(f"and {troubled - MOST_VIEWERS} more viewers")
    return problems


def check_viewer(
    history: History, watch: Watch, due: list[Place], allowed: Collection[str]
) -> list[str]:
    """Check one viewer against the sorted places that anybody saw or was told."""
    expected = due[bisect_right(due, watch.start) :]
    seen = [line.place for line in watch.seen if line.place > watch.start]
    problems = _listed("told of a gap", (t for t in watch.told if t.why not in allowed))
    problems += _repeated(history, watch)
    if seen == expected:
        return problems
    problems += _listed("out of order", (b for a, b in pairwise(seen) if b < a))
    counts = Counter(seen)
    problems += _listed("shown twice", (place for place, count in counts.items() if count > 1))
    told = [each for each in watch.told if each.why in allowed]
    problems += _listed(
        "lost",
        (p for p in expected if p not in counts and not any(each.covers(p) for each in told)),
    )
    return problems


def _repeated(history: History, watch: Watch) -> list[str]:
    """Find lines that came again under another place; a lost one may have been posted again."""
    known: dict[tuple[str, str], Line] = {}
    again = []
    for line in watch.seen:
        before = known.setdefault((line.author, line.client_message_id), line)
        if before != line and line.client_message_id and not _is_lost(history, before):
            again.append(line.place)
    return _listed("shown twice under another place", again)


def check_table(history: History) -> list[str]:
    """The table holds every saved line of the log once, nothing else, and keeps what it had."""
    if history.stored is None:
        return []
    rows = set(history.stored)
    problems = _listed("row twice", (line for line, n in Counter(history.stored).items() if n > 1))
    authored = Counter((line.author, line.client_message_id) for line in rows)
    problems += _listed("row of one line twice", (key for key, n in authored.items() if n > 1))
    problems += _listed("row dropped", (line for line in history.kept if line not in rows))
    unsaved = {posted.line for posted in history.acknowledged() if posted.unsaved}
    logged = {posted.line for posted in history.acknowledged()} - unsaved
    for watch in history.watches:
        logged.update(line for line in watch.seen if line.id)
    problems += _listed(
        "not in the table",
        (line for line in sorted(logged - rows - unsaved) if not _is_lost(history, line)),
    )
    asked = {(posted.client, posted.client_message_id) for posted in history.posted}
    problems += _listed(
        "in the table, posted by nobody",
        (line for line in rows if (line.author, line.client_message_id) not in asked),
    )
    return [f"table: {problem}" for problem in problems]


def _is_lost(history: History, line: Line) -> bool:
    return any(lost.covers(line.place) for lost in history.lost)


def _all_lines(history: History) -> set[Line]:
    """Give every line that anybody was told, saw or stored; hidden ones have no id."""
    lines = {posted.line for posted in history.acknowledged()}
    for watch in history.watches:
        lines.update(line for line in watch.seen if line.id)
    lines.update(history.stored or ())
    lines.update(history.kept)
    return lines


def _listed(problem: str, found: Iterable[object]) -> list[str]:
    """Give one line for a problem with how often and a few examples, or none."""
    every = list(found)
    if not every:
        return []
    more = ", …" if len(every) > MOST_EXAMPLES else ""
    return [f"{len(every)} {problem}: {', '.join(map(str, every[:MOST_EXAMPLES]))}{more}"]
