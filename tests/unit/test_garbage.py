"""What the collector looks through: those who stay are frozen, garbage is found all the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from server import garbage
from server.garbage import Garbage


class Knot:
    """Garbage that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Give the collector back as it was."""
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()
    yield
    gc.set_threshold(*thresholds)
    if not frozen:
        gc.unfreeze()


def test_what_is_there_at_the_beginning_and_what_opened_since_is_frozen() -> None:
    collected = Garbage()
    collected.begin()
    begun = gc.get_freeze_count()
    stays = []
    for _ in range(garbage.STEP):
        stays.append(Knot())
        collected.opened()

    assert gc.get_freeze_count() >= begun + garbage.STEP
    frozen = gc.get_freeze_count()
    stays.append(Knot())
    collected.opened()
    collected.tick(connections=1)
    assert gc.get_freeze_count() > frozen


def test_garbage_among_what_is_young_is_freed_and_not_frozen() -> None:
    collected = Garbage()
    collected.begin()
    knot = weakref.ref(Knot())
    collected.opened()
    collected.tick(connections=1)

    assert knot() is None


@pytest.mark.parametrize(
    ("connections", "seconds"), [(garbage.FEW - 1, garbage.EVERY), (10_000, garbage.LATEST)]
)
def test_what_became_garbage_after_it_was_frozen_is_freed_in_time(
    connections: int, seconds: float
) -> None:
    now = 1000.0
    collected = Garbage(lambda: now)
    collected.begin()
    stays = Knot()
    collected.opened()
    collected.tick(connections=1)
    knot = weakref.ref(stays)
    del stays

    now += seconds - 1
    gc.collect()
    collected.tick(connections)
    assert knot() is not None
    now += 1
    collected.tick(connections)
    assert knot() is None


def test_before_it_begins_the_collector_is_left_as_it_is() -> None:
    frozen = gc.get_freeze_count()
    collected = Garbage()
    for _ in range(2 * garbage.STEP):
        collected.opened()
    collected.tick(connections=0)

    assert gc.get_freeze_count() == frozen
