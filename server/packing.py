"""The one msgpack packer of the process: `msgpack.packb` makes a new one for each call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack

pack: Callable[[Any], bytes] = msgpack.Packer().pack
"""Give a value as msgpack; TypeError for what it has no form for. For one thread alone."""
