"""Counts that only pass by: a channel's viewers on all gateways, and tallies such as hearts."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.resources import files
from typing import Any

from server.context import Context
from server.errors import Refused
from server.keys import keys_of
from server.looks import next_look
from server.shedding import SELDOM, Shedding, Step

log = logging.getLogger(__name__)

VIEWERS = (files("server") / "lua/viewers.lua").read_text()
TALLY = (files("server") / "lua/tally.lua").read_text()
TALLY_EVERY = 1.0
VIEWERS_EVERY = 5.0
COUNTS_FOR_MS = 15_000
"""How long the count of a gateway that says nothing any more is believed."""
TALLIES_KEPT_MS = 86_400_000
MOST_AT_ONCE = 1_000_000
"""What one kind may count up to in one second; more is not believed."""

Tallied = Callable[[str, Mapping[str, int], Mapping[str, int]], bytes]
"""Makes the body to pass on from channel, counts of the last second, and sums."""
Counted = Callable[[str, int], bytes]
"""Makes the body to pass on from channel and number of viewers."""


def _nobody(channel: str, body: bytes) -> None:
    """Tell nobody."""


class Presence:
    """The part of a process that counts; `ctx.of(Presence)` gives it to actions and pages."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: dict[str, Counter[str]] = {}
        self._known: dict[str, int] = {}
        self._noted: set[str] = set()

    def add(self, channel: str, kind: str, count: int = 1) -> None:
        """Count; what comes within a second is passed on together."""
        counter = self._waiting.setdefault(channel, Counter())
        counter[kind] = min(MOST_AT_ONCE, counter[kind] + count)

    def count(self, channel: str) -> int:
        """Give the viewers of a channel as this process knew them last, 0 when it never did."""
        return self._known.get(channel, 0)

    async def viewers(self, channel: str) -> int:
        """Ask how many viewers a channel has on all gateways."""
        return await self._note(channel, "", 0)

    async def sums(self, channel: str) -> dict[str, int]:
        """Ask for the sums of a channel, by kind."""
        return await self._tally(channel, {})

    async def reset(self, channel: str) -> None:
        """Begin the sums of a channel anew."""
        await self._ctx.broker.call("DEL", keys_of(channel).tallies)

    async def run(
        self,
        audience: Callable[[], Mapping[str, int]],
        tell_here: Callable[[str, bytes], None],
        tallied: Tallied,
        counted: Counted,
    ) -> None:
        """Count until cancelled: tallies every second, viewers every 5 s.

        `audience` gives the viewers of this gateway by channel, `tell_here` passes a body on to
        them: every gateway learns the sum by itself, so nothing has to travel.
        """
        loop, counts = asyncio.get_running_loop(), -1
        shedding = self._ctx.of(Shedding)
        next_count = loop.time()
        for turn in itertools.count():
            try:
                if turn % SELDOM == 0 or not shedding.sheds(Step.TALLIES, "tallies"):
                    await self.flush(tallied)
                if loop.time() >= next_count:
                    next_count = loop.time() + VIEWERS_EVERY
                    counts += 1
                    quiet = counts % SELDOM and shedding.sheds(Step.PASSING, "counts")
                    await self.note(audience(), _nobody if quiet else tell_here, counted)
            except Refused as error:
                log.debug("presence: %s", error)
            except Exception:
                log.exception("presence: a round failed")
            now = loop.time()
            await asyncio.sleep(next_look(now, TALLY_EVERY) - now)

    async def flush(self, tallied: Tallied) -> None:
        """Pass on what was counted since the last time."""
        waiting, self._waiting = self._waiting, {}
        for channel, counts in waiting.items():
            try:
                sums = await self._tally(channel, counts)
            except Refused:
                for kind, count in counts.items():
                    self.add(channel, kind, count)
                continue
            with suppress(Refused):
                await self._ctx.broker.pass_on(channel, tallied(channel, counts, sums))

    async def note(
        self,
        audience: Mapping[str, int],
        tell_here: Callable[[str, bytes], None],
        counted: Counted,
    ) -> None:
        """Tell the other gateways our viewers, and our viewers the sum."""
        gone = dict.fromkeys(self._noted - audience.keys(), 0)
        self._noted |= audience.keys()
        channels = {**gone, **audience}
        calls = (self._note(name, self._ctx.broker.id, n) for name, n in channels.items())
        answers = await asyncio.gather(*calls, return_exceptions=True)
        # On a Cluster one node may be away: only its channels keep their last count.
        self._noted = set(audience)
        for channel, viewers in zip(channels, answers, strict=True):
            if isinstance(viewers, Refused):
                self._noted.add(channel)
            elif isinstance(viewers, BaseException):
                raise viewers
            elif channel in audience:
                self._known[channel] = viewers
                tell_here(channel, counted(channel, viewers))
        for channel in self._known.keys() - audience.keys():
            del self._known[channel]

    async def withdraw(self) -> None:
        """Take what this process counted back: whoever was here is counted elsewhere."""
        names, self._noted = self._noted, set()
        try:
            await asyncio.gather(*(self._note(name, self._ctx.broker.id, 0) for name in names))
        except Refused as error:
            log.debug("presence: %s", error)

    async def _note(self, channel: str, gateway: str, count: int) -> int:
        args = (gateway, count, COUNTS_FOR_MS)
        answer: int = await self._ctx.broker.run(VIEWERS, [keys_of(channel).viewers], args)
        return answer

    async def _tally(self, channel: str, counts: Mapping[str, int]) -> dict[str, int]:
        pairs: list[Any] = [part for pair in counts.items() for part in pair]
        key = keys_of(channel).tallies
        answer = await self._ctx.broker.run(TALLY, [key], [TALLIES_KEPT_MS, *pairs])
        return {kind.decode(): int(n) for kind, n in zip(answer[::2], answer[1::2], strict=True)}
