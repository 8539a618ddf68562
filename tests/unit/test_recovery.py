"""Recovery from a window: everything, or a plain word that it is not."""

from __future__ import annotations

import random

import pytest

from server.publication import Flag, Publication
from server.recovery import Place, Window, covered, merge, reach, recent, recover, redact

EPOCH = 1_700_000_000_000


def said(offset: int, key: str = "", publisher: str = "m1", epoch: int = EPOCH) -> Publication:
    return Publication(epoch, offset, 1000 + offset, Flag.NONE, publisher, key, b"text")


def hide(offset: int, key: str) -> Publication:
    return Publication(EPOCH, offset, 1000 + offset, Flag.HIDE | Flag.KEEP, "staff", key, b"hide")


def show(offset: int, key: str, publisher: str = "m1") -> Publication:
    return Publication(EPOCH, offset, 1000 + offset, Flag.SHOW, publisher, key, b"text again")


def purge(offset: int, who: str) -> Publication:
    return Publication(EPOCH, offset, 0, Flag.HIDE | Flag.BY_PUBLISHER, "staff", who, b"purge")


def unpurge(offset: int, who: str) -> Publication:
    return Publication(EPOCH, offset, 0, Flag.SHOW | Flag.BY_PUBLISHER, "staff", who, b"unpurge")


def gap(first: int, last: int) -> Publication:
    return Publication(EPOCH, last, 0, Flag.GAP, "", str(first), b"")


def many(first: int, last: int) -> list[Publication]:
    return [said(offset, key=f"k{offset}") for offset in range(first, last + 1)]


def shown(places: list[Place]) -> list[int]:
    return [offset for offset, _, publication in places if publication is not None]


def hidden(places: list[Place]) -> list[int]:
    return [offset for offset, _, publication in places if publication is None]


def test_without_tombstones_everything_is_shown_at_its_place() -> None:
    entries = many(3, 6)

    assert redact(entries) == [(p.offset, p.at, p) for p in entries]


def test_a_tombstone_hides_what_came_before_with_its_key_and_stays_itself() -> None:
    places = redact([said(1, "a"), said(2, "b"), hide(3, "a"), said(4, "a")])

    assert places[0] == (1, 1001, None)
    assert shown(places) == [2, 3, 4]


def test_a_tombstone_hides_edits_of_its_key_too() -> None:
    assert hidden(redact([said(1, "a"), said(2, "a"), hide(3, "a")])) == [1, 2]


def test_a_restore_takes_the_tombstone_back() -> None:
    assert hidden(redact([said(1, "a"), hide(2, "a"), show(3, "a")])) == []


def test_a_second_tombstone_hides_the_restore_with_its_text() -> None:
    places = redact([said(1, "a"), hide(2, "a"), show(3, "a"), hide(4, "a")])

    assert hidden(places) == [1, 3]


def test_a_tombstone_whose_target_came_before_the_range_harms_nothing() -> None:
    assert hidden(redact([said(8, "b"), hide(9, "a")])) == []


def test_a_purge_hides_what_the_publisher_said_before_it_and_nothing_after() -> None:
    places = redact([said(1, "a"), said(2, "b", "m2"), purge(3, "m1"), said(4, "c")])

    assert hidden(places) == [1]


def test_an_unpurge_brings_it_back_but_not_what_was_hidden_by_key() -> None:
    entries = [said(1, "a"), said(2, "b"), hide(3, "a"), purge(4, "m1"), unpurge(5, "m1")]

    assert hidden(redact(entries)) == [1]


def test_a_purge_after_an_unpurge_counts() -> None:
    entries = [said(1, "a"), purge(2, "m1"), unpurge(3, "m1"), said(4, "b"), purge(5, "m1")]

    assert hidden(redact(entries)) == [1, 4]


def test_a_restore_after_a_purge_shows_that_one_key() -> None:
    entries = [said(1, "a"), said(2, "b"), purge(3, "m1"), show(4, "a")]

    assert hidden(redact(entries)) == [2]


def test_a_purge_after_a_restore_hides_both_texts() -> None:
    entries = [said(1, "a"), hide(2, "a"), show(3, "a"), purge(4, "m1")]

    assert hidden(redact(entries)) == [1, 3]


def test_tombstones_of_a_purged_publisher_stay() -> None:
    tombstone = Publication(EPOCH, 2, 0, Flag.HIDE, "m9", "a", b"")

    assert hidden(redact([said(1, "a"), tombstone, said(3, "c", "m9"), purge(4, "m9")])) == [1, 3]


