"""Every push of a room: what its body holds, and the function that builds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from moderation.rules import Rank
from rooms.rules import Broadcast, Pin, Room, mode_of
from server.context import Viewer
from server.packing import pack


def packed(body: Mapping[str, Any]) -> bytes:
    """Encode a body once, as it travels through Redis and to msgpack peers."""
    return pack(body)


class Person(TypedDict):
    """Somebody, as others see them."""

    id: str
    name: str


class Author(TypedDict):
    """Who wrote something, with the role at that time."""

    id: str
    name: str
    role: str


class ReplyTo(TypedDict):
    """The message that this one answers. Its text is left out: it would outlive its hiding."""

    id: str
    name: str


class CommentPosted(TypedDict):
    """A comment under a broadcast, or a message in a topic room."""

    event: Literal["comment.posted"]
    id: str
    author: Author
    text: str
    client_message_id: str
    reply_to: NotRequired[ReplyTo]
    question: NotRequired[bool]


class CommentEdited(TypedDict):
    """The author changed the text."""

    event: Literal["comment.edited"]
    id: str
    text: str
    by: str


class Mentioned(TypedDict):
    """A notice: a message answers or names its addressee."""

    event: Literal["mentioned"]
    id: str
    author: Author
    text: str


class CommentDeleted(TypedDict):
    """The author took it back."""

    event: Literal["comment.deleted"]
    id: str


class CommentPinned(TypedDict):
    """A comment stands above the others, in place of any before it."""

    event: Literal["comment.pinned"]
    id: str
    author: Author
    text: str


class CommentUnpinned(TypedDict):
    """The comment stands above the others no longer."""

    event: Literal["comment.unpinned"]
    id: str


class ReactionAdded(TypedDict):
    """Somebody reacted to a message of a topic room."""

    event: Literal["reaction.added"]
    id: str
    kind: str
    person: str


class ReactionRemoved(TypedDict):
    """Somebody took a reaction back."""

    event: Literal["reaction.removed"]
    id: str
    kind: str
    person: str


class ReactionsCounted(TypedDict):
    """Hearts of the last second in a live room, all gateways together."""

    event: Literal["reactions.counted"]
    counts: dict[str, int]
    total: int


class ViewersCounted(TypedDict):
    """How many watch."""

    event: Literal["viewers.counted"]
    count: int


class TypingStarted(TypedDict):
    """Somebody is writing in a topic room."""

    event: Literal["typing.started"]
    person: Person


class RoomChanged(TypedDict):
    """The room mode, slow mode, or whether the room is closed."""

    event: Literal["room.changed"]
    mode: str
    min_rank: int
    cooldown_ms: int
    closed: bool


class BroadcastInfo(TypedDict):
    """A broadcast as clients see it; times are ms since 1970."""

    id: str
    room: str
    title: str
    about: str
    host: Person
    state: str
    video: Video
    poster: str
    starts_at: int
    started_at: int | None
    ended_at: int | None


class Video(TypedDict):
    """Where the picture comes from: an HLS address, an embed, or a file."""

    kind: str
    url: str
    upright: bool


class Pinned(TypedDict):
    """The comment that stands above the others."""

    id: str
    author: Author
    text: str


class RoomInfo(TypedDict):
    """A room as clients see it, with the broadcast that is on or comes next."""

    id: str
    kind: str
    slug: str
    title: str
    about: str
    visibility: str
    mode: str
    min_rank: int
    cooldown_ms: int
    closed: bool
    pinned: Pinned | None
    broadcast: BroadcastInfo | None


class BroadcastStarted(TypedDict):
    """A broadcast began."""

    event: Literal["broadcast.started"]
    broadcast: BroadcastInfo


class BroadcastEnded(TypedDict):
    """A broadcast is over."""

    event: Literal["broadcast.ended"]
    id: str


class BroadcastChanged(TypedDict):
    """A broadcast was scheduled or edited."""

    event: Literal["broadcast.changed"]
    broadcast: BroadcastInfo


class BroadcastCancelled(TypedDict):
    """A scheduled broadcast will not take place."""

    event: Literal["broadcast.cancelled"]
    id: str


PUSHES = (
    CommentPosted,
    CommentEdited,
    CommentDeleted,
    Mentioned,
    CommentPinned,
    CommentUnpinned,
    ReactionAdded,
    ReactionRemoved,
    ReactionsCounted,
    ViewersCounted,
    TypingStarted,
    RoomChanged,
    BroadcastStarted,
    BroadcastEnded,
    BroadcastChanged,
    BroadcastCancelled,
)
"""Every push that is built here."""


def author_of(viewer: Viewer) -> Author:
    """Give the author that others see for this viewer."""
    return Author(id=viewer.id or "", name=viewer.name, role=Rank.of(viewer.rank).wire)


def comment_posted(
    message: str,
    author: Author,
    text: str,
    client_message_id: str,
    *,
    reply_to: ReplyTo | None = None,
    question: bool = False,
) -> CommentPosted:
    """Build the push of a new comment or message."""
    body = CommentPosted(
        event="comment.posted",
        id=message,
        author=author,
        text=text,
        client_message_id=client_message_id,
    )
    if reply_to is not None:
        body["reply_to"] = reply_to
    if question:
        body["question"] = True
    return body


def comment_edited(message: str, text: str, by: str) -> CommentEdited:
    """Build the push of an edit."""
    return CommentEdited(event="comment.edited", id=message, text=text, by=by)


def comment_deleted(message: str) -> CommentDeleted:
    """Build the push of a deletion by the author; it travels as a tombstone without text."""
    return CommentDeleted(event="comment.deleted", id=message)


def mentioned(message: str, author: Author, text: str) -> Mentioned:
    """Build the notice to somebody whom a message answers or names."""
    return Mentioned(event="mentioned", id=message, author=author, text=text)


def reaction_added(message: str, kind: str, person: str) -> ReactionAdded:
    """Build the push of a reaction to a message."""
    return ReactionAdded(event="reaction.added", id=message, kind=kind, person=person)


def reaction_removed(message: str, kind: str, person: str) -> ReactionRemoved:
    """Build the push of a reaction taken back."""
    return ReactionRemoved(event="reaction.removed", id=message, kind=kind, person=person)


def reactions_counted(counts: Mapping[str, int], total: int) -> ReactionsCounted:
    """Build the passing sum of hearts."""
    return ReactionsCounted(event="reactions.counted", counts=dict(counts), total=total)


def viewers_counted(count: int) -> ViewersCounted:
    """Build the passing number of viewers."""
    return ViewersCounted(event="viewers.counted", count=count)


def typing_started(viewer: Viewer) -> TypingStarted:
    """Build the passing sign that somebody writes."""
    return TypingStarted(
        event="typing.started", person=Person(id=viewer.id or "", name=viewer.name)
    )


def room_info(room: Room) -> RoomInfo:
    """Give a room as clients see it."""
    return RoomInfo(
        id=room.id,
        kind=room.kind,
        slug=room.slug,
        title=room.title,
        about=room.about,
        visibility=room.visibility,
        mode=mode_of(room.min_rank),
        min_rank=room.min_rank,
        cooldown_ms=room.cooldown_ms,
        closed=room.closed,
        pinned=_pinned(room.pinned) if room.pinned else None,
        broadcast=broadcast_info(room.broadcast) if room.broadcast else None,
    )


def _pinned(pin: Pin) -> Pinned:
    role = Rank.of(pin.author_rank).wire
    return Pinned(
        id=pin.id, author=Author(id=pin.author, name=pin.author_name, role=role), text=pin.text
    )


def comment_pinned(pin: Pin) -> CommentPinned:
    """Build the push of a comment that now stands above the others."""
    return CommentPinned(event="comment.pinned", **_pinned(pin))


def comment_unpinned(message: str) -> CommentUnpinned:
    """Build the push that nothing stands above the others any more."""
    return CommentUnpinned(event="comment.unpinned", id=message)


def room_changed(room: Room) -> RoomChanged:
    """Build the push of a changed room."""
    return RoomChanged(
        event="room.changed",
        mode=mode_of(room.min_rank),
        min_rank=room.min_rank,
        cooldown_ms=room.cooldown_ms,
        closed=room.closed,
    )


def broadcast_info(b: Broadcast) -> BroadcastInfo:
    """Give a broadcast as clients see it."""
    return BroadcastInfo(
        id=b.id,
        room=b.room_id,
        title=b.title,
        about=b.about,
        host=Person(id=b.host_id, name=b.host_name),
        state=b.state,
        video=Video(kind=b.video_kind, url=b.video_url, upright=b.upright),
        poster=b.poster_url,
        starts_at=_ms(b.starts_at),
        started_at=_ms(b.started_at) if b.started_at else None,
        ended_at=_ms(b.ended_at) if b.ended_at else None,
    )


def broadcast_started(b: Broadcast) -> BroadcastStarted:
    """Build the push of a broadcast's start."""
    return BroadcastStarted(event="broadcast.started", broadcast=broadcast_info(b))


def broadcast_ended(b: Broadcast) -> BroadcastEnded:
    """Build the push of a broadcast's end."""
    return BroadcastEnded(event="broadcast.ended", id=b.id)


def broadcast_changed(b: Broadcast) -> BroadcastChanged:
    """Build the push of a scheduled or edited broadcast."""
    return BroadcastChanged(event="broadcast.changed", broadcast=broadcast_info(b))


def broadcast_cancelled(b: Broadcast) -> BroadcastCancelled:
    """Build the push of a cancelled broadcast."""
    return BroadcastCancelled(event="broadcast.cancelled", id=b.id)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
