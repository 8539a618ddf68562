"""What is sent to endpoints and when again, and what they may send us; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from rooms.shop import signing
from rooms.shop.told import KINDS
from server.errors import Refused
from server.settings import is_loopback

MOST_ENDPOINTS = 20
MOST_URL = 2000
MOST_ERROR = 200
LONGEST_WAIT_S = 600.0
_DOUBLINGS = 10
_SPACES = re.compile(r"[\s\x00-\x1f\x7f\\]")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as it is sent; `at` in ms."""

    id: str
    number: int
    kind: str
    product_id: str | None
    data: Mapping[str, Any]
    at: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver an event; `status` is None when nothing was answered."""

    status: int | None
    error: str
    at: int
    ms: int

    @property
    def ok(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


def body_of(event: Event) -> bytes:
    """Give the bytes that are sent; the same at every repetition."""
    return orjson.dumps(
        {
            "id": event.id,
            "number": event.number,
            "kind": event.kind,
            "product": event.product_id,
            "at": event.at,
            "data": dict(event.data),
        }
    )


def headers_of(event: Event, secrets: tuple[str, ...], body: bytes, at: int) -> dict[str, str]:
    """Give the headers of one try; `at` in seconds since 1970."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Hiroba",
        "Hiroba-Event": event.id,
        "Hiroba-Kind": event.kind,
        signing.HEADER: signing.sign(secrets, body, at),
    }


def wait_s(failures: int, chance: float) -> float:
    """Give how long to wait after so many failures in a row: 1 s, doubling to 10 minutes.

    `chance` in [0, 1) takes away up to half, so that what failed together does not come together.
    """
    longest = min(LONGEST_WAIT_S, 2.0 ** min(failures, _DOUBLINGS))
    return max(1.0, longest * (1 - chance / 2))


def may_be_plain(url: str) -> bool:
    """Tell whether an address is on this machine, where no TLS is needed."""
    return is_loopback(urlsplit(url).hostname or "")


def endpoint_url(value: object, field: str = "url") -> str:
    """Check an address to send to; `invalid` unless it is https, or http on this machine."""
    text = value.strip() if isinstance(value, str) else ""
    refused = Refused("invalid", "This takes an https address.", field=field)
    if not text or len(text) > MOST_URL or _SPACES.search(text) or not text.isascii():
        raise refused
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise refused from None
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise refused
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return text
    raise refused


def kinds_of(values: object) -> list[str]:
    """Check which kinds an endpoint wants; all of them is written as none."""
    if not isinstance(values, list) or any(kind not in KINDS for kind in values):
        raise Refused("invalid", "There is no such kind of event.", field="kinds")
    chosen = [kind for kind in KINDS if kind in values]
    return [] if len(chosen) == len(KINDS) else chosen
