"""Every push and notice of moderation: what its body holds, and the function that builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict

from server.context import Viewer
from server.packing import pack


def packed(body: Mapping[str, Any]) -> bytes:
    """Encode a body once, as it travels through Redis."""
    return pack(body)


class By(TypedDict):
    """The moderator who did it."""

    id: str
    name: str


class Writer(TypedDict):
    """Who wrote a message."""

    id: str
    name: str


class Poster(TypedDict):
    """Who posted a message, with the role at that time."""

    id: str
    name: str
    role: str


class Answered(TypedDict):
    """The message that another one answers."""

    id: str
    name: str


class PersonMuted(TypedDict):
    """Somebody may not write here until then (ms; null: for good)."""

    event: Literal["person.muted"]
    person: str
    until: int | None


class PersonUnmuted(TypedDict):
    """Somebody may write again."""

    event: Literal["person.unmuted"]
    person: str


class CommentHidden(TypedDict):
    """A moderator hid a message: a tombstone, without text."""

    event: Literal["comment.hidden"]
    id: str
    by: By


class CommentRestored(TypedDict):
    """A hidden message is back, as it was posted."""

    event: Literal["comment.restored"]
    id: str
    author: Poster
    text: str
    client_message_id: str
    reply_to: NotRequired[Answered]
    question: NotRequired[bool]


class CommentsPurged(TypedDict):
    """All that a person said here before is hidden."""

    event: Literal["comments.purged"]
    person: str


class CommentsUnpurged(TypedDict):
    """What a purge hid is back."""

    event: Literal["comments.unpurged"]
    person: str


class YouMuted(TypedDict):
    """A notice: you may not write in this room (null: in any) until then (null: for good)."""

    event: Literal["you.muted"]
    room: str | None
    until: int | None
    reason: str


class YouBanned(TypedDict):
    """A notice: you are shut out of the community until then (null: for good)."""

    event: Literal["you.banned"]
    room: None
    until: int | None
    reason: str


class YouUnmuted(TypedDict):
    """A notice: you may write again."""

    event: Literal["you.unmuted"]
    room: str | None


class HeldApproved(TypedDict):
    """A notice: the held message is published."""

    event: Literal["held.approved"]
    id: str


class HeldRejected(TypedDict):
    """A notice: the held message will not be published."""

    event: Literal["held.rejected"]
    id: str
    reason: str


class HeldItem(TypedDict):
    """To the staff of a room: a message waits; `spans` are the parts of the text that decided."""

    event: Literal["held.added"]
    id: str
    kind: str
    room: str
    message: str
    author: Writer
    text: str
    rule: str
    word: str
    spans: list[list[int]]
    at: int
    claimed: By | None
    claimed_at: int | None


class HeldClaimed(TypedDict):
    """To the staff of a room: somebody looks at a waiting message, or no longer does."""

    event: Literal["held.claimed"]
    id: str
    by: By | None


class HeldDecided(TypedDict):
    """To the staff of a room: a message waits no longer."""

    event: Literal["held.decided"]
    id: str
    decision: str
    by: By | None


class ReportAdded(TypedDict):
    """To the staff of a room: a message was reported, `count` times in all."""

    event: Literal["report.added"]
    id: str
    room: str
    author: Writer
    text: str
    reason: str
    count: int
    at: int


class ReportResolved(TypedDict):
    """To the staff of a room: the reports on a message are settled."""

    event: Literal["report.resolved"]
    id: str
    outcome: str
    by: By


class ActionLogged(TypedDict):
    """To the staff of a room: somebody acted."""

    event: Literal["action.logged"]
    id: str
    action: str
    at: int
    by: By
    person: str | None
    person_name: str | None
    message: str | None
    text: str | None
    reason: str
    details: dict[str, Any]
    undoes: str | None


PUSHES = (
    PersonMuted,
    PersonUnmuted,
    CommentHidden,
    CommentRestored,
    CommentsPurged,
    CommentsUnpurged,
    YouMuted,
    YouBanned,
    YouUnmuted,
    HeldApproved,
    HeldRejected,
    HeldItem,
    HeldClaimed,
    HeldDecided,
    ReportAdded,
    ReportResolved,
    ActionLogged,
)
"""Every push that is built here."""


def by(viewer: Viewer) -> By:
    """Name the moderator."""
    return By(id=viewer.id or "", name=viewer.name)


def person_muted(person: str, until: int | None) -> PersonMuted:
    """Build the push of a mute."""
    return PersonMuted(event="person.muted", person=person, until=until)


def unmuted(person: str) -> PersonUnmuted:
    """Build the push of its end."""
    return PersonUnmuted(event="person.unmuted", person=person)


def comment_hidden(message: str, viewer: Viewer) -> CommentHidden:
    """Build the tombstone of one message."""
    return CommentHidden(event="comment.hidden", id=message, by=by(viewer))


def comments_purged(person: str) -> CommentsPurged:
    """Build the tombstone of all that a person said."""
    return CommentsPurged(event="comments.purged", person=person)


def comments_unpurged(person: str) -> CommentsUnpurged:
    """Build what takes a purge back."""
    return CommentsUnpurged(event="comments.unpurged", person=person)


def you_are(
    kind: str, room: str | None, until: int | None, reason: str
) -> YouMuted | YouBanned | YouUnmuted:
    """Build the notice to a person: `kind` is muted, banned or unmuted."""
    if kind == "banned":
        return YouBanned(event="you.banned", room=None, until=until, reason=reason)
    if kind == "muted":
        return YouMuted(event="you.muted", room=room, until=until, reason=reason)
    return YouUnmuted(event="you.unmuted", room=room)
