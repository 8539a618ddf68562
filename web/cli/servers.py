"""Finds the database and Redis that a command works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from server.embedded import Embedded, running_servers
from server.errors import HirobaError
from server.settings import Settings


@contextmanager
def reachable(settings: Settings, *, start: bool = True) -> Iterator[Settings]:
    """Give settings with both addresses: the chosen ones, or those of a Hiroba that runs.

    When none runs, the private servers are started for the block, unless `start` is False:
    then HirobaError says what to do.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    found = running_servers(settings.data_dir)
    if found is not None:
        known = _filled(settings, found.dsn, found.redis_url)
        # Links that a command prints have to lead to the one that runs.
        yield replace(known, public_url=found.public_url or known.public_url)
        return
    if not start:
        raise HirobaError("no servers are running; use `hiroba serve`, or set both addresses")
    embedded = Embedded(
        settings.data_dir, postgres=not settings.database_url, valkey=not settings.redis_url
    )
    embedded.start()
    try:
        yield _filled(settings, embedded.dsn, embedded.redis_url)
    finally:
        embedded.stop()


def _filled(settings: Settings, dsn: str, redis_url: str) -> Settings:
    return replace(
        settings,
        database_url=settings.database_url or dsn,
        redis_url=settings.redis_url or redis_url,
    )
