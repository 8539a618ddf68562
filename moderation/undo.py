"""Takes an act back by its row of the audit log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from moderation import audit, hiding, people, review, sanctions, staff, wordlist
from moderation.audit import SQL, Act, Row
from moderation.events import By
from moderation.ids import read_id, wire_id
from moderation.messages import Find, Found, locate, nothing_near
from moderation.screening import Screening
from server.context import Context, Viewer
from server.errors import Refused
from server.outbox import Durable, durable


async def undo(
    ctx: Context, actor: Viewer, id: str, *, find: Find = nothing_near
) -> dict[str, Any]:
    """Take an act back; the second who tries is told who was first."""
    number = read_id(id)
    act = audit.begin(ctx, actor, undoes=number)
    message = await _message(ctx, number, find)
    async with durable(ctx) as d:
        row = await d.one(SQL.audit_row, number)
        if row is None:
            raise Refused("not_found", "There is no such act, or it is not saved yet.")
        if row["undone_by"] is not None:
            first = By(id="", name=row["undone_name"])
            return {"id": id, "already": True, "by": first, "saved": True}
        if row["actor_rank"] > actor.rank and row["actor"] != audit.SYSTEM.id:
            raise Refused("forbidden", "Somebody of a higher rank did this.")
        how = HOW.get(row["action"])
        if how is None:
            raise Refused("invalid", "This cannot be taken back.", field="id")
        room = str(row["room_id"]) if row["room_id"] else None
        act = Act(act.id, actor, act.at, room=room, undoes=number)
        await _check_person(ctx, actor, row)
        await how(d, act, row, message)
        about = (row["person"], row["person_name"], row["message_id"], row["text"])
        done = Row(act, "undo", *about, {"undone": row["action"]})
        await audit.record(d, done)
    ctx.of(Screening).stale()
    if row["action"] == "reject":
        item = await ctx.db.one(SQL.review, UUID(row["details"]["item"]))
        await staff.tell(ctx, room, review.as_item(item))
    await staff.tell_act(ctx, room, done)
    return {"action": wire_id(act.id), "id": id, "undone": row["action"], "saved": True}


async def _message(ctx: Context, number: UUID, find: Find) -> Found | None:
    """Find the message that an act was about, before the transaction begins."""
    row = await ctx.db.one(SQL.audit_message, number)
    if row is None or row["action"] not in ("hide", "restore"):
        return None
    return await locate(ctx, str(row["room_id"]), wire_id(row["message_id"]), find)


async def _check_person(ctx: Context, actor: Viewer, row: Any) -> None:
    if row["person"] is not None:
        known = ctx.of(Screening)
        await known.ready()
        people.check(actor, row["person"], known.rank_of(row["person"]))


async def _lift(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await sanctions.lock(d, row["person"])
    ids = [UUID(id) for id in row["details"]["sanctions"]]
    lifted = await d.all(SQL.revoke_sanctions, ids, audit.moment(act.at))
    for where in dict.fromkeys(one["room_id"] for one in lifted):
        room = str(where) if where else None
        await sanctions.announce(d, act, row["person"], room, told="unmuted")


async def _impose_again(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await sanctions.lock(d, row["person"])
    ids = [UUID(id) for id in row["details"]["sanctions"]]
    again = await d.all(SQL.reinstate_sanctions, ids)
    for where in dict.fromkeys(one["room_id"] for one in again):
        told = "banned" if row["action"] == "unban" else "muted"
        room = str(where) if where else None
        await sanctions.announce(d, act, row["person"], room, told=told)


async def _show(d: Durable, act: Act, row: Any, message: Found | None) -> None:
    if message is None:
        raise Refused("not_found", "There is no such message.")
    if message.state != "visible":
        hiding.show(d, message)


async def _hide(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    hiding.take_away(d, str(row["room_id"]), wire_id(row["message_id"]), act.actor)


async def _show_all(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await sanctions.lock(d, row["person"])
    await hiding.show_all(d, row["person"], act.room)


async def _hide_all(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await sanctions.lock(d, row["person"])
    await hiding.hide_all(d, act, row["person"], act.room)


async def _put_words_back(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await wordlist.put_back(d, act, row["action"], row["details"])


async def _put_settings_back(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await wordlist.put_settings_back(d, row["details"])


async def _put_guard_back(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await wordlist.put_guard_back(d, row["details"])


async def _hold_again(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await review.reopen(d, UUID(row["details"]["item"]))


async def _withdraw_approval(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    if row["details"]["kind"] != "post":
        raise Refused("invalid", "An edit that was approved stays; hide the message.", field="id")
    hiding.take_away(d, str(row["room_id"]), wire_id(row["message_id"]), act.actor)


async def _open_reports(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    reporters = row["details"]["reporters"]
    await d.run(SQL.reopen_reports, row["room_id"], row["message_id"], reporters)


async def _remove_note(d: Durable, act: Act, row: Any, _: Found | None) -> None:
    await d.run(SQL.remove_note, UUID(row["details"]["note"]), audit.moment(act.at))


How = Callable[[Durable, Act, Any, Found | None], Awaitable[None]]
HOW: Mapping[str, How] = {
    "mute": _lift,
    "ban": _lift,
    "unmute": _impose_again,
    "unban": _impose_again,
    "hide": _show,
    "restore": _hide,
    "purge": _show_all,
    "unpurge": _hide_all,
    "word.add": _put_words_back,
    "word.remove": _put_words_back,
    "filters.set": _put_settings_back,
    "guard.start": _put_guard_back,
    "guard.end": _put_guard_back,
    "approve": _withdraw_approval,
    "reject": _hold_again,
    "report.resolve": _open_reports,
    "note": _remove_note,
}
"""How each act is taken back; what is not here stays."""
