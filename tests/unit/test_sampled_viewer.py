"""What a viewer of the sampled feed finds wrong with what it was shown and told."""

from __future__ import annotations

import pytest

from loadtest.chaos.sampled import SampledViewer
from loadtest.chaos.stage import Stage
from loadtest.servers import Servers
from server.client import Item, Missing, Passing, Received

ROOM = "room:1"


def shown(offset: int, event: str = "comment.posted") -> Received:
    return Received(ROOM, 1, offset, 0, {"event": event, "id": f"i{offset}"})


def left_out(first: int, last: int, count: int, why: str = "sampled") -> Missing:
    return Missing(ROOM, 1, first, last, count, why)


def step(level: int) -> Passing:
    return Passing(ROOM, {"event": "load.changed", "level": level, "cooldown_ms": 0})


def found(*items: Item, guaranteed: int = 0) -> list[str]:
    viewer = SampledViewer(Stage(Servers(["http://127.0.0.1:1"]), "1"), 7)
    for item in items:
        viewer.take(item)
    events = [("comment.posted", f"i{guaranteed}")] if guaranteed else []
    return [problem.removeprefix("sampled viewer 7: ") for problem in viewer.problems(events)]


def test_what_is_shown_and_what_is_said_to_be_left_out_make_the_whole() -> None:
    items = (shown(3), left_out(4, 9, 4), shown(5), shown(9), step(1), step(1), step(2), step(1))

    assert found(*items, guaranteed=5) == []


def test_a_silent_hole_is_found() -> None:
    assert found(shown(1), shown(4)) == ["knows of 2 publications out of 4"]


def test_what_is_guaranteed_may_not_be_left_out() -> None:
    problems = found(shown(1), left_out(2, 3, 2), guaranteed=3)

    assert problems == ["1 guaranteed were not shown: comment.posted i3"]


@pytest.mark.parametrize("items", [(shown(1), shown(3), shown(2)), (shown(1), shown(1), shown(2))])
def test_what_comes_twice_or_in_another_order_is_found(items: tuple[Item, ...]) -> None:
    assert "out of order, or shown twice" in found(*items)


def test_a_gap_for_another_reason_is_found() -> None:
    assert found(shown(1), left_out(2, 2, 1, "restart")) == ["told of a gap: ['restart']"]


def test_a_step_that_was_not_told_is_found() -> None:
    assert found(step(1), step(3)) == ["heard of step 3 before step 2"]
