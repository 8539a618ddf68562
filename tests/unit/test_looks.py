"""When those of a process look who look again and again."""

from __future__ import annotations

import pytest

from server.looks import next_look


@pytest.mark.parametrize("every", [0.25, 1.0, 30.0])
def test_all_look_at_the_same_time_and_never_twice_at_once(every: float) -> None:
    times = [1000.0 + every * step / 7 for step in range(40)]
    for now in times:
        look = next_look(now, every)
        assert every / 2 - 1e-6 <= look - now <= every * 1.5 + 1e-6
        steps = (look - next_look(0.0, every)) / every
        assert abs(steps - round(steps)) < 1e-6


def test_looks_that_come_a_little_early_do_not_look_again_at_once() -> None:
    look = next_look(1000.0)
    assert next_look(look - 0.001) - look > 0.2
