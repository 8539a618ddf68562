"""What a room and a broadcast are, and how their ids, channels and texts are checked."""

from __future__ import annotations

import re
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from moderation.rules import Rank
from server.errors import Refused

TEXT_LIMIT = 500
CLIENT_MESSAGE_ID_LIMIT = 36
EDIT_MS = 300_000
"""How long an author may edit and delete, in ms."""
SLOW_LIMIT = 3600
"""The longest slow mode, in seconds."""


class Kind(StrEnum):
    """What a room is for."""

    LIVE = "live"
    TOPIC = "topic"
    DIRECT = "direct"


class Visibility(StrEnum):
    """Who may read a room."""

    PUBLIC = "public"
    MEMBERS = "members"
    STAFF = "staff"


class State(StrEnum):
    """Where a broadcast is in its life."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"


MODES: Mapping[str, Rank] = {
    "everyone": Rank.GUEST,
    "members": Rank.MEMBER,
    "staff": Rank.MODERATOR,
}
"""The room modes by their wire names: who may write."""
NOBODY = 99
"""A minimum rank that no viewer has."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """One showing in a live room."""

    id: str
    room_id: str
    room_slug: str
    room_title: str
    title: str
    about: str
    host_id: str
    host_name: str
    state: State
    video_kind: str
    video_url: str
    poster_url: str
    upright: bool
    starts_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """The message that stands above the others."""

    id: str
    author: str
    author_name: str
    author_rank: int
    text: str


@dataclass(frozen=True, slots=True)
class Room:
    """A room and, in a live one, the broadcast that is on, else the next, else the last."""

    id: str
    kind: Kind
    slug: str
    title: str
    about: str = ""
    visibility: Visibility = Visibility.PUBLIC
    min_rank: int = Rank.GUEST
    cooldown_ms: int = 0
    pinned: Pin | None = None
    closed: bool = False
    broadcast: Broadcast | None = None

    @property
    def mode(self) -> str:
        """Name the mode: the widest one that this minimum rank still allows."""
        return mode_of(self.min_rank)

    @property
    def gate_rank(self) -> int:
        """Give the minimum rank for the engine: nobody's while the room is closed."""
        return NOBODY if self.closed else self.min_rank

    @property
    def channel(self) -> str:
        """Name the channel that everybody of this room listens to."""
        return room_channel(self.id)


def mode_of(min_rank: int) -> str:
    """Name the mode of a minimum rank."""
    return next((name for name, rank in MODES.items() if min_rank <= rank), "staff")


def room_channel(room_id: str) -> str:
    """Name a room's channel."""
    return f"room:{room_id}"


def staff_channel(room_id: str) -> str:
    """Name the channel that only moderators of a room may open."""
    return f"room:{room_id}:staff"


_CHANNEL = re.compile(r"room:([1-9][0-9]{0,17})(?::(staff|votes))?")


def read_channel(channel: str) -> tuple[str, str]:
    """Take a channel apart: room id, and "", "staff" or "votes"; `not_found` otherwise.

    On the channel of votes nobody listens: they only travel to the database.
    """
    found = _CHANNEL.fullmatch(channel)
    if found is None:
        raise Refused("not_found", "There is no such channel.")
    return found[1], found[2] or ""


def new_message_id(now_ms: int, random: Callable[[int], bytes]) -> str:
    """Make a UUIDv7 as 22 characters base64url; `random` gives that many bytes."""
    rest = bytearray(random(10))
    rest[0] = 0x70 | rest[0] & 0x0F
    rest[2] = 0x80 | rest[2] & 0x3F
    return _spelled((now_ms & (1 << 48) - 1).to_bytes(6, "big") + rest)


def message_id(uuid: UUID) -> str:
    """Give a message's id as the wire carries it."""
    return _spelled(uuid.bytes)


def _spelled(sixteen: bytes) -> str:
    return urlsafe_b64encode(sixteen)[:22].decode()


def message_uuid(value: object) -> UUID:
    """Read a message id from the wire; `invalid` when it is none."""
    if isinstance(value, str) and len(value) == 22 and value.isascii():
        try:
            uuid = UUID(bytes=urlsafe_b64decode(value + "=="))
        except ValueError:
            uuid = UUID(int=0)
        # Other spellings of the same 16 bytes would be other keys in Redis.
        if message_id(uuid) == value:
            return uuid
    raise Refused("invalid", "A message id has 22 characters of base64url.", field="id")


