"""The one access rule, for pages, API, socket and search: who sees what, and who may do what."""

from __future__ import annotations

from enum import StrEnum

from moderation.rules import Rank
from rooms.rules import NOBODY, Kind, Room, State, Visibility
from server.context import Viewer
from server.errors import Refused


class Action(StrEnum):
    """What somebody may want to do in a room, or with rooms."""

    POST = "post"
    EDIT = "edit"
    DELETE = "delete"
    REACT = "react"
    TYPE = "type"
    VOTE = "vote"
    REPORT = "report"
    MARK = "mark"
    ANSWER = "answer"
    SHOW = "show"
    PIN = "pin"
    MODERATE = "moderate"
    SET_MODE = "set_mode"
    SET_SLOW = "set_slow"
    HOST = "host"
    """Create, edit, start and end broadcasts."""
    BUY = "buy"
    """Reserve, wait, claim a coupon, enter a giveaway."""
    SELL = "sell"
    """Products, the rundown, pins, flash sales, coupons, giveaways, orders."""
    CREATE_ROOM = "create_room"
    EDIT_ROOM = "edit_room"
    CLOSE_ROOM = "close_room"
    OWN = "own"
    """Settings of the community, members and their roles."""


LEAST = {
    Action.POST: Rank.GUEST,
    Action.EDIT: Rank.GUEST,
    Action.DELETE: Rank.GUEST,
    Action.REACT: Rank.GUEST,
    Action.TYPE: Rank.GUEST,
    Action.VOTE: Rank.GUEST,
    Action.REPORT: Rank.GUEST,
    Action.MARK: Rank.MODERATOR,
    Action.ANSWER: Rank.MODERATOR,
    Action.SHOW: Rank.MODERATOR,
    Action.PIN: Rank.MODERATOR,
    Action.MODERATE: Rank.MODERATOR,
    Action.SET_MODE: Rank.MODERATOR,
    Action.SET_SLOW: Rank.MODERATOR,
    Action.HOST: Rank.HOST,
    Action.BUY: Rank.GUEST,
    Action.SELL: Rank.HOST,
    Action.CREATE_ROOM: Rank.OWNER,
    Action.EDIT_ROOM: Rank.OWNER,
    Action.CLOSE_ROOM: Rank.OWNER,
    Action.OWN: Rank.OWNER,
}
"""The least rank for each action."""

# A closed room, or a live room after its broadcast, takes no new words; taking back one's own
# and judging what stands there goes on.
_SPEAKING = {Action.POST, Action.EDIT, Action.REACT, Action.TYPE, Action.VOTE}
_MODE_APPLIES = {Action.POST, Action.EDIT, Action.TYPE}
_SEEN_BY = {
    Visibility.PUBLIC: Rank.READER,
    Visibility.MEMBERS: Rank.MEMBER,
    Visibility.STAFF: Rank.MODERATOR,
}


def can_see(viewer: Viewer, room: Room) -> bool:
    """Tell whether this viewer may know of the room and read in it."""
    return room.kind is not Kind.DIRECT and viewer.rank >= _SEEN_BY[room.visibility]


def can_read(viewer: Viewer, state: str, author: str) -> bool:
    """Tell whether this viewer may read a message in that state, in a room that may be seen."""
    if state == "visible":
        return True
    if state == "deleted":
        return False
    return viewer.rank >= Rank.MODERATOR or (state == "held" and viewer.id == author)


def is_open(room: Room) -> bool:
    """Tell whether words are taken: not closed, and in a live room the broadcast is not over."""
    if room.closed:
        return False
    return room.broadcast is None or room.broadcast.state is not State.ENDED


def refusal(viewer: Viewer, action: Action | str, room: Room | None = None) -> Refused | None:
    """Say why this viewer may not do this (in this room); None when it is allowed."""
    action = Action(action)
    if room is not None and not can_see(viewer, room):
        return Refused("not_found", "There is no such room.")
    if viewer.rank < LEAST[action]:
        if viewer.rank == Rank.READER:
            return Refused("unauthenticated", "Choose a name or sign in first.")
        return Refused("forbidden", "This is not among the things your role may do.")
    if room is None:
        return None
    if action is Action.TYPE and room.kind is Kind.LIVE:
        return Refused("forbidden", "Typing is shown in topic rooms only.")
    if action in _SPEAKING and room.closed:
        return mode_refusal(NOBODY)
    if action in _MODE_APPLIES and viewer.rank < room.min_rank:
        return mode_refusal(room.min_rank)
    if action in _SPEAKING and not is_open(room) and viewer.rank < Rank.MODERATOR:
        return Refused("room_closed", "The broadcast has ended; what was said can still be read.")
    return None


def mode_refusal(min_rank: int) -> Refused:
    """Say that the room mode keeps this viewer from writing."""
    if min_rank >= NOBODY:
        return Refused("room_closed", "This room is closed; what was said can still be read.")
    if min_rank > Rank.MEMBER:
        return Refused("room_closed", "Only the team may write here at the moment.")
    return Refused("forbidden", "Only members may write here at the moment; sign in to join in.")


def may(viewer: Viewer, action: Action | str, room: Room | None = None) -> bool:
    """Tell whether this viewer may do this (in this room)."""
    return refusal(viewer, action, room) is None


def require(viewer: Viewer, action: Action | str, room: Room | None = None) -> None:
    """Raise the refusal when this viewer may not do this (in this room)."""
    refused = refusal(viewer, action, room)
    if refused is not None:
        raise refused


def require_sight(viewer: Viewer, room: Room) -> None:
    """Raise `not_found` when this viewer may not know of the room."""
    if not can_see(viewer, room):
        raise Refused("not_found", "There is no such room.")


def in_wire_words(refused: Refused) -> Refused:
    """Turn the engine's word for a refused publication into the product's, with a sentence.

    `denied` is left to `moderation.screening`, which knows the reason.
    """
    wait = refused.retry_after
    match refused.code:
        case "rank":
            return mode_refusal(int(refused.details.get("min_rank", Rank.MEMBER)))
        case "cooldown":
            return Refused("slow_mode", "Slow mode is on here; wait a little.", retry_after=wait)
        case "rate_limited":
            return Refused("rate_limited", "That was too fast; wait a little.", retry_after=wait)
        case "channel_busy":
            return Refused("room_busy", "Too much is said here right now.", retry_after=wait)
        case "backlog":
            return Refused("backlog", "Messages cannot be saved right now; try again soon.")
        case "duplicate_conflict":
            return Refused(
                "duplicate_conflict", "Another text was sent with this client_message_id."
            )
        case "unavailable":
            return Refused("unavailable", "This was not sent; try again.", retry_after=wait)
    return refused
