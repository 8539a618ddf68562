"""What a window says to somebody who was away: pure, and never a silent gap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from server.publication import Flag, Publication

Place = tuple[int, int, Publication | None]
"""Offset, at, and what stands there; None where it is hidden, so that offsets stay contiguous."""
REPLY_LIMIT = 300
"""Publications in one reply; the rest is asked for page by page."""
NEWEST = 50
"""What somebody without a usable position gets, so that a screen is full."""

# Operators of enum flags take a microsecond each, and every join redacts what it is given.
_HIDE, _BY_PUBLISHER, _GAP = int(Flag.HIDE), int(Flag.BY_PUBLISHER), int(Flag.GAP)
_STAYS = _HIDE | _BY_PUBLISHER | _GAP
_TURNS = _HIDE | int(Flag.SHOW)


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


@dataclass(frozen=True, slots=True)
class Recovery:
    """What to give to a reader, and where the reader then stands."""

    epoch: int
    offset: int
    recovered: bool
    """Whether all since the reader's position is in `places` and, with `more`, what follows."""
    places: list[Place]
    more: bool = False
    lost: bool = False
    """Whether a restart of Redis lost some of it: the reader has to be told."""


def covered(publication: Publication) -> tuple[int, int]:
    """Give the first and last offset that a publication stands for; more than one for a gap."""
    if int(publication.flags) & _GAP:
        return int(publication.key), publication.offset
    return publication.offset, publication.offset


def reach(entries: Iterable[Publication], offset: int) -> int:
    """Give the offset up to which ordered entries continue `offset` without a hole."""
    for publication in entries:
        first, last = covered(publication)
        if first > offset + 1:
            break
        offset = max(offset, last)
    return offset


def redact(entries: Sequence[Publication]) -> list[Place]:
    """Hide what a later tombstone of the range names and no later restore takes back.

    Tombstones, restores of a whole publisher and gaps carry no text and always stay. A restore of
    one key carries it again, so a later tombstone hides that as well. It also takes its key out
    of an earlier tombstone of the publisher; one that is later wins again.
    """
    keys: dict[str, tuple[bool, int]] = {}
    publishers: dict[str, tuple[bool, int]] = {}
    places: list[Place] = []
    for publication in reversed(entries):
        flags = int(publication.flags)
        stays = flags & _STAYS
        hidden = not stays and _is_hidden(
            keys.get(publication.key), publishers.get(publication.publisher)
        )
        shown = None if hidden else publication
        places.append((publication.offset, publication.at, shown))
        if flags & _TURNS and publication.key:
            targets = publishers if flags & _BY_PUBLISHER else keys
            targets.setdefault(publication.key, (bool(flags & _HIDE), publication.offset))
    places.reverse()
    return places


def _is_hidden(by_key: tuple[bool, int] | None, by_publisher: tuple[bool, int] | None) -> bool:
    """Judge by the last tombstone or restore (hides, offset) of the key and of the publisher."""
    if by_key is not None and by_key[0]:
        return True
    if by_publisher is None or not by_publisher[0]:
        return False
    return by_key is None or by_key[1] < by_publisher[1]


def merge(window: Window, arrived: Iterable[Publication]) -> Window:
    """Append what arrived while the window was read.

    What has no place or came before is left out. With a hole, or when the channel began anew
    meanwhile, the answer is not `whole`: the window has to be read again.
    """
    epoch, top, whole = window.epoch, window.top, window.whole
    entries = list(window.entries)
    for publication in sorted(arrived, key=lambda p: (p.epoch, p.offset)):
        if publication.offset == 0 or publication.epoch < epoch:
            continue
        if epoch == 0 and top == 0:
            epoch = publication.epoch
        first, last = covered(publication)
        if publication.epoch == epoch and last <= top:
            continue
        if publication.epoch > epoch or first > top + 1:
            whole = False
            break
        entries.append(publication)
        top = last
    return Window(epoch, top, entries, whole)


def recover(window: Window, epoch: int, offset: int, limit: int = REPLY_LIMIT) -> Recovery:
    """Give all that came after a position, or the newest and `recovered=False`: never a part.

    `window` is what the broker read after `offset`, merged with what arrived since. Tombstones
    beyond `limit` count too. The position (0, 0) stands before everything, of any epoch.
    """
    entries = [publication for publication in window.entries if publication.offset > offset]
    known = epoch == window.epoch or (epoch, offset) == (0, 0)
    if not known or offset > window.top or reach(entries, offset) < window.top:
        return recent(window)
    places = redact(entries)[:limit]
    more = len(entries) > limit
    stands = places[-1][0] if more else window.top
    return Recovery(window.epoch, stands, True, places, more, _lost(entries[:limit]))


def recent(window: Window, count: int = NEWEST) -> Recovery:
    """Give the newest, for somebody without a position or too far behind."""
    entries = window.entries[-count:] if count else []
    places = redact(window.entries)[len(window.entries) - len(entries) :]
    return Recovery(window.epoch, window.top, False, places, False, _lost(entries))


def _lost(entries: Iterable[Publication]) -> bool:
    return any(int(publication.flags) & _GAP for publication in entries)
