"""Where a client stands: every publication once, in order, or plainly missing."""

from __future__ import annotations

import random
from typing import Any

import pytest

from server.client_channel import MAX_HELD, Channel
from server.client_position import (
    Item,
    Missing,
    Passing,
    Position,
    Received,
    Stand,
    comes_back,
    delay,
    retried,
)

EPOCH = 1_763_750_000_123


def pub(offset: int) -> list[Any]:
    return [offset, 1000 + offset, {"event": "line.posted", "n": offset}]


def push(first: int, last: int, *, epoch: int = EPOCH, **more: Any) -> dict[str, Any]:
    pubs = [pub(n) for n in range(first, last + 1)]
    return {"ch": "room:1", "epoch": epoch, "from": first, "to": last, "pubs": pubs, **more}


def reply(
    first: int, last: int, *, recovered: bool = True, epoch: int = EPOCH, **more: Any
) -> dict[str, Any]:
    pubs = [pub(n) for n in range(first, last + 1)]
    return {"epoch": epoch, "offset": last, "recovered": recovered, "pubs": pubs, **more}


def offsets(items: list[Item] | None) -> list[int]:
    assert items is not None
    return [item.offset for item in items if isinstance(item, Received)]


def standing(offset: int) -> Stand:
    return Stand("room:1", Position(EPOCH, offset))


def test_the_next_push_is_taken() -> None:
    stand = standing(7)

    items = stand.take(push(8, 10))

    assert offsets(items) == [8, 9, 10]
    assert stand.position == Position(EPOCH, 10)
    assert items is not None
    assert items[0] == Received("room:1", EPOCH, 8, 1008, {"event": "line.posted", "n": 8})


def test_an_overlapping_push_gives_only_what_is_new() -> None:
    stand = standing(9)

    assert offsets(stand.take(push(8, 10))) == [10]
    assert offsets(stand.take(push(8, 10))) == []
    assert stand.position.offset == 10


def test_a_later_push_is_a_hole_and_changes_nothing() -> None:
    stand = standing(7)

    assert stand.take(push(9, 10)) is None
    assert stand.position.offset == 7


def test_a_heartbeat_is_quiet_at_the_top_and_tells_a_hole_below_it() -> None:
    assert standing(10).take(push(11, 10)) == []
    assert standing(9).take(push(11, 10)) is None


def test_what_is_left_out_is_told() -> None:
    stand = standing(7)
    sampled = push(8, 12, of=5, why="sampled")
    sampled["pubs"] = [pub(9), pub(12)]

    items = stand.take(sampled)

    assert offsets(items) == [9, 12]
    assert items is not None
    assert items[-1] == Missing("room:1", EPOCH, 8, 12, 3, "sampled")
    assert stand.position.offset == 12


def test_what_redis_lost_is_told() -> None:
    jump = push(8, 7) | {"to": 1_000_007, "of": 1_000_000, "why": "restart"}

    items = standing(7).take(jump)

    assert items == [Missing("room:1", EPOCH, 8, 1_000_007, 1_000_000, "restart")]


def test_a_hidden_publication_keeps_its_place() -> None:
    hidden = push(8, 8) | {"pubs": [[8, 1008, None]]}

    assert standing(7).take(hidden) == [Received("room:1", EPOCH, 8, 1008, None)]


def test_a_push_of_an_older_epoch_is_stale() -> None:
    assert standing(7).take(push(8, 9, epoch=EPOCH - 1)) == []


def test_a_push_of_a_newer_epoch_has_to_be_asked_about() -> None:
    assert standing(7).take(push(1, 3, epoch=EPOCH + 1)) is None


def test_nowhere_takes_a_stream_from_its_beginning_only() -> None:
    assert offsets(Stand("room:1").take(push(1, 3))) == [1, 2, 3]
    assert Stand("room:1").take(push(2, 3)) is None


