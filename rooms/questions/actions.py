"""The only code that writes questions: asking, voting, answering, dismissing, showing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from rooms.access import Action, in_wire_words, require
from rooms.cache import RoomCache
from rooms.events import packed
from rooms.limits import VoteLimit
from rooms.questions import reads, rules
from rooms.questions.reads import SQL
from rooms.questions.rules import Question
from rooms.rules import Room, message_id, message_uuid, read_channel, room_channel
from server.context import Context, Viewer
from server.database import Queries, Transaction
from server.errors import Refused
from server.outbox import Durable, add, durable
from server.publication import Flag, Publish
from server.stream_worker import Entry


async def vote(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], *, removed: bool = False
) -> dict[str, Any]:
    """Vote for a question {room, id}, or take the vote back; voting twice counts once."""
    room, number, key = await _asked(ctx, viewer, args, Action.VOTE)
    ctx.of(VoteLimit).take(viewer)
    if not await ctx.db.value(SQL.exists, int(room.id), number):
        raise Refused("not_found", "There is no such question.")
    person = viewer.id or ""
    body = rules.QuestionVoteCast(
        event="question.vote_cast", id=key, person=person, removed=removed
    )
    request = Publish(
        channel=rules.votes_channel(room.id),
        body=packed(body),
        publisher=person,
        key=key,
        gated=True,
        rank=viewer.rank,
        refuse_on_backlog=True,
    )
    try:
        await ctx.broker.publish(request)
    except Refused as refused:
        raise in_wire_words(refused) from None
    return {"id": key, "voted": not removed}


async def mark(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Make a question of a message {room, id}, or take a dismissed question up again."""
    room, number, key = await _asked(ctx, viewer, args, Action.MARK)
    async with durable(ctx) as d:
        held = await d.one(SQL.lock, int(room.id), number)
        if held is None and not await d.all(SQL.ask, [int(room.id)], [number]):
            raise Refused("not_found", "There is no such message, or it is not saved yet.")
        await d.run(SQL.flag_message, int(room.id), number, True)
        if held is not None and held["state"] == "dismissed":
            await d.run(SQL.set_state, int(room.id), number, "open")
        if held is None or held["state"] == "dismissed":
            d.publish(_asked_push(await reads.question(d, key)))
    return {"id": key}


async def answer(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a question {room, id, text?, live?}; answering again replaces the text."""
    room, number, key = await _asked(ctx, viewer, args, Action.ANSWER)
    given = rules.read_answer(args)
    async with durable(ctx) as d:
        held = await _held(d, room, number)
        second = None
        if given.live:
            on = await d.one(SQL.broadcast_on, int(room.id))
            now = datetime.fromtimestamp(ctx.clock() / 1000, UTC)
            second = rules.second_of(on["started_at"] if on else None, now)
        member = int((viewer.id or "m0")[1:])
        await d.run(SQL.answer, int(room.id), number, given.text, second, member)
        found = await reads.question(d, key)
        body = rules.QuestionAnswered(event="question.answered", **rules.info(found))
        d.publish(_push(room.channel, key, body, found.author["id"]))
        _leave_stage(d, room, held)
    return {"id": key, "second": second}


async def dismiss(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Take a question {room, id} off the list; its message stays."""
    room, number, key = await _asked(ctx, viewer, args, Action.ANSWER)
    async with durable(ctx) as d:
        held = await _held(d, room, number)
        if held["state"] != "dismissed":
            await d.run(SQL.set_state, int(room.id), number, "dismissed")
            body = rules.QuestionWithdrawn(event="question.withdrawn", id=key)
            d.publish(_push(room.channel, key, body))
            _leave_stage(d, room, held)
    return {"id": key}


async def show(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> dict[str, Any]:
    """Put a question {room, id} on the stage in place of any other; `id: null` takes it off."""
    room = await ctx.of(RoomCache).room(str(args.get("room")))
    require(viewer, Action.SHOW, room)
    wanted = args.get("id")
    number = None if wanted is None else message_uuid(wanted)
    key = None if number is None else message_id(number)
    async with durable(ctx) as d:
        if number is not None:
            await _held(d, room, number)
        await d.run(SQL.take_off, int(room.id))
        if number is not None and await d.run(SQL.show, int(room.id), number) == "UPDATE 0":
            raise Refused("invalid", "A dismissed question cannot be shown.", field="id")
        body = rules.QuestionShown(event="question.shown", id=key)
        d.publish(_push(room.channel, key or "", body))
    return {"id": key}


# What the worker does with the publication log.


async def ask(tx: Transaction, entries: list[Entry]) -> None:
    """Make questions of the messages that were posted as such, and announce them (a consumer)."""
    posted = [
        (int(read_channel(entry.channel)[0]), message_uuid(entry.body["id"]))
        for entry in entries
        if entry.body.get("event") == "comment.posted" and entry.body.get("question")
    ]
    if posted:
        await announce(tx, posted)


async def announce(tx: Queries, posted: Sequence[tuple[int, UUID]]) -> None:
    """Make questions of saved messages (room, id) and announce each after the commit."""
    for row in await tx.all(SQL.ask, [room for room, _ in posted], [key for _, key in posted]):
        await add(tx, _asked_push(await reads.question(tx, message_id(row["id"]))))


async def save_votes(tx: Transaction, entries: list[Entry]) -> None:
    """Store a run of votes and count them (the handler of question.vote_cast)."""
    last = {(e.channel, e.body["id"], e.body["person"]): e for e in entries}
    rows = [
        (
            int(read_channel(e.channel)[0]),
            message_uuid(e.body["id"]),
            e.body["person"],
            e.body["removed"],
            e.publication.epoch,
            e.publication.offset,
        )
        for e in last.values()
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    await tx.run(SQL.save_votes, *columns)
    await tx.run(SQL.count_votes, columns[0], columns[1])


async def tell_votes(ctx: Context) -> None:
    """Tell viewers the counts that changed; the worker does it every second."""
    for row in await ctx.db.all(SQL.untold):
        body = rules.QuestionVoted(
            event="question.voted", id=message_id(row["id"]), votes=row["votes"]
        )
        await ctx.broker.pass_on(room_channel(str(row["room_id"])), packed(body))


async def _asked(
    ctx: Context, viewer: Viewer, args: Mapping[str, Any], action: Action
) -> tuple[Room, UUID, str]:
    room = await ctx.of(RoomCache).room(str(args.get("room")))
    require(viewer, action, room)
    number = message_uuid(args.get("id"))
    return room, number, message_id(number)


async def _held(d: Durable, room: Room, number: UUID) -> Record:
    """Hold a question while it changes; gives whether it is `shown`, and its state."""
    row = await d.one(SQL.lock, int(room.id), number)
    if row is None:
        raise Refused("not_found", "There is no such question.")
    return row


def _leave_stage(d: Durable, room: Room, held: Record) -> None:
    """Tell that what was on the stage is there no more."""
    if held["shown"]:
        body = rules.QuestionShown(event="question.shown", id=None)
        d.publish(_push(room.channel, "", body))


def _asked_push(q: Question) -> Publish:
    body = rules.QuestionAsked(event="question.asked", **rules.info(q))
    return _push(room_channel(q.room_id), q.id, body, q.author["id"])


def _push(channel: str, key: str, body: Mapping[str, Any], asker: str = "staff") -> Publish:
    """Announce something of a question; hiding its message hides this as well.

    What repeats the asker's words names the asker as publisher, so that a purge reaches it.
    """
    return Publish(channel=channel, body=packed(body), publisher=asker, key=key, flags=Flag.KEEP)
