"""Under flood the level rises step by step, falls slowly, and is the same on all gateways."""

from __future__ import annotations

from itertools import pairwise

import pytest

from server.sampling import QUOTA
from server.shedding import (
    COOLDOWN_MS,
    FALL_SECONDS,
    HEARD_SECONDS,
    PATIENCE,
    RISE_SECONDS,
    SMALL_QUOTA,
    TELL_SECONDS,
    Load,
    Policy,
    Shedding,
    Step,
)
from tests.unit.fake_product import Town

CALM_LOAD = Load(lag=0.0, fan_out=0.1, deliveries=1000)
FLOOD = Load(lag=0.3, fan_out=0.9, deliveries=5e7)


@pytest.mark.parametrize(
    ("load", "too_much"),
    [
        (Load(0, 0, 0), False),
        (Load(0, 0.8, 0), True),
        (Load(0.2, 0.4, 0), True),
        # Others on the same machine make the loop late too, and shedding would not help them.
        (Load(0.2, 0.05, 0), False),
        (Load(1.5, 0.05, 0), True),
        (Load(0, 0.1, 50_000_000), True),
    ],
)
def test_pressure_is_of_fan_out_and_of_a_loop_that_it_holds(load: Load, too_much: bool) -> None:
    assert (load.pressure >= 1) is too_much


def test_a_short_peak_changes_nothing() -> None:
    policy = Policy()

    levels = [policy.turn(pressure, now) for now, pressure in enumerate((5, 5, 0, 5, 5, 0))]

    assert levels == [0] * 6


def test_the_level_rises_one_step_at_a_time_to_the_last() -> None:
    policy = Policy()

    levels = [policy.turn(1.0, second) for second in range(30)]

    assert levels[: 2 + int(RISE_SECONDS)] == [0, 0, 1, 1]
    assert all(after - before in (0, 1) for before, after in pairwise(levels))
    assert levels[-1] == Step.SAMPLE


def test_it_falls_only_after_a_long_calm_and_one_step_at_a_time() -> None:
    policy = Policy()
    for second in range(20):
        policy.turn(2.0, second)

    held = [policy.turn(0.8, 20 + second) for second in range(60)]
    falling = [policy.turn(0.1, 80 + second) for second in range(60)]

    assert set(held) == {Step.SAMPLE}
    assert falling[int(FALL_SECONDS) - 1] == Step.SAMPLE
    assert falling[int(FALL_SECONDS)] == Step.COOLDOWN
    assert falling[-1] == 0


@pytest.fixture
def shedding() -> Shedding:
    return Town().ctx.of(Shedding)


def flooded(shedding: Shedding, level: int) -> None:
    """Bring it to a level."""
    now = 0.0
    while shedding.level < level:
        shedding.turn(FLOOD, now)
        now += 1


def test_each_level_adds_its_step_to_those_before(shedding: Shedding) -> None:
    steps: list[tuple[float, int, int]] = []

    for level in range(6):
        flooded(shedding, level)
        steps.append((shedding.patience, shedding.cooldown_ms, shedding.quota))

    calm = (1.0, 0, QUOTA)
    assert steps[:3] == [calm, calm, calm]
    assert steps[3] == (PATIENCE, 0, QUOTA)
    assert steps[4] == (PATIENCE, COOLDOWN_MS, QUOTA)
    assert steps[5] == (PATIENCE, COOLDOWN_MS, SMALL_QUOTA)


def test_what_is_left_out_is_counted_by_name(shedding: Shedding) -> None:
    before = shedding.sheds(Step.PASSING, "typing")
    flooded(shedding, 1)

    during = [shedding.sheds(Step.PASSING, "typing"), shedding.sheds(Step.TALLIES, "tallies")]

    assert (before, during) == (False, [True, False])
    assert shedding.shed == {"typing": 1}


def test_the_highest_level_of_all_counts_until_it_is_not_heard_any_more(
    shedding: Shedding,
) -> None:
    shedding.turn(CALM_LOAD, 0)
    shedding.hear("b", 3)
    shedding.hear("c", 1)
    heard = shedding.level
    shedding.hear("b", 0)
    lifted = shedding.level

    shedding.turn(CALM_LOAD, HEARD_SECONDS)

    assert (heard, lifted, shedding.level) == (3, 1, 0)


def test_where_it_is_switched_off_nothing_is_left_out_and_the_pressure_is_still_seen() -> None:
    shedding = Town(shedding=False).ctx.of(Shedding)

    for second in range(20):
        shedding.turn(FLOOD, second)
    shedding.hear("b", 5)

    assert shedding.level == 0
    assert shedding.pressure > 1


def test_others_are_told_of_a_change_at_once_and_of_a_lasting_level_again(
    shedding: Shedding,
) -> None:
    shedding.turn(CALM_LOAD, 0)
    quiet = shedding.to_tell()
    flooded(shedding, 1)
    first, again = shedding.to_tell(), shedding.to_tell()
    shedding.turn(Load(0, 0.5, 0), shedding._now + TELL_SECONDS)
    later = shedding.to_tell()
    for second in range(100):
        shedding.turn(CALM_LOAD, 100 + second)
    over = [shedding.to_tell(), shedding.to_tell()]

    assert (quiet, first, again, later) == (None, 1, None, 1)
    assert over == [0, None]
