"""Found through PYTHONPATH before all else: makes this process's clock wrong by WRONG_CLOCK s."""

from __future__ import annotations

import datetime
import os
import time
from datetime import UTC, tzinfo
from datetime import datetime as _real
from typing import Any

SHIFT = int(os.environ["WRONG_CLOCK"])
_time, _time_ns = time.time, time.time_ns


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _real)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, _real)


class _Wrong(_real, metaclass=_Kind):
    """Makes real datetimes, of the wrong moment where somebody asks for the present one."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _real(*args, **kwargs)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return _real.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _real.fromtimestamp(time.time(), UTC).replace(tzinfo=None)


time.time = lambda: _time() + SHIFT
time.time_ns = lambda: _time_ns() + SHIFT * 1_000_000_000
datetime.datetime = _Wrong  # type: ignore[misc]
