"""Which reactions there are, and how many one command may carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rooms.rules import choice, whole
from server.errors import Refused

KINDS = ("heart", "like", "thanks", "yay", "wow", "drop")
"""What a message of a topic room may get: ❤ 👍 🙏 🙌 😮 💧."""
HEARTS = ("heart",)
"""What flies up in a live room."""
BURST = 20
"""Hearts that one command may carry: a page sums what was tapped in between."""


def read_kind(args: Mapping[str, Any]) -> str:
    """Read which reaction is meant; `invalid` otherwise."""
    return choice({"kind": "heart", **args}, "kind", KINDS)


def read_hearts(args: Mapping[str, Any]) -> tuple[str, int]:
    """Read a burst of hearts {kind?, count?}."""
    kind = choice({"kind": "heart", **args}, "kind", HEARTS)
    return kind, whole({"count": 1, **args}, "count", least=1, most=BURST)


def only_in_topics() -> Refused:
    """Say that single comments of a broadcast take no reactions."""
    return Refused("invalid", "Single comments take reactions in topic rooms only.", field="id")
