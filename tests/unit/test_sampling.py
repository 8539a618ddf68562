"""The sampled feed is one choice for everybody."""

from __future__ import annotations

from random import Random

from server.sampling import Sampler

START = 1_763_750_000_000


def poisson(random: Random, rate: float, seconds: float) -> list[int]:
    """Give the times (ms) of about `rate` publications a second."""
    times, now = [], 0.0
    while (now := now + random.expovariate(rate)) < seconds:
        times.append(START + int(now * 1000))
    return times


def chosen(sampler: Sampler, times: list[int]) -> list[int]:
    return [at for at in times if sampler.choose(at, keep=False)]


def test_everything_is_shown_when_there_is_little() -> None:
    times = poisson(Random(1), 8, 60)

    assert chosen(Sampler(), times) == times


def test_of_a_flood_about_25_a_second_are_shown() -> None:
    shown = chosen(Sampler(), poisson(Random(2), 800, 60))

    assert 24 * 60 <= len(shown) <= 26 * 60


def test_no_second_shows_much_more_than_the_others() -> None:
    random = Random(3)
    times = [at for rate in (5, 300, 20, 900, 1) for at in poisson(random, rate, 10)]

    shown = chosen(Sampler(), sorted(times))

    for second in range(10):
        start = START + second * 1000
        assert sum(start <= at < start + 1000 for at in shown) <= 30


def test_what_has_to_be_kept_is_never_left_out() -> None:
    sampler = Sampler()

    flood = [sampler.choose(START, keep=False) for _ in range(1000)]
    kept = [sampler.choose(START, keep=True) for _ in range(1000)]

    assert sum(flood) == 10
    assert all(kept)


def test_a_smaller_quota_shows_fewer_and_still_everything_that_has_to_be_kept() -> None:
    sampler = Sampler()
    sampler.quota = 2
    times = poisson(Random(2), 800, 60)

    shown = chosen(sampler, times)

    assert 9.5 * 60 <= len(shown) <= 10.5 * 60
    assert all(sampler.choose(times[-1], keep=True) for _ in range(100))


def test_gateways_that_joined_at_different_moments_agree_within_two_slots() -> None:
    times = poisson(Random(4), 200, 20)
    early, late = Sampler(), Sampler()
    head, rest = times[:1000], times[1000:]
    chosen(early, head)

    both = [(early.choose(at, keep=False), late.choose(at, keep=False)) for at in rest]

    settled = rest[0] + 400
    pairs = zip(rest, both, strict=True)
    assert all(one == other for at, (one, other) in pairs if at >= settled)
