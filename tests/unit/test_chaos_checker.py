"""The checker of faults finds every way in which a history can be wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from loadtest.chaos.checker import check
from loadtest.chaos.history import (
    ACK,
    REFUSED,
    UNKNOWN,
    Denied,
    History,
    Line,
    Lost,
    Posted,
    Resumed,
    Told,
    Watch,
    read,
)
from loadtest.chaos.outcome import Limit, too_slow
from loadtest.chaos.play import at_share
from loadtest.chaos.table import FAULTS
from loadtest.scenarios.chaos import defaults

EPOCH = 1_763_750_000_123


def line(offset: int, author: str = "g1", epoch: int = EPOCH) -> Line:
    return Line(epoch, offset, f"id{offset}", author, f"run1-0-{offset}")


def acknowledged(of: Line, **more: bool) -> Posted:
    own = (of.author, of.client_message_id)
    return Posted(*own, 1.0, 2.0, ACK, "", of.epoch, of.offset, of.id, **more)


LINES = [line(n) for n in range(1, 21)]


def watch(name: str, lines: list[Line], start: int = 0) -> Watch:
    seen = Watch(name, (EPOCH, start))
    for number, each in enumerate(lines):
        seen.saw(each, float(number), live=True)
    return seen


def history(**parts: object) -> History:
    whole: dict[str, object] = {
        "posted": [acknowledged(each) for each in LINES],
        "watches": [watch("viewer 0", LINES), watch("viewer 1", LINES[5:], start=5)],
        "stored": list(LINES),
    }
    return History(**{**whole, **parts})  # type: ignore[arg-type]


def seen_by_one(lines: list[Line], *told: Told) -> History:
    """Give a history in which viewer 1 saw this instead of everything."""
    other = watch("viewer 1", lines)
    other.told += told
    return history(watches=[watch("viewer 0", LINES), other])


def gap(first: int, last: int, why: str = "restart") -> Told:
    return Told(why, (EPOCH, first - 1), (EPOCH, last), 3.0)


def test_a_history_in_which_everything_held_has_no_problem() -> None:
    assert check(history()) == []


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param(
            lambda: seen_by_one(LINES[:7] + LINES[8:]), "viewer 1: 1 lost", id="an acknowledged one"
        ),
        pytest.param(lambda: seen_by_one(LINES[:-1]), "viewer 1: 1 lost", id="the last one"),
        pytest.param(lambda: seen_by_one([]), "viewer 1: 20 lost", id="everything"),
        pytest.param(
            lambda: replace(seen_by_one(LINES[:7] + LINES[8:]), posted=[]),
            "viewer 1: 1 lost",
            id="one that nobody was answered for but another viewer saw",
        ),
        pytest.param(
            lambda: seen_by_one(LINES[:9] + LINES[8:]),
            "viewer 1: 1 shown twice",
            id="the same place twice",
        ),
        pytest.param(
            lambda: seen_by_one([*LINES, line(21)._replace(client_message_id="run1-0-4")]),
            "viewer 1: 1 shown twice under another place",
            id="the same line at a second place",
        ),
        pytest.param(
            lambda: seen_by_one([*LINES[:5], LINES[6], LINES[5], *LINES[7:]]),
            "viewer 1: 1 out of order",
            id="another order",
        ),
        pytest.param(
            lambda: seen_by_one([*LINES[:5], LINES[5]._replace(id="other"), *LINES[6:]]),
            "1 offset used twice",
            id="another line at the same place",
        ),
        pytest.param(
            lambda: history(posted=[*history().posted, acknowledged(line(7, "g2"))]),
            "1 offset used twice",
            id="an offset that two were told",
        ),
        pytest.param(
            lambda: history(
                posted=[*history().posted, acknowledged(line(30)._replace(id="id7"))],
                watches=[],
                stored=None,
            ),
            "1 id at two places",
            id="an id twice",
        ),
        pytest.param(
            lambda: history(
                posted=[
                    *history().posted,
                    acknowledged(line(30)._replace(client_message_id="run1-0-7")),
                ],
                watches=[],
                stored=None,
            ),
            "1 acknowledged at two places",
            id="a retry that got a place of its own",
        ),
        pytest.param(
            lambda: seen_by_one(LINES[:7] + LINES[8:], gap(8, 8)),
            "viewer 1: 1 told of a gap",
            id="a gap where none may be",
        ),
        pytest.param(
            lambda: history(denied=[Denied("g1", (EPOCH, 17))]),
            "3 heard although denied",
            id="somebody denied",
        ),
        pytest.param(
            lambda: history(denied=[Denied("g1", (EPOCH, 10), (EPOCH, 15))]),
            "4 heard although denied",
            id="somebody denied for a while",
        ),
        pytest.param(
            lambda: history(stored=LINES[:4] + LINES[5:]),
            "table: 1 not in the table",
            id="a row that is missing",
        ),
        pytest.param(
            lambda: history(stored=[*LINES, LINES[3]]), "table: 1 row twice", id="a row twice"
        ),
        pytest.param(
            lambda: history(stored=[*LINES, line(40)._replace(client_message_id="run1-0-4")]),
            "table: 1 row of one line twice",
            id="two rows of one line",
        ),
        pytest.param(
            lambda: history(stored=[*LINES, line(40)]),
            "table: 1 in the table, posted by nobody",
            id="a row from nowhere",
        ),
        pytest.param(
            lambda: history(stored=LINES[:4] + LINES[5:], kept=LINES[:10], posted=[]),
            "table: 1 row dropped",
            id="a row that was there",
        ),
    ],
)
def test_every_way_of_going_wrong_is_a_problem(wrong: Callable[[], History], problem: str) -> None:
    problems = check(wrong())

    assert any(each.startswith(problem) for each in problems), problems


def test_an_announced_gap_excuses_only_what_it_covers_and_only_where_it_is_allowed() -> None:
    missing = seen_by_one(LINES[:7] + LINES[9:], gap(8, 8))

    assert [each[:17] for each in check(missing, ("restart",))] == ["viewer 1: 1 lost:"]
    assert check(seen_by_one(LINES[:7] + LINES[9:], gap(8, 9)), ("restart",)) == []
    assert len(check(seen_by_one(LINES[:7] + LINES[9:], gap(8, 9)), ("sampled",))) == 2


def test_a_gap_into_another_epoch_covers_the_rest_of_the_former() -> None:
    told = Told("restart", (EPOCH, 15), (EPOCH + 1, 3), 3.0)
    later = [Line(EPOCH + 1, n, f"b{n}", "g1", f"run1-1-{n}") for n in (4, 5)]
    other = watch("viewer 1", [*LINES[:15], *later])
    other.told.append(told)

    assert told.covers((EPOCH, 16)) and told.covers((EPOCH + 1, 3))
    assert not told.covers((EPOCH, 15)) and not told.covers((EPOCH + 1, 4))
    first = watch("viewer 0", [*LINES, *later])
    assert check(history(watches=[first, other], stored=None), ("restart",)) == []


def test_what_a_fault_took_may_be_missing_in_the_table_and_be_posted_again() -> None:
    lost = Lost((EPOCH, 18), (EPOCH, 1000))
    again = line(1000)._replace(id="again", client_message_id=LINES[19].client_message_id)
    whole = history(
        posted=[*history().posted, acknowledged(again)],
        watches=[watch("viewer 0", [*LINES, again])],
        stored=[*LINES[:18], again],
    )

    assert len(check(whole)) == 3
    assert check(replace(whole, lost=[lost])) == []
    kept = replace(whole, lost=[lost], stored=LINES)
    assert [each[:27] for each in check(kept)] == ["table: 1 not in the table: "]


def test_a_lost_line_may_have_its_id_again_at_the_place_of_its_repetition() -> None:
    again = LINES[19]._replace(offset=1000)
    whole = history(
        watches=[watch("viewer 0", [*LINES, again])],
        posted=[*history().posted[:-1], acknowledged(again)],
        stored=[*LINES[:19], again],
    )

    assert any(each.startswith("1 id at two places") for each in check(whole))
    assert check(replace(whole, lost=[Lost((EPOCH, 18), (EPOCH, 1000))])) == []


def test_what_was_not_saved_need_not_be_in_the_table() -> None:
    posted = [*history().posted[:-1], acknowledged(LINES[-1], unsaved=True)]

    assert check(history(posted=posted, stored=LINES[:-1])) == []


def test_lines_before_a_viewer_came_are_not_due_to_it() -> None:
    assert check(history(watches=[watch("late", LINES[10:], start=10)])) == []
    assert check(history(watches=[watch("late", LINES[11:], start=10)])) != []


def test_a_refusal_or_no_answer_promises_nothing() -> None:
    tried = Posted("g1", "run1-0-99", 1.0, 2.0, UNKNOWN, "unavailable")
    refused = Posted("g1", "run1-0-98", 1.0, 2.0, REFUSED, "muted")

    assert check(history(posted=[*history().posted, tried, refused])) == []


def test_the_problems_of_many_viewers_are_told_in_few_lines() -> None:
    watches = [watch(f"viewer {number}", LINES[:3]) for number in range(50)]

    problems = check(history(watches=watches))

    assert len(problems) == 11
    assert problems[-1] == "and 40 more viewers"


def test_a_written_history_is_read_as_it_was(tmp_path: Path) -> None:
    first = watch("viewer 0", LINES)
    first.told.append(gap(3, 4))
    first.resumed.append(Resumed(1.0, 2.5, 1006, True, 2))
    first.opened.append(0.5)
    first.mutes.append(("g1", (EPOCH, 7), True))
    whole = history(
        watches=[first, watch("viewer 1", [])],
        denied=[Denied("g1", (EPOCH, 3), None)],
        lost=[Lost((EPOCH, 3), (EPOCH, 9))],
        kept=LINES[:2],
        faults=[(1.5, "valkey is killed")],
    )

    whole.write(tmp_path / "history.jsonl")

    assert read(tmp_path / "history.jsonl") == whole
    ops = {json.loads(each)["op"] for each in (tmp_path / "history.jsonl").read_text().splitlines()}
    assert {"post", "seen", "told", "resumed", "fault", "denied", "mute"} <= ops


def test_whoever_was_seen_to_be_muted_is_denied_from_there_until_freed() -> None:
    first, second = watch("viewer 0", LINES), watch("viewer 1", LINES)
    first.mutes += [("g1", (EPOCH, 5), True), ("g1", (EPOCH, 9), False), ("g2", (EPOCH, 6), True)]
    second.mutes += [("g1", (EPOCH, 9), False), ("g1", (EPOCH, 12), True)]
    whole = history(watches=[first, second])

    whole.deny_muted()

    assert whole.denied == [
        Denied("g1", (EPOCH, 5), (EPOCH, 9)),
        Denied("g2", (EPOCH, 6)),
        Denied("g1", (EPOCH, 12)),
    ]


def test_the_share_of_few_values_is_one_of_them() -> None:
    assert at_share([], 0.99) == 0.0
    assert at_share([3.0], 0.99) == 3.0
    assert at_share([float(n) for n in range(200)], 0.99) == 198.0


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_tells_what_it_is_and_has_the_common_options(name: str) -> None:
    options = defaults(name, "--scale", "0.02", "--untimed")

    assert (FAULTS[name].__doc__ or "").endswith(".")
    assert (options.scale, options.untimed, options.out) == (0.02, True, None)


def test_limits_of_time_are_judged_only_in_a_timed_run() -> None:
    timed, untimed = defaults("redis-cut"), defaults("redis-cut", "--untimed")
    slow = (Limit("resume p99 s", 7.5, 5.0),)

    assert too_slow(slow, timed) == ["resume p99 s: 7.500, at most 5"]
    assert too_slow(slow, untimed) == []
    assert too_slow((Limit("resume p99 s", 5.0, 5.0),), timed) == []
