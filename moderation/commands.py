"""The live commands of moderation: each reads its arguments and calls the action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

from moderation import actions, audit, hiding, log, people, reads, reports, review, undo, wordlist
from moderation.ids import read_id, read_person, read_room, wire_id
from moderation.rules import FOREVER
from server.context import Context, Viewer
from server.errors import Refused
from server.publication import Publication

Args = Mapping[str, Any]
Reply = dict[str, Any]


class Connection(Protocol):
    """What these commands need of a connection."""

    def find(self, channel: str, key: str) -> list[Publication]:
        """Give the newest publications of a channel with a key."""
        ...


async def report(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """comment.report {room, id, reason, note?}"""
    room, id, reason = _room(args), _id(args), _text(args, "reason")
    note = _text(args, "note")
    return await reports.report(ctx, viewer, room, id, reason, note=note, find=connection.find)


async def hide(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """comment.hide {room, id, reason?}"""
    room, id, reason = _room(args), _id(args), _text(args, "reason")
    return await hiding.hide(ctx, viewer, room, id, reason=reason, find=connection.find)


async def restore(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """comment.restore {room, id, reason?}"""
    room, id, reason = _room(args), _id(args), _text(args, "reason")
    return await hiding.restore(ctx, viewer, room, id, reason=reason, find=connection.find)


async def mute(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.mute {room, person, seconds|null, reason?, everywhere?, action?}"""
    return await actions.mute(
        ctx,
        viewer,
        read_person(args.get("person")),
        room=_room_or_none(args),
        seconds=_seconds(args),
        reason=_text(args, "reason"),
        everywhere=_flag(args, "everywhere"),
        id=read_id(args["action"]) if args.get("action") is not None else None,
    )


async def unmute(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.unmute {room, person, reason?}"""
    person, room = read_person(args.get("person")), _room_or_none(args)
    return await actions.unmute(ctx, viewer, person, room=room, reason=_text(args, "reason"))


async def ban(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.ban {room, person, seconds|null, reason?, action?}: from the whole community"""
    return await actions.ban(
        ctx,
        viewer,
        read_person(args.get("person")),
        room=_room_or_none(args),
        seconds=_seconds(args),
        reason=_text(args, "reason"),
        id=read_id(args["action"]) if args.get("action") is not None else None,
    )


async def unban(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.unban {room, person, reason?}"""
    person, room = read_person(args.get("person")), _room_or_none(args)
    return await actions.unban(ctx, viewer, person, room=room, reason=_text(args, "reason"))


async def purge(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.purge {room, person, reason?}"""
    person, room = read_person(args.get("person")), _room_or_none(args)
    return await hiding.purge(ctx, viewer, person, room=room, reason=_text(args, "reason"))


async def unpurge(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.unpurge {room, person, reason?}"""
    person, room = read_person(args.get("person")), _room_or_none(args)
    return await hiding.unpurge(ctx, viewer, person, room=room, reason=_text(args, "reason"))


async def note(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.note {room, person, text}"""
    person, room = read_person(args.get("person")), _room_or_none(args)
    return await reports.note(ctx, viewer, person, _text(args, "text"), room=room)


async def card(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """person.card {room, person}"""
    audit.require_staff(viewer)
    person, room = read_person(args.get("person")), _room_or_none(args)
    found = await reads.card(ctx.db, person, "", ctx.clock())
    known = asdict(found)
    if not found.name:
        known["name"] = await people.name_nearby(ctx, person, room)
    return known


async def held_list(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """held.list {room|null}"""
    audit.require_staff(viewer)
    return {"items": await reads.queue(ctx.db, _room_or_none(args))}


async def claim(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """held.claim {id, take?}"""
    return await review.claim(ctx, viewer, _id(args), take=_flag(args, "take"))


async def approve(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """held.approve {id}"""
    return await review.approve(ctx, viewer, _id(args))


async def reject(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """held.reject {id, reason?}"""
    return await review.reject(ctx, viewer, _id(args), reason=_text(args, "reason"))


async def report_list(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """report.list {room|null}"""
    audit.require_staff(viewer)
    return {"reports": await reads.reported(ctx.db, _room_or_none(args))}


async def resolve(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """report.resolve {room, id, outcome: acted|dismissed}"""
    room, id, outcome = _room(args), _id(args), _text(args, "outcome")
    return await reports.resolve(ctx, viewer, room, id, outcome)


async def word_try(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """word.try {word}: recent messages that it would have caught"""
    words = wordlist.read_words(args.get("word"))
    return {"messages": await wordlist.try_words(ctx, viewer, words)}


async def word_add(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """word.add {word, action: hold|reject|allow}: one, or one on each line"""
    words = wordlist.read_words(args.get("word"))
    return await wordlist.add_words(ctx, viewer, words, _text(args, "action"))


async def word_remove(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """word.remove {id}"""
    id = args.get("id")
    if not isinstance(id, int) or isinstance(id, bool) or not 0 < id < 2**53:
        raise Refused("invalid", "The number of a word is missing.", field="id")
    return await wordlist.remove_words(ctx, viewer, [id])


async def guard_set(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """guard.set {room|null, minutes}: links refused and new people held; 0 ends it"""
    minutes = args.get("minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool):
        raise Refused("invalid", "A number of minutes is missing.", field="minutes")
    return await wordlist.guard(ctx, viewer, minutes, _room_or_none(args))


async def audit_list(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """audit.list {room|null, person?}"""
    audit.require_staff(viewer)
    person = read_person(args["person"]) if args.get("person") is not None else None
    wanted = log.Wanted(room=_room_or_none(args), person=person, by_people=True)
    page = await log.audit_page(ctx.db, wanted)
    return {"entries": [asdict(entry) for entry in page.entries]}


async def audit_undo(ctx: Context, viewer: Viewer, args: Args, connection: Connection) -> Reply:
    """audit.undo {id}"""
    return await undo.undo(ctx, viewer, _id(args), find=connection.find)


def _room(args: Args) -> str:
    return read_room(args.get("room"))


def _room_or_none(args: Args) -> str | None:
    return None if args.get("room") is None else read_room(args["room"])


def _id(args: Args) -> str:
    return wire_id(read_id(args.get("id")))


def _text(args: Args, field: str) -> str:
    value = args.get(field, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused("invalid", "A text is expected here.", field=field)
    return value


def _flag(args: Args, field: str) -> bool:
    value = args.get(field, False)
    if not isinstance(value, bool):
        raise Refused("invalid", "Yes or no is expected here.", field=field)
    return value


def _seconds(args: Args) -> int | None:
    value = args.get("seconds")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < FOREVER:
        raise Refused("invalid", "Seconds, or null for good.", field="seconds")
    return value
