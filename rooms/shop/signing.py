"""How the shop behind it and we know each other: signed bodies, signed reservations; pure."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from server.errors import Refused

HEADER = "Hiroba-Signature"
WINDOW_S = 300
"""How far the time of a signature may be from ours, in either direction."""
MOST_HEADER = 1000
MOST_TOKEN = 4000
MOST_SIGNATURES = 5
PARAMETER = "reservation"
_NO_SIGNATURE = "The signature is missing or not valid."
_TIME = re.compile(r"[0-9]{1,12}")
_HEX = re.compile(r"[0-9a-f]{64}")


def sign(secrets: Sequence[str], body: bytes, at: int) -> str:
    """Give the value of the header for a body; `at` in seconds since 1970.

    `t=1763750000,v1=HEX`: HMAC-SHA256 over `t`, a dot and the raw body, once for every secret.
    """
    signed = b"%d." % at + body
    return ",".join([f"t={at}", *(f"v1={_mac(secret, signed)}" for secret in secrets)])


def verify(header: str, secrets: Sequence[str], body: bytes, now: int) -> None:
    """Check a body that came with a header; `now` in seconds since 1970.

    Raises Refused: unauthenticated when no secret made this signature, expired when it is older
    or newer than five minutes.
    """
    at, given = _parts(header)
    if not _matches(given, secrets, at.encode() + b"." + body):
        raise Refused("unauthenticated", _NO_SIGNATURE)
    if abs(int(at) - now) > WINDOW_S:
        raise Refused(
            "expired", f"This was signed more than {WINDOW_S} s away from our time ({now})."
        )


def token(secrets: Sequence[str], claims: Mapping[str, Any]) -> str:
    """Sign what a reservation says, for an address: the claims and a signature for each secret."""
    payload = base64.urlsafe_b64encode(orjson.dumps(dict(claims))).rstrip(b"=")
    return ".".join([payload.decode(), *(_mac(secret, _marked(payload)) for secret in secrets)])


def read_token(text: str, secrets: Sequence[str], now: int) -> dict[str, Any]:
    """Give what a signed reservation says; `now` in ms.

    Raises Refused: unauthenticated when no secret signed it, expired after its `expires`.
    """
    payload, *given = text[: MOST_TOKEN + 1].split(".")
    if len(text) > MOST_TOKEN or not payload.isascii():
        raise Refused("unauthenticated", _NO_SIGNATURE)
    if not _matches(given[:MOST_SIGNATURES], secrets, _marked(payload.encode())):
        raise Refused("unauthenticated", _NO_SIGNATURE)
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        expires = int(claims["expires"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise Refused("unauthenticated", "This is no signed reservation.") from None
    if now >= expires:
        raise Refused("expired", "This reservation can no longer be paid for with this address.")
    return dict(claims)


def address(url: str, signed: str) -> str:
    """Give the address of a checkout with the signed reservation in its query."""
    parts = urlsplit(url)
    added = f"{PARAMETER}={quote(signed, safe='')}"
    return parts._replace(query=f"{parts.query}&{added}" if parts.query else added).geturl()


def _marked(payload: bytes) -> bytes:
    # A signed body begins with digits: neither can be taken for the other.
    return b"reservation." + payload


def _parts(header: str) -> tuple[str, list[str]]:
    if len(header) > MOST_HEADER or not header.isascii():
        raise Refused("unauthenticated", _NO_SIGNATURE)
    pairs = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise Refused("unauthenticated", _NO_SIGNATURE)
    return times[0], [value for name, _, value in pairs if name == "v1"][:MOST_SIGNATURES]


def _matches(given: Sequence[str], secrets: Sequence[str], signed: bytes) -> bool:
    """Compare all with all, however early one matches, so that time tells nothing."""
    right = [_mac(secret, signed) for secret in secrets]
    found = False
    for signature in given:
        for mac in right:
            same = hmac.compare_digest(signature.encode(), mac.encode())
            found |= same and _HEX.fullmatch(signature) is not None
    return found


def _mac(secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, "sha256").hexdigest()
