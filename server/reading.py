"""Subscribing, unsubscribing and catching up: what a connection reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from server.commands import Answer, channel_name, invalid, optional, position
from server.context import Viewer
from server.errors import Refused
from server.hot_list import Feed
from server.joining import Joining, Position
from server.parts import Ready
from server.product import Grant
from server.recovery import REPLY_LIMIT

if TYPE_CHECKING:
    from server.connection import Connection


FEEDS: Final = {str(feed): feed for feed in Feed}


class Request(NamedTuple):
    """A wish to read a channel."""

    channel: str
    position: Position | None
    feed: Feed | None

    @classmethod
    def read(cls, args: Mapping[str, Any]) -> Request:
        """Read `{channel, epoch?, offset?, feed?}`."""
        feed = optional(args, "feed", str)
        if feed is not None and feed not in FEEDS:
            raise invalid(f"feed is {' or '.join(FEEDS)}")
        return cls(channel_name(args), position(args), None if feed is None else FEEDS[feed])


class Opened(NamedTuple):
    """A channel that the viewer may read and that this process has joined."""

    request: Request
    grant: Grant
    joining: Joining


async def subscribe(connection: Connection, args: dict[str, Any]) -> Answer:
    """Carry out `subscribe`; once more for the same channel replaces its feed and position."""
    request = Request.read(args)
    most = connection.gateway.ctx.settings.max_channels
    if request.channel not in connection.seats and len(connection.seats) >= most:
        raise Refused("limit_reached", f"A connection reads at most {most} channels.")
    assert connection.viewer is not None
    opened = await open_channel(connection, connection.viewer, request)
    ok, _ = settle(connection, opened, REPLY_LIMIT)
    return Answer(ok, lambda done: take_seats(connection, [opened], done))


async def unsubscribe(connection: Connection, args: dict[str, Any]) -> Answer:
    """Carry out `unsubscribe`; of a channel that is not read it changes nothing."""
    name = channel_name(args)
    if name in connection.seats:
        connection.gateway.hub.leave(connection, name)
    return Answer({})


async def history(connection: Connection, args: dict[str, Any]) -> Answer:
    """Carry out `history`: what follows a position on a channel that is read, or the newest."""
    name, place = channel_name(args), position(args)
    limit = optional(args, "limit", int)
    if limit is not None and not 1 <= limit <= REPLY_LIMIT:
        raise invalid(f"limit is between 1 and {REPLY_LIMIT}")
    if name not in connection.seats:
        raise invalid("history is of a channel that is subscribed")
    joining = await Joining.prepare(connection.gateway.hub.channels, name, place)
    try:
        return Answer(joining.catch_up(connection, limit or REPLY_LIMIT))
    finally:
        joining.release()


async def open_channel(connection: Connection, viewer: Viewer, request: Request) -> Opened:
    """Ask whether the viewer may read a channel, and join it."""
    gateway = connection.gateway
    grant = await gateway.product.open_channel(gateway.ctx, viewer, request.channel)
    joining = await Joining.prepare(gateway.hub.channels, request.channel, request.position)
    return Opened(request, grant, joining)


def settle(
    connection: Connection, opened: Opened, budget: int
) -> tuple[Mapping[str, Any] | Ready, int]:
    """Give the outcome and how many publications it holds.

    The reply has to be written before anything else happens.
    """
    feed = opened.request.feed or FEEDS[opened.grant.default_feed]
    found = opened.joining.settle(connection, feed, budget)
    return found.told(opened.grant), found.count


def take_seats(connection: Connection, opened: Sequence[Opened], done: bool) -> None:
    """Let pushes follow the reply, or be done with the channels when none was written."""
    for one in opened:
        if done:
            one.joining.seat(connection)
        else:
            one.joining.release()
