"""Whatever ends after a time, tried across gateways: it has to end everywhere when it should."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from loadtest import api
from loadtest.chaos.accounts import Account
from loadtest.chaos.stage import Stage
from loadtest.chaos.wrong import Gate
from loadtest.servers import NotStarted, command
from server.client import Client, Closed, Refused

SECONDS: Final = 2
"""How long somebody is muted or banned."""
SLOW_SECONDS: Final = 1
NEAR_MS: Final = 15_000
"""How late an end may be noticed; all clocks are wrong by far more."""
EARLY_MS: Final = 100
STEP: Final = 0.1
DENIED: Final = 4505


class Expiry:
    """The checks, and what was measured by the way."""

    def __init__(self, stage: Stage, gates: list[Gate], run: str) -> None:
        """Try what one gateway gives on all of them."""
        self.facts: dict[str, str | int | float] = {}
        self._stage = stage
        self._gates = gates
        self._run = run
        self._room = ""
        self._found: list[str] = []
        self._late: list[float] = []

    async def problems(self) -> list[str]:
        """Try everything; gives what does not hold."""
        made = ("--kind", "live", "--slug", f"clocks-{self._run}", "--title", "Clocks", "--json")
        self._room = str(
            json.loads(await command(self._stage.servers, "room", "create", *made))["id"]
        )
        await self._stage.moderator()
        tries = (self._tokens, self._mute, self._ban)
        await asyncio.gather(*(attempt(gate) for attempt in tries for gate in self._gates))
        await self._slow()
        self.facts["ended_late_at_most_ms"] = round(max(self._late, default=0.0))
        return self._found

    async def _tokens(self, gate: Gate) -> None:
        """Use tokens of one gateway on all of them."""
        async with self._account(gate, "visits") as account, api.client(gate.url) as http:
            guest = await api.visitor_token(http, f"Guest {self._name(gate)}")
            async with Client(gate.url, token=await account.ticket(gate.url)) as client:
                resume, told = client.welcome["resume"], client.welcome["time"]
                self._near(f"time told by {gate}", told - _now())
                for other in self._gates:
                    crossing = f"of {gate} on {other}"
                    await self._opens(f"guest token {crossing}", other, guest)
                    await self._opens(f"resume token {crossing}", other, resume)
                    ticket = await account.ticket(other.url)
                    await self._opens(f"ticket {crossing}", gate, ticket)

    async def _mute(self, gate: Gate) -> None:
        """Mute on one gateway, and be muted on all of them until it is over."""
        async with (
            self._account(gate, "is muted") as account,
            self._everywhere(account) as clients,
            self._moderator(gate) as moderator,
        ):
            await self._edits(gate, clients)
            asked = _now()
            until = await self._sanction(moderator, "mute", clients[gate])
            self._near(f"end of a mute by {gate}", until - asked - SECONDS * 1000)
            for other, client in clients.items():
                word = await self._post(client)
                if word != "muted" and _now() < until - EARLY_MS:
                    self._found.append(f"muted by {gate}, on {other}: {word or 'posted'}")
            await asyncio.gather(
                *(
                    self._ends(f"mute by {gate} on {other}", until, self._posts(client))
                    for other, client in clients.items()
                )
            )

    async def _ban(self, gate: Gate) -> None:
        """Ban on one gateway; it ends connections to all, and all let in again when it is over."""
        async with self._account(gate, "is banned") as account, self._moderator(gate) as moderator:
            async with self._everywhere(account) as clients:
                until = await self._sanction(moderator, "ban", clients[gate])
                for other, client in clients.items():
                    code = await _ended(client, until)
                    if code != DENIED:
                        self._found.append(f"banned by {gate}, on {other}: closed with {code}")
            await asyncio.gather(
                *(
                    self._ends(f"ban by {gate} on {other}", until, _enters(account, other))
                    for other in self._gates
                )
            )

    async def _slow(self) -> None:
        """Post in turn on all gateways in slow mode: each counts what the others took."""
        right = self._gates[0]
        async with (
            self._account(right, "is slow") as account,
            self._everywhere(account) as clients,
            self._moderator(right) as moderator,
        ):
            await moderator.call("room.set_slow", {"room": self._room, "seconds": SLOW_SECONDS})
            await self._post(clients[right])
            for gate, client in [*clients.items(), *clients.items()]:
                wait = await self._refused_for(client)
                if not 0 < wait <= SLOW_SECONDS * 1000:
                    self._found.append(f"slow mode on {gate}: {wait} ms to wait")
                await asyncio.sleep(max(0, wait) / 1000 + 0.05)
                if word := await self._post(client):
                    self._found.append(f"slow mode on {gate} after its time: {word}")
            await moderator.call("room.set_slow", {"room": self._room, "seconds": 0})

    async def _edits(self, gate: Gate, clients: dict[Gate, Client]) -> None:
        """Edit on all gateways what was said a moment ago, which may be done for five minutes."""
        said = await clients[gate].call("comment.post", {**self._line(), "text": "first"})
        for other, client in clients.items():
            change = {"room": self._room, "id": said["id"], "text": f"by {other}"}
            try:
                await client.call("comment.edit", change)
            except Refused as refused:
                self._found.append(f"edit on {other} of a line of {gate}: {refused.code}")

    # Steps.

    async def _ends(self, what: str, until: float, is_over: Callable[[], Awaitable[bool]]) -> None:
        # A wrong end may lie far away.
        longest = min(until, _now() + SECONDS * 1000) + NEAR_MS
        while not await is_over():
            if _now() > longest:
                self._found.append(f"{what}: still there after {NEAR_MS / 1000:g} s too many")
                return
            await asyncio.sleep(STEP)
        self._late.append(_now() - until)
        if _now() < until - EARLY_MS:
            self._found.append(f"{what}: over {until - _now():.0f} ms too early")

    def _near(self, what: str, off: float) -> None:
        if abs(off) > NEAR_MS:
            self._found.append(f"{what}: wrong by {off / 1000:.0f} s")

    async def _sanction(self, moderator: Client, kind: str, client: Client) -> float:
        person = client.welcome["you"]["id"]
        args = {"room": self._room, "person": person, "seconds": SECONDS, "reason": "a drill"}
        return float((await moderator.call(f"person.{kind}", args))["until"])

    async def _opens(self, what: str, gate: Gate, token: str) -> None:
        try:
            async with Client(gate.url, token=token):
                return
        except (Closed, TimeoutError) as error:
            self._found.append(f"{what}: {error!r}")

    async def _post(self, client: Client) -> str:
        """Post a line; gives the word that refused it, or nothing."""
        try:
            await client.call("comment.post", self._line())
        except Refused as refused:
            return refused.code
        return ""

    def _posts(self, client: Client) -> Callable[[], Awaitable[bool]]:
        async def posts() -> bool:
            return not await self._post(client)

        return posts

    async def _refused_for(self, client: Client) -> int:
        """Post and give the ms to wait, -1 when it was posted or refused otherwise."""
        try:
            await client.call("comment.post", self._line())
        except Refused as refused:
            return refused.retry_after or -1 if refused.code == "slow_mode" else -1
        return -1

    def _line(self) -> dict[str, Any]:
        return {"room": self._room, "text": "line", "client_message_id": f"{time.monotonic_ns()}"}

    def _name(self, gate: Gate) -> str:
        return f"{self._run} {self._gates.index(gate)}"

    @asynccontextmanager
    async def _account(self, gate: Gate, name: str) -> AsyncIterator[Account]:
        account = await Account.sign_up(gate.url, f"{self._name(gate)} {name}")
        try:
            yield account
        finally:
            await account.close()

    @asynccontextmanager
    async def _moderator(self, gate: Gate) -> AsyncIterator[Client]:
        async with Client(gate.url, token=await self._stage.moderator()) as client:
            yield client

    @asynccontextmanager
    async def _everywhere(self, account: Account) -> AsyncIterator[dict[Gate, Client]]:
        """Connect to every gateway."""
        clients = {gate: Client(gate.url, token=account.tickets(gate.url)) for gate in self._gates}
        try:
            await asyncio.gather(*(client.open() for client in clients.values()))
            yield clients
        finally:
            await asyncio.gather(*(client.close() for client in clients.values()))


def _now() -> float:
    return time.time() * 1000


async def _ended(client: Client, until: float) -> int:
    """Wait until a client was sent away; gives the close code, 0 when it was not in time."""
    longest = min(until, _now() + SECONDS * 1000) + NEAR_MS
    while client.closed is None:
        if _now() > longest:
            return 0
        await asyncio.sleep(STEP)
    return client.closed.code


def _enters(account: Account, gate: Gate) -> Callable[[], Awaitable[bool]]:
    async def enters() -> bool:
        try:
            async with Client(gate.url, token=await account.ticket(gate.url)):
                return True
        except (Closed, TimeoutError, NotStarted):
            return False

    return enters
