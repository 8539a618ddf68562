"""How one gets to the live socket: a guest's token, and a signed-in page's ticket."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response

from rooms.events import Person
from rooms.members import tokens
from server.context import Viewer
from server.errors import Refused
from server.sessions import TICKET_SECONDS
from web.api.table import Endpoint, json, json_body
from web.session import HEADER, address_of, check_csrf, context_of, remember_guest


class GuestName(TypedDict):
    """The name that a guest chose."""

    name: str


class GuestToken(TypedDict):
    """A guest's token for `connect` and for `Authorization: Bearer`."""

    token: str
    you: Person


class Ticket(TypedDict):
    """A ticket for `connect`: it is taken once, within `expires_in` ms."""

    ticket: str
    expires_in: int


async def make_guest(request: Request) -> Response:
    """Give a guest a token; a page of ours that sends its form token keeps it as a cookie too."""
    if not request.state.community.guests:
        raise Refused("forbidden", "Only members take part here; sign up to join.")
    if HEADER in request.headers:
        check_csrf(request, request.headers[HEADER])
    body = await json_body(request)
    token, viewer = await tokens.guest(
        context_of(request),
        request.state.keyring,
        name=body.get("name"),
        address=address_of(request),
    )
    you = Person(id=viewer.id or "", name=viewer.name)
    response = json({"token": token, "you": you})
    if HEADER in request.headers:
        remember_guest(request, response, token)
    return response


async def make_ticket(request: Request) -> Response:
    """Give a signed-in page (or a guest's) a ticket; the page sends its form token."""
    viewer: Viewer = request.state.viewer
    if "authorization" not in request.headers:
        check_csrf(request, request.headers.get(HEADER))
    sessions = request.state.gateway.sessions
    ticket = await tokens.ticket(context_of(request), sessions, viewer)
    return json({"ticket": ticket, "expires_in": TICKET_SECONDS * 1000})


endpoints = [
    Endpoint(
        "POST",
        "/v1/guest",
        make_guest,
        "Take part without an account, under a name.",
        GuestToken,
        body=GuestName,
        errors=("malformed", "invalid", "forbidden", "rate_limited"),
    ),
    Endpoint(
        "POST",
        "/v1/ticket",
        make_ticket,
        "A one-use ticket with which a signed-in page opens the live socket.",
        Ticket,
        errors=("unauthenticated", "forbidden"),
    ),
]
