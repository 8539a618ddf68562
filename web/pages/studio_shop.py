"""The selling part of the studio for pages without JavaScript: one word a button, `pin:42`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from rooms.shop.show import actions, sales
from server.context import Context, Viewer
from server.errors import Refused

Deed = Callable[[Context, Viewer, Mapping[str, Any]], Awaitable[Any]]

_DEEDS: Mapping[str, tuple[Deed, str, Mapping[str, Any]]] = {
    "pin": (actions.pin, "product", {}),
    "unpin": (actions.unpin, "product", {}),
    "up": (actions.move, "product", {"by": -1}),
    "down": (actions.move, "product", {"by": 1}),
    "extend": (sales.extend, "sale", {"minutes": 1}),
    "end": (sales.end, "sale", {}),
    "stop": (actions.stop, "", {}),
    "resume": (partial(actions.stop, stopped=False), "", {}),
}
"""What a button does, what its number names, and what else it says."""


async def do_in_shop(ctx: Context, viewer: Viewer, room: str, broadcast: str, pressed: str) -> None:
    """Do what a button of the rundown says."""
    word, _, number = pressed.partition(":")
    if word not in _DEEDS:
        raise Refused("invalid", "There is nothing of this kind to do here.")
    deed, named, more = _DEEDS[word]
    args = {"room": room, "broadcast": broadcast, **more}
    await deed(ctx, viewer, {**args, named: number} if named else args)