def test_a_key_and_a_publisher_of_the_same_name_are_not_mixed_up() -> None:
    entries = [said(1, "m1", "m2"), said(2, "x", "m1"), purge(3, "m1")]

    assert hidden(redact(entries)) == [2]


def test_an_empty_key_hides_nothing() -> None:
    assert hidden(redact([said(1), said(2, publisher=""), hide(3, ""), purge(4, "")])) == []


def test_a_gap_covers_from_its_key_to_its_offset() -> None:
    assert covered(gap(8, 1_000_010)) == (8, 1_000_010)
    assert covered(said(8)) == (8, 8)


def test_reach_ends_before_a_hole() -> None:
    assert reach([], 4) == 4
    assert reach([said(5), said(6), said(8)], 4) == 6
    assert reach([said(5), gap(6, 500), said(501)], 4) == 501
    assert reach([said(6)], 4) == 4


def test_at_the_top_nothing_is_missing_even_when_the_window_is_gone() -> None:
    result = recover(Window(EPOCH, 7, []), EPOCH, 7)

    assert (result.recovered, result.places, result.offset) == (True, [], 7)


def test_all_since_the_position_is_recovered() -> None:
    result = recover(Window(EPOCH, 9, many(5, 9)), EPOCH, 4)

    assert result.recovered and not result.more
    assert (result.epoch, result.offset) == (EPOCH, 9)
    assert shown(result.places) == [5, 6, 7, 8, 9]


def test_entries_at_or_before_the_position_are_not_given_again() -> None:
    result = recover(Window(EPOCH, 9, many(1, 9)), EPOCH, 7)

    assert shown(result.places) == [8, 9]


@pytest.mark.parametrize(
    ("window", "epoch", "offset"),
    [
        (Window(EPOCH, 9, many(5, 9)), EPOCH - 1, 4),
        (Window(EPOCH, 9, many(5, 9)), EPOCH, 10),
        (Window(EPOCH, 9, many(6, 9)), EPOCH, 4),
        (Window(EPOCH, 9, []), EPOCH, 4),
        (Window(EPOCH, 9, [*many(5, 6), *many(8, 9)]), EPOCH, 4),
        (Window(EPOCH, 9, many(5, 8)), EPOCH, 4),
        (Window(0, 0, []), EPOCH, 4),
    ],
    ids=["epoch", "above the top", "trimmed", "expired", "hole", "end missing", "unknown"],
)
def test_a_position_that_cannot_be_continued_is_never_recovered_in_part(
    window: Window, epoch: int, offset: int
) -> None:
    result = recover(window, epoch, offset)

    assert not result.recovered
    assert (result.epoch, result.offset, result.more) == (window.epoch, window.top, False)


def test_who_is_not_recovered_gets_the_newest() -> None:
    result = recover(Window(EPOCH, 200, many(101, 200)), EPOCH, 3)

    assert not result.recovered
    assert shown(result.places) == list(range(151, 201))


def test_the_newest_respect_tombstones() -> None:
    result = recent(Window(EPOCH, 5, [*many(1, 4), hide(5, "k4")]), 3)

    assert [offset for offset, _, _ in result.places] == [3, 4, 5]
    assert hidden(result.places) == [4]
    assert recent(Window(EPOCH, 5, many(1, 5)), 0).places == []


def test_position_zero_recovers_everything_of_any_epoch_while_the_first_is_there() -> None:
    assert recover(Window(EPOCH, 3, many(1, 3)), 0, 0).recovered
    assert not recover(Window(EPOCH, 3, many(2, 3)), 0, 0).recovered
    assert recover(Window(0, 0, []), 0, 0).recovered


def test_a_long_recovery_is_cut_and_says_where_it_stands() -> None:
    window = Window(EPOCH, 900, many(101, 900))
    first = recover(window, EPOCH, 100)
    second = recover(window, EPOCH, first.offset)
    third = recover(window, EPOCH, second.offset)

    assert (len(first.places), first.offset, first.more) == (300, 400, True)
    assert (len(second.places), second.offset, second.more) == (300, 700, True)
    assert (len(third.places), third.offset, third.more) == (200, 900, False)
    assert first.recovered and second.recovered and third.recovered


def test_a_tombstone_beyond_the_cut_hides_what_is_given_now() -> None:
    window = Window(EPOCH, 401, [*many(1, 400), hide(401, "k7")])

    assert hidden(recover(window, EPOCH, 0).places) == [7]