def test_a_recovered_reply_fills_the_gap() -> None:
    stand = standing(7)

    assert offsets(stand.accept(reply(8, 20))) == list(range(8, 21))
    assert stand.position == Position(EPOCH, 20)


def test_an_unrecovered_reply_tells_what_is_missing() -> None:
    stand = standing(7)

    items = stand.accept(reply(51, 100, recovered=False))

    assert items[0] == Missing("room:1", EPOCH, 8, 50, 43, "unrecovered")
    assert offsets(items) == list(range(51, 101))


def test_an_unrecovered_reply_of_an_empty_window_tells_everything_missing() -> None:
    items = standing(7).accept(reply(21, 20, recovered=False))

    assert items == [Missing("room:1", EPOCH, 8, 20, 13, "unrecovered")]


def test_an_unrecovered_reply_never_repeats() -> None:
    assert offsets(standing(60).accept(reply(51, 100, recovered=False))) == list(range(61, 101))


def test_a_reply_may_say_why_it_is_not_recovered() -> None:
    items = standing(7).accept(reply(21, 22, recovered=False, why="restart"))

    assert items[0] == Missing("room:1", EPOCH, 8, 20, 13, "restart")


def test_another_epoch_is_told_without_a_count() -> None:
    stand = standing(7)

    items = stand.accept(reply(1, 3, recovered=False, epoch=EPOCH + 5))

    assert items[0] == Missing("room:1", EPOCH + 5, 1, 0, None, "unrecovered")
    assert offsets(items) == [1, 2, 3]
    assert stand.position == Position(EPOCH + 5, 3)


def test_a_first_subscription_misses_nothing() -> None:
    items = Stand("room:1").accept(reply(51, 100, recovered=False))

    assert offsets(items) == list(range(51, 101))
    assert not [item for item in items if isinstance(item, Missing)]


@pytest.mark.parametrize("code", [4001, 4002, 4003, 4004, 4005, 4006, 4499, 1006, 1001, 1011, 1012])
def test_a_client_comes_back_after(code: int) -> None:
    assert comes_back(code)


@pytest.mark.parametrize("code", [4500, 4501, 4508, 4999, 1000, 1002, 1008, 1009])
def test_a_client_stays_away_after(code: int) -> None:
    assert not comes_back(code)


def test_a_refused_handshake_is_tried_again_where_waiting_helps() -> None:
    assert all(retried(status) for status in (408, 429, 500, 502, 503))
    assert not any(retried(status) for status in (400, 401, 403, 404, 426))


