"""Finds what to mark in a text as it was written; pure.

Normalising changes lengths (half-width kana, sara am, harakat, ligatures), so that every letter of
the normalised text remembers which letters of the original it came from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from rooms.search.rules import Span
from rooms.search.tokens import CUTTERS, GRAM_MARK, clusters, normalise, runs
from rooms.search.weights import GRAM_WEIGHT

TELLING = 0.2
"""Tokens that weigh less than this share of the heaviest one are not marked."""
ALIKE = 0.5
"""A word that shares this part of its grams with the question is marked."""


def marks(text: str, weights: Mapping[str, float]) -> tuple[Span, ...]:
    """Give the spans of a text that say what the tokens of a question ask for."""
    normal, spans = with_places(text)
    telling = _telling(weights)
    alone = {token for token in telling if len(token) == 1}
    alone -= {letter for token in telling if len(token) == 2 for letter in token}
    found: list[Span] = []
    for script, start, end in runs(normal):
        for a, b in _in_run(script, normal[start:end], telling, alone):
            found.append((spans[start + a][0], spans[start + b - 1][1]))
    return tuple(_joined(found))


def with_places(text: str) -> tuple[str, list[Span]]:
    """Normalise a text and give for each letter of the result where it came from."""
    letters: list[str] = []
    spans: list[Span] = []
    for start, end in _pieces(text):
        for letter in normalise(text[start:end]):
            if letter == "\u0e32" and letters and letters[-1] == "\u0e4d":
                letters[-1] = "\u0e33"
                spans[-1] = (spans[-1][0], end)
            else:
                letters.append(letter)
                spans.append((start, end))
    return _without_repeats(letters, spans)


def _telling(weights: Mapping[str, float]) -> set[str]:
    full = {
        token: weight / GRAM_WEIGHT if token[0] == GRAM_MARK else weight
        for token, weight in weights.items()
    }
    least = TELLING * max(full.values(), default=0)
    return {token for token, weight in full.items() if weight >= least}


def _in_run(script: str, run: str, telling: set[str], alone: set[str]) -> Iterator[Span]:
    if script in ("han", "hangul"):
        for i in range(len(run)):
            if run[i] in alone:
                yield i, i + 1
            elif run[i : i + 2] in telling and i + 1 < len(run):
                yield i, i + 2
    elif script == "thai":
        parts = list(clusters(run))
        if len(parts) == 1 and run in telling:
            yield 0, len(run)
        for (start, middle), (_, end) in pairwise(parts):
            if run[start:end] in telling and middle < end:
                yield start, end
    elif _is_asked_for(CUTTERS[script](run), telling):
        yield 0, len(run)


def _is_asked_for(cut: Sequence[str], telling: set[str]) -> bool:
    """Tell whether a whole word is meant: its stem, or enough of its grams."""
    if not cut:
        return False
    if cut[0] in telling and (len(cut) == 1 or cut[1][0] == GRAM_MARK):
        return True
    grams = [token for token in cut if token[0] == GRAM_MARK] or list(cut)
    return sum(gram in telling for gram in grams) >= ALIKE * len(grams)


def _pieces(text: str) -> Iterator[Span]:
    """Walk over letters with what belongs to them, so that each piece normalises on its own."""
    start = 0
    for i in range(1, len(text) + 1):
        if i == len(text) or not _belongs_to_the_last(text[i]):
            yield start, i
            start = i


def _belongs_to_the_last(letter: str) -> bool:
    return (
        unicodedata.category(letter) in ("Mn", "Mc", "Me")
        or "\uff9e" <= letter <= "\uff9f"
        or "\u1160" <= letter <= "\u11ff"
    )


def _without_repeats(letters: Sequence[str], spans: Sequence[Span]) -> tuple[str, list[Span]]:
    """Make one letter of three and more, as `normalise` does."""
    kept: list[str] = []
    places: list[Span] = []
    i = 0
    while i < len(letters):
        end = i + 1
        while end < len(letters) and letters[end] == letters[i]:
            end += 1
        one = end - i > 2 and (letters[i].isalpha() or letters[i] == "_")
        for k in (i,) if one else range(i, end):
            kept.append(letters[k])
            places.append((spans[k][0], spans[end - 1 if one else k][1]))
        i = end
    return "".join(kept), places


def _joined(spans: Sequence[Span]) -> Iterator[Span]:
    """Join spans that overlap or touch."""
    last: Span | None = None
    for start, end in sorted(spans):
        if last is not None and start <= last[1]:
            last = (last[0], max(end, last[1]))
        else:
            if last is not None:
                yield last
            last = (start, end)
    if last is not None:
        yield last
