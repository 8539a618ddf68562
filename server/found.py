"""What a channel gives to whoever joins it: found and encoded once for all who come together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from server.parts import Ready
from server.product import Grant
from server.recovery import Window

MOST: Final = 8
"""Places of one channel from which many come at about the same time."""

Place = tuple[int, int, int, tuple[int, int] | None]
"""Epoch, where the list stands, the most publications wanted, and the position of the client."""


class Found:
    """The reply to a join but for the grant. Nothing below where a list stands changes any more."""

    __slots__ = ("_grant", "_ready", "count", "outcome", "tree", "window")

    def __init__(
        self, tree: Mapping[str, Any], count: int, outcome: str, window: Window | None
    ) -> None:
        self.tree = tree
        self.count = count
        """Publications in it."""
        self.outcome = outcome
        self.window = window
        """What it was found in, beside the memory."""
        self._grant: Grant | None = None
        self._ready = Ready({})

    def told(self, grant: Grant) -> Mapping[str, Any] | Ready:
        """Give the outcome of a subscription; one for all whose grant is the same."""
        if not isinstance(grant.you, Ready):
            return {**self.tree, "room": grant.room, "you": grant.you}
        if grant is not self._grant:
            self._grant = grant
            self._ready = Ready({**self.tree, "room": grant.room, "you": grant.you})
        return self._ready
