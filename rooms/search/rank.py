"""Exact BM25 over the candidates, with a bonus for tokens that stand side by side; pure.

The mean length is that of the candidates, weighted by how well they match, and not that of all
rows: short comments and long posts, and languages that are cut into few or many tokens, share one
table. With the mean of all rows, b had to stay at 0.4 for that; with this one 0.75 loses nothing
in a mixed pool and gains .01 to .02 where texts are of a kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from math import log
from typing import TypeVar

from rooms.search.tokens import GRAM_MARK, tokens

K1 = 1.2
B = 0.75
BESIDE = 0.3
"""What a pair of neighbours adds, relative to a token as rare among the candidates."""
STRESS = 4
"""The power of a candidate's matched share in the mean length."""

CACHED = 1_000
"""Texts whose tokens are kept: questions that follow each other bring up the same ones."""

BOOST = {"answer": 2.0, "question": 1.2}
HALF = 0.5
LEAST, LEAST_OF_BEST = 0.12, 0.35
"""What holds less of the question's weight, or of the best candidate's share, is no answer.

In small communities the candidates are all that share a token with the question. On the
development sets this leaves out most of them and moves no figure.
"""

Pair = tuple[str, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of one candidate."""

    place: int
    """Its place in the list that was given."""
    score: float
    share: float
    """The share of the question's weight that it holds."""


def rank(
    question: str,
    weights: Mapping[str, float],
    candidates: Sequence[tuple[str, str]],
    *,
    boost: bool = True,
) -> list[Scored]:
    """Order candidates, given as kind and text, the best first; those that hold little fall out.

    With the boost, answered questions that hold half of what is asked stand above all else.
    """
    texts = [text for _, text in candidates]
    scored = [
        Scored(place, score, share)
        for place, (score, share) in enumerate(scores(question, weights, texts))
    ]
    least = max(LEAST, LEAST_OF_BEST * max((s.share for s in scored), default=0))
    scored = [s for s in scored if s.share >= least]
    if not boost:
        return sorted(scored, key=lambda s: (-s.score, s.place))

    def order(s: Scored) -> tuple[bool, float, int]:
        kind = candidates[s.place][0]
        return not (kind == "answer" and s.share >= HALF), -s.score * BOOST.get(kind, 1), s.place

    return sorted(scored, key=order)


def scores(
    question: str, weights: Mapping[str, float], texts: Sequence[str]
) -> list[tuple[float, float]]:
    """Give score and share of each text; `weights` are those of the question's tokens."""
    cut = [_cut(text) for text in texts]
    found, counted = [body for body, _ in cut], [counts for _, counts in cut]
    followers = _followers(tokens(question))
    paired = [_pairs(body, followers) for body in found]
    shares = _shares(weights, counted)
    mean = _mean_length(shares, [len(body) for body in found])
    beside = _pair_weights(paired)
    return [
        (
            _saturated(weights, body, k := K1 * (1 - B + B * len(all_of_it) / mean))
            + _saturated(beside, pairs, k),
            share,
        )
        for all_of_it, body, pairs, share in zip(found, counted, paired, shares, strict=True)
    ]


@lru_cache(maxsize=CACHED)
def _cut(text: str) -> tuple[list[str], Counter[str]]:
    tokens_of_text = tokens(text)
    return tokens_of_text, Counter(tokens_of_text)


def _saturated(weights: Mapping[T, float], counts: Mapping[T, int], k: float) -> float:
    return sum(
        weight * times * (K1 + 1) / (times + k)
        for item, weight in weights.items()
        if (times := counts.get(item))
    )


def _shares(weights: Mapping[str, float], counted: Sequence[Counter[str]]) -> list[float]:
    whole = sum(weights.values()) or 1
    return [
        sum(weight for token, weight in weights.items() if token in body) / whole
        for body in counted
    ]


def _mean_length(shares: Sequence[float], lengths: Sequence[int]) -> float:
    stress = [share**STRESS for share in shares]
    total = sum(stress)
    if not total:
        return max(1.0, sum(lengths) / max(1, len(lengths)))
    return max(1.0, sum(s * n for s, n in zip(stress, lengths, strict=True)) / total)


def _followers(asked: Sequence[str]) -> dict[str, set[str]]:
    """Give for each token of the question those that stand next to it there."""
    followers: dict[str, set[str]] = {}
    for one, next_one in pairwise(token for token in asked if _counts_as_neighbour(token)):
        followers.setdefault(one, set()).add(next_one)
    return followers


def _pairs(body: Sequence[str], followers: Mapping[str, set[str]]) -> Counter[Pair]:
    """Count the pairs of the question in a text."""
    found: Counter[Pair] = Counter()
    for place, token in enumerate(body):
        if token in followers:
            rest = islice(body, place + 1, None)
            next_one = next(filter(_counts_as_neighbour, rest), "")
            if next_one in followers[token]:
                found[token, next_one] += 1
    return found


def _counts_as_neighbour(token: str) -> bool:
    """Leave out grams and single Han characters: they repeat what stands beside them."""
    return token[0] != GRAM_MARK and (len(token) > 1 or token < "㐀")


def _pair_weights(paired: Sequence[Counter[Pair]]) -> dict[Pair, float]:
    """Weigh each pair by how few of the candidates have it."""
    having = Counter(pair for pairs in paired for pair in pairs)
    return {
        pair: BESIDE * log(1 + (len(paired) - n + 0.5) / (n + 0.5)) for pair, n in having.items()
    }
