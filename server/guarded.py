"""A package's own script that minds restarts: told whose run it is for, repeated, never late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from server.errors import Refused
from server.keys import partition_of, tagged
from server.redis_link import script_of
from server.redis_wire import Argument, LostInFlight, ReplyError, fail

if TYPE_CHECKING:
    from server.route import Route

BUDGET = 1.5
"""Seconds a script may take with all its repetitions; it has to refuse to run later than that."""
_PAUSE = 0.01
_LOOK_AGAIN = 0.1


async def run_guarded(
    route: Route, channel: str, source: str, names: Sequence[str], args: Sequence[Argument]
) -> Any:
    """Run a script on the keys `names` of a channel's partition until its answer is known.

    ARGV begins with the run_id of the server, the verb that publishes (SPUBLISH on a Cluster) and
    a deadline in ms of Redis time; then come `args`. The script has to be one that may be repeated,
    and to do nothing after the deadline: then nothing happens after Refused("unavailable"), though
    it may have happened already when Redis was lost before it could answer.
    """
    partition, script = partition_of(channel), script_of(source)
    keys = [tagged(partition, name) for name in names]
    deadline = time.monotonic() + BUDGET
    sent = False
    while True:
        # Looked up each time: meanwhile another node may have the partition.
        link = route.links[partition]
        by = link.server_time() + int((deadline - time.monotonic()) * 1000)
        try:
            return await link.script(script, keys, (link.run_id, route.verb, by, *args))
        except LostInFlight:
            sent = True
        except Refused:
            if not sent:
                raise
        except ReplyError as error:
            late = time.monotonic() >= deadline
            if late or not (await route.redirected(error) or sent):
                fail(error)
        await asyncio.sleep(_PAUSE)
        ready = await route.links[partition].wait_ready(
            min(_LOOK_AGAIN, max(0.0, deadline - time.monotonic()))
        )
        if not ready and time.monotonic() >= deadline:
            raise Refused("unavailable", "Redis did not answer in time.")
