"""Messages as a conversation is read: what belongs together, and where a new day begins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from rooms.history.rules import PastMessage

TOGETHER_MS = 300_000
"""Messages of one person within this time are read as one."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message, whether it goes on from the one before, and the day that it begins."""

    message: PastMessage
    goes_on: bool
    day: datetime | None


def lines(messages: Iterable[PastMessage], zone: tzinfo) -> Iterator[Line]:
    """Give visible messages with what has to be known to draw them; `topic/main.js` does alike."""
    before: PastMessage | None = None
    for message in messages:
        if message.text is None:
            continue
        new_day = before is None or _day(before, zone) != _day(message, zone)
        yield Line(
            message,
            goes_on=before is not None and not new_day and _together(before, message),
            day=_moment(message) if new_day else None,
        )
        before = message


def _together(one: PastMessage, other: PastMessage) -> bool:
    return one.author == other.author and other.reply_to is None and other.at - one.at < TOGETHER_MS


def _moment(message: PastMessage) -> datetime:
    return datetime.fromtimestamp(message.at / 1000, UTC)


def _day(message: PastMessage, zone: tzinfo) -> object:
    return _moment(message).astimezone(zone).date()
