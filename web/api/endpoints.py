"""Every address of the HTTP API, one table, and the document that describes it."""

from __future__ import annotations

from typing import Any, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from rooms.questions.rules import SORTS, QuestionInfo
from web.api import entry, questions, rooms
from web.api.table import Endpoint, Parameter, document, json, routes_of
from web.errors import STATUS
from web.session import context_of


class OpenApi(TypedDict):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


class QuestionList(TypedDict):
    """Questions of a room, and how many there are in each state."""

    questions: list[QuestionInfo]
    counts: dict[str, int]


async def describe(request: Request) -> Response:
    """Describe this API."""
    settings = context_of(request).settings
    return json(
        document(
            endpoints,
            title=request.state.community.name,
            server=settings.public_url,
            statuses=STATUS,
        ),
        public=True,
    )


endpoints: list[Endpoint] = [
    *entry.endpoints,
    *rooms.endpoints,
    Endpoint(
        "GET",
        "/v1/rooms/{room}/questions",
        questions.room_questions,
        "The questions of a room.",
        QuestionList,
        parameters=(
            rooms.ROOM,
            Parameter("sort", "query", "In which order.", {"enum": list(SORTS)}),
            rooms.LIMIT,
        ),
        errors=("not_found", "invalid"),
    ),
    Endpoint("GET", "/v1/openapi.json", describe, "This description.", OpenApi),
]
routes = routes_of(endpoints)
