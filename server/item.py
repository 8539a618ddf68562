"""One publication as it stands in `pubs`: encoded once for everybody who reads it."""

from __future__ import annotations

import msgpack
import orjson

from server.log import Log
from server.packing import pack
from server.publication import Publication

log = Log(__name__)
_NIL = b"\xc0"
_OVERHEAD = 400
"""Bytes of the objects around a publication, about."""


class Item:
    """A publication at its place, ready to be joined into pushes of both encodings.

    Without a body it is `[offset, at, null]`: hidden, but its place is kept.
    """

    __slots__ = ("_body", "_text", "chosen", "offset", "packed", "publication")

    def __init__(
        self, publication: Publication, *, hidden: bool = False, chosen: bool = True
    ) -> None:
        """Take a publication, or only its place when it is `hidden`."""
        self.publication = publication
        self.offset = publication.offset
        self.chosen = chosen
        """Whether the sampled feed shows it."""
        self._body = b"" if hidden else publication.body
        place = pack(self.offset) + pack(publication.at)
        self.packed = b"\x93" + place + (self._body or _NIL)
        self._text: bytes | None = None

    @property
    def text(self) -> bytes:
        """The same as JSON, made when the first reader of JSON needs it."""
        if self._text is None:
            body = json_of(self._body) if self._body else b"null"
            self._text = b"[%d,%d,%b]" % (self.offset, self.publication.at, body)
        return self._text

    @property
    def size(self) -> int:
        """Bytes that this item keeps in memory, about; JSON is counted before it is made."""
        return 3 * len(self.packed) + _OVERHEAD


def json_of(body: bytes) -> bytes:
    """Give a msgpack body as JSON; `null` for one that cannot be read, so that a batch survives."""
    try:
        return orjson.dumps(msgpack.unpackb(body))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        log.error("body.unreadable", error=error)
        return b"null"
