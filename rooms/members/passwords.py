"""Hashes passwords with argon2, in threads and at most two at once: the loop never waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.context import Context

T = TypeVar("T")
MOST_AT_ONCE = 2


class Passwords:
    """The password hasher of this process."""

    def __init__(self, ctx: Context) -> None:
        self._hasher = PasswordHasher()
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Give the hash that is stored."""
        return await self._in_thread(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether this is the password; takes as long for somebody who does not exist."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this password")
        against = stored if stored is not None else self._nobody
        return await self._in_thread(lambda: self._matches(against, password)) and bool(stored)

    def is_outdated(self, stored: str) -> bool:
        """Tell whether a hash was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.to_thread(work)
