"""The page of a topic room: a conversation that people come back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse

from rooms.history.rules import Page
from rooms.questions.rules import Question
from rooms.rules import Position, Room
from web.pages.live import block, person, place_data, room_data, sign_in_address
from web.pages.rendering import community_of, now_of, render, viewer_of, zone_of
from web.pages.talk import lines

REACTIONS: Mapping[str, str] = {
    "like": "👍",
    "heart": "❤️",
    "thanks": "🙏",
    "yay": "🙌",
    "wow": "😮",
    "drop": "💧",
}
"""What a message may get, in the order of the menu."""


@dataclass(frozen=True, slots=True)
class TopicRoom:
    """What the page of a topic room shows at first; the socket brings the rest."""

    room: Room
    messages: Page = field(default_factory=Page)
    place: Position | None = None
    answered: Sequence[Question] = ()
    rooms: Sequence[Room] = ()
    """All that the reader may see, for the list at the side."""
    viewers: int | None = None
    sanction: Mapping[str, Any] | None = None
    said: str = ""
    draft: str = ""
    held: bool = False
    asking: bool = False


def topic_page(request: Request, topic: TopicRoom) -> HTMLResponse:
    """Answer with the page of a topic room."""
    viewer = viewer_of(request)
    data = {
        "room": room_data(topic.room),
        "you": person(viewer),
        "guests": community_of(request).guests,
        "sanction": topic.sanction,
        "position": place_data(topic.place),
        "sign_in": sign_in_address(request),
        "asking": topic.asking,
        "now": now_of(request),
        "reactions": REACTIONS,
    }
    return render(
        request,
        "topic.html",
        room=topic.room,
        rooms=topic.rooms,
        messages=topic.messages,
        lines=list(lines(topic.messages.messages, zone_of(request))),
        answered=topic.answered,
        viewers=topic.viewers,
        said=topic.said,
        draft=topic.draft,
        held=topic.held,
        reactions=REACTIONS,
        page_data=block(data),
    )
