"""What publishes were answered: kept for some minutes, so that a repetition has one effect."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from server.keys import keys_of

REMEMBER_MS = 600_000
MOST = 1000
"""How many answers of a channel are brought back after Redis has lost them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one publish was answered; a repetition has to have its digest in common."""

    publisher: str
    client_message_id: str
    digest: bytes
    """As in `Publish`: what the first try said of itself."""
    epoch: int
    offset: int
    at: int
    """Redis TIME in ms."""
    key: str

    @property
    def text(self) -> str:
        """Write it as publish.lua does."""
        return f"{hashed(self.digest)} {self.epoch} {self.offset} {self.at} 0 {self.key}"


def hashed(digest: bytes) -> str:
    """Shorten what a repetition has to have in common with the first try."""
    if len(digest) <= 16:
        return digest.hex()
    return hashlib.blake2b(digest, digest_size=12).hexdigest()


def sent_key(channel: str, publisher: str, client_message_id: str) -> str:
    """Give the key under which an answer is kept."""
    return f"{keys_of(channel).personal('sent', publisher)}:{client_message_id}"
