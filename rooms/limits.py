"""How often one viewer may do what the engine does not count, in each process."""

from __future__ import annotations

from typing import ClassVar

from server.context import Context, Viewer
from server.errors import Refused
from server.rate_limit import LocalBuckets
from server.settings import Rate


class Limit:
    """A bucket for each viewer; `ctx.of(EditLimit).take(viewer)` takes one of it."""

    rate: ClassVar[Rate]

    def __init__(self, ctx: Context) -> None:
        self._buckets = LocalBuckets(self.rate)
        self._clock = ctx.clock

    def take(self, viewer: Viewer) -> None:
        """Count one; `rate_limited` when there were too many."""
        wait = self._buckets.take(viewer.id or viewer.address, self._clock())
        if wait:
            raise Refused("rate_limited", "That was too fast; wait a little.", retry_after=wait)


class EditLimit(Limit):
    """Edits and deletions."""

    rate = Rate(10, 10_000)


class TypingLimit(Limit):
    """Signs that somebody writes."""

    rate = Rate(10, 10_000)


class ReactionLimit(Limit):
    """Hearts, of which one command carries many, and reactions to messages."""

    rate = Rate(20, 10_000)


class VoteLimit(Limit):
    """Votes for questions."""

    rate = Rate(20, 10_000)
