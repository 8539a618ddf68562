"""Places on a roster: who comes and goes between two slices is counted right."""

from __future__ import annotations

from random import Random

import pytest

from server.roster import PlainDescriptors, Roster


class Somebody:
    """A socket and who is behind it, with what was written past the transport and through it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.paused = False
        self.direct: list[bytes] = []
        self.rest: list[bytes] = []
        self.aborted = False

    @property
    def socket(self) -> Somebody:
        return self

    def send(self, data: bytes) -> None:
        self.rest.append(data)

    def abort(self) -> None:
        self.aborted = True


class People:
    """Everybody by descriptor, and how much each takes of a write."""

    def __init__(self) -> None:
        self.by_fd: dict[int, Somebody] = {}
        self.takes: dict[int, int] = {}

    def come(self) -> Somebody:
        somebody = Somebody(len(self.by_fd))
        self.by_fd[somebody.fd] = somebody
        return somebody

    def write(self, fd: int, data: bytes) -> int:
        takes = self.takes.get(fd, len(data))
        if takes == 0:
            raise BlockingIOError
        if takes < 0:
            raise BrokenPipeError
        self.by_fd[fd].direct.append(data[:takes])
        return min(takes, len(data))

    def roster(self, slice: int) -> Roster[Somebody]:
        descriptors = PlainDescriptors(self.write)
        descriptors.slice = slice
        return Roster(descriptors)


@pytest.mark.parametrize("seed", range(20))
def test_everybody_gets_what_began_after_they_came_and_knows_whether_they_got_the_last(
    seed: int,
) -> None:
    random, people = Random(seed), People()
    roster = people.roster(random.randrange(1, 5))
    owed: dict[Somebody, list[bytes]] = {}
    here: list[Somebody] = []
    for number in range(600):
        match random.choice(("come", "come", "go", "write", "write", "write")):
            case "come":
                somebody = people.come()
                roster.add(somebody)
                here.append(somebody)
                owed[somebody] = []
            case "go" if here:
                somebody = here.pop(random.randrange(len(here)))
                given = roster.discard(somebody)
                if not given:
                    assert roster.data == owed[somebody].pop()
                assert somebody.direct == owed[somebody]
            case "write" if roster.data:
                roster.write()
                if roster.is_done:
                    roster.end()
                    assert all(somebody.direct == owed[somebody] for somebody in here)
            case "write":
                roster.begin(b"%d" % number)
                for somebody in here:
                    owed[somebody].append(roster.data)
        assert len(roster) == len(here)
        assert set(roster) == set(here)

    assert sum(map(len, owed.values())) > 100


def test_who_takes_less_gets_the_rest_through_the_transport_and_who_is_broken_is_aborted() -> None:
    people = People()
    roster = people.roster(10)
    whole, part, full, broken = (people.come() for _ in range(4))
    for somebody in (whole, part, full, broken):
        roster.add(somebody)
    people.takes = {part.fd: 2, full.fd: 0, broken.fd: -1}

    roster.begin(b"abc")
    short = roster.write()

    assert short == 3
    assert (whole.direct, whole.rest) == ([b"abc"], [])
    assert (part.direct, part.rest) == ([b"ab"], [b"c"])
    assert (full.direct, full.rest) == ([], [b"abc"])
    assert [each.aborted for each in (whole, part, full, broken)] == [False, False, False, True]


def test_who_was_taken_off_by_what_another_ones_end_did_is_not_aborted_again() -> None:
    people = People()
    roster = people.roster(10)
    first, second = people.come(), people.come()
    for somebody in (first, second):
        roster.add(somebody)
    people.takes = {first.fd: -1, second.fd: -1}

    def abort() -> None:
        roster.discard(first)
        roster.discard(second)

    first.abort = abort  # type: ignore[method-assign]
    roster.begin(b"abc")
    roster.write()

    assert not second.aborted
    assert roster.is_done


def test_large_frames_are_written_to_fewer_between_two_looks_at_the_clock() -> None:
    people = People()
    roster = people.roster(1000)
    everybody = [people.come() for _ in range(100)]
    for somebody in everybody:
        roster.add(somebody)

    roster.begin(bytes(100_000))
    roster.write()

    assert sum(bool(somebody.direct) for somebody in everybody) == 20
