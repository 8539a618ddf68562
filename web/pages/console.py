"""The moderator's console at /console, a person's page, the word list, and the log as a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from moderation import filters, reads, wordlist
from moderation import log as audit_log
from moderation.ids import read_id, read_person, read_room, wire_id
from moderation.log import Wanted
from moderation.people import name_nearby
from moderation.reports import REASONS
from moderation.rules import STEPS, Rank
from rooms import reads as room_reads
from rooms.access import Action, require
from rooms.rules import Room
from server.context import Context
from server.errors import Refused
from web.i18n import Translator
from web.pages import console_forms
from web.pages.refusals import field_errors
from web.pages.rendering import render, viewer_of, words_of

NO_STORE = {"Cache-Control": "no-store"}
VIEWS = ("feed", "queue", "log")
SHOWN = 60
"""Messages with which the feed begins."""
LONGEST_FIND = 60


async def console(request: Request) -> Response:
    """Show the feed, the queue, the reports and the log of one room."""
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    require(viewer, Action.MODERATE)
    rooms = await room_reads.rooms(ctx.db, viewer)
    room = _chosen(rooms, request.query_params.get("room"))
    if room is None:
        return render(request, "console/empty.html", headers=NO_STORE)
    wanted = request.query_params.get("view", "")
    find = request.query_params.get("find", "").strip()[:LONGEST_FIND]
    words = words_of(request)
    log = await audit_log.audit_page(ctx.db, Wanted(room=room.id, by_people=True), limit=30)
    queue = await reads.queue(ctx.db, room.id)
    reported = await reads.reported(ctx.db, room.id)
    guard = await filters.read_guard(ctx.db)
    labels = labels_of(words)
    data = {
        "room": {"id": room.id, "slug": room.slug},
        "you": {"id": viewer.id, "name": viewer.name, "role": Rank.of(viewer.rank).wire},
        "rank": int(viewer.rank),
        "now": ctx.clock(),
        "queue": queue,
        "reports": reported,
        "guard": asdict(guard),
        "labels": labels,
        "steps": list(STEPS),
    }
    return render(
        request,
        "console/console.html",
        headers=NO_STORE,
        room=room,
        rooms=rooms,
        waiting=await reads.queue_sizes(ctx.db),
        lines=await reads.feed(ctx.db, room.id, find=find, limit=SHOWN),
        find=find,
        queue=queue,
        reported=reported,
        log=log.entries,
        guard=guard if guard.until > ctx.clock() else None,
        today=await reads.today(ctx.db, viewer.id or "", ctx.clock()),
        now=ctx.clock(),
        view=wanted if wanted in VIEWS else "feed",
        labels=labels,
        data=data,
    )


async def person(request: Request) -> Response:
    """Show what is known of a person, with everything that may be done."""
    ctx: Context = request.state.ctx
    require(viewer_of(request), Action.MODERATE)
    id = read_person(request.path_params["person"])
    room = _room_or_none(request)
    message = request.query_params.get("message")
    card = await reads.card(ctx.db, id, "", ctx.clock())
    name = card.name or await name_nearby(ctx, id, room)
    if not name and not card.messages and not card.history:
        raise Refused("not_found", "There is no such person.")
    return render(
        request,
        "console/person.html",
        headers=NO_STORE,
        card=card,
        name=name,
        room=room,
        message=wire_id(read_id(message)) if message else None,
        steps=STEPS,
        labels=labels_of(words_of(request)),
    )


async def word_list(request: Request) -> Response:
    """Show the word list, what is done with links and new people, and a field to try words."""
    ctx: Context = request.state.ctx
    viewer = viewer_of(request)
    require(viewer, Action.MODERATE)
    tried = request.query_params.get("try", "")
    caught: list[dict[str, Any]] | None = None
    refused: Refused | None = None
    if tried:
        try:
            caught = await wordlist.try_words(ctx, viewer, wordlist.read_words(tried))
        except Refused as error:
            refused = error
    return render(
        request,
        "console/words.html",
        status=422 if refused else 200,
        headers=NO_STORE,
        listed=await reads.words(ctx.db),
        settings=await filters.read_settings(ctx.db),
        tried=tried,
        caught=caught,
        room=_room_or_none(request),
        errors=field_errors(request, refused) if refused else {},
    )


async def log_file(request: Request) -> Response:
    """Give the log of a room (without one: of all) as CSV."""
    ctx: Context = request.state.ctx
    require(viewer_of(request), Action.MODERATE)
    lines = audit_log.audit_csv(ctx.db, Wanted(room=_room_or_none(request)))
    name = 'attachment; filename="audit-log.csv"'
    headers = {**NO_STORE, "Content-Disposition": name, "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def labels_of(words: Translator) -> dict[str, dict[str, str]]:
    """Name acts, rules, reasons and time-outs in the reader's language, for page and script."""
    return {
        "action": {
            "mute": words.gettext("Muted"),
            "unmute": words.gettext("Unmuted"),
            "ban": words.gettext("Banned"),
            "unban": words.gettext("Unbanned"),
            "hide": words.gettext("Hidden"),
            "restore": words.gettext("Restored"),
            "purge": words.gettext("All messages hidden"),
            "unpurge": words.gettext("All messages restored"),
            "hold": words.gettext("Held"),
            "approve": words.gettext("Approved"),
            "reject": words.gettext("Rejected"),
            "report.resolve": words.gettext("Reports settled"),
            "note": words.gettext("Note"),
            "word.add": words.gettext("Word added"),
            "word.remove": words.gettext("Word removed"),
            "filters.set": words.gettext("Filter rules changed"),
            "guard.start": words.gettext("Raid guard on"),
            "guard.end": words.gettext("Raid guard off"),
            "undo": words.gettext("Undone"),
        },
        "rule": {
            "word": words.gettext("Word list"),
            "link": words.gettext("Link"),
            "new": words.gettext("New here"),
            "shadow": words.gettext("Hidden from others"),
        },
        "reason": dict(
            zip(
                REASONS,
                (
                    words.gettext("Spam"),
                    words.gettext("Abuse"),
                    words.gettext("Scam"),
                    words.gettext("Private data"),
                    words.gettext("Other"),
                ),
                strict=True,
            )
        ),
        "step": dict(
            zip(
                map(str, STEPS),
                (
                    words.gettext("10 s"),
                    words.gettext("1 min"),
                    words.gettext("5 min"),
                    words.gettext("10 min"),
                    words.gettext("30 min"),
                    words.gettext("24 h"),
                ),
                strict=True,
            )
        ),
    }


def _chosen(rooms: list[Room], wanted: str | None) -> Room | None:
    """Give the room that was asked for, else one that is on air, else the first."""
    if wanted is not None:
        found = next((room for room in rooms if room.id == wanted), None)
        if found is None:
            raise Refused("not_found", "There is no such room.")
        return found
    on_air = [room for room in rooms if room.broadcast and room.broadcast.state == "live"]
    return next(iter(on_air or rooms), None)


def _room_or_none(request: Request) -> str | None:
    wanted = request.query_params.get("room")
    return read_room(wanted) if wanted else None


routes = [
    Route("/console", console, name="console"),
    Route("/console/words", word_list, name="console_words"),
    Route("/console/log.csv", log_file, name="console_csv"),
    Route("/console/people/{person}", person, name="console_person"),
    *console_forms.routes,
]
