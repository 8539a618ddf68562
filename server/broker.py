"""Redis between the processes: publishes, listens, and reads windows."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from server.adoption import Adopter, Adoption
from server.answers import REMEMBER_MS
from server.broker_metrics import GAPS, PUBLISH_SECONDS, PUBLISHES
from server.cluster import Cluster
from server.context import Clock
from server.control import Control, packed
from server.errors import HirobaError, Refused
from server.guarded import run_guarded
from server.keys import CONTROL, PARTITIONS, keys_of, notice_channel, partition_of, tagged
from server.publication import Flag, Publication, Publish, Published, decode, encode
from server.publishing import Publisher
from server.recovery import Window, covered
from server.redis_link import RedisLink, script_of
from server.redis_wire import Argument, ReplyError, fail
from server.route import open_route
from server.shard_subscriber import ShardSubscriber
from server.subscriber import SubscriberLink

if TYPE_CHECKING:
    from server.settings import Settings

log = logging.getLogger(__name__)

WINDOW = script_of((files("server") / "lua/window.lua").read_text())


class Broker:
    """One process's connection to the others. Set `on_payload`, `on_gap` and `on_control` first."""

    def __init__(
        self, settings: Settings, clock: Clock, route: RedisLink | Cluster, adoption: Adoption
    ) -> None:
        self.on_payload: Callable[[str, bytes], None] = _ignore_payload
        """Given (channel, payload) for every message of a subscribed channel; must not block."""
        self.on_gap: Callable[[str | None], None] = _ignore_gap
        """Given the channel (None: all) whose window has to be read: something may be missing."""
        self._settings = settings
        self._clock = clock
        self._route = route
        self.redis_clock: Clock = route.server_time
        """Gives a time in ms that Redis has certainly reached."""
        self._publisher = Publisher(route, settings, Adopter(route, adoption))
        self._subscriber: SubscriberLink | ShardSubscriber | None = None
        self._control: Control | None = None

    @classmethod
    async def open(
        cls, settings: Settings, *, clock: Clock, adoption: Adoption, listen: bool = True
    ) -> Broker:
        """Connect; Refused("unavailable") without Redis. Without `listen` it only publishes."""
        route = await open_route(settings.redis_url, name="commands")
        broker = cls(settings, clock, route, adoption)
        if listen:
            try:
                await broker._listen()
            except BaseException:
                await broker.close()
                raise
        return broker

    async def _listen(self) -> None:
        if isinstance(self._route, Cluster):
            self._subscriber = await ShardSubscriber.open(self._route, self._receive, self._gap)
        else:
            where = self._route.where
            self._subscriber = await SubscriberLink.open(where, self._receive, self._gap)
        self._control = Control(self._route, self._subscriber)
        await self._control.start()

    async def close(self) -> None:
        """End both connections."""
        if self._control is not None:
            await self._control.close()
        if self._subscriber is not None:
            await self._subscriber.close()
        await self._route.close()

    # What is told about this process.

    @property
    def ready(self) -> bool:
        """Whether publications can be made here and those of others arrive."""
        if self._subscriber is None or self._control is None:
            return self._route.ready
        return self._route.ready and self._subscriber.ready and not self._control.silent()

    def nodes(self) -> dict[str, bool]:
        """Name the nodes of a Cluster, and whether each answers; empty for a single server."""
        if not isinstance(self._route, Cluster):
            return {}
        return {str(node): link.ready for node, link in sorted(self._route.nodes.items())}

    @property
    def id(self) -> str:
        """Name this process among those that beat; empty for one that does not listen."""
        return self._control.id if self._control else ""

    def alive(self) -> list[str]:
        """Name the processes that beat, this one too; empty during the first 3 s."""
        return self._control.alive() if self._control else []

    @property
    def control_heard(self) -> float:
        """Loop time at which control was last heard, 0 for a process that does not listen."""
        return self._control.heard if self._control else 0.0

    @property
    def on_control(self) -> Callable[[dict[str, Any]], None]:
        """Given every body told through `control`, beats excepted."""
        return self._listening().on_control

    @on_control.setter
    def on_control(self, listener: Callable[[dict[str, Any]], None]) -> None:
        self._listening().on_control = listener

    def _listening(self) -> Control:
        if self._control is None:
            raise HirobaError("this broker was opened without listening")
        return self._control

    # Publishing.

    async def publish(self, p: Publish, *, remember_ms: int = REMEMBER_MS) -> Published:
        """Give the publication its place and send it, or raise Refused and it never happens.

        Codes: denied(until, scope), rank(min_rank), cooldown, rate_limited and channel_busy (all
        with retry_after), backlog, duplicate_conflict, unavailable, and what Adoption refuses.
        """
        if self._control is not None and self._control.silent():
            raise Refused("unavailable", "This gateway is cut off from the others.")
        began = time.perf_counter()
        try:
            place = await self._publisher.publish(p, remember_ms)
        except Refused as refused:
            PUBLISHES[refused.code] += 1
            raise
        finally:
            PUBLISH_SECONDS.observe(time.perf_counter() - began)
        PUBLISHES["repeated" if place.repeated else "placed"] += 1
        return place

    async def pass_on(self, channel: str, body: bytes) -> None:
        """Send what has no place: never recovered, never stored."""
        await self._send(channel, "", body, channel)

    async def notice(self, channel: str, to: str, body: bytes) -> None:
        """Tell one viewer of a channel something, on whatever gateway that viewer is."""
        await self._send(channel, to, body, notice_channel(channel))

    async def _send(self, channel: str, key: str, body: bytes, address: str) -> None:
        payload = encode(Publication(0, 0, self._clock(), Flag.NONE, "", key, body))
        await self.call(self._route.verb, self._route.address(address), payload)

    async def control(self, body: dict[str, Any]) -> None:
        """Tell every process; `body` has a `type`."""
        await self.call("PUBLISH", CONTROL, packed(body))

    async def deny_everywhere(self, publisher: str, until: int) -> None:
        """Deny a publisher on every channel until a time in ms, or lift that with 0."""
        calls = []
        for partition in range(PARTITIONS):
            denied = tagged(partition, "denied")
            # The version first: an adoption that read the denials before this must read again.
            calls.append(self.call("INCR", f"{denied}:version"))
            if until > 0:
                calls.append(self.call("HSET", denied, publisher, until))
            else:
                calls.append(self.call("HDEL", denied, publisher))
        results = await asyncio.gather(*calls, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    # Listening.

    async def subscribe(self, channel: str) -> None:
        """Listen to a pub/sub channel; comes back when Redis confirmed it."""
        if self._subscriber is None:
            raise HirobaError("this broker was opened without listening")
        await self._subscriber.subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        """Listen no longer."""
        if self._subscriber is not None:
            await self._subscriber.unsubscribe(channel)

    def _receive(self, channel: str, payload: bytes) -> None:
        if channel == CONTROL:
            assert self._control is not None
            self._control.receive(payload)
        else:
            self.on_payload(channel, payload)

    def _gap(self, channel: str | None) -> None:
        GAPS.inc()
        self.on_gap(channel)

    # Reading.

    async def window(self, channel: str, after: int, *, limit: int | None = None) -> Window:
        """Read what came after an offset, the oldest first, at most `limit`."""
        window = await self._read(channel, max(0, after), limit or 0)
        if window.entries:
            first = covered(window.entries[0])[0]
            whole = first <= after + 1 and window.entries[-1].offset == window.top
        else:
            whole = after >= window.top
        return Window(window.epoch, window.top, window.entries, whole)

    async def newest(self, channel: str, count: int) -> Window:
        """Read the newest `count` publications, the oldest of them first."""
        return await self._read(channel, -1, max(1, count))

    async def _read(self, channel: str, after: int, most: int) -> Window:
        keys = keys_of(channel)
        try:
            answer = await self._route.script(WINDOW, (keys.channel, keys.window), (after, most))
        except ReplyError as error:
            fail(error)
        epoch, top, payloads = answer
        return Window(epoch, top, [decode(payload) for payload in payloads])

    async def saving_delay(self) -> int:
        """Give how long (ms) the oldest entry of all logs has waited to be saved; 0 for none."""
        logs = [tagged(partition, "log") for partition in range(PARTITIONS)]
        answers = await asyncio.gather(
            *(self.call("XRANGE", log, "-", "+", "COUNT", 1) for log in logs)
        )
        times = [int(answer[0][0].split(b"-")[0]) for answer in answers if answer]
        return max(0, self.redis_time - min(times)) if times else 0

    # Raw access for what brings its own scripts.

    async def call(self, *args: Argument) -> Any:
        """Send one command over the hot link; Refused("unavailable") when Redis cannot."""
        try:
            return await self._route.call(*args)
        except ReplyError as error:
            fail(error)

    async def run(self, source: str, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run a Lua script over the hot link."""
        try:
            return await self._route.script(script_of(source), keys, args)
        except ReplyError as error:
            fail(error)

    async def script(
        self, channel: str, source: str, names: Sequence[str], args: Sequence[Argument]
    ) -> Any:
        """Run a package's own Lua; KEYS are `names` in the partition of the channel."""
        partition = partition_of(channel)
        return await self.run(source, [tagged(partition, name) for name in names], args)

    async def guarded(
        self, channel: str, source: str, names: Sequence[str], args: Sequence[Argument]
    ) -> Any:
        """Run a package's own Lua that minds restarts of Redis; see `run_guarded`."""
        return await run_guarded(self._route, channel, source, names, args)

    @property
    def redis_time(self) -> int:
        """A time in ms that Redis has certainly reached, for deadlines of scripts."""
        return self.redis_clock()


def _ignore_payload(channel: str, payload: bytes) -> None:
    log.debug("nobody listens to %s", channel)


def _ignore_gap(channel: str | None) -> None:
    log.debug("nobody listens for gaps (%s)", channel)
