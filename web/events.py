"""Every push, one table; `python -m web.events` writes the browser's types of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from moderation import events as moderation
from rooms import crowd
from rooms import events as rooms
from rooms.questions import rules as questions
from rooms.shop import events as shop
from web.schema import fields, shapes, typescript

EVENTS: tuple[type, ...] = (
    *rooms.PUSHES,
    *crowd.PUSHES,
    *questions.PUSHES,
    *shop.PUSHES,
    *moderation.PUSHES,
)
"""What may arrive on a channel: each is a TypedDict with a literal `event`."""
SEEN: tuple[type, ...] = (rooms.RoomInfo, shop.ReservationInfo, shop.OrderInfo)
"""What replies hold besides pushes."""
TARGET = Path(__file__).parent / "static/events.d.ts"


def names_of(event: type) -> tuple[str, ...]:
    """Give the wire names of a push, such as `comment.posted`."""
    hint: Any = fields(event)["event"][0]
    return get_args(hint)


def declarations() -> str:
    """Write the types of all pushes as a TypeScript declaration file."""
    parts = ["// Written by `python -m web.events` from the Python definitions; do not edit."]
    parts += [typescript(shape) for shape in shapes((*EVENTS, *SEEN))]
    names = sorted(event.__name__ for event in EVENTS)
    parts.append("/** Everything that a channel may carry. */")
    parts[-1] += "\nexport type Push =\n" + "\n".join(f"  | {name}" for name in names) + ";"
    parts.append(
        "/** The push of one event. */\n"
        'export type PushOf<E extends Push["event"], P = Push> =\n'
        "  P extends { event: infer N } ? (E extends N ? P : never) : never;"
    )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    TARGET.write_text(declarations(), encoding="utf-8")
