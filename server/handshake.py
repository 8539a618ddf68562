"""The opening handshake of RFC 6455 as a server judges it, without I/O."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from http import HTTPStatus
from typing import Final, NamedTuple

SUBPROTOCOLS: Final = ("hiroba.v1.json", "hiroba.v1.msgpack")
MAX_HEAD: Final = 16_384
"""Bytes of a request's head, request line included."""

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# Joining two of these would let a proxy and us believe different ones.
_ONCE = frozenset(("authorization", "host", "origin", "sec-websocket-key", "sec-websocket-version"))


# Only what every reader of HTTP understands alike; possessive, so that no head takes long.
_PLAIN = re.compile(
    rb"GET (/[\w!$&'()*+,;=:@/%.~?-]*+) HTTP/1\.1\r\n"
    rb"((?:[\w!#$%&'*+.^`|~-]++:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)++)\r\n"
)


_LINE = re.compile(r"([^:]++):[ \t]*+([^\r]*+)\r\n")


class Upgrade(NamedTuple):
    """A request to become a WebSocket."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case; a repeated header is joined with a comma."""
    peer: str
    """The address at the other end of the TCP connection; empty for a Unix socket."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A complete HTTP response instead of a WebSocket."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, status: int, code: str, message: str, **headers: str) -> Refusal:
        """Give a JSON body with a stable word and a sentence; `retry_after=` is Retry-After."""
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, {"content-type": "application/json", **named}, body)

    def encode(self) -> bytes:
        """Give the response with its length, after which the connection closes."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        headers = {
            **{name.lower(): value for name, value in self.headers.items()},
            "content-length": str(len(self.body)),
            "connection": "close",
        }
        lines += (f"{name}: {value}" for name, value in headers.items())
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


def read_head(head: bytes, peer: str) -> Upgrade | Refusal:
    """Read a request's head, which ends with its empty line."""
    if len(head) > MAX_HEAD:
        return Refusal.of(431, "too_large", f"The head has more than {MAX_HEAD} bytes.")
    request, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    match request.split(" "):
        case [method, target, "HTTP/1.1"]:
            pass
        case _:
            return _malformed("This needs a request of HTTP/1.1.")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name.strip() != name:
            return _malformed("A header line cannot be read.")
        if name not in headers:
            headers[name] = value.strip(" \t")
        elif name in _ONCE:
            return _malformed(f"The header {name} stands there twice.")
        else:
            headers[name] += ", " + value.strip(" \t")
    path, _, query = target.partition("?")
    return Upgrade(method, path, query, headers, peer)


def read_plain_head(data: bytes, peer: str) -> tuple[Upgrade, bytes] | None:
    """Read a handshake as clients really send it, and what follows it.

    None for all else, that is whatever is not a WebSocket, is incomplete or in any way unusual,
    which a parser of HTTP has to look at first.
    """
    found = _PLAIN.match(data)
    if found is None or found.end() > MAX_HEAD:
        return None
    lines = _LINE.findall(found[2].decode("latin-1"))
    headers = {name.lower(): value.rstrip(" \t") for name, value in lines}
    if (
        len(headers) < len(lines)
        or headers.get("upgrade", "").lower() != "websocket"
        or not _has(headers.get("connection", ""), "upgrade")
        or "content-length" in headers
        or "transfer-encoding" in headers
    ):
        return None
    path, _, query = found[1].decode("ascii").partition("?")
    return Upgrade("GET", path, query, headers, peer), data[found.end() :]


def check_target(upgrade: Upgrade, path: str) -> Refusal | None:
    """Refuse what is not asked of the one address that speaks WebSocket."""
    if upgrade.path != path:
        return Refusal.of(404, "not_found", "There is no WebSocket at this address.")
    if upgrade.method != "GET":
        return Refusal.of(405, "invalid", "A WebSocket begins with GET.", allow="GET")
    return None


def check_upgrade(upgrade: Upgrade) -> Refusal | None:
    """Refuse a handshake that RFC 6455 does not allow."""
    headers = upgrade.headers
    if headers.get("sec-websocket-version") != "13":
        return Refusal.of(
            426,
            "invalid",
            "The version of WebSocket spoken here is 13.",
            upgrade="websocket",
            sec_websocket_version="13",
        )
    if not _is_key(headers.get("sec-websocket-key", "")):
        return _malformed("Sec-WebSocket-Key is not 16 bytes in base64.")
    if not _has(headers.get("upgrade", ""), "websocket"):
        return _malformed("The header Upgrade does not ask for websocket.")
    if not _has(headers.get("connection", ""), "upgrade"):
        return _malformed("The header Connection does not ask for upgrade.")
    if not headers.get("host"):
        return _malformed("The header Host is missing.")
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return _malformed("A handshake has no body.")
    return None


def negotiate(upgrade: Upgrade) -> str | Refusal:
    """Choose the first subprotocol of the client's list that is spoken here."""
    for offered in upgrade.headers.get("sec-websocket-protocol", "").split(","):
        name = offered.strip(" \t")
        if name in SUBPROTOCOLS:
            return name
    return Refusal.of(400, "invalid", f"Offer a subprotocol: {' or '.join(SUBPROTOCOLS)}.")


def accepted(upgrade: Upgrade, subprotocol: str) -> bytes:
    """Give the 101 response to a request that was checked."""
    key = upgrade.headers["sec-websocket-key"].encode("latin-1")
    accept = binascii.b2a_base64(sha1(key + _GUID).digest(), newline=False)
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-accept: %b\r\nsec-websocket-protocol: %b\r\n\r\n"
        % (accept, subprotocol.encode())
    )


def _malformed(message: str) -> Refusal:
    return Refusal.of(400, "malformed", message)


def _is_key(value: str) -> bool:
    try:
        return len(binascii.a2b_base64(value, strict_mode=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _has(value: str, wanted: str) -> bool:
    """Tell whether a header is a token, or lists it."""
    value = value.lower()
    return value == wanted or wanted in [token.strip(" \t") for token in value.split(",")]
