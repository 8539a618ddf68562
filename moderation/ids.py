"""Ids on the wire: UUIDs as 22 characters of base64url, people as `m42` or `g…`."""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from uuid import UUID

from server.errors import Refused

_PERSON = re.compile(r"m[1-9][0-9]{0,17}|g[A-Za-z0-9_-]{16}")
_ROOM = re.compile(r"[1-9][0-9]{0,17}")


def fresh_id(now: int) -> UUID:
    """Make a UUIDv7, so that ids sort by their time (ms)."""
    random = int.from_bytes(secrets.token_bytes(10))
    number = (now & (1 << 48) - 1) << 80 | random & (1 << 80) - 1
    number = number & ~(0xF << 76) | 0x7 << 76
    return UUID(int=number & ~(0x3 << 62) | 0x2 << 62)


def wire_id(uuid: UUID) -> str:
    """Write a UUID as it stands on the wire."""
    return urlsafe_b64encode(uuid.bytes).rstrip(b"=").decode()


def read_id(value: object) -> UUID:
    """Read an id of the wire; Refused `invalid`."""
    if isinstance(value, str) and len(value) == 22 and value.isascii():
        try:
            uuid = UUID(bytes=urlsafe_b64decode(f"{value}=="))
        except (Error, ValueError):
            raise Refused("invalid", "This is not an id.", field="id") from None
        if wire_id(uuid) == value:
            return uuid
    raise Refused("invalid", "This is not an id.", field="id")


def read_person(value: object) -> str:
    """Read the id of a member or guest; Refused `invalid`."""
    if isinstance(value, str) and _PERSON.fullmatch(value):
        return value
    raise Refused("invalid", "This is not a person's id.", field="person")


def read_room(value: object) -> str:
    """Read the id of a room; Refused `invalid`."""
    if isinstance(value, str) and _ROOM.fullmatch(value):
        return value
    raise Refused("invalid", "This is not a room's id.", field="room")


def is_guest(person: str) -> bool:
    """Whether a viewer's id is that of a guest."""
    return person.startswith("g")
