"""Turns a question into bounded candidate conditions and a rough ranking for PostgreSQL; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate
from uuid import UUID

from rooms.search.encode import any_of, at_least
from rooms.search.tokens import CUTTERS, GRAM_MARK, normalise, runs, tokens
from rooms.search.weights import Statistics

MOST_TOKENS = 96
"""A longer question is cut down to its rarest tokens."""
CAP = 500
"""Rows that the rarest tokens may bring in on their own."""
RAREST, TOGETHER = 12, 4
"""Rows that hold at least 4 of the 12 rarest tokens are candidates too."""
READ = 10_000
"""Entries of the index that this may read: the lists of all but 3 of the 12. Else it is fewer."""
MANY = 2_000
"""Where even the rarest token is in more rows than this, only the newest rows are looked at."""
BUCKETS = 6
"""PostgreSQL ranks with one weight for all tokens of a bucket."""


STRANGE = 2
"""A word that has no statistics is perhaps mistyped; then its grams say more."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question is put to PostgreSQL."""

    weights: Mapping[str, float]
    """Each token of the question with its weight times its occurrences there."""
    condition: str
    """The tsquery that a candidate has to match."""
    wider: str
    """The tsquery for a second try when that brings next to nothing."""
    buckets: Sequence[tuple[float, str]]
    """At most six weights and tsqueries; what a row gets is the sum of weight times ts_rank."""
    least_id: UUID | None
    """Where all tokens are common: the oldest message to look at first."""


def plan(question: str, statistics: Statistics) -> Plan | None:
    """Make the plan; None when the question holds no letter and no digit."""
    counted = Counter(tokens(question))
    if not counted:
        return None
    frequency = {token: statistics.frequency(token) for token in counted}
    rarest = sorted(counted, key=lambda token: (frequency[token], token))[:MOST_TOKENS]
    alone = _within(CAP, rarest, frequency)
    known = [token for token in rarest if token in statistics.shares]
    spread = _within(10 * CAP, known or rarest, frequency)
    weights = {token: statistics.weight(token) * counted[token] for token in rarest}
    strange = _grams_of_strange_words(question, statistics)
    for gram in strange & weights.keys():
        weights[gram] *= STRANGE
    return Plan(
        weights=weights,
        condition=_candidates(alone, _apart(rarest, frequency, strange), TOGETHER),
        wider=_candidates(spread, rarest[:RAREST], TOGETHER // 2),
        buckets=_buckets(weights),
        least_id=statistics.least_id(MANY / frequency[rarest[0]]),
    )


def _grams_of_strange_words(question: str, statistics: Statistics) -> set[str]:
    text = normalise(question)
    words = (CUTTERS[name](text[start:end]) for name, start, end in runs(text) if name == "word")
    return {gram for stem, *grams in words if stem not in statistics.shares for gram in grams}


def _within(cap: float, rarest: Sequence[str], frequency: Mapping[str, float]) -> list[str]:
    """Take the rarest tokens while their rows stay within the cap, but one at least."""
    taken = [rarest[0]]
    total = frequency[rarest[0]]
    for token in rarest[1:]:
        total += frequency[token]
        if total > cap:
            break
        taken.append(token)
    return taken


def _apart(
    rarest: Sequence[str], frequency: Mapping[str, float], strange: Set[str]
) -> Sequence[str]:
    """Take the rarest tokens that tell of different words, as far as the index may be read."""
    some = [token for token in rarest if token[0] != GRAM_MARK or token in strange][:RAREST]
    read = list(accumulate(frequency[token] for token in some))
    while len(some) > TOGETHER + 1 and read[len(some) - TOGETHER] > READ:
        some.pop()
    return some


def _candidates(alone: Sequence[str], some: Sequence[str], together: int) -> str:
    together = max(2, min(together, len(some) - 1))
    if len(some) <= max(len(alone), together):
        return any_of(alone)
    return f"{any_of(alone)} | {at_least(together, some)}"


def _buckets(weights: Mapping[str, float]) -> list[tuple[float, str]]:
    """Part the tokens into ranges of equal width of weight.

    `ts_rank` divides by the number of tokens asked for, so that the sum of the weights is right.
    """
    most, least = max(weights.values()), min(weights.values())
    width = (most - least) / BUCKETS or 1
    parts: dict[int, list[str]] = {}
    for token, weight in weights.items():
        parts.setdefault(min(BUCKETS - 1, int((weight - least) / width)), []).append(token)
    return [(sum(map(weights.__getitem__, part)), any_of(part)) for part in parts.values()]
