"""The one table of what the worker does: with each published event, and from time to time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from moderation import worker as moderation
from rooms import actions as rooms
from rooms.history import actions as history
from rooms.members import upkeep as members
from rooms.questions import actions as questions
from rooms.reactions import actions as reactions
from rooms.search import actions as search
from rooms.search.encode import tsvector
from rooms.shop.gifts import actions as gifts
from rooms.shop.orders import actions as orders
from rooms.shop.show import actions as show
from rooms.shop.show import sales
from rooms.shop.spoken import actions as spoken
from rooms.shop.stock import actions as stock
from rooms.shop.stock import saving as stock_saving
from rooms.shop.webhooks import sending
from server.context import Context
from server.database import Transaction
from server.stream_worker import Entry, Handler


async def stands_already(tx: Transaction, entries: list[Entry]) -> None:
    """Do nothing: the durable path wrote Postgres before it published."""


HANDLERS: Mapping[str, Handler] = {
    "comment.posted": partial(history.posted, tsvector),
    "comment.edited": partial(history.edited, tsvector),
    "comment.deleted": history.deleted,
    "comment.hidden": history.hidden,
    "comment.restored": history.restored,
    "comments.purged": history.purged,
    "comments.unpurged": history.unpurged,
    "comment.pinned": stands_already,
    "comment.unpinned": stands_already,
    "reaction.added": reactions.saved,
    "reaction.removed": reactions.saved,
    "question.vote_cast": questions.save_votes,
    "question.asked": stands_already,
    "question.answered": stands_already,
    "question.withdrawn": stands_already,
    "question.shown": stands_already,
    "room.changed": stands_already,
    "broadcast.changed": stands_already,
    "broadcast.cancelled": stands_already,
    "broadcast.started": stands_already,
    "broadcast.ended": stands_already,
    "product.pinned": stands_already,
    "product.unpinned": stands_already,
    "product.changed": stands_already,
    "product.removed": stands_already,
    "purchase.made": stands_already,
    "reservation.held": stock_saving.held,
    "reservation.released": stock_saving.ended,
    "reservation.expired": stock_saving.ended,
    "reservation.void": stock_saving.ended,
    "waiting.joined": stock_saving.joined,
    "waiting.left": stock_saving.left,
    "coupon.dropped": stands_already,
    "coupon.ended": stands_already,
    "giveaway.opened": stands_already,
    "giveaway.drawn": stands_already,
    **moderation.handlers,
}
"""What applies a run of entries of one event; an event that is missing here is a dead letter."""

CONSUMERS: Sequence[Handler] = (
    moderation.record,
    questions.ask,
    search.index_questions,
    rooms.follow_pins,
    spoken.hear,
    show.take_off,
)
"""What gets every batch after the handlers, in the same transaction: effects across features."""


class Chore(NamedTuple):
    """Something that is done every so many seconds, whatever is said."""

    name: str
    seconds: float
    run: Callable[[Context], Awaitable[object]]


CHORES: Sequence[Chore] = (
    Chore("questions.votes", 1, questions.tell_votes),
    Chore("shop.sales", 1, sales.tell_turns),
    Chore("shop.spoken", 1, spoken.carry_out),
    Chore("shop.coupons", 1, gifts.tell_claims),
    Chore("shop.expire", 1, stock.expire_all),
    Chore("shop.mirror", 2, stock.mirror_all),
    Chore("shop.purchases", 3, orders.tell_purchases),
    Chore("search.fold", 5, search.fold),
    Chore("search.analyse", 30, search.analyse),
    Chore("moderation.tidy", 3600, moderation.tidy),
    Chore("members.tidy", 3600, members.tidy),
    Chore("webhooks.send", 1, sending.send),
    Chore("webhooks.tidy", 3600, sending.tidy),
)
"""What the worker does from time to time."""