def room_number(value: object) -> int:
    """Read a room id ("42") as the number it has in the database; `invalid` when it is none."""
    return _number(value, "room")


def broadcast_number(value: object) -> int:
    """Read a broadcast id ("7") as the number it has in the database."""
    return _number(value, "broadcast")


def _number(value: object, field: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"[1-9][0-9]{0,17}", value):
        return int(value)
    raise Refused("invalid", f'A {field} id is a number in quotes, like "42".', field=field)


def client_message_id(value: object) -> str:
    """Check the id that a sender chose: 1-36 ASCII characters, none of control."""
    if (
        isinstance(value, str)
        and 1 <= len(value) <= CLIENT_MESSAGE_ID_LIMIT
        and value.isascii()
        and value.isprintable()
    ):
        return value
    raise Refused(
        "invalid",
        "client_message_id takes 1 to 36 printable ASCII characters.",
        field="client_message_id",
    )


_BREAKS = re.compile("\r\n?|[\u0085\u2028\u2029\v\f]")
_MANY_BREAKS = re.compile(r"\n\s*\n\s*\n")
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufff9-\ufffb\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    # Embeddings, overrides and isolates turn the words of the whole line around.
    "\u202a-\u202e\u2066-\u2069]"
)
# What draws nothing: blanks, joiners, marks of direction, fillers, variation selectors, tags.
_BLANK = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]*"
)


def clean(value: str, *, lines: bool = False) -> str:
    """Give text in NFC, without control and bidi-override characters and outer blanks."""
    text = value
    # What can be printed has none of these; and most of what people say is one such line.
    if not text.isprintable():
        text = _DROPPED.sub("", _BREAKS.sub("\n", value)).replace("\t", " ")
        text = _MANY_BREAKS.sub("\n\n", text) if lines else text.replace("\n", " ")
    return unicodedata.normalize("NFC", text).strip()


def clean_text(
    value: object, *, limit: int = TEXT_LIMIT, lines: bool = False, field: str = "text"
) -> str:
    """Check and clean what a person wrote; at least one visible character, at most `limit`.

    Raises `invalid` or `too_large`.
    """
    if not isinstance(value, str):
        raise Refused("invalid", f"{field} has to be text.", field=field)
    text = clean(value, lines=lines)
    if _BLANK.fullmatch(text):
        raise Refused("invalid", "There is nothing to read in this text.", field=field)
    if len(text) > limit:
        raise Refused(
            "too_large",
            f"This takes at most {limit} characters; there are {len(text)}.",
            field=field,
            limit=limit,
        )
    return text


def optional_text(value: object, *, limit: int, field: str, lines: bool = True) -> str:
    """Check and clean a text that may be empty."""
    if value is None or (isinstance(value, str) and not clean(value)):
        return ""
    return clean_text(value, limit=limit, lines=lines, field=field)


def flag(args: Mapping[str, Any], field: str) -> bool:
    """Read an optional yes or no; `invalid` for anything else."""
    value = args.get(field, False)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise Refused("invalid", f"{field} is true or false.", field=field)


def whole(args: Mapping[str, Any], field: str, *, least: int, most: int) -> int:
    """Read a whole number within bounds; `invalid` otherwise."""
    value = args.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise Refused("invalid", f"{field} is a whole number from {least} to {most}.", field=field)


def choice(
    args: Mapping[str, Any], field: str, allowed: Mapping[str, Any] | tuple[str, ...]
) -> str:
    """Read one of a few words; `invalid` otherwise."""
    value = args.get(field)
    if isinstance(value, str) and value in allowed:
        return value
    raise Refused("invalid", f"{field} is one of: {', '.join(allowed)}.", field=field)


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a room; positions sort as the publications did."""

    epoch: int
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset}"


def read_position(value: str) -> Position:
    """Read `EPOCH-OFFSET`; `invalid` otherwise."""
    found = re.fullmatch(r"([0-9]{1,16})-([0-9]{1,18})", value)
    if found is None:
        raise Refused("invalid", "A position is written EPOCH-OFFSET.", field="before")
    return Position(int(found[1]), int(found[2]))


_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def slug(value: object) -> str:
    """Check the name of a room in addresses: small letters, digits and single hyphens."""
    if isinstance(value, str) and len(value) <= 60 and _SLUG.fullmatch(value):
        return value
    raise Refused(
        "invalid",
        "The short name takes small letters a to z, digits and single hyphens, at most 60.",
        field="slug",
    )
