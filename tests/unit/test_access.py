"""The access table: every rank, visibility, state of a room, and action."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from moderation.rules import Rank
from rooms import access
from rooms.access import Action
from rooms.rules import Broadcast, Kind, Room, State, Visibility
from server.context import Viewer
from server.errors import Refused

NOW = datetime(2025, 11, 21, tzinfo=UTC)
TOPIC = Room("42", Kind.TOPIC, "tea", "Tea")
PLACE = {"id": "7", "room_id": "42", "room_slug": "tea", "room_title": "Tea"}
WORDS = {"title": "Evening", "about": "", "host_id": "m1", "host_name": "Yui", "poster_url": ""}
VIDEO = {"video_kind": "hls", "video_url": "https://v.example/a.m3u8", "upright": True}
SHOWING = Broadcast(**PLACE, **WORDS, **VIDEO, state=State.LIVE, starts_at=NOW)
LIVE = replace(TOPIC, kind=Kind.LIVE, broadcast=SHOWING)

WRITING = (Action.POST, Action.EDIT, Action.TYPE)
SPEAKING = (*WRITING, Action.REACT, Action.VOTE)
EVERYBODYS = (*SPEAKING, Action.DELETE, Action.REPORT, Action.BUY)
STAFFS = (
    *(Action.MARK, Action.ANSWER, Action.SHOW, Action.PIN, Action.MODERATE),
    *(Action.SET_MODE, Action.SET_SLOW),
)
HOSTS = (Action.HOST, Action.SELL)
OWNERS = (Action.CREATE_ROOM, Action.EDIT_ROOM, Action.CLOSE_ROOM, Action.OWN)


def viewer(rank: Rank) -> Viewer:
    names = {Rank.READER: None, Rank.GUEST: "gAAAAAAAAAAAAAAAA"}
    return Viewer(id=names.get(rank, "m5"), name="Aoi", rank=rank)


def code(rank: Rank, action: Action, room: Room | None = TOPIC) -> str:
    refused = access.refusal(viewer(rank), action, room)
    if refused is not None:
        assert refused.message != refused.code, "a sentence for a person is missing"
    return refused.code if refused else "allowed"


def test_every_action_stands_in_the_table_of_this_test() -> None:
    assert {*EVERYBODYS, *STAFFS, *HOSTS, *OWNERS} == set(Action)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("rank", Rank)
def test_each_rank_may_do_what_its_row_says(rank: Rank, action: Action) -> None:
    least = (
        Rank.GUEST
        if action in EVERYBODYS
        else Rank.MODERATOR
        if action in STAFFS
        else Rank.HOST
        if action in HOSTS
        else Rank.OWNER
    )

    expected = (
        "allowed" if rank >= least else "unauthenticated" if rank is Rank.READER else "forbidden"
    )

    assert code(rank, action) == expected


@pytest.mark.parametrize("rank", Rank)
@pytest.mark.parametrize("visibility", Visibility)
def test_who_sees_a_room(rank: Rank, visibility: Visibility) -> None:
    least = {"public": Rank.READER, "members": Rank.MEMBER, "staff": Rank.MODERATOR}[visibility]

    assert access.can_see(viewer(rank), replace(TOPIC, visibility=visibility)) == (rank >= least)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize(
    ("rank", "visibility"),
    [
        (Rank.READER, Visibility.MEMBERS),
        (Rank.GUEST, Visibility.MEMBERS),
        (Rank.MEMBER, Visibility.STAFF),
    ],
)
def test_a_room_that_may_not_be_seen_does_not_exist(
    rank: Rank, visibility: Visibility, action: Action
) -> None:
    assert code(rank, action, replace(TOPIC, visibility=visibility)) == "not_found"


def test_a_direct_room_is_seen_by_nobody_yet() -> None:
    assert not access.can_see(viewer(Rank.OWNER), replace(TOPIC, kind=Kind.DIRECT))


@pytest.mark.parametrize("action", WRITING)
def test_the_mode_says_who_may_write(action: Action) -> None:
    members = replace(TOPIC, min_rank=Rank.MEMBER)
    staff = replace(TOPIC, min_rank=Rank.MODERATOR)

    assert [code(r, action, members) for r in (Rank.GUEST, Rank.MEMBER)] == ["forbidden", "allowed"]
    assert [code(r, action, staff) for r in (Rank.MEMBER, Rank.MODERATOR)] == [
        "room_closed",
        "allowed",
    ]


def test_the_mode_does_not_keep_anybody_from_taking_back_reporting_or_reacting() -> None:
    staff = replace(TOPIC, min_rank=Rank.MODERATOR)

    for action in (Action.DELETE, Action.REPORT, Action.REACT, Action.VOTE):
        assert code(Rank.GUEST, action, staff) == "allowed"


@pytest.mark.parametrize("rank", [rank for rank in Rank if rank > Rank.READER])
@pytest.mark.parametrize("action", SPEAKING)
def test_a_closed_room_takes_no_words_from_anybody(action: Action, rank: Rank) -> None:
    assert code(rank, action, replace(TOPIC, closed=True)) == "room_closed"


def test_a_closed_room_can_still_be_read_cleaned_and_reported() -> None:
    closed = replace(TOPIC, closed=True)

    assert access.can_see(viewer(Rank.READER), closed)
    assert code(Rank.GUEST, Action.DELETE, closed) == "allowed"
    assert code(Rank.GUEST, Action.REPORT, closed) == "allowed"
    assert code(Rank.MODERATOR, Action.MODERATE, closed) == "allowed"


@pytest.mark.parametrize("action", [a for a in SPEAKING if a is not Action.TYPE])
def test_a_live_room_takes_words_until_its_broadcast_has_ended(action: Action) -> None:
    scheduled = replace(LIVE, broadcast=replace(SHOWING, state=State.SCHEDULED))
    ended = replace(LIVE, broadcast=replace(SHOWING, state=State.ENDED))
    before_any = replace(LIVE, broadcast=None)

    codes = [code(Rank.MEMBER, action, room) for room in (LIVE, scheduled, ended, before_any)]

    assert codes == ["allowed", "allowed", "room_closed", "allowed"]
    assert code(Rank.HOST, action, ended) == "allowed"


def test_typing_is_shown_in_topic_rooms_only() -> None:
    assert code(Rank.MEMBER, Action.TYPE, TOPIC) == "allowed"
    assert code(Rank.MEMBER, Action.TYPE, LIVE) == "forbidden"


@pytest.mark.parametrize(
    ("state", "readers"),
    [
        ("visible", {"stranger", "author", "moderator"}),
        ("held", {"author", "moderator"}),
        ("rejected", {"moderator"}),
        ("hidden", {"moderator"}),
        ("deleted", set()),
    ],
)
def test_who_reads_a_message_that_is_held_or_hidden(state: str, readers: set[str]) -> None:
    people = {
        "stranger": Viewer("m9", "Ken", Rank.MEMBER),
        "author": Viewer("m5", "Aoi", Rank.MEMBER),
        "moderator": Viewer("m1", "Ren", Rank.MODERATOR),
    }

    found = {name for name, who in people.items() if access.can_read(who, state, "m5")}

    assert found == readers


def test_a_nameless_reader_is_not_the_author_of_a_message_without_one() -> None:
    assert not access.can_read(Viewer(), "held", "")


def test_require_raises_what_refusal_says() -> None:
    with pytest.raises(Refused, match="role"):
        access.require(viewer(Rank.MEMBER), Action.PIN, TOPIC)
    access.require(viewer(Rank.MODERATOR), "pin", TOPIC)


@pytest.mark.parametrize(
    ("engine", "word"),
    [
        (Refused("rank", min_rank=20), "forbidden"),
        (Refused("rank", min_rank=40), "room_closed"),
        (Refused("rank", min_rank=99), "room_closed"),
        (Refused("cooldown", retry_after=700), "slow_mode"),
        (Refused("rate_limited", retry_after=700), "rate_limited"),
        (Refused("channel_busy", retry_after=700), "room_busy"),
        (Refused("backlog"), "backlog"),
        (Refused("duplicate_conflict"), "duplicate_conflict"),
        (Refused("unavailable"), "unavailable"),
    ],
)
def test_the_engines_words_become_the_products(engine: Refused, word: str) -> None:
    told = access.in_wire_words(engine)

    assert told.code == word
    assert " " in told.message
    assert told.retry_after == engine.retry_after
