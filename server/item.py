"""One publication as it stands in `pubs`: encoded once for everybody who reads it."""

from __future__ import annotations

import logging

import msgpack
import orjson

from server.publication import Flag, Publication

log = logging.getLogger(__name__)
_NIL = b"\xc0"


class Item:
    """A publication at its place, ready to be joined into pushes of both encodings.

    Without a body it is `[offset, at, null]`: hidden, but its place is kept.
    """

    __slots__ = ("_text", "at", "body", "epoch", "flags", "key", "offset", "packed", "publisher")

    def __init__(self, publication: Publication, *, hidden: bool = False) -> None:
        """Take a publication, or only its place when it is `hidden`."""
        self.epoch = publication.epoch
        self.offset = publication.offset
        self.at = publication.at
        self.flags = publication.flags
        self.publisher = publication.publisher
        self.key = publication.key
        self.body = b"" if hidden else publication.body
        place: bytes = msgpack.packb(self.offset) + msgpack.packb(self.at)
        self.packed = b"\x93" + place + (self.body or _NIL)
        self._text: bytes | None = None

    @property
    def text(self) -> bytes:
        """The same as JSON, made when the first reader of JSON needs it."""
        if self._text is None:
            body = json_of(self.body) if self.body else b"null"
            self._text = b"[%d,%d,%b]" % (self.offset, self.at, body)
        return self._text

    @property
    def size(self) -> int:
        """Bytes that this item keeps in memory, about."""
        return len(self.packed) + len(self.body) + len(self._text or b"") + 200

    def publication(self) -> Publication:
        """Give it back as the engine's publication."""
        flags = Flag(self.flags)
        place = (self.epoch, self.offset, self.at)
        return Publication(*place, flags, self.publisher, self.key, self.body)


def json_of(body: bytes) -> bytes:
    """Give a msgpack body as JSON; `null` for one that cannot be read, so that a batch survives."""
    try:
        return orjson.dumps(msgpack.unpackb(body))
    except (ValueError, TypeError, msgpack.UnpackException):
        log.exception("a body is not the msgpack of JSON")
        return b"null"
