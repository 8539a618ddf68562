"""How much a token says, from how often PostgreSQL found it; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from uuid import UUID

from rooms.search.tokens import GRAM_MARK

GRAM_WEIGHT = 0.3
"""Four-letter grams say less than the word they are cut from, which stands beside them."""
SAID_OFTEN = 1.5
"""The commonest token of a script stands in about two of three texts of that script."""
_SCRIPTS = (
    ("cyrillic", 0x400, 0x530),
    ("arabic", 0x600, 0x700),
    ("thai", 0xE00, 0xE80),
    ("han", 0x3005, 0xA000),
    ("hangul", 0xAC00, 0xD7A4),
)


def script_of(token: str) -> str:
    """Name the script that a token belongs to; empty for words that any language uses."""
    letter = ord(token[1] if token[0] == "_" and len(token) > 1 else token[0])
    for name, first, end in _SCRIPTS:
        if first <= letter < end:
            return name
    return ""


@dataclass(frozen=True, slots=True)
class Statistics:
    """How often tokens occur, as the last ANALYZE found it."""

    rows: float = 0
    """How many rows there are."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """The share of rows in which a token occurs; only the commoner tokens have one."""
    least: float = 0
    """The smallest share that is listed."""
    commonest: Mapping[str, float] = field(default_factory=dict)
    """The largest share among the tokens of each script."""
    moments: Sequence[UUID] = ()
    """Ids of messages that part the rows evenly; ids grow with time."""

    @classmethod
    def of(
        cls, rows: float, shares: Mapping[str, float], moments: Sequence[UUID] = ()
    ) -> Statistics:
        """Add what follows from the shares."""
        commonest: dict[str, float] = {}
        for token, share in shares.items():
            script = script_of(token)
            commonest[script] = max(share, commonest.get(script, 0))
        return cls(rows, shares, min(shares.values(), default=0), commonest, moments)

    def frequency(self, token: str) -> float:
        """Estimate in how many rows a token occurs; one without statistics counts as rare."""
        share = self.shares.get(token)
        return max(1.0, self.rows * (self.least / 2 if share is None else share))

    def weight(self, token: str) -> float:
        """Give the inverse document frequency, among the rows that use the token's script.

        A community speaks several languages. Among all rows, the little words of a language
        that few speak would count as much as its rare ones.
        """
        occurs = self.frequency(token)
        rows = self.rows
        script = script_of(token)
        if script in self.commonest and script:
            rows = min(rows, SAID_OFTEN * self.commonest[script] * rows)
        weight = log(1 + (max(rows - occurs, 0) + 0.5) / (occurs + 0.5))
        return weight * GRAM_WEIGHT if token[0] == GRAM_MARK else weight

    def least_id(self, share: float) -> UUID | None:
        """Give the id above which this share of the rows lies; None for all of them."""
        if share >= 1 or not self.moments:
            return None
        return self.moments[int((1 - share) * (len(self.moments) - 1))]
