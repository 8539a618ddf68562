"""How many files and sockets this process may have open."""

from __future__ import annotations

import resource
from contextlib import suppress

UNLIMITED = 2**20


def most_files() -> int:
    """Give how many may be open after `raise_files_limit`."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return UNLIMITED if hard == resource.RLIM_INFINITY else hard


def raise_files_limit() -> None:
    """Take as many as the system lets us have; the default of 1,024 is for other programs."""
    with suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_files(), hard))
