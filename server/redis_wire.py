"""One connection to Redis: where it goes, and replies matched to calls in their order."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NoReturn, cast
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

from server.errors import Refused, SettingsError

log = logging.getLogger(__name__)

_FORM = "has to be redis[s]://host:port[,host:port…]/db or unix:///path?db=0"
MAX_PENDING = 20_000
MAX_PENDING_BYTES = 32 * 2**20

_STATES = frozenset(("LOADING", "MISCONF", "OOM", "READONLY", "MASTERDOWN", "BUSY", "NOREPLICAS"))
_ON_THE_WAY = frozenset(("CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN"))
"""What a node of a Cluster says of a slot that it does not serve, or not wholly."""

Argument = str | bytes | int | float
ReplyError = hiredis.ReplyError


class LostInFlight(Refused):
    """The connection ended between a command and its reply: it may have been carried out."""


def not_answering() -> Refused:
    """Make the refusal for a command that was never sent."""
    return Refused("unavailable", "Redis does not answer.")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Redis server listens and how to sign in."""

    path: str = ""
    host: str = "127.0.0.1"
    port: int = 6379
    username: str = ""
    password: str = field(default="", repr=False)
    db: int = 0
    is_secure: bool = False
    """Whether to speak TLS, and then:"""
    ca_file: str = ""
    """The certificates to trust, empty for those of the system."""
    is_checked: bool = True
    """Whether the server has to show a certificate of its name."""

    def tls(self) -> ssl.SSLContext | None:
        """Give what a connection needs for TLS; None without it."""
        return _tls(self.ca_file, self.is_checked) if self.is_secure else None


@lru_cache(maxsize=8)
def _tls(ca_file: str, is_checked: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise SettingsError("REDIS_URL", f"ssl_ca_certs cannot be read: {error}") from None
    if not is_checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def urls_of(url: str) -> list[str]:
    """Give an address for each host of REDIS_URL: several nodes of a Cluster may be named."""
    # Not urlsplit: it refuses a bracket that does not stand first.
    scheme, colon, rest = url.partition("://")
    if scheme == "unix":
        return [url]
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    who, sign, hosts = place.rpartition("@")
    after = rest[len(place) :]
    return [f"{scheme}{colon}{who}{sign}{host}{after}" for host in hosts.split(",")]


def parse_url(url: str) -> Address:
    """Read a Redis address; SettingsError tells what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port or 6379
        query = parse_qs(parts.query)
        is_unix = parts.scheme == "unix"
        number = query.get("db", [""])[0] or ("" if is_unix else parts.path.strip("/"))
        db = int(number or 0)
    except ValueError as error:
        raise SettingsError("REDIS_URL", str(error)) from None
    if parts.scheme not in ("redis", "rediss", "unix") or (is_unix and not parts.path):
        raise SettingsError("REDIS_URL", _FORM)
    username = unquote(parts.username or "")
    password = unquote(parts.password or "") or query.get("password", [""])[0]
    if is_unix:
        return Address(unquote(parts.path), "", 0, username, password, db)
    address = Address("", parts.hostname or "127.0.0.1", port, username, password, db)
    if parts.scheme == "redis":
        return address
    checked = query.get("ssl_cert_reqs", ["required"])[0]
    if checked not in ("required", "none"):
        raise SettingsError("REDIS_URL", "ssl_cert_reqs is required or none")
    ca_file = query.get("ssl_ca_certs", [""])[0]
    return replace(address, is_secure=True, ca_file=ca_file, is_checked=checked == "required")


class Wire(asyncio.Protocol):
    """One connection: replies are matched to calls in order, or handed to `on_push`."""

    def __init__(self, on_push: Callable[[Any], bool], on_lost: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader()
        self._on_push = on_push
        self._on_lost = on_lost
        self._pending: deque[tuple[asyncio.Future[Any], float, int]] = deque()
        self._out: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._waiting_bytes = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # Those of uvloop are no subclass.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail every call that waits."""
        self.lost = True
        while self._pending:
            future, _, _ = self._pending.popleft()
            if not future.done():
                future.set_exception(LostInFlight("unavailable", "The link to Redis was lost."))
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        """Hand every whole reply on."""
        self._reader.feed(data)
        pending, gets, on_push = self._pending, self._reader.gets, self._on_push
        try:
            while (reply := gets()) is not False:
                if (type(reply) is list or not pending) and on_push(reply):
                    continue
                future, _, size = pending.popleft()
                self._waiting_bytes -= size
                if not future.done():
                    if isinstance(reply, ReplyError):
                        future.set_exception(reply)
                    else:
                        future.set_result(reply)
        except (hiredis.ProtocolError, IndexError):
            log.exception("redis sent what nobody asked for")
            self.abort()

    def send(self, *args: Argument) -> int:
        """Queue a command that has no reply of its own; gives its size in bytes."""
        packed: bytes = hiredis.pack_command(args)  # type: ignore[arg-type]
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(packed)
        return len(packed)

    def call(self, args: Sequence[Argument], timeout: float) -> asyncio.Future[Any]:
        """Queue a command; the future gets its reply."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if (
            self.lost
            or len(self._pending) >= MAX_PENDING
            or self._waiting_bytes > MAX_PENDING_BYTES
        ):
            future.set_exception(not_answering())
            return future
        size = self.send(*args)
        self._waiting_bytes += size
        self._pending.append((future, self._loop.time() + timeout, size))
        return future

    def overdue(self) -> bool:
        """Tell whether the reply that has to come next is late: then all behind it are stuck."""
        return bool(self._pending) and self._pending[0][1] < self._loop.time()

    def abort(self) -> None:
        """End the connection without waiting for anything."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None and not self.lost:
            self._transport.write(b"".join(out))


def fail(error: ReplyError) -> NoReturn:
    """Turn an error of Redis that is about its state into Refused("unavailable")."""
    word = str(error).split(" ", 1)[0]
    if word in _STATES or word in _ON_THE_WAY:
        raise Refused("unavailable", f"Redis refuses to write ({word}).") from error
    raise error
