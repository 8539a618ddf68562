"""The worker's table: every push that is stored has a line, and the table names no other."""

from __future__ import annotations

from rooms.worker import CHORES, HANDLERS
from web.events import EVENTS, names_of

PASSING = {
    "load.changed",
    "reactions.counted",
    "viewers.counted",
    "typing.started",
    "question.voted",
    "stock.changed",
    "coupon.counted",
}
"""Has no place in a room."""
NOTICES = {
    *("mentioned", "you.muted", "you.unmuted", "you.banned", "you.unbanned"),
    *("held.approved", "held.rejected"),
    *("reservation.changed", "order.changed", "order.spoken"),
}
"""Told to one person."""
OF_STAFF = {
    *("held.added", "held.claimed", "held.decided", "report.added", "report.resolved"),
    *("action.logged",),
}
"""On the staff channel of a room, which is not stored."""
INWARD = {
    "question.vote_cast",
    *("reservation.held", "reservation.released", "reservation.expired", "reservation.void"),
    *("waiting.joined", "waiting.left"),
}
"""Travels to the database alone."""


def test_every_push_that_is_stored_has_a_handler() -> None:
    names = {name for event in EVENTS for name in names_of(event)}

    stored = names - PASSING - NOTICES - OF_STAFF | INWARD

    assert stored <= set(HANDLERS), "these would become dead letters"
    assert set(HANDLERS) <= stored, "these are published by nobody"


def test_chores_have_names_of_their_own() -> None:
    names = [chore.name for chore in CHORES]

    assert len(set(names)) == len(names)
    assert all(chore.seconds >= 1 for chore in CHORES)
