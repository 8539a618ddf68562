"""What every action is given: the resources of this process, and who asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from server.broker import Broker
    from server.database import Database
    from server.settings import Settings

T = TypeVar("T")
Clock = Callable[[], int]
"""Unix time in ms; tests give one that they turn themselves."""


def system_clock() -> int:
    """Give the time of this machine in ms since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is behind a request or connection. `id` is None for a nameless reader."""

    id: str | None = None
    name: str = ""
    rank: int = 0
    """Only compared by the engine; the layers above name the steps."""
    version: int = 0
    """The session version; a token with a smaller one is void."""
    address: str = ""
    """The client's address, after trusted proxies."""
    language: str = "en"
    since: int = 0
    """When this identity was made, in ms; 0 when that is not known."""

    def at(self, address: str) -> Viewer:
        """Give the same viewer at an address."""
        # Faster than `dataclasses.replace`, and everybody passes here who comes in.
        return Viewer(
            *(self.id, self.name, self.rank, self.version, address, self.language, self.since)
        )


@dataclass(slots=True)
class Context:
    """The resources of one process, made once by the lifespan and passed to every action."""

    settings: Settings
    db: Database
    redis: Redis
    broker: Broker
    clock: Clock = system_clock
    """The time of Redis in every process that serves: its own machine's may be wrong."""
    _parts: dict[type, Any] = field(default_factory=dict)

    def of(self, part: type[T]) -> T:
        """Give this process's one `part` (a cache of some package), made as `part(context)`."""
        made = self._parts.get(part)
        if made is None:
            made = self._parts[part] = cast(Any, part)(self)
        return made  # type: ignore[no-any-return]
