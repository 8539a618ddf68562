"""A giveaway with everything that it takes to compute its draw again."""

from __future__ import annotations

from typing import TypedDict

from starlette.requests import Request
from starlette.responses import Response

from rooms.access import require_sight
from rooms.cache import RoomCache
from rooms.shop.gifts import reads
from rooms.shop.gifts.reads import GiveawayProof
from rooms.shop.rules import number
from server.errors import Refused
from web.api.table import Endpoint, Parameter, json
from web.session import context_of


class GiveawayAnswer(TypedDict):
    """One giveaway."""

    giveaway: GiveawayProof


async def get_giveaway(request: Request) -> Response:
    """Give a giveaway of a room that the asker may see."""
    ctx = context_of(request)
    try:
        key = number(request.path_params, "giveaway")
    except Refused:
        raise Refused("not_found", "There is no such giveaway.") from None
    found = await reads.giveaway(ctx, key)
    require_sight(request.state.viewer, await ctx.of(RoomCache).room(found["room"]))
    return json({"giveaway": found})


GIVEAWAY = Parameter("giveaway", "path", 'The id of a giveaway, like "42".', {"type": "string"})

endpoints = [
    Endpoint(
        "GET",
        "/v1/giveaways/{giveaway}",
        get_giveaway,
        "A giveaway. Who drew fairly shows a seed whose SHA-256 is the commitment. The digest is "
        "the SHA-256 of the sorted ids of people, each followed by a line feed; those win whose "
        "SHA-256 of seed, digest and id is lowest, in this order.",
        GiveawayAnswer,
        parameters=(GIVEAWAY,),
        errors=("not_found",),
    )
]
