"""Messages as a conversation is read."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from rooms.history.rules import PastMessage
from rooms.rules import Position
from web.pages.talk import lines

EVENING = 1_763_737_200_000  # 2025-11-21 15:00 UTC, midnight in Tokyo
MINUTE = 60_000


def message(minute: int, author: str = "m1", **more: Any) -> PastMessage:
    values: dict[str, Any] = {
        "id": f"m{minute}",
        "room_id": "1",
        "position": Position(1, minute + 1000),
        "at": EVENING + minute * MINUTE,
        "author": author,
        "author_name": author,
        "author_rank": 20,
        "client_message_id": f"c{minute}",
        "text": "x",
        "state": "visible",
    }
    return PastMessage(**{**values, **more})


def test_messages_of_one_person_within_minutes_go_on_from_each_other():
    said = [message(0), message(4), message(10), message(11, "m2"), message(12, "m1")]

    assert [line.goes_on for line in lines(said, UTC)] == [False, True, False, False, False]


def test_an_answer_to_somebody_stands_for_itself():
    quoted = {"id": "x", "name": "Bo", "text": "?"}

    drawn = list(lines([message(0), message(1, reply_to=quoted)], UTC))

    assert not drawn[1].goes_on


def test_a_new_day_begins_where_it_does_for_the_reader():
    said = [message(-1), message(1)]

    in_tokyo = [line.day is not None for line in lines(said, ZoneInfo("Asia/Tokyo"))]
    in_utc = [line.day is not None for line in lines(said, UTC)]

    assert in_tokyo == [True, True]
    assert in_utc == [True, False]


def test_hidden_messages_are_not_drawn():
    said = [message(0), message(1, text=None, state="hidden"), message(2)]

    assert [line.message.id for line in lines(said, UTC)] == ["m0", "m2"]
