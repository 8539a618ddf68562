"""Limits on how often: buckets in this process, and counters in Redis that all processes share."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from typing import TYPE_CHECKING

from server.errors import Refused
from server.settings import Rate

if TYPE_CHECKING:
    from server.sessions import Store

COUNT = """
-- Counts one try. KEYS[1] the counter; ARGV[1] the period in ms.
-- Answers how many there were in this period, and how many ms of it are left.
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class LocalBuckets:
    """A token bucket for each key, of which at most `size` are remembered.

    When there are more, the one longest unused is forgotten: a flood from ever new keys costs
    memory only up to this bound.
    """

    def __init__(self, rate: Rate, *, size: int = 50_000) -> None:
        """Let `rate.most` through at once, and as many again in every period."""
        self._most = rate.most
        self._per_token = rate.period / rate.most
        self._size = size
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, now: float) -> int:
        """Take one at `now` (ms); 0 when there was one, else ms until the next."""
        left, since = self._buckets.pop(key, (float(self._most), now))
        # A clock may be set back; that must not cost anybody tokens.
        left = min(self._most, left + max(0.0, now - since) / self._per_token)
        enough = left >= 1
        self._buckets[key] = (left - enough, now)
        if len(self._buckets) > self._size:
            self._buckets.popitem(last=False)
        return 0 if enough else math.ceil((1 - left) * self._per_token)


class RedisLimit:
    """Counters that hold over all processes: at most so many in each period."""

    def __init__(self, store: Store) -> None:
        """`store` is the broker: it knows the server of each counter."""
        self._store = store

    async def take(self, name: str, key: str, rate: Rate) -> None:
        """Count one try; Refused `rate_limited` with `retry_after` when there were too many."""
        # Keys come from outside (a typed name): hashed they are short and say nothing.
        digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()
        key = f"rate:{name}:{digest}"
        try:
            count, left = await self._store.run(COUNT, [key], [rate.period])
        except Refused as error:
            raise Refused("unavailable", "Please try again in a moment.") from error
        if count > rate.most:
            raise Refused("rate_limited", "Too many tries; please wait.", retry_after=max(left, 1))
