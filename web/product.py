"""What the engine asks of this product: its commands, who may open a channel, what has changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NotRequired, TypedDict

from moderation import screening
from moderation.rules import Rank, wire_until
from rooms import crowd, events
from rooms.access import Action, may, require, require_sight
from rooms.cache import RoomCache
from rooms.community.reads import CommunityCache
from rooms.members import tokens
from rooms.members.sessions import SessionCache
from rooms.rules import Kind, Room, read_channel
from server.context import Context, Viewer
from server.errors import Closed, Refused
from server.identity import Claims
from server.parts import Ready
from server.product import Command, Grant
from server.protocol import CloseCode
from web.commands import COMMANDS


class Sanction(TypedDict):
    """What keeps the asker from writing; `until` in ms, null for good."""

    kind: str
    until: int | None
    reason: str


class You(TypedDict):
    """What the asker is and may do in a room."""

    id: str | None
    name: str
    role: str
    may: list[str]
    sanction: NotRequired[Sanction]


MOST_CARDS = 1000


class _Card:
    """What is told of a room to whoever comes in: thousands come at once and are told the same."""

    __slots__ = ("_allowed", "_nameless", "info", "room")

    def __init__(self, room: Room) -> None:
        self.room = room
        self.info = Ready(events.room_info(room))
        self._allowed: dict[int, list[str]] = {}
        self._nameless: dict[int, Grant] = {}

    def allowed(self, rank: int) -> list[str]:
        """Name what a rank may do here."""
        known = self._allowed.get(rank)
        if known is None:
            viewer = Viewer(rank=rank)
            known = [str(action) for action in Action if may(viewer, action, self.room)]
            self._allowed[rank] = known
        return known

    def samples(self, rank: int) -> bool:
        """Tell whether this rank is shown a choice of what is said here."""
        return self.room.kind is Kind.LIVE and not Rank.staff(rank)

    def nameless(self, rank: int) -> Grant:
        """Let somebody in who has no name: one grant for all of them."""
        known = self._nameless.get(rank)
        if known is None:
            may = self.allowed(rank)
            you = Ready(You(id=None, name="", role=Rank.of(rank).wire, may=may))
            known = Grant(self.info, you, "sampled" if self.samples(rank) else "full")
            self._nameless[rank] = known
        return known


class Product:
    """Implements the engine's `Product`."""

    commands: Mapping[str, Command] = COMMANDS

    def __init__(self) -> None:
        self._cards: dict[str, _Card] = {}

    async def open_channel(self, ctx: Context, viewer: Viewer, channel: str) -> Grant:
        """Let a viewer into a room's channel, or the team into its staff channel."""
        room_id, part = _parts(channel)
        room = await ctx.of(RoomCache).room(room_id)
        require_sight(viewer, room)
        if part == "staff":
            require(viewer, Action.MODERATE, room)
        elif part:
            raise Refused("not_found", "There is no such channel.")
        card = self._card(room)
        if viewer.id is None:
            return card.nameless(viewer.rank)
        sampled = not part and card.samples(viewer.rank)
        role, may = Rank.of(viewer.rank).wire, card.allowed(viewer.rank)
        you = You(id=viewer.id, name=viewer.name, role=role, may=may)
        sanction = await sanction_in(ctx, viewer, room)
        if sanction is not None:
            you["sanction"] = sanction
        return Grant(card.info, you, "sampled" if sampled else "full")

    def _card(self, room: Room) -> _Card:
        card = self._cards.get(room.id)
        if card is None or card.room is not room:
            if len(self._cards) >= MOST_CARDS:
                self._cards.clear()
            card = self._cards[room.id] = _Card(room)
        return card

    async def resolve(self, ctx: Context, claims: Claims) -> Viewer:
        """Say whom verified claims speak for; nobody's name counts where guests are not let in."""
        viewer = await tokens.resolve(ctx, claims)
        if viewer.rank == Rank.GUEST and not (await ctx.of(CommunityCache).get()).guests:
            raise Refused("unauthenticated", "Only members take part here; sign up to join.")
        standing = await screening.standing(ctx, viewer, None)
        if viewer.id is not None and standing.banned_until > ctx.clock():
            # Redis refuses as well, but a Redis that lost everything does not know it any more.
            raise Closed(CloseCode.DENIED, "banned")
        return viewer

    async def on_control(self, ctx: Context, body: dict[str, Any]) -> None:
        """Drop what another process changed from the memory of this one."""
        if body.get("type") == "changed" and body.get("what") == "room":
            ctx.of(RoomCache).forget(str(body.get("id")))
        ctx.of(CommunityCache).on_control(body)
        ctx.of(SessionCache).on_control(body)
        await screening.on_control(ctx, body)

    def loaded(self, level: int, cooldown_ms: int, /) -> bytes:
        """Make the body that tells what is left out at the moment."""
        return events.packed(crowd.load_changed(level, cooldown_ms))

    def counted(self, channel: str, viewers: int, /) -> bytes:
        """Make the body that tells how many watch."""
        return events.packed(events.viewers_counted(viewers))

    def tallied(self, channel: str, counts: Mapping[str, int], sums: Mapping[str, int], /) -> bytes:
        """Make the body that tells the hearts of the last second, and all of this broadcast."""
        return events.packed(events.reactions_counted(counts, sum(sums.values())))


async def sanction_in(ctx: Context, viewer: Viewer, room: Room) -> Sanction | None:
    """Say what holds against the asker in a room."""
    if viewer.id is None:
        return None
    standing = await screening.standing(ctx, viewer, room.id)
    until = max(standing.muted_until, standing.banned_until)
    if until <= ctx.clock():
        return None
    kind = "banned" if standing.banned_until else "muted"
    return Sanction(kind=kind, until=wire_until(until), reason=standing.reason)


_parts = lru_cache(maxsize=4096)(read_channel)
