"""What a comment or message may be, how it is published, and who may still change it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import msgpack

from moderation.rules import Rank
from rooms import events
from rooms.rules import (
    EDIT_MS,
    Kind,
    Pin,
    Position,
    Room,
    clean_text,
    client_message_id,
    flag,
    message_uuid,
)
from server.context import Viewer
from server.errors import Refused
from server.publication import Flag, Publication, Publish

MENTIONS = 5
_MENTION = re.compile(r"@(\S{1,40})")


class Post(NamedTuple):
    """A checked `comment.post`."""

    room: str
    text: str
    client_message_id: str
    reply_to: str | None
    question: bool

    @property
    def digest(self) -> bytes:
        """What a repetition with the same client_message_id must have in common."""
        return digest(self.text, self.reply_to, self.question)


@dataclass(frozen=True, slots=True)
class Message:
    """What has to be known of a message before it is changed, answered or reacted to."""

    id: str
    author: str
    name: str
    text: str
    at: int
    state: str
    rank: int = Rank.MEMBER
    shown: Position = Position(0, 0)
    """Where it was posted, or last restored: only what hides it after that counts."""


def digest(text: str, reply_to: str | None, question: bool) -> bytes:
    """Sum up what makes two posts the same."""
    parts = (text, reply_to or "", "question" if question else "")
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).digest()


def read_post(args: Mapping[str, Any], *, limit: int, lines: bool) -> Post:
    """Check the arguments of `comment.post`; `invalid` or `too_large` otherwise."""
    reply_to = args.get("reply_to")
    if reply_to is not None:
        message_uuid(reply_to)
    return Post(
        room=room_of(args),
        text=clean_text(args.get("text"), limit=limit, lines=lines),
        client_message_id=client_message_id(args.get("client_message_id")),
        reply_to=reply_to,
        question=flag(args, "question"),
    )


def room_of(args: Mapping[str, Any]) -> str:
    """Read the room's id; that there is such a room is found out later."""
    room = args.get("room")
    if not isinstance(room, str):
        raise Refused("invalid", 'room is the id of a room, like "42".', field="room")
    return room


def from_tail(message: str, entries: Sequence[Publication]) -> Message | None:
    """Put a message together from the publications about it; None when its posting is not there."""
    found: Message | None = None
    for entry in entries:
        body = msgpack.unpackb(entry.body) if entry.body else {}
        match body.get("event"):
            case "comment.posted" | "comment.restored":
                author, at = body["author"], found.at if found else entry.at
                rank = Rank[str(author["role"]).upper()]
                who = (author["id"], author["name"])
                place = Position(entry.epoch, entry.offset)
                found = Message(message, *who, body["text"], at, "visible", rank, place)
            case "comment.edited" if found:
                found = replace(found, text=body["text"])
            case "comment.deleted" if found:
                found = replace(found, text="", state="deleted")
            case "comment.hidden" if found:
                found = replace(found, text="", state="hidden")
    return found


def hidden_since(entries: Sequence[Publication], shown: Position) -> bool:
    """Tell whether the last sign after a place is one that hides.

    The publications are about a message, or about its author: a purge names the person.
    """
    marks = Flag.HIDE | Flag.SHOW
    signs = [e.flags for e in entries if e.flags & marks and Position(e.epoch, e.offset) > shown]
    return bool(signs) and bool(signs[-1] & Flag.HIDE)


def check_change(message: Message | None, viewer: str | None, now_ms: int) -> Message:
    """Let an author change a message within 5 minutes.

    Raises `not_found` when there is none to see, `forbidden` for another's, `too_late`.
    """
    if message is None or message.state not in ("visible", "held"):
        raise Refused("not_found", "There is no such message any more.")
    if message.author != viewer:
        raise Refused("forbidden", "Only its author may change a message.")
    if now_ms - message.at > EDIT_MS:
        raise Refused("too_late", "A message can be changed for 5 minutes after it was sent.")
    return message


def publication(
    viewer: Viewer, room: Room, post: Post, key: str, answered: Message | None, address: bytes
) -> Publish:
    """Build the publication of a new message; `address` is the keyed hash of a guest's address."""
    body = events.comment_posted(
        key,
        events.author_of(viewer),
        post.text,
        post.client_message_id,
        reply_to=events.ReplyTo(id=answered.id, name=answered.name) if answered else None,
        question=post.question,
    )
    private: dict[str, Any] = {"rank": viewer.rank}
    if room.broadcast is not None:
        private["broadcast"] = int(room.broadcast.id)
    if address:
        private["address"] = address
    staff = Rank.staff(viewer.rank)
    return Publish(
        channel=room.channel,
        body=events.packed(body),
        publisher=viewer.id or "",
        key=key,
        client_message_id=post.client_message_id,
        digest=post.digest,
        flags=Flag.KEEP if staff else Flag.NONE,
        private=events.packed(private),
        gated=True,
        rank=viewer.rank,
        paced=not staff,
        refuse_on_backlog=room.kind is Kind.TOPIC,
    )


def edit_publication(viewer: Viewer, room: Room, key: str, text: str) -> Publish:
    """Build the publication of an edit."""
    return Publish(
        channel=room.channel,
        body=events.packed(events.comment_edited(key, text, viewer.id or "")),
        publisher=viewer.id or "",
        key=key,
        flags=Flag.KEEP,
        gated=True,
        rank=viewer.rank,
        refuse_on_backlog=True,
    )


def delete_publication(viewer: Viewer, room: Room, key: str) -> Publish:
    """Build the tombstone of a message that its author takes back; a mute does not prevent it."""
    return Publish(
        channel=room.channel,
        body=events.packed(events.comment_deleted(key)),
        publisher=viewer.id or "",
        key=key,
        flags=Flag.HIDE | Flag.KEEP,
        refuse_on_backlog=True,
    )


def pin_publication(room: Room, message: Message) -> Publish:
    """Build the publication of a pin; the author is its publisher, so that a purge reaches it."""
    pin = Pin(message.id, message.author, message.name, message.rank, message.text)
    return Publish(
        channel=room.channel,
        body=events.packed(events.comment_pinned(pin)),
        publisher=message.author,
        key=message.id,
        flags=Flag.KEEP,
    )


def unpin_publication(room: Room, key: str) -> Publish:
    """Build the publication that a pin is taken off."""
    return Publish(
        channel=room.channel, body=events.packed(events.comment_unpinned(key)), flags=Flag.KEEP
    )


def mentions(text: str) -> list[str]:
    """List the names that a text calls with @, at most 5."""
    found = dict.fromkeys(name.rstrip(".,:;!?、。،؟") for name in _MENTION.findall(text))
    return [name for name in found if name][:MENTIONS]
