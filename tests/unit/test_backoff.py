"""What dies again and again is started again later and later."""

from __future__ import annotations

import pytest

from web.cli import children
from web.cli.children import HEALTHY, LONGEST_DELAY, Backoff


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(children.time, "monotonic", lambda: now[0])
    return now


def test_each_death_in_a_row_waits_longer_up_to_a_bound(now: list[float]) -> None:
    backoff, delays = Backoff(), []

    for _ in range(10):
        backoff.begin()
        delays.append(backoff.died())

    assert delays[:3] == [0.5, 1.0, 2.0]
    assert delays[-1] == LONGEST_DELAY


def test_a_death_is_told_once_and_due_after_its_delay(now: list[float]) -> None:
    backoff = Backoff()
    backoff.begin()

    delay = backoff.died()

    assert delay is not None
    assert backoff.died() is None
    assert not backoff.is_due()
    now[0] += delay
    assert backoff.is_due()


def test_a_death_after_a_long_life_counts_as_the_first(now: list[float]) -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.begin()
        backoff.died()
    backoff.begin()

    now[0] += HEALTHY + 1

    assert backoff.died() == 0.5
