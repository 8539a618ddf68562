"""What must hold after a replay, as pure functions that answer with the problems they find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from loadtest.lines import Line

MOST_EXAMPLES = 5

Place = tuple[int, int]
"""Epoch and offset."""


class Comment(NamedTuple):
    """A comment as somebody saw it."""

    place: Place
    id: str
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class Posted:
    """A line that was acknowledged."""

    line: int
    comment: Comment
    sent_at: float
    """When its successful try was sent, on the clock that all processes of a machine share."""
    tries: int


def check_acknowledged(lines: Sequence[Line], posted: Sequence[Posted]) -> list[str]:
    """Every line was acknowledged once, with an id and a place of its own."""
    counts = Counter(each.line for each in posted)
    problems = _listed("not acknowledged", (n for n in range(len(lines)) if not counts[n]))
    problems += _listed("acknowledged twice", (n for n, count in counts.items() if count > 1))
    problems += _listed("of no such line", (n for n in counts if not 0 <= n < len(lines)))
    ids = Counter(each.comment.id for each in posted)
    problems += _listed("id given twice", (id for id, count in ids.items() if count > 1))
    places = Counter(each.comment.place for each in posted)
    problems += _listed("place given twice", (p for p, count in places.items() if count > 1))
    return [f"acknowledgements: {problem}" for problem in problems]


def check_seen(who: str, posted: Collection[Comment], seen: Sequence[Comment]) -> list[str]:
    """Every posted comment was seen exactly once, unchanged, in the order of places.

    Comments of authors who posted nothing here are left aside: the room may have other people.
    """
    expected = sorted(posted)
    authors = {comment.author for comment in expected}
    ours = [comment for comment in seen if comment.author in authors]
    if ours == expected:
        return []
    problems = _listed(
        "out of order",
        (after.place for before, after in pairwise(ours) if after.place < before.place),
    )
    wanted = {comment.place: comment for comment in expected}
    counts = Counter(comment.place for comment in ours)
    problems += _listed("lost", (place for place in wanted if not counts[place]))
    problems += _listed("seen twice", (place for place, count in counts.items() if count > 1))
    problems += _listed("posted by nobody", (place for place in counts if place not in wanted))
    problems += _listed(
        "altered",
        {c.place for c in ours if c.place in wanted and c != wanted[c.place]},
    )
    return [f"{who}: {problem}" for problem in problems]


def _listed(problem: str, found: Iterable[object]) -> list[str]:
    """Give one line for a problem with how often and a few examples, or none."""
    all_found = list(found)
    if not all_found:
        return []
    examples = ", ".join(str(each) for each in all_found[:MOST_EXAMPLES])
    more = ", …" if len(all_found) > MOST_EXAMPLES else ""
    return [f"{len(all_found)} {problem}: {examples}{more}"]
