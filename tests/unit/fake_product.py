"""The smallest product there is, and what a gateway needs around it, all in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

from server.connection import Connection
from server.context import Context, Viewer
from server.errors import Closed, Refused
from server.gateway import Gateway, Grant
from server.handshake import Upgrade
from server.identity import Claims, Keyring, Secret
from server.protocol import CloseCode, Encoding
from server.settings import Settings
from tests.clock import FakeClock
from tests.unit.fake_broker import FakeRedis
from tests.unit.fake_sockets import FakeSocket, Kernel, Screen, Turned

HOST = "live.example.com"
ORIGIN = f"https://{HOST}"


class FakeProduct:
    """Channels `room:N` for everybody, `room:N:staff` from rank 40; commands to play with."""

    def __init__(self) -> None:
        self.commands = {
            "say": self._say,
            "wait": self._wait,
            "fail": self._fail,
            "refuse": self._refuse,
            "odd": self._odd,
        }
        self.closed_channels: set[str] = set()
        self.told: list[dict[str, Any]] = []
        self.gate: Any = None
        self.log: list[str] = []
        self.resolved: list[Claims] = []

    async def open_channel(self, ctx: Context, viewer: Viewer, channel: str) -> Grant:
        if not channel.startswith("room:") or channel in self.closed_channels:
            raise Refused("not_found", "There is no such room.")
        if channel.endswith(":staff") and viewer.rank < 40:
            raise Refused("forbidden", "This is for staff.")
        if channel == "room:broken":
            raise RuntimeError("a mistake of ours")
        return Grant({"title": channel}, {"rank": viewer.rank})

    async def resolve(self, ctx: Context, claims: Claims) -> Viewer:
        self.resolved.append(claims)
        if claims.publisher == "m-denied":
            raise Refused("denied", "Not admitted.")
        if claims.publisher == "m-unlucky":
            raise Refused("unavailable", "The database is away.")
        return Viewer(
            claims.publisher,
            claims.name,
            claims.rank,
            claims.version,
            language=claims.language,
            since=claims.since,
        )

    async def on_control(self, ctx: Context, body: dict[str, Any]) -> None:
        self.told.append(body)

    def loaded(self, level: int, cooldown_ms: int, /) -> bytes:
        body = {"event": "load.told", "level": level, "cooldown_ms": cooldown_ms}
        return bytes(msgpack.packb(body))

    def counted(self, channel: str, viewers: int, /) -> bytes:
        return bytes(msgpack.packb({"event": "viewers.counted", "count": viewers}))

    def tallied(self, channel: str, counts: Mapping[str, int], sums: Mapping[str, int], /) -> bytes:
        return bytes(msgpack.packb({"event": "hearts.counted", "counts": dict(counts)}))

    async def _say(
        self, ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> dict[str, Any]:
        self.log.append(args.get("text", ""))
        return {"said": args.get("text"), "by": viewer.id, "from": viewer.address}

    async def _wait(
        self, ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> dict[str, Any]:
        await self.gate.wait()
        return {}

    async def _fail(
        self, ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> dict[str, Any]:
        raise RuntimeError("a mistake of ours")

    async def _refuse(
        self, ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> dict[str, Any]:
        raise Refused("cooldown", "Wait a moment.", retry_after=2000)

    async def _odd(
        self, ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> dict[str, Any]:
        return {"cannot be written": object()}


class FakeSessions:
    """`Sessions` in memory."""

    def __init__(self) -> None:
        self.open_now: dict[str, dict[str, str]] = {}
        self.tickets: dict[str, Claims] = {}
        self.versions: dict[str, int] = {}
        self.denied: dict[str, int] = {}
        self.away = False

    async def redeem(self, ticket: str) -> Claims:
        if ticket not in self.tickets:
            raise Refused("expired", "This ticket was used, or is too old.")
        return self.tickets.pop(ticket)

    async def open(
        self,
        publisher: str,
        session: str,
        holder: str,
        *,
        version: int,
        most: int,
        gateways: Sequence[str] = (),
    ) -> None:
        if self.away:
            raise Refused("unavailable", "Redis does not answer.")
        mine = self.open_now.setdefault(publisher, {})
        if version < self.versions.get(publisher, 0):
            raise Closed(CloseCode.SESSION_REVOKED, "signed out")
        if session not in mine and len(mine) >= most:
            raise Closed(CloseCode.CONNECTION_LIMIT, "too many")
        mine[session] = holder

    async def close(self, publisher: str, session: str, holder: str) -> None:
        if self.open_now.get(publisher, {}).get(session) == holder:
            del self.open_now[publisher][session]

    async def revoke(self, publisher: str, version: int) -> None:
        self.versions[publisher] = version

    async def deny(self, publisher: str, until: int) -> None:
        self.denied[publisher] = until


class SecretsTable:
    """A database that holds the table of secrets alone."""

    def __init__(self) -> None:
        self.rows = [{"id": 1, "secret": b"s" * 32, "created": 0, "retired": None}]
        self.reads = 0

    async def all(self, sql: str, *args: object) -> list[dict[str, object]]:
        self.reads += 1
        return list(self.rows)


class Client:
    """A peer of a gateway: sends commands, and reads as the protocol says."""

    def __init__(self, gateway: Gateway, socket: FakeSocket, upgrade: Upgrade) -> None:
        self.socket = socket
        self.screen = Screen(socket)
        self.connection = gateway.accept(socket, upgrade)  # type: ignore[arg-type]
        socket.session = self.connection
        self._ids = 0

    def send(self, cmd: str, **args: Any) -> int:
        """Send a command, and give its id."""
        self._ids += 1
        self.send_tree({"id": self._ids, "cmd": cmd, "args": args})
        return self._ids

    def send_tree(self, tree: Any) -> None:
        """Send anything."""
        is_json = self.socket.encoding is Encoding.JSON
        data = json.dumps(tree).encode() if is_json else msgpack.packb(tree)
        self.connection.on_frame(data, is_json)

    def reply(self, id: int) -> Any:
        """Give the reply with an id, if it is there."""
        return self.screen.look().replies.get(id)

    @property
    def closed(self) -> int | None:
        """The close code that was sent to the peer."""
        return self.screen.look().closed


class Town:
    """One gateway over a Redis in memory."""

    def __init__(self, redis: FakeRedis | None = None, **limits: Any) -> None:
        self.redis = redis or FakeRedis()
        self.kernel = Kernel()
        self.turned = Turned()
        self.clock = FakeClock()
        self.product = FakeProduct()
        self.sessions = FakeSessions()
        self.broker = self.redis.broker()
        self.table = SecretsTable()
        settings = Settings.for_tests(public_url=ORIGIN, **limits)
        self.ctx = Context(settings, self.table, None, self.broker, self.clock)  # type: ignore[arg-type]
        self.keyring = Keyring([Secret(1, b"s" * 32, 0)], self.clock)
        self.gateway = Gateway(
            *(self.ctx, self.product, self.keyring),
            descriptors=self.kernel.descriptors,
            now=self.turned,
        )
        self.gateway.sessions = self.sessions  # type: ignore[assignment]

    def upgrade(self, peer: str = "198.51.100.1", **headers: str) -> Upgrade:
        """Give a handshake; headers are written with underscores, "" leaves one out."""
        named = {"host": HOST, "origin": ORIGIN}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in named.items() if value}
        return Upgrade("GET", "/v1/live", "", kept, peer)

    def client(
        self, encoding: Encoding = Encoding.JSON, *, room: int = 10**9, **headers: str
    ) -> Client:
        """Open a connection that has not said anything."""
        socket = self.kernel.open(encoding, room=room)
        return Client(self.gateway, socket, self.upgrade(**headers))

    def token(self, publisher: str | None = "m42", **claims: Any) -> str:
        """Give a signed token."""
        made = {"kind": "visitor", "expires": self.clock() + 10_000_000, "name": "Mana", **claims}
        return self.keyring.sign(Claims(publisher=publisher, **made))
