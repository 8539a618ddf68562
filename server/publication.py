"""A publication as it travels through Redis: a binary header before an opaque body."""

from __future__ import annotations

import struct
from enum import IntFlag
from typing import NamedTuple

from server.errors import HirobaError

# epoch, offset, at (ms), flags; then one length byte and the publisher, one and the key, the body.
# publish.lua writes the same layout with struct.pack('>I8I8I8I2', ...).
HEAD = struct.Struct(">QQQH")


class Flag(IntFlag):
    """What the engine has to know of a publication without opening its body."""

    NONE = 0
    KEEP = 1
    """Never left out of the sampled feed."""
    HIDE = 2
    """A tombstone: hides every earlier publication with the same key."""
    SHOW = 4
    """Takes back the tombstone with the same key (and BY_PUBLISHER alike)."""
    BY_PUBLISHER = 8
    """The key of this HIDE or SHOW names a publisher: all that came from it before this offset."""
    GAP = 16
    """Offsets from int(key) to this one were lost by a restart of Redis; it has no body."""


class Publication(NamedTuple):
    """One item on a channel at its place."""

    epoch: int
    offset: int
    at: int
    """Redis TIME in ms."""
    flags: Flag
    publisher: str
    key: str
    """What it is about: the id of a message, the target for tombstones."""
    body: bytes
    """A msgpack map with `event`; empty for a gap."""


def envelope(publisher: str, key: str, body: bytes) -> bytes:
    """Join what follows the fixed head; the script that assigns the place puts the head before."""
    who, what = publisher.encode(), key.encode()
    if len(who) > 255 or len(what) > 255:
        raise HirobaError("publisher and key take at most 255 bytes")
    return b"%c%b%c%b%b" % (len(who), who, len(what), what, body)


def encode(publication: Publication) -> bytes:
    """Give the payload of a publication, as publish.lua writes it."""
    p = publication
    return HEAD.pack(p.epoch, p.offset, p.at, p.flags) + envelope(p.publisher, p.key, p.body)


def decode(payload: bytes) -> Publication:
    """Read a payload; HirobaError when it is cut off."""
    try:
        epoch, offset, at, flags = HEAD.unpack_from(payload)
        start = HEAD.size + 1
        end = start + payload[start - 1]
        key_end = end + 1 + payload[end]
        publisher, key = payload[start:end].decode(), payload[end + 1 : key_end].decode()
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise HirobaError(f"not a publication: {error}") from error
    if key_end > len(payload):
        raise HirobaError("not a publication: cut off")
    return Publication(epoch, offset, at, Flag(flags), publisher, key, payload[key_end:])


class Publish(NamedTuple):
    """What a publisher asks for; the script answers with `Published` or a refusal."""

    channel: str
    body: bytes
    publisher: str = ""
    key: str = ""
    client_message_id: str = ""
    """With the publisher the idempotency key; empty means that it is not remembered."""
    digest: bytes = b""
    """What a repetition must have in common with the first try; empty means the body."""
    flags: Flag = Flag.NONE
    private: bytes = b""
    """For the persistence log only, never sent to anybody."""
    persist: bool = True
    gated: bool = False
    """Whether denials and the channel's minimum rank apply."""
    rank: int = 0
    paced: bool = False
    """Whether cooldown and the rate of the publisher apply."""
    refuse_on_backlog: bool = False
    """At the backlog cap: refuse (True), or publish unsaved (False)."""
    deny: tuple[str, int] | None = None
    """Publisher and until (ms, 0 lifts it): denied on this channel in the same step."""
    gates: dict[str, int] | None = None
    """min_rank, cooldown_ms: set in the same step."""


class Published(NamedTuple):
    """The place that a publication got."""

    epoch: int
    offset: int
    at: int
    key: str
    """The key of the first try when this one was a repetition."""
    repeated: bool = False
    unsaved: bool = False
