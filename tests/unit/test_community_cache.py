"""The community as a process keeps it: nobody waits for a database that is away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rooms.community.reads import CommunityCache
from server.errors import Refused


class Town:
    """A database and a clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0
        self.name = "Square"
        self.answers = asyncio.Event()
        self.answers.set()
        self.away = False
        self.reads = 0

    async def all(self, *_: object) -> list[dict[str, Any]]:
        self.reads += 1
        name = self.name
        await self.answers.wait()
        if self.away:
            raise Refused("unavailable")
        return [{"name": "name", "value": name}]

    def cache(self) -> CommunityCache:
        return CommunityCache(cast(Any, SimpleNamespace(db=self, clock=lambda: self.now)))


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_who_ask_first_cause_one_read() -> None:
    town = Town()
    cache = town.cache()

    found = await asyncio.gather(*(cache.get() for _ in range(5)))

    assert {each.name for each in found} == {"Square"}
    assert town.reads == 1


async def test_what_is_old_is_given_at_once_and_read_anew_meanwhile() -> None:
    town = Town()
    cache = town.cache()
    await cache.get()
    town.now += cache.MOST_AGE_MS
    town.name = "Plaza"
    town.answers.clear()

    assert (await cache.get()).name == "Square"
    town.answers.set()
    await settled()
    assert (await cache.get()).name == "Plaza"


async def test_while_the_database_is_away_the_community_looks_as_before() -> None:
    town = Town()
    cache = town.cache()
    await cache.get()
    town.now += cache.MOST_AGE_MS
    town.away = True
    await cache.get()
    await settled()

    assert (await cache.get()).name == "Square"
    assert town.reads == 2


async def test_what_was_read_before_a_change_was_told_is_not_kept() -> None:
    town = Town()
    cache = town.cache()
    town.answers.clear()
    early = asyncio.create_task(cache.get())
    await settled()
    town.name = "Plaza"
    cache.on_control({"type": "changed", "what": "settings"})
    late = asyncio.create_task(cache.get())
    await settled()
    town.answers.set()

    assert [(await early).name, (await late).name] == ["Square", "Plaza"]
    assert (await cache.get()).name == "Plaza"


async def test_a_community_that_was_never_read_is_unavailable_without_the_database() -> None:
    town = Town()
    town.away = True

    with pytest.raises(Refused, match="unavailable"):
        await town.cache().get()
