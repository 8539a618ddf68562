"""Every address of the HTTP API, one table, and the document that describes it."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict

from starlette.requests import Request
from starlette.responses import Response

from rooms.events import Author
from rooms.questions.rules import SORTS, QuestionInfo
from web.api import entry, giveaways, questions, rooms, search, shelf, shop
from web.api.table import Endpoint, Parameter, document, json, routes_of
from web.errors import STATUS
from web.pages.search import PERIODS, STATES
from web.session import context_of


class OpenApi(TypedDict):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


class FoundAnswer(TypedDict):
    """The answer of a question that was found; `second` when it was given live."""

    author: Author
    text: str | None
    marks: list[list[int]]
    second: int | None


class Found(TypedDict):
    """Something that was said; marks are [from, to) in code points, `at` in ms since 1970."""

    kind: str
    id: str
    room: str
    author: Author
    text: str
    marks: list[list[int]]
    at: int
    votes: NotRequired[int]
    answer: NotRequired[FoundAnswer]


class FoundList(TypedDict):
    """What a search found, the best first."""

    hits: list[Found]


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
    *shelf.endpoints,
    *shop.endpoints,
    *giveaways.endpoints,
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
    Endpoint(
        "GET",
        "/v1/search",
        search.search,
        "What was said, asked and answered in the rooms that you may see, best first.",
        FoundList,
        parameters=(
            Parameter("q", "query", "What to search for.", {"type": "string"}),
            Parameter("room", "query", "Only in this room.", {"type": "string"}),
            Parameter("author", "query", "Only by this person.", {"type": "string"}),
            Parameter("state", "query", "Only questions like these.", {"enum": list(STATES)}),
            Parameter("period", "query", "Only of the last while.", {"enum": list(PERIODS)}),
            rooms.LIMIT,
        ),
        errors=("invalid", "not_found"),
    ),
    Endpoint("GET", "/v1/openapi.json", describe, "This description.", OpenApi),
]
routes = routes_of(endpoints)
