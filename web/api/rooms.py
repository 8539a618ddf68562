"""Rooms and what was said in them, over HTTP."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response

from rooms import reads
from rooms.access import require_sight
from rooms.cache import RoomCache
from rooms.events import RoomInfo, room_info
from rooms.history import reads as history
from rooms.history.rules import PAGE, MessageJson
from rooms.rules import Room, Visibility, read_position
from server.context import Viewer
from server.errors import Refused
from web.api.table import Endpoint, Parameter, json
from web.session import context_of


class RoomList(TypedDict):
    """The rooms that the asker may see, open ones first."""

    rooms: list[RoomInfo]


class RoomAnswer(TypedDict):
    """One room."""

    room: RoomInfo


class MessagePage(TypedDict):
    """Messages, oldest first; `before` asks for the next older page, null when there is none."""

    messages: list[MessageJson]
    before: str | None


async def list_rooms(request: Request) -> Response:
    """List the rooms that the asker may see."""
    viewer: Viewer = request.state.viewer
    found = await reads.rooms(context_of(request).db, viewer)
    return json({"rooms": [room_info(room) for room in found]}, public=viewer.id is None)


async def get_room(request: Request) -> Response:
    """Give one room."""
    room = await _room(request)
    return json({"room": room_info(room)}, public=_is_public(request, room))


async def list_messages(request: Request) -> Response:
    """Give a page of messages from before a place, or the newest."""
    room = await _room(request)
    viewer: Viewer = request.state.viewer
    before = request.query_params.get("before")
    page = await history.page(
        context_of(request).db,
        int(room.id),
        before=read_position(before) if before else None,
        limit=_limit(request.query_params.get("limit", "50")),
        viewer=viewer.id or "",
    )
    return json(page.as_json(), public=_is_public(request, room))


async def _room(request: Request) -> Room:
    room = await context_of(request).of(RoomCache).room(request.path_params["room"])
    require_sight(request.state.viewer, room)
    return room


def _is_public(request: Request, room: Room) -> bool:
    return request.state.viewer.id is None and room.visibility is Visibility.PUBLIC


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= PAGE:
        return int(text)
    raise Refused("invalid", f"limit is a number from 1 to {PAGE}.", field="limit")


ROOM = Parameter("room", "path", 'The id of a room, like "42".', {"type": "string"})
BEFORE = Parameter(
    "before", "query", "A place, EPOCH-OFFSET: only what came before it.", {"type": "string"}
)
LIMIT = Parameter(
    "limit",
    "query",
    "The most messages to give.",
    {"type": "integer", "minimum": 1, "maximum": PAGE, "default": 50},
)

endpoints = [
    Endpoint("GET", "/v1/rooms", list_rooms, "The rooms that you may see.", RoomList),
    Endpoint(
        "GET",
        "/v1/rooms/{room}",
        get_room,
        "One room with the broadcast that is on or comes next.",
        RoomAnswer,
        parameters=(ROOM,),
        errors=("not_found",),
    ),
    Endpoint(
        "GET",
        "/v1/rooms/{room}/messages",
        list_messages,
        "What was said in a room, page by page from the newest to the oldest.",
        MessagePage,
        parameters=(ROOM, BEFORE, LIMIT),
        errors=("not_found", "invalid"),
    ),
]
