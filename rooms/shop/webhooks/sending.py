"""Sends events to endpoints: each in order, one at a time, again until it is taken."""

from __future__ import annotations

import asyncio
import functools
import random
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx

from rooms.shop.webhooks.reads import SQL, event_from
from rooms.shop.webhooks.rules import (
    MOST_ENDPOINTS,
    MOST_ERROR,
    Attempt,
    Event,
    body_of,
    headers_of,
    may_be_plain,
    wait_s,
)
from server.context import Context
from server.errors import Refused
from server.log import Log
from server.outside import Resolve, Target, Unreachable, resolve, target

if TYPE_CHECKING:
    from asyncpg import Record

log = Log(__name__)

LEASE_S = 20
"""How long a worker that says nothing any more keeps an endpoint: longer than one try takes."""
RUN_S = 60
"""After so long an endpoint is given back, so that no worker keeps one for itself."""
KEPT_DAYS = 30
_AT_ONCE = 100
_NUMBERED_AT_ONCE = 1000
_MOST_ANSWER = 64 * 1024


class Sender:
    """Sends what is due; many workers may, as each leases the endpoints that it sends to."""

    def __init__(self, ctx: Context, *, resolve: Resolve = resolve) -> None:
        self.seconds = 10.0
        """Within which an endpoint has to answer."""
        self._ctx = ctx
        self._resolve = resolve
        self._running: set[asyncio.Task[None]] = set()

    async def turn(self) -> None:
        """Put what was committed in order, and begin to send; does not wait for endpoints."""
        await self._number()
        free = MOST_ENDPOINTS - len(self._running)
        if free <= 0:
            return
        now, until = self._now(), self._now(LEASE_S)
        for row in await self._ctx.db.all(SQL.take_endpoints, now, until, free):
            task = asyncio.create_task(self._run(row), name=f"webhook {row['id']}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def finished(self) -> None:
        """Wait for what this process is sending now."""
        await asyncio.gather(*self._running)

    async def _number(self) -> None:
        async with self._ctx.db.transaction() as tx:
            if await tx.value(SQL.one_numbers):
                await tx.run(SQL.give_numbers, _NUMBERED_AT_ONCE)

    async def _run(self, row: Record) -> None:
        try:
            async with _client() as client:
                await _Run(self, client, row).send_all()
        except Refused as error:
            # The lease runs out, and what was sent and not written down is sent again.
            log.warning("webhook.postponed", endpoint=row["id"], error=error)
        except Exception as error:
            log.error("webhook.failed", endpoint=row["id"], error=error)

    def _now(self, later: float = 0) -> datetime:
        return datetime.fromtimestamp(self._ctx.clock() / 1000 + later, UTC)


class _Run:
    """One worker's turn with one endpoint."""

    def __init__(self, sender: Sender, client: httpx.AsyncClient, row: Record) -> None:
        self._sender = sender
        self._client = client
        self._db = sender._ctx.db
        self._clock = sender._ctx.clock
        self._mine = (row["id"], row["lease"])
        self._url: str = row["url"]
        self._target: Target | None = None

    async def send_all(self) -> None:
        """Send until nothing is left, something is not taken, or it is somebody else's turn."""
        async with asyncio.timeout(RUN_S + 2 * self._sender.seconds):
            ends = asyncio.get_running_loop().time() + RUN_S
            if await self._send_again():
                while asyncio.get_running_loop().time() < ends and await self._send_next():
                    pass
            await self._db.run(SQL.give_back, *self._mine)

    async def _send_again(self) -> bool:
        """Send what the owner wants sent once more; False when the endpoint is not ours now."""
        for row in await self._db.all(SQL.events_again, self._mine[0], _AT_ONCE):
            kept = await self._hold()
            if kept is None:
                return False
            event = event_from(row)
            attempt = await self._try(event, kept)
            async with self._db.transaction() as tx:
                await tx.run(SQL.done_again, self._mine[0], event.id)
                await tx.run(SQL.add_attempt, *self._line(event, attempt), True)
        return True

    async def _send_next(self) -> bool:
        """Send some of what comes next in order; False when this was all, or did not succeed."""
        newest = await self._db.value(SQL.newest_number)
        rows = await self._db.all(SQL.events_for, self._mine[0], _AT_ONCE)
        for row in rows:
            kept = await self._hold()
            if kept is None or not kept["due"]:
                return False
            if not await self._deliver(event_from(row), kept):
                return False
        if len(rows) < _AT_ONCE:
            # What this endpoint does not want lies behind it too.
            await self._db.run(SQL.advance, *self._mine, newest)
        return len(rows) == _AT_ONCE

    async def _deliver(self, event: Event, kept: Record) -> bool:
        attempt = await self._try(event, kept)
        async with self._db.transaction() as tx:
            await tx.run(SQL.add_attempt, *self._line(event, attempt), False)
            if attempt.ok:
                return await tx.run(SQL.advance, *self._mine, event.number) == "UPDATE 1"
            failures = kept["failures"] + 1
            again = self._sender._now(wait_s(failures, random.random()))
            await tx.run(SQL.postpone, *self._mine, failures, again)
        log.info("webhook.refused", endpoint=self._mine[0], status=attempt.status, tries=failures)
        return False

    async def _hold(self) -> Record | None:
        """Keep the endpoint for one more try; None when it is removed, changed or not ours."""
        now, until = self._sender._now(), self._sender._now(LEASE_S)
        kept = await self._db.one(SQL.hold_endpoint, *self._mine, until, now)
        return kept if kept is not None and kept["url"] == self._url else None

    async def _try(self, event: Event, kept: Record) -> Attempt:
        began, at = asyncio.get_running_loop().time(), self._clock()
        body = body_of(event)
        headers = headers_of(event, tuple(kept["secrets"]), body, at // 1000)
        status, error = None, ""
        try:
            async with asyncio.timeout(self._sender.seconds):
                status = await self._post(headers, body)
        except TimeoutError:
            error = "timeout"
        except Unreachable as why:
            error = why.why
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as problem:
            error = f"no_answer: {type(problem).__name__}"
        took = round((asyncio.get_running_loop().time() - began) * 1000)
        return Attempt(status, error, at, took)

    async def _post(self, headers: dict[str, str], body: bytes) -> int:
        if self._target is None:
            own = may_be_plain(self._url)
            private = own or self._sender._ctx.settings.call_private
            self._target = await target(self._url, self._sender._resolve, http=own, private=private)
        to = self._target
        async with self._client.stream(
            "POST",
            to.url,
            content=body,
            headers={"Host": to.host, **headers},
            extensions={"sni_hostname": to.server_name},
        ) as reply:
            # Read to its end, the connection carries the next event too; more is cut off.
            read = 0
            async for part in reply.aiter_raw():
                read += len(part)
                if read > _MOST_ANSWER:
                    break
            return reply.status_code

    def _line(self, event: Event, attempt: Attempt) -> tuple[Any, ...]:
        at = datetime.fromtimestamp(attempt.at / 1000, UTC)
        error = attempt.error[:MOST_ERROR]
        return (self._mine[0], event.id, at, attempt.ms, attempt.status, error)


@functools.cache
def _tls() -> ssl.SSLContext:
    # SSL_CERT_FILE names the authorities of a shop with a certificate of its own house.
    return httpx.create_ssl_context()


def _client() -> httpx.AsyncClient:
    # One for each endpoint: names that share a number must not share a connection.
    return httpx.AsyncClient(verify=_tls(), timeout=None, trust_env=False, follow_redirects=False)


async def send(ctx: Context) -> None:
    """Begin to send what is due to every endpoint."""
    await ctx.of(Sender).turn()


async def tidy(ctx: Context) -> None:
    """Drop events, tries and what was received after 30 days; what nobody took is counted."""
    now = datetime.fromtimestamp(ctx.clock() / 1000, UTC)
    oldest, yesterday = now - timedelta(days=KEPT_DAYS), now - timedelta(days=1)
    async with ctx.db.transaction() as tx:
        await tx.run(SQL.count_missed, oldest, timeout=60)
        await tx.run(SQL.drop_events, oldest, yesterday, timeout=60)
        await tx.run(SQL.drop_attempts, oldest, timeout=60)
        await tx.run(SQL.drop_received, oldest, timeout=60)
