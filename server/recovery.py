"""What a window says to somebody who was away: pure, and never a silent gap."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.publication import Flag, Publication


@dataclass(frozen=True, slots=True)
class Window:
    """Where a channel stands, and the newest of its publications in order.

    Epoch and top are 0 while nothing is known of the channel. `whole` tells that everything after
    the offset asked for, up to `top`, is in `entries`.
    """

    epoch: int
    top: int
    entries: list[Publication] = field(default_factory=list)
    whole: bool = True


def covered(publication: Publication) -> tuple[int, int]:
    """Give the first and last offset that a publication stands for; more than one for a gap."""
    if publication.flags & Flag.GAP:
        return int(publication.key), publication.offset
    return publication.offset, publication.offset
