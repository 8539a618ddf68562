"""What a client knows without I/O: where it stands on a channel, and whether it comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FIRST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0
PASSING_TROUBLE: Final = frozenset(("unavailable", "rate_limited", "internal", "room_busy"))
"""Words with which a command may be sent again as it is."""
# What we did wrong once we would do wrong again.
_OUR_FAULT: Final = frozenset((1000, 1002, 1003, 1007, 1008, 1009, 1010))


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place on a channel; epoch 0 stands for none yet, later places are greater."""

    epoch: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Received:
    """One publication at its place."""

    channel: str
    epoch: int
    offset: int
    at: int
    """When it got its place, in ms since 1970 by the server's clock."""
    body: dict[str, Any] | None
    """A map with `event`; None where it has been hidden since."""
    live: bool = field(default=True, compare=False)
    """Whether it came as it happened, and not out of what the server remembers."""


@dataclass(frozen=True, slots=True)
class Passing:
    """Something that happens now; it has no place and is never sent again."""

    channel: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """The server says plainly that publications in a range of offsets do not come."""

    channel: str
    epoch: int
    first: int
    last: int
    count: int | None
    """How many; None where nobody can know, as the stream began anew."""
    why: str
    """`sampled`, `restart` (Redis lost them) or `unrecovered` (the client was away too long)."""


Item = Received | Passing | Missing


class Stand:
    """Where a client stands on one channel, so that it takes each publication once, in order."""

    def __init__(self, channel: str, position: Position = Position()) -> None:
        """Begin at a position kept from before, or nowhere."""
        self.channel = channel
        self.position = position

    def accept(self, reply: Mapping[str, Any]) -> list[Item]:
        """Take the reply to `subscribe` or `history` and stand where it says."""
        epoch, offset = reply["epoch"], reply["offset"]
        before = self.position
        same = epoch == before.epoch
        mine = before.offset if same else 0
        items: list[Item] = [
            self._received(epoch, each, False) for each in reply["pubs"] if each[0] > mine
        ]
        if not reply["recovered"] and before.epoch:
            first = mine + 1
            last = items[0].offset - 1 if items and isinstance(items[0], Received) else offset
            if last >= first or not same:
                count = last - mine if same else None
                why = reply.get("why") or "unrecovered"
                items.insert(0, Missing(self.channel, epoch, first, last, count, why))
        self.position = Position(epoch, max(offset, mine))
        return items

    def take(self, push: Mapping[str, Any]) -> list[Item] | None:
        """Take a push; None when it leaves a hole, and `history` has to be asked first."""
        epoch, first, last = push["epoch"], push["from"], push["to"]
        mine = self.position
        if epoch < mine.epoch:
            return []
        if epoch > mine.epoch and (mine.epoch or first > 1):
            return None
        if first > mine.offset + 1:
            return None
        if mine.offset > last:
            return []
        pubs = push["pubs"]
        items: list[Item] = [self._received(epoch, each) for each in pubs if each[0] > mine.offset]
        left_out = push.get("of", len(pubs)) - len(pubs)
        if left_out > 0 and last > mine.offset:
            start = max(first, mine.offset + 1)
            items.append(Missing(self.channel, epoch, start, last, left_out, push.get("why", "")))
        self.position = Position(epoch, last)
        return items

    def _received(self, epoch: int, each: Any, live: bool = True) -> Received:
        offset, at, body = each
        return Received(self.channel, epoch, offset, at, body, live)


def comes_back(code: int) -> bool:
    """Tell by a close code whether a client connects again."""
    if code >= 4000:
        return code < 4500
    return code not in _OUR_FAULT


def retried(status: int) -> bool:
    """Tell by the HTTP status of a refused handshake whether a client tries again."""
    return status in (408, 429) or status >= 500


def delay(tries: int, random: Callable[[], float]) -> float:
    """Give the seconds to wait before the next try; `random` gives a number from 0 to 1."""
    longest: float = FIRST_DELAY * 2 ** min(tries, 16)
    return random() * min(LONGEST_DELAY, longest)
