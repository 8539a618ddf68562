"""Taking a channel over after a restart of Redis: what it has forgotten comes from the product."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

from server.answers import MOST, REMEMBER_MS, Answer, sent_key
from server.errors import Refused
from server.keys import keys_of
from server.redis_link import script_of
from server.redis_wire import Argument, ReplyError, fail

if TYPE_CHECKING:
    from server.redis_link import RedisLink
    from server.route import Route

ADOPT = script_of((files("server") / "lua/adopt.lua").read_text())
LOAD_TIMEOUT = 2.0
"""Seconds that the product has to say what it knows of a channel."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Gates:
    """Who may publish on a channel, and how often."""

    min_rank: int = 0
    cooldown_ms: int = 0
    visibility: str = ""


class Adoption(Protocol):
    """How the product finds a channel's state again; Refused("unavailable") while it cannot.

    Denials map a publisher to the time (ms) until which it is denied. Those that were lifted
    lately may be given with 0, so that a lost lifting is made good.
    """

    async def gates(self, channel: str) -> Gates:
        """Give the gates of a channel; Refused("not_found") when there is no such channel."""

    async def denials(self, channel: str) -> dict[str, int]:
        """Give who is denied on this channel."""

    async def denials_everywhere(self, partition: int) -> dict[str, int]:
        """Give who is denied on every channel of a partition."""

    async def answers(self, channel: str, epoch: int, offset: int) -> Sequence[Answer]:
        """Give what was published lately above a place, the newest first."""


class Adopter:
    """Runs adopt.lua, once at a time for each channel."""

    def __init__(self, route: Route, adoption: Adoption) -> None:
        self._route = route
        self._adoption = adoption
        self._running: dict[str, asyncio.Task[None]] = {}

    async def adopt(self, channel: str) -> None:
        """Load what the product knows and write it; Refused when that cannot be done now."""
        task = self._running.get(channel)
        if task is None:
            task = asyncio.create_task(self._adopt(channel), name=f"adopt {channel}")
            self._running[channel] = task
            task.add_done_callback(lambda _: self._running.pop(channel, None))
        # One caller that goes away must not take the others' adoption with it.
        await asyncio.shield(task)

    async def _adopt(self, channel: str) -> None:
        for _ in range(_TRIES):
            link = self._route.links[keys_of(channel).partition]
            try:
                if await self._attempt(link, channel) != b"changed":
                    return
            except ReplyError as error:
                if not await self._route.redirected(error):
                    fail(error)
        raise Refused("unavailable", "The channel is changing too fast.")

    async def _attempt(self, link: RedisLink, channel: str) -> Any:
        keys = keys_of(channel)
        version = await link.call("GET", keys.denied_version) or b""
        place = await link.call("HMGET", keys.channel, "epoch", "offset")
        epoch, offset = (int(part or 0) for part in place)
        try:
            async with asyncio.timeout(LOAD_TIMEOUT):
                gates = await self._adoption.gates(channel)
                here = await self._adoption.denials(channel)
                everywhere = await self._adoption.denials_everywhere(keys.partition)
                # What Redis lost and the product has is answered as it was, not published again.
                answers = await self._adoption.answers(channel, epoch, offset)
        except TimeoutError as error:
            raise Refused("unavailable", "The database does not answer.") from error
        kin = await self._route.kin(link)
        args: list[Argument] = [
            *(channel, link.run_id, random.randrange(1_000_000), version),
            *(gates.min_rank, gates.cooldown_ms, gates.visibility, self._route.verb),
            *(" ".join(kin.reigns), kin.shaken, REMEMBER_MS, len(here)),
        ]
        for publisher, until in [*here.items(), *everywhere.items()]:
            args += (publisher, until)
        names = [keys.channel, keys.window, keys.denied]
        names += [keys.denied_everywhere, keys.denied_version]
        for answer in answers[:MOST]:
            names.append(sent_key(channel, answer.publisher, answer.client_message_id))
            args.append(answer.text)
        return await link.script(ADOPT, names, args)
