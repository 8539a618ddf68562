"""Every live command, one table: what a browser or bot may send after `connect`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from moderation import commands as moderation
from moderation.rules import Rank
from rooms import actions as rooms
from rooms.access import Action, require
from rooms.broadcasts import actions as broadcasts
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.community.reads import CommunityCache
from rooms.questions import actions as questions
from rooms.reactions import actions as reactions
from rooms.shop.gifts import actions as gifts
from rooms.shop.gifts import buying
from rooms.shop.orders import commands as orders
from rooms.shop.show import actions as show
from rooms.shop.show import figures, sales
from rooms.shop.stock import commands as stock
from server.context import Context, Viewer
from server.errors import Refused
from server.product import Command

if TYPE_CHECKING:
    from server.connection import Connection

Args = Mapping[str, Any]
Reply = Awaitable[dict[str, Any]]


def plain(action: Callable[[Context, Viewer, Args], Reply]) -> Command:
    """Make a command of an action that needs nothing of the connection."""

    async def command(
        ctx: Context, viewer: Viewer, args: dict[str, Any], _: Connection
    ) -> Mapping[str, Any]:
        if viewer.rank == Rank.GUEST:
            await _still_welcome(ctx)
        return await action(ctx, viewer, args)

    return command


def near(action: Callable[[Context, Viewer, Args, comments.Find], Reply]) -> Command:
    """Make a command of an action that looks into the newest publications of this process."""

    async def command(
        ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> Mapping[str, Any]:
        if viewer.rank == Rank.GUEST:
            await _still_welcome(ctx)
        return await action(ctx, viewer, args, connection.find)

    return command


def staff(
    action: Callable[[Context, Viewer, Args, Any], Reply], needed: Action = Action.MODERATE
) -> Command:
    """Make a command of moderation, which knows no rooms: who may do it in which is asked here."""

    async def command(
        ctx: Context, viewer: Viewer, args: dict[str, Any], connection: Connection
    ) -> Mapping[str, Any]:
        named = args.get("room")
        room = None if named is None else await ctx.of(RoomCache).room(str(named))
        require(viewer, needed, room)
        return await action(ctx, viewer, args, connection)

    return command


async def _still_welcome(ctx: Context) -> None:
    """Refuse guests who came before the owner closed the door to them."""
    communities = ctx.of(CommunityCache)
    if not (communities.at_hand() or await communities.get()).guests:
        raise Refused("forbidden", "Only members take part here; sign up to join.")


COMMANDS: Mapping[str, Command] = {
    # Said by everybody.
    "comment.post": near(comments.post),
    "comment.edit": near(comments.edit),
    "comment.delete": near(comments.delete),
    "comment.report": staff(moderation.report, Action.REPORT),
    "typing.start": plain(comments.typing),
    "reaction.add": near(reactions.add),
    "reaction.remove": near(reactions.remove),
    "question.ask": near(comments.ask),
    "question.vote": plain(questions.vote),
    "question.unvote": plain(partial(questions.vote, removed=True)),
    "coupon.claim": plain(gifts.claim),
    "giveaway.enter": plain(gifts.enter),
    # The host's, and the team's on the stage.
    "question.answer": plain(questions.answer),
    "question.mark": plain(questions.mark),
    "question.dismiss": plain(questions.dismiss),
    "question.show": plain(questions.show),
    "comment.pin": near(comments.pin),
    "comment.unpin": plain(comments.unpin),
    "room.set_mode": plain(rooms.set_mode),
    "room.set_slow": plain(rooms.set_slow),
    "broadcast.start": plain(broadcasts.start),
    "broadcast.end": plain(broadcasts.end),
    "product.find": plain(figures.find),
    "product.pin": plain(show.pin),
    "product.unpin": plain(show.unpin),
    "rundown.add": plain(show.add),
    "rundown.remove": plain(show.remove),
    "rundown.move": plain(show.move),
    "rundown.plan": plain(show.plan),
    "sales.list": plain(figures.listed),
    "sales.orders": plain(figures.orders),
    "sales.people": plain(figures.people),
    "sale.start": plain(sales.start),
    "sale.extend": plain(sales.extend),
    "sale.end": plain(sales.end),
    "coupon.drop": plain(gifts.drop),
    "coupon.end": plain(gifts.end),
    "giveaway.open": plain(gifts.open_giveaway),
    "giveaway.draw": plain(gifts.draw),
    "shop.stop": plain(show.stop),
    "shop.resume": plain(partial(show.stop, stopped=False)),
    # The shop's.
    "product.reserve": plain(buying.reserve),
    "reservation.release": plain(stock.release),
    "reservation.checkout": plain(orders.checkout),
    "product.wait": plain(stock.wait),
    "product.leave": plain(stock.leave),
    "stock.set": plain(stock.set_total),
    "stock.see": plain(stock.see),
    "order.mark": plain(orders.mark),
    # The moderators'.
    "comment.hide": staff(moderation.hide),
    "comment.restore": staff(moderation.restore),
    "person.mute": staff(moderation.mute),
    "person.unmute": staff(moderation.unmute),
    "person.ban": staff(moderation.ban),
    "person.unban": staff(moderation.unban),
    "person.purge": staff(moderation.purge),
    "person.unpurge": staff(moderation.unpurge),
    "person.note": staff(moderation.note),
    "person.card": staff(moderation.card),
    "held.list": staff(moderation.held_list),
    "held.claim": staff(moderation.claim),
    "held.approve": staff(moderation.approve),
    "held.reject": staff(moderation.reject),
    "report.list": staff(moderation.report_list),
    "report.resolve": staff(moderation.resolve),
    "word.try": staff(moderation.word_try),
    "word.add": staff(moderation.word_add),
    "word.remove": staff(moderation.word_remove),
    "guard.set": staff(moderation.guard_set),
    "audit.list": staff(moderation.audit_list),
    "audit.undo": staff(moderation.audit_undo),
}
"""What each does, and which arguments it takes, stands at the action."""
