"""One timer wakes for everybody who is late, and for nobody else."""

from __future__ import annotations

import asyncio

from server.deadlines import Deadlines
from tests.unit.waiting import until


async def test_whoever_is_not_taken_off_is_late_in_turn() -> None:
    late: list[str] = []
    deadlines = Deadlines[str](0.001, lambda who, due: late.append(who))
    for who in ("a", "b", "c"):
        deadlines.add(who)
    deadlines.discard("b")
    deadlines.discard("nobody")

    await until(lambda: len(late) == 2)

    assert late == ["a", "c"]
    assert len(deadlines) == 0


async def test_the_time_is_told_when_somebody_was_due() -> None:
    told: list[float] = []
    deadlines = Deadlines[str](0.001, lambda who, due: told.append(due))
    began = asyncio.get_running_loop().time()
    deadlines.add("a")

    await until(lambda: told)

    assert began + 0.001 <= told[0] <= asyncio.get_running_loop().time()


async def test_one_who_begins_anew_is_behind_the_others() -> None:
    late: list[str] = []
    deadlines = Deadlines[str](0.001, lambda who, due: late.append(who))
    for who in ("a", "b", "a"):
        deadlines.add(who)

    await until(lambda: len(late) == 2)

    assert late == ["b", "a"]


async def test_one_may_be_added_again_while_being_told() -> None:
    late: list[str] = []

    def again(who: str, due: float) -> None:
        late.append(who)
        if len(late) < 3:
            deadlines.add(who)
        deadlines.discard("b")

    deadlines = Deadlines[str](0.001, again)
    deadlines.add("a")
    await until(lambda: len(late) == 3)

    assert late == ["a", "a", "a"]


async def test_after_the_end_nobody_is_late() -> None:
    late: list[str] = []
    deadlines = Deadlines[str](0.001, lambda who, due: late.append(who))
    other = Deadlines[str](0.001, lambda who, due: late.append(who))
    deadlines.add("a")
    deadlines.close()
    other.add("b")

    await until(lambda: late)

    assert late == ["b"]
    assert "a" not in deadlines
