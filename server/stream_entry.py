"""One entry of the persistence log, and what is done with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack

from server.database import Transaction
from server.errors import HirobaError
from server.publication import Publication, decode


@dataclass(frozen=True, slots=True)
class Entry:
    """A publication on its way into the database."""

    partition: int
    entry_id: str
    """Its id in the partition's stream."""
    channel: str
    publication: Publication
    body: dict[str, Any]
    private: dict[str, Any] = field(default_factory=dict)
    """What the publisher added for the database alone."""

    @property
    def event(self) -> str:
        """What happened, as the body names it."""
        return str(self.body["event"])


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it stands in the stream."""

    partition: int
    entry_id: str
    channel: bytes
    payload: bytes
    private: bytes

    @classmethod
    def read(cls, partition: int, entry_id: bytes, fields: Sequence[bytes] | None) -> RawEntry:
        """Take what Redis gives; nothing is opened yet."""
        pairs = dict(zip(fields[::2], fields[1::2], strict=False)) if fields else {}
        values = [pairs.get(name, b"") for name in (b"c", b"p", b"x")]
        return cls(partition, entry_id.decode(), *values)

    def open(self) -> Entry:
        """Open payload and private part; HirobaError when that cannot be done."""
        try:
            publication = decode(self.payload)
            body = msgpack.unpackb(publication.body)
            private = msgpack.unpackb(self.private) if self.private else {}
            channel = self.channel.decode()
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise HirobaError(f"not an entry: {error!r}") from error
        if not isinstance(body, dict) or not isinstance(private, dict) or "event" not in body:
            raise HirobaError("not an entry: the body is not a map with `event`")
        return Entry(self.partition, self.entry_id, channel, publication, body, private)


Handler = Callable[[Transaction, list[Entry]], Awaitable[None]]
"""Applies a run of entries of one event, in their order, within the batch's transaction."""