def test_the_delay_doubles_up_to_half_a_minute() -> None:
    assert [delay(tries, lambda: 1.0) for tries in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert delay(10_000, lambda: 1.0) == 30
    assert delay(3, lambda: 0.25) == 1.0


class Asked:
    """A channel with what it asked for."""

    def __init__(self, *, limit: int = 100, handler: Any = None) -> None:
        self.asked: list[dict[str, Any]] = []
        self.channel = Channel(
            "room:1",
            feed="full",
            position=None,
            handler=handler,
            limit=limit,
            ask=lambda channel: self.asked.append(channel.place()),
        )

    def waiting(self) -> list[Item]:
        queue = self.channel._queue
        items = [queue.get_nowait() for _ in range(queue.qsize())]
        return [item for item in items if item is not None]


def opened(*, limit: int = 100) -> Asked:
    asked = Asked(limit=limit)
    asked.channel.opened(reply(1, 5))
    asked.waiting()
    return asked


def test_a_hole_is_filled_from_history_and_what_came_meanwhile_follows() -> None:
    asked = opened()

    asked.channel.pushed(push(8, 9))
    asked.channel.pushed(push(10, 12))
    assert asked.asked == [{"channel": "room:1", "epoch": EPOCH, "offset": 5}]
    asked.channel.answered(reply(6, 10))

    assert offsets(asked.waiting()) == [6, 7, 8, 9, 10, 11, 12]
    assert len(asked.asked) == 1


def test_a_cut_reply_is_asked_for_to_its_end() -> None:
    asked = opened(limit=10_000)
    asked.channel.pushed(push(900, 900))

    asked.channel.answered(reply(6, 305, more=True))
    asked.channel.answered(reply(306, 605, more=True))
    asked.channel.answered(reply(606, 899))

    assert [each["offset"] for each in asked.asked] == [5, 305, 605]
    assert offsets(asked.waiting()) == list(range(6, 901))


def test_pushes_before_the_answer_to_a_subscription_wait_for_it() -> None:
    asked = Asked()

    asked.channel.pushed(push(6, 6))
    asked.channel.opened(reply(1, 5, recovered=False))

    assert offsets(asked.waiting()) == [1, 2, 3, 4, 5, 6]
    assert asked.asked == []


def test_more_pushes_than_are_held_are_asked_for_again() -> None:
    asked = opened(limit=10_000)
    asked.channel.pushed(push(7, 7))
    for offset in range(8, 8 + MAX_HELD + 50):
        asked.channel.pushed(push(offset, offset))
    top = 7 + MAX_HELD + 50

    asked.channel.answered(reply(6, 7))
    asked.channel.pushed(push(top + 1, top + 1))
    asked.channel.answered(reply(7 + MAX_HELD, top))

    assert len(asked.asked) == 2
    assert offsets(asked.waiting()) == list(range(6, top + 2))


async def test_a_reader_that_is_behind_gets_everything_when_it_reads_on() -> None:
    asked = opened(limit=10)
    for offset in range(6, 31):
        asked.channel.pushed(push(offset, offset))
    assert asked.asked == []

    seen = [(await anext(asked.channel)) for _ in range(5)]
    assert [each["offset"] for each in asked.asked] == [15]
    asked.channel.pushed(push(31, 31))
    asked.channel.answered(reply(16, 31))

    assert offsets(seen + asked.waiting()) == list(range(6, 32))


def test_what_is_passing_is_dropped_rather_than_queued_without_bound() -> None:
    asked = opened(limit=3)

    for count in range(10):
        asked.channel.pushed({"ch": "room:1", "now": [{"event": "counted", "count": count}]})

    counts = [item.body["count"] for item in asked.waiting() if isinstance(item, Passing)]
    assert counts == [0, 1, 2]


async def test_an_iteration_ends_after_what_was_queued() -> None:
    asked = opened()
    asked.channel.pushed(push(6, 7))

    asked.channel.end()

    assert offsets([item async for item in asked.channel]) == [6, 7]
    assert [item async for item in asked.channel] == []


def test_a_handler_that_fails_gets_the_next_item_all_the_same() -> None:
    seen: list[int] = []

    def handler(item: Item) -> None:
        assert isinstance(item, Received)
        seen.append(item.offset)
        if item.offset == 6:
            raise RuntimeError("asked for")

    asked = Asked(handler=handler)
    asked.channel.opened(reply(1, 5))
    asked.channel.pushed(push(6, 8))

    assert seen == list(range(1, 9))


@pytest.mark.parametrize("seed", range(40))
def test_any_loss_of_pushes_ends_with_every_offset_once(seed: int) -> None:
    rng = random.Random(seed)
    asked = opened(limit=10_000)
    top = 5
    answers = 0

    while top < 400:
        first, top = top + 1, top + rng.randrange(1, 6)
        if rng.random() < 0.7:
            asked.channel.pushed(push(max(1, first - rng.randrange(3)), top))
        if len(asked.asked) > answers and rng.random() < 0.5:
            place = asked.asked[answers]["offset"]
            answers += 1
            last = min(top, place + 30)
            asked.channel.answered(reply(place + 1, last, more=last < top))
    asked.channel.pushed(push(top + 1, top))
    while len(asked.asked) > answers:
        place = asked.asked[answers]["offset"]
        answers += 1
        asked.channel.answered(reply(place + 1, top))

    assert offsets(asked.waiting()) == list(range(6, top + 1))
