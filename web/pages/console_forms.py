"""The forms of the console, for pages without JavaScript: each does one thing and goes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation import actions, hiding, reports, review, undo, wordlist
from moderation.ids import read_person, read_room
from rooms.access import Action, require
from server.context import Context, Viewer
from server.errors import Refused
from web.pages.rendering import viewer_of
from web.session import read_form, safe_back

Form = Mapping[str, str]
Deed = Callable[[Context, Viewer, Form], Awaitable[dict[str, Any]]]


async def act(request: Request) -> Response:
    """Do what a form asks, then show the page it came from."""
    form = await read_form(request)
    viewer = viewer_of(request)
    require(viewer, Action.MODERATE)
    deed = DEEDS.get(form.get("what", ""))
    if deed is None:
        raise Refused("invalid", "There is nothing of this kind to do here.")
    await deed(request.state.ctx, viewer, form)
    return RedirectResponse(safe_back(form.get("back", "/console")), 303)


async def _hide(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await hiding.hide(ctx, viewer, _room(form), _id(form), reason=_reason(form))


async def _restore(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await hiding.restore(ctx, viewer, _room(form), _id(form))


async def _mute(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    where, reason = _room_or_none(form), _reason(form)
    return await actions.mute(
        ctx, viewer, _person(form), room=where, seconds=_seconds(form), reason=reason
    )


async def _unmute(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await actions.unmute(ctx, viewer, _person(form), room=_room_or_none(form))


async def _ban(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    where, reason = _room_or_none(form), _reason(form)
    return await actions.ban(ctx, viewer, _person(form), room=where, reason=reason)


async def _unban(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await actions.unban(ctx, viewer, _person(form), room=_room_or_none(form))


async def _purge(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    where, reason = _room_or_none(form), _reason(form)
    return await hiding.purge(ctx, viewer, _person(form), room=where, reason=reason)


async def _note(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    text = form.get("text", "")
    return await reports.note(ctx, viewer, _person(form), text, room=_room_or_none(form))


async def _approve(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await review.approve(ctx, viewer, _id(form))


async def _reject(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await review.reject(ctx, viewer, _id(form), reason=_reason(form))


async def _dismiss(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await reports.resolve(ctx, viewer, _room(form), _id(form), "dismissed")


async def _hide_reported(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    await hiding.hide(ctx, viewer, _room(form), _id(form), reason=_reason(form))
    return await reports.resolve(ctx, viewer, _room(form), _id(form), "acted")


async def _undo(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await undo.undo(ctx, viewer, _id(form))


async def _guard(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await wordlist.guard(ctx, viewer, _number(form, "minutes"), _room_or_none(form))


async def _add_words(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    words = wordlist.read_words(form.get("words"))
    return await wordlist.add_words(ctx, viewer, words, form.get("action", ""))


async def _remove_word(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await wordlist.remove_words(ctx, viewer, [_number(form, "id")])


async def _set_filters(ctx: Context, viewer: Viewer, form: Form) -> dict[str, Any]:
    return await wordlist.save_settings(
        ctx,
        viewer,
        links=form.get("links"),
        domains=form.get("domains", "").split(),
        new_hours=_number(form, "new_hours"),
    )


DEEDS: Mapping[str, Deed] = {
    "hide": _hide,
    "restore": _restore,
    "mute": _mute,
    "unmute": _unmute,
    "ban": _ban,
    "unban": _unban,
    "purge": _purge,
    "note": _note,
    "approve": _approve,
    "reject": _reject,
    "dismiss": _dismiss,
    "hide_reported": _hide_reported,
    "undo": _undo,
    "guard": _guard,
    "add_words": _add_words,
    "remove_word": _remove_word,
    "set_filters": _set_filters,
}


def _room(form: Form) -> str:
    return read_room(form.get("room"))


def _room_or_none(form: Form) -> str | None:
    return read_room(form["room"]) if form.get("room") else None


def _person(form: Form) -> str:
    return read_person(form.get("person"))


def _id(form: Form) -> str:
    return form.get("id", "")


def _reason(form: Form) -> str:
    return form.get("reason", "")


def _seconds(form: Form) -> int | None:
    return _number(form, "seconds") if form.get("seconds") else None


def _number(form: Form, field: str) -> int:
    text = form.get(field, "")
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused("invalid", "A number is missing.", field=field)
    return int(text)


routes = [Route("/console/act", act, methods=["POST"], name="console_act")]
