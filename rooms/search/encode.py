"""Writes tokens as the text of a tsvector, and conditions on tokens as that of a tsquery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rooms.search.tokens import tokens

MOST_POSITIONS = 255
"""PostgreSQL keeps at most this many positions of one lexeme."""


def vector(found: Sequence[str]) -> str:
    """Give the tsvector of some tokens, with positions only where a token occurs more than once.

    Tokens consist of letters, marks, digits, `~` and `_`, so that quotes around them are enough.
    """
    if not found:
        return ""
    once = set(found)
    if len(once) == len(found):
        return "'" + "' '".join(found) + "'"
    parts = []
    for token, times in Counter(found).items():
        if times == 1:
            parts.append(f"'{token}'")
        else:
            places = ",".join(map(str, range(1, min(times, MOST_POSITIONS) + 1)))
            parts.append(f"'{token}':{places}")
    return " ".join(parts)


def tsvector(*texts: str) -> str:
    """Give the text of the tsvector that is stored with these texts, to be cast by PostgreSQL."""
    return vector([token for text in texts for token in tokens(text)])


def any_of(chosen: Sequence[str]) -> str:
    """Give the tsquery that matches where at least one of the tokens occurs."""
    return "('" + "' | '".join(chosen) + "')"


def at_least(count: int, chosen: Sequence[str]) -> str:
    """Give the nested tsquery that matches where at least `count` of the tokens occur.

    Halving keeps it short: 132 leaves for 4 of 12, where listing the combinations takes 1,980.
    """
    if count == 1:
        return any_of(chosen)
    if count == len(chosen):
        return "('" + "' & '".join(chosen) + "')"
    middle = len(chosen) // 2
    left, right = chosen[:middle], chosen[middle:]
    ways = []
    for taken in range(max(0, count - len(right)), min(count, len(left)) + 1):
        parts = [
            at_least(number, side)
            for number, side in ((taken, left), (count - taken, right))
            if number
        ]
        ways.append(" & ".join(parts))
    return "(" + " | ".join(ways) + ")"
