"""What holds for whom: the sanctions in force, in memory. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from moderation.rules import Standing

SanctionKind = Literal["mute", "ban", "shadow"]


@dataclass(frozen=True, slots=True)
class Sanction:
    """One sanction in force. `room` None is everywhere; `until` in ms."""

    id: UUID
    person: str
    room: str | None
    kind: SanctionKind
    until: int
    reason: str = ""
    addresses: tuple[bytes, ...] = ()
    """Hashes of a guest's address prefixes, which inherit the sanction."""


class Standings:
    """The sanctions in force, found by person and by address."""

    def __init__(self) -> None:
        self._all: dict[UUID, Sanction] = {}
        self._people: dict[str, set[UUID]] = defaultdict(set)
        self._addresses: dict[bytes, set[UUID]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._all)

    def put(self, sanction: Sanction) -> None:
        """Add a sanction, or what it has become."""
        self.drop(sanction.id)
        self._all[sanction.id] = sanction
        self._people[sanction.person].add(sanction.id)
        for address in sanction.addresses:
            self._addresses[address].add(sanction.id)

    def drop(self, id: UUID) -> None:
        """Forget a sanction, if it is there."""
        sanction = self._all.pop(id, None)
        if sanction is None:
            return
        _discard(self._people, sanction.person, id)
        for address in sanction.addresses:
            _discard(self._addresses, address, id)

    def drop_ended(self, now: int) -> None:
        """Forget what ended by `now` (ms)."""
        for sanction in [one for one in self._all.values() if one.until <= now]:
            self.drop(sanction.id)

    def until(self, person: str, room: str | None, now: int) -> int:
        """Tell until when a person is denied exactly there (None: everywhere); 0 is not."""
        found = [self._all[id] for id in self._people.get(person, ())]
        return max(
            (
                one.until
                for one in found
                if one.room == room and one.kind != "shadow" and one.until > now
            ),
            default=0,
        )

    def of(self, person: str, address: bytes, room: str | None, now: int) -> Standing:
        """Tell how a person stands in a room (None: in the whole community) at `now` (ms).

        `address` is empty for members: only guests inherit from an address.
        """
        ids = self._people.get(person)
        if address and (inherited := self._addresses.get(address)):
            ids = inherited if ids is None else ids | inherited
        if not ids:
            return FREE
        muted = banned = 0
        shadowed, reason, longest = False, "", -1
        for id in ids:
            sanction = self._all[id]
            if sanction.until <= now or sanction.room not in (None, room):
                continue
            if sanction.kind == "mute":
                muted = max(muted, sanction.until)
            elif sanction.kind == "ban":
                banned = max(banned, sanction.until)
            else:
                shadowed = True
                continue
            weight = sanction.until * 2 + (sanction.kind == "ban")
            if weight > longest:
                reason, longest = sanction.reason, weight
        return Standing(muted, banned, shadowed, reason)


FREE = Standing()
"""How nearly everybody stands."""


def _discard(index: dict[Any, set[UUID]], key: str | bytes, id: UUID) -> None:
    found = index.get(key, set())
    found.discard(id)
    if not found:
        index.pop(key, None)
