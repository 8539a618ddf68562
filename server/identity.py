"""Signed tokens: who a connection speaks for, verified without I/O."""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgpack

from server.context import Clock, system_clock
from server.errors import HirobaError, Refused
from server.packing import pack

if TYPE_CHECKING:
    from server.database import Database

RETIRED_FOR = 24 * 3_600_000
"""ms that a retired secret is still accepted."""
SETTLE = 60_000
"""ms before a new secret signs, so that every process has read it before it meets a signature."""
MAX_TOKEN = 1024
MAC_SIZE = 16
_KEY = struct.Struct(">H")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")

SECRETS = """
    SELECT id, secret, (extract(epoch FROM created_at) * 1000)::bigint AS created,
           (extract(epoch FROM retired_at) * 1000)::bigint AS retired
    FROM secrets ORDER BY id DESC LIMIT 16
"""


class Claims(NamedTuple):
    """What a token says. The engine reads no meaning into `kind` but for those it makes itself."""

    kind: str
    publisher: str | None
    name: str = ""
    rank: int = 0
    version: int = 0
    """The session version; a smaller one than the publisher's present one is void."""
    expires: int = 0
    """Unix time in ms."""
    session: str = ""
    language: str = "en"
    since: int = 0
    """When this identity was made, in ms."""

    def packed(self) -> bytes:
        """Give the claims as bytes."""
        return pack(self)

    @classmethod
    def unpacked(cls, data: bytes) -> Claims:
        """Read claims; ValueError or TypeError when they are none."""
        claims = cls(*msgpack.unpackb(data))
        kinds = tuple(map(type, claims))
        if kinds in (_TYPES, _NAMELESS):
            return claims
        raise ValueError("not claims")


_TYPES = (str, str, str, int, int, int, str, str, int)
_NAMELESS = (str, type(None), *_TYPES[2:])


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing key; `created` and `retired` in ms."""

    id: int
    value: bytes
    created: int
    retired: int | None = None


class Keyring:
    """The signing keys in memory: the newest settled one signs, retired ones verify for a day."""

    def __init__(self, secrets: Sequence[Secret], clock: Clock = system_clock) -> None:
        """Take the keys; there has to be one."""
        self._clock = clock
        self._set(secrets)

    @classmethod
    async def load(cls, db: Database, clock: Clock = system_clock) -> Keyring:
        """Read the keys from the table `secrets`."""
        return cls(await _read(db), clock)

    async def reload(self, db: Database) -> None:
        """Read the keys again, after a rotation."""
        self._set(await _read(db))

    def sign(self, claims: Claims) -> str:
        """Give a token: base64url of the key's number, the claims and the signature."""
        secret = self._signing()
        data = _KEY.pack(secret.id) + claims.packed()
        token = binascii.b2a_base64(data + _mac(secret, data), newline=False)
        return token.translate(_URL_SAFE, b"=").decode()

    def verify(self, token: str, now: int) -> Claims:
        """Give what a token says; Refused `unauthenticated`, or `expired`."""
        try:
            data, mac = _parts(token)
            secret = self._secrets.get(_KEY.unpack_from(data)[0])
            if secret is None or not hmac.compare_digest(mac, _mac(secret, data)):
                raise ValueError("not signed by us")
            claims = Claims.unpacked(data[_KEY.size :])
        except (ValueError, TypeError, struct.error, msgpack.UnpackException):
            raise Refused("unauthenticated", "This token is not valid.") from None
        if secret.retired is not None and now >= secret.retired + RETIRED_FOR:
            raise Refused("expired", "This token was signed with a key that is out of use.")
        if now >= claims.expires:
            raise Refused("expired", "This token has expired.")
        return claims

    def _set(self, secrets: Sequence[Secret]) -> None:
        if not secrets:
            raise HirobaError("there is no signing key; run the migrations")
        self._secrets = {secret.id: secret for secret in secrets}
        self._newest_first = sorted(secrets, key=lambda secret: -secret.id)

    def _signing(self) -> Secret:
        settled = self._clock() - SETTLE
        for secret in self._newest_first:
            if secret.created <= settled:
                return secret
        return self._newest_first[-1]


def _parts(token: str) -> tuple[bytes, bytes]:
    if len(token) > MAX_TOKEN:
        raise ValueError("too long")
    padded = token.encode("ascii") + b"=" * (-len(token) % 4)
    try:
        data = base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return data[:-MAC_SIZE], data[-MAC_SIZE:]


def _mac(secret: Secret, data: bytes) -> bytes:
    return hmac.digest(secret.value, b"token" + data, "sha256")[:MAC_SIZE]


async def _read(db: Database) -> list[Secret]:
    rows = await db.all(SECRETS)
    return [Secret(row["id"], row["secret"], row["created"], row["retired"]) for row in rows]