def test_what_a_restart_lost_is_recovered_as_a_gap_and_told() -> None:
    window = Window(EPOCH, 1_000_012, [said(5), gap(6, 1_000_010), *many(1_000_011, 1_000_012)])
    result = recover(window, EPOCH, 4)
    inside = recover(window, EPOCH, 8)
    after = recover(window, EPOCH, 1_000_010)

    assert result.recovered and result.lost and result.offset == 1_000_012
    assert inside.recovered and inside.lost
    assert after.recovered and not after.lost


def test_what_arrived_meanwhile_is_appended_once() -> None:
    merged = merge(Window(EPOCH, 5, many(3, 5)), many(4, 7))

    assert [p.offset for p in merged.entries] == [3, 4, 5, 6, 7]
    assert (merged.top, merged.whole) == (7, True)


def test_what_arrived_is_put_in_order_and_what_has_no_place_is_left_out() -> None:
    passing = Publication(0, 0, 0, Flag.NONE, "", "", b"")
    merged = merge(Window(EPOCH, 5, []), [said(7), passing, said(6)])

    assert [p.offset for p in merged.entries] == [6, 7]


def test_a_hole_between_window_and_arrivals_is_not_whole() -> None:
    merged = merge(Window(EPOCH, 5, many(3, 5)), [said(6), said(8)])

    assert (merged.top, merged.whole) == (6, False)


def test_a_channel_that_began_anew_meanwhile_is_not_whole() -> None:
    merged = merge(Window(EPOCH, 5, many(3, 5)), [said(1, epoch=EPOCH + 1)])

    assert not merged.whole
    assert merged.epoch == EPOCH


def test_arrivals_of_an_older_epoch_are_dropped() -> None:
    merged = merge(Window(EPOCH, 2, many(1, 2)), [said(900, epoch=EPOCH - 1), said(3)])

    assert (merged.top, merged.whole) == (3, True)


def test_the_first_publication_of_a_channel_may_arrive_while_its_empty_window_is_read() -> None:
    merged = merge(Window(0, 0, []), many(1, 2))

    assert (merged.epoch, merged.top, merged.whole) == (EPOCH, 2, True)
    assert recover(merged, 0, 0).recovered


def test_a_gap_that_arrived_continues_the_window() -> None:
    merged = merge(Window(EPOCH, 5, many(4, 5)), [gap(6, 1_000_300), said(1_000_301)])

    assert (merged.top, merged.whole) == (1_000_301, True)


def test_however_a_stream_is_split_between_window_and_arrivals_nothing_is_missing() -> None:
    chance = random.Random(7)
    for _ in range(300):
        total = chance.randint(1, 60)
        stream = many(1, total)
        read, begun = chance.randint(0, total), chance.randint(0, total)
        position = chance.randint(0, read)
        window = Window(EPOCH, read, stream[position:read])
        merged = merge(window, stream[min(begun, read) :])
        result = recover(merged, EPOCH, position)

        assert merged.whole and result.recovered
        assert shown(result.places) == list(range(position + 1, total + 1))


def test_what_redaction_shows_is_what_a_reader_of_the_whole_stream_ends_with() -> None:
    chance = random.Random(11)
    for _ in range(100):
        entries: list[Publication] = []
        visible: dict[str, bool] = {}
        by_key: dict[str, bool] = {}
        author: dict[str, str] = {}
        for offset in range(1, 40):
            kind = chance.choice("sssshrpu")
            key, who = chance.choice("abcdef"), chance.choice(["m1", "m2"])
            if kind == "s":
                key = f"k{offset}"
                author[key], visible[key] = who, True
                entries.append(said(offset, key, who))
            elif author and kind in "hr":
                key = chance.choice(list(author))
                by_key[key] = visible[key] = kind == "r"
                by_key[key] = kind == "h"
                entries.append(hide(offset, key) if kind == "h" else show(offset, key, author[key]))
            elif kind in "pu":
                for each in (key for key in author if author[key] == who):
                    visible[each] = kind == "u" and not by_key.get(each, False)
                entries.append(purge(offset, who) if kind == "p" else unpurge(offset, who))
            else:
                entries.append(said(offset, f"k{offset}", "m3"))

        last = {p.key: place for p, place in zip(entries, redact(entries), strict=True)}
        ends = {key: last_text(entries, key) for key in author}
        assert {key: ends[key] for key in author} == {key: visible[key] for key in author}, last


def last_text(entries: list[Publication], key: str) -> bool:
    """Whether any text of the key survives redaction."""
    places = zip(entries, redact(entries), strict=True)
    texts = [place for p, place in places if p.key == key and not p.flags & Flag.HIDE]
    return any(publication is not None for _, _, publication in texts)
