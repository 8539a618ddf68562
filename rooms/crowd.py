"""What a room does while more is said and watched than this machine can carry."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Literal, TypedDict

from moderation.rules import Rank
from rooms.rules import Room
from server.context import Context, Viewer
from server.errors import Refused
from server.shedding import Shedding, Step

MAX_REMEMBERED: Final = 10_000


class LoadChanged(TypedDict):
    """How much is left out for everybody at the moment; `level` 0 is nothing."""

    event: Literal["load.changed"]
    level: int
    cooldown_ms: int


PUSHES = (LoadChanged,)


def load_changed(level: int, cooldown_ms: int) -> LoadChanged:
    """Build the passing word of what is left out, and how long writers wait at least."""
    return LoadChanged(event="load.changed", level=level, cooldown_ms=cooldown_ms)


class CrowdLimit:
    """A longer slow mode for everybody but staff, for as long as this process is under flood.

    It lives here and not in the room's gates: nobody has to take it back, whatever dies.
    """

    def __init__(self, ctx: Context) -> None:
        self._shedding = ctx.of(Shedding)
        self._clock = ctx.clock
        self._last: OrderedDict[tuple[str, str], tuple[int, str]] = OrderedDict()

    def check(self, viewer: Viewer, room: Room, client_message_id: str) -> None:
        """Raise `slow_mode` when this viewer wrote a moment ago.

        A repetition may pass: it gets the answer of the first one.
        """
        pause = self._shedding.cooldown_ms
        if not pause or Rank.staff(viewer.rank):
            return
        at, last = self._last.get((viewer.id or "", room.id), (-pause, ""))
        wait = min(at + pause - self._clock(), pause)
        if wait > 0 and last != client_message_id:
            self._shedding.sheds(Step.COOLDOWN, "posts")
            raise Refused("slow_mode", "Very many are here now; wait a little.", retry_after=wait)

    def wrote(self, viewer: Viewer, room: Room, client_message_id: str) -> None:
        """Remember that this viewer wrote just now."""
        if not self._shedding.cooldown_ms or Rank.staff(viewer.rank):
            return
        place = (viewer.id or "", room.id)
        self._last[place] = (self._clock(), client_message_id)
        self._last.move_to_end(place)
        if len(self._last) > MAX_REMEMBERED:
            self._last.popitem(last=False)
