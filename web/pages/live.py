"""The live room: picture, comments, questions, composer."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from moderation.rules import Rank
from rooms.broadcasts.rules import Video, frame_origin
from rooms.events import broadcast_info
from rooms.history.rules import Page
from rooms.questions.rules import Question
from rooms.rules import Broadcast, Position, Room, State
from server.context import Viewer
from web.pages.rendering import community_of, now_of, render, viewer_of
from web.pages.shelf import EMPTY, offer_of, picture_of


@dataclass(frozen=True, slots=True)
class LiveRoom:
    """What the page of a live room shows at first; the socket brings the rest."""

    room: Room
    comments: Page = field(default_factory=Page)
    place: Position | None = None
    """Up to where the comments are known; the socket goes on from there."""
    questions: Sequence[Question] = ()
    """Open ones by votes, then those answered."""
    voted: Collection[str] = ()
    """Ids of the questions that the reader voted for."""
    viewers: int | None = None
    hearts: int = 0
    sanction: Mapping[str, Any] | None = None
    """What keeps the reader from writing: `{"until": ms | None, "reason": …}`."""
    said: str = ""
    """Why the comment that was just sent was refused."""
    draft: str = ""
    """The words of that comment."""
    held: bool = False
    """Whether the comment that was just sent waits for review."""
    asking: bool = False
    """Whether the draft is meant as a question."""
    shop: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """What is sold, as GET shelf answers."""
    chapters: Sequence[tuple[str, int]] = ()
    """Of a broadcast that is over: each product that was shown, and from which second."""


def live_page(request: Request, live: LiveRoom) -> HTMLResponse:
    """Answer with the page of a live room."""
    show = live.room.broadcast
    origins = [origin] if show and (origin := frame_origin(_video(show))) else []
    embedded = show is not None and show.video_kind == "embed"
    return render(
        request,
        "live.html",
        csp={"frame-src" if embedded else "media-src": origins},
        room=live.room,
        comments=live.comments,
        questions=live.questions,
        voted=live.voted,
        open_questions=sum(1 for question in live.questions if question.answer is None),
        shown=next((question for question in live.questions if question.shown), None),
        viewers=live.viewers,
        said=live.said,
        draft=live.draft,
        held=live.held,
        hearts=live.hearts,
        embed=playing(show.video_url) if show and embedded else "",
        shop=live.shop,
        chapters=live.chapters,
        form_key=secrets.token_urlsafe(12),
        offer_of=offer_of,
        picture_of=picture_of,
        page_data=block(_page_data(request, live)),
        linked_data=block(linked_data(show)) if show else "",
    )


def playing(url: str) -> str:
    """Ask an embedded player to begin by itself, without sound, in its place."""
    return f"{url}{'&' if '?' in url else '?'}autoplay=1&mute=1&muted=1&playsinline=1"


def block(value: object) -> Markup:
    """Write a value as the inside of a JSON block, which it cannot end."""
    return Markup(
        json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    )


def linked_data(show: Broadcast) -> dict[str, Any]:
    """Describe a broadcast to search engines."""
    event: dict[str, Any] = {
        "@type": "BroadcastEvent",
        "isLiveBroadcast": show.state is State.LIVE,
        "startDate": (show.started_at or show.starts_at).isoformat(timespec="seconds"),
    }
    if show.ended_at:
        event["endDate"] = show.ended_at.isoformat(timespec="seconds")
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": show.title,
        "description": show.about or show.title,
        "uploadDate": show.starts_at.isoformat(timespec="seconds"),
        "publication": event,
    }
    if show.poster_url.startswith("https:"):
        data["thumbnailUrl"] = show.poster_url
    return data


def person(viewer: Viewer) -> dict[str, Any] | None:
    """Describe the signed-in reader to the page's script; None for a nameless one."""
    if viewer.id is None:
        return None
    role = Rank.of(viewer.rank).wire
    return {"id": viewer.id, "name": viewer.name, "role": role, "rank": viewer.rank}


def room_data(room: Room) -> dict[str, Any]:
    """Describe the room to the page's script."""
    return {
        "id": room.id,
        "mode": room.mode,
        "min_rank": room.min_rank,
        "cooldown_ms": room.cooldown_ms,
        "closed": room.closed,
    }


def place_data(place: Position | None) -> dict[str, int]:
    """Describe a place to the page's script; empty when nothing is known."""
    return {"epoch": place.epoch, "offset": place.offset} if place else {}


def sign_in_address(request: Request) -> str:
    """Give the address where a reader signs in to come back here; empty without such a page."""
    names = {getattr(route, "name", "") for route in request.app.routes}
    return f"/sign-in?back={request.url.path}" if "sign_in" in names else ""


def giveaways_address(request: Request) -> str:
    """Give the address below which draws are checked: pages, or what programs read."""
    names = {getattr(route, "name", "") for route in request.app.routes}
    return "/giveaways/" if "giveaway" in names else "/v1/giveaways/"


def _page_data(request: Request, live: LiveRoom) -> dict[str, Any]:
    show = live.room.broadcast
    return {
        "room": room_data(live.room),
        "now": now_of(request),
        "broadcast": broadcast_info(show) if show else None,
        "you": person(viewer_of(request)),
        "guests": community_of(request).guests,
        "sanction": live.sanction,
        "position": place_data(live.place),
        "asking": live.asking,
        "sign_in": sign_in_address(request),
        "shop": live.shop,
        "giveaways": giveaways_address(request),
    }


def _video(show: Broadcast) -> Video:
    return Video(show.video_kind, show.video_url)
