"""What a client says who it is with: its own token, or the resume token of its last connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from server.client_link import NO_CONNECTION, Link
from server.client_position import PASSING_TROUBLE, delay
from server.errors import Closed, Refused

Token = str | Callable[[], Awaitable[str]]
"""A token, or a coroutine function that fetches a one-use ticket for each connection."""

MAX_TRIES: Final = 8


class Tokens:
    """Chooses the token of each connection and keeps the resume token fresh."""

    def __init__(self, own: Token, random: Callable[[], float]) -> None:
        """Begin with the own token; `random` spreads repetitions."""
        self._own = own
        self._random = random
        self._resume = ""
        self._resume_until = 0.0

    async def choose(self) -> tuple[str, bool]:
        """Give a token, and whether it is a resume token; raises Closed where none is had."""
        if self._resume and asyncio.get_running_loop().time() < self._resume_until:
            return self._resume, True
        if isinstance(self._own, str):
            return self._own, False
        try:
            return await self._own(), False
        except Exception as error:
            raise Closed(NO_CONNECTION, f"no token: {type(error).__name__}: {error}") from error

    def drop(self) -> None:
        """Forget a resume token that was refused: the own one may still hold."""
        self._resume = ""

    async def keep(self, link: Link, reply: Mapping[str, Any]) -> None:
        """Keep the resume token of a reply to `connect`, and get a new one at half of its time."""
        # A nameless reader has nothing to resume.
        while reply["resume"] is not None:
            seconds = reply["expires_in"] / 1000
            self._resume = reply["resume"]
            self._resume_until = asyncio.get_running_loop().time() + seconds
            await asyncio.sleep(seconds / 2)
            for tries in range(MAX_TRIES):
                try:
                    reply = await link.call("session.refresh", {})
                    break
                except Refused as refused:
                    if refused.code not in PASSING_TROUBLE:
                        return
                await asyncio.sleep(0.5 + delay(tries, self._random))
            else:
                return
