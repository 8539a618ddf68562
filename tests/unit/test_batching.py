"""Waiting grows with audience and rate, and never beyond a tenth of a second."""

from __future__ import annotations

import pytest

from server.batching import LONGEST, delay


def test_a_small_channel_never_waits() -> None:
    assert delay(50, 50, 0) == 0


def test_the_first_after_a_pause_never_waits() -> None:
    assert delay(20_000, 20_000, 0.2) == 0


@pytest.mark.parametrize(
    ("audience", "expected"), [(100, 0.002), (1000, 0.02), (5000, 0.1), (20_000, 0.1)]
)
def test_waiting_grows_with_the_audience(audience: int, expected: float) -> None:
    assert delay(audience, audience, 0) == pytest.approx(expected)


def test_a_loaded_process_waits_longer_but_never_in_a_small_channel() -> None:
    assert delay(1000, 1000, 0, 3.0) == pytest.approx(0.06)
    assert delay(50, 50, 0, 3.0) == 0


def test_time_that_has_passed_counts() -> None:
    assert delay(1000, 1000, 0.015) == pytest.approx(0.005)


def test_other_busy_channels_make_a_channel_wait_longer() -> None:
    assert delay(10, 10_000, 0) == LONGEST
