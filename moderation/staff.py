"""Tells the other moderators of a room what happens, as it happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moderation import events
from moderation.audit import Row
from moderation.events import ActionLogged
from moderation.ids import wire_id
from moderation.rules import Rank
from server.context import Context
from server.errors import Refused
from server.log import Log
from server.publication import Publish

log = Log(__name__)


def push(room: str, body: Mapping[str, Any]) -> Publish:
    """Give the publication on a room's staff channel, which is never stored."""
    return Publish(
        channel=f"room:{room}:staff",
        body=events.packed(body),
        rank=Rank.MODERATOR,
        persist=False,
    )


async def tell(ctx: Context, room: str | None, body: Mapping[str, Any]) -> None:
    """Publish to the staff of a room; a loss is mended by reading the console again."""
    if room is None:
        return
    try:
        await ctx.broker.publish(push(room, body))
    except Refused as refused:
        log.warning("staff.untold", room=room, error=refused)


async def tell_act(ctx: Context, room: str | None, row: Row) -> None:
    """Publish an act as the log shows it."""
    act = row.act
    body = ActionLogged(
        event="action.logged",
        id=wire_id(act.id),
        action=row.action,
        at=act.at,
        by=events.by(act.actor),
        person=row.person,
        person_name=row.person_name,
        message=wire_id(row.message) if row.message else None,
        text=row.text,
        reason=act.reason,
        details=dict(row.details),
        undoes=wire_id(act.undoes) if act.undoes else None,
    )
    await tell(ctx, room, body)
