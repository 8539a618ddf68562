"""Comments and messages on real servers: posted, edited, deleted, held, and saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from moderation import hiding, review, wordlist
from moderation.rules import Rank
from rooms import actions as rooms
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.history import reads as history
from rooms.rules import EDIT_MS, Room, message_uuid
from server.context import Viewer
from server.errors import Refused
from server.outbox import sweep
from server.settings import Settings
from tests.integration.channels import until
from tests.integration.world import World, world


@pytest.fixture
async def tea(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


async def refused(call: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    assert " " in caught.value.message
    return caught.value


async def listed(w: World) -> None:
    """Put a word on the list that is held, and one that is rejected."""
    ren = await w.member("Filter", Rank.MODERATOR)
    await wordlist.add_words(w.ctx, ren, ["secret"], "hold")
    await wordlist.add_words(w.ctx, ren, ["awful"], "reject")


def said(text: str, cmid: str = "c1", **more: Any) -> dict[str, Any]:
    return {"room": "1", "text": text, "client_message_id": cmid, **more}


async def row(w: World, room: Room, key: str) -> Any:
    return await w.db.one(
        "SELECT * FROM messages WHERE room_id = $1 AND id = $2", int(room.id), message_uuid(key)
    )


async def test_a_message_is_published_then_saved_with_the_same_place_and_id(tea: World) -> None:
    aoi = await tea.member("Aoi")
    room = await tea.room()

    reply = await comments.post(tea.ctx, aoi, {**said("hello"), "room": room.id})
    await tea.save()

    (published,) = await tea.window(room)
    saved = await row(tea, room, reply["id"])
    assert reply["verdict"] == "allow"
    assert (published.key, published.offset, published.at) == (
        reply["id"],
        reply["offset"],
        reply["at"],
    )
    assert (saved["text"], saved["offset"], saved["epoch"]) == (
        "hello",
        reply["offset"],
        reply["epoch"],
    )
    assert (saved["author"], saved["author_rank"], saved["state"]) == (aoi.id, 20, "visible")
    assert await tea.dead_letters() == []


async def test_a_guest_becomes_a_row_with_the_first_message(tea: World) -> None:
    ken = tea.guest("Ken")
    await tea.room()
    assert await tea.db.value("SELECT count(*) FROM guests") == 0

    await comments.post(tea.ctx, ken, said("hi", "c1"))
    await comments.post(tea.ctx, ken, said("there", "c2"))
    await tea.save()

    assert await tea.db.value("SELECT name FROM guests WHERE id = $1", ken.id) == "Ken"
    assert await tea.db.value("SELECT count(*) FROM messages WHERE guest_id = $1", ken.id) == 2


async def test_a_repetition_gets_the_first_answer_and_makes_one_row(tea: World) -> None:
    aoi = await tea.member("Aoi")
    room = await tea.room()

    first = await comments.post(tea.ctx, aoi, said("hello"))
    again = await asyncio.gather(*(comments.post(tea.ctx, aoi, said("hello")) for _ in range(3)))
    other = await refused(comments.post(tea.ctx, aoi, said("something else")))
    await tea.save()

    assert all(reply == first for reply in again)
    assert other.code == "duplicate_conflict"
    assert len(await tea.window(room)) == 1
    assert await tea.db.value("SELECT count(*) FROM messages") == 1


async def test_two_people_may_choose_the_same_client_message_id(tea: World) -> None:
    aoi, ken = await tea.member("Aoi"), await tea.member("Ken")
    await tea.room()

    first = await comments.post(tea.ctx, aoi, said("mine"))
    second = await comments.post(tea.ctx, ken, said("and mine"))
    await tea.save()

    assert first["id"] != second["id"]
    texts = await tea.db.all('SELECT text FROM messages ORDER BY "offset"')
    assert [r["text"] for r in texts] == ["mine", "and mine"]


async def test_the_same_client_message_id_in_two_rooms_makes_two_messages(tea: World) -> None:
    aoi = await tea.member("Aoi")
    one, two = await tea.room("one"), await tea.room("two")

    for room in (one, two):
        await comments.post(tea.ctx, aoi, {**said("hello"), "room": room.id})
    await tea.save()

    assert await tea.db.value("SELECT count(*) FROM messages") == 2


async def test_a_nameless_reader_and_a_guest_in_a_members_room_may_not_post(tea: World) -> None:
    room = await tea.room(min_rank=20)
    nameless = Viewer(address="192.0.2.1")

    assert (await refused(comments.post(tea.ctx, nameless, said("x")))).code == "unauthenticated"
    assert (await refused(comments.post(tea.ctx, tea.guest("Ken"), said("x")))).code == "forbidden"
    assert await tea.window(room) == []


async def test_the_engines_mode_holds_although_this_process_has_not_heard_of_it(
    tea: World,
) -> None:
    """A gateway whose cache is behind must not let anybody in."""
    ken = tea.guest("Ken")
    room = await tea.room()
    await tea.ctx.redis.flushall()
    await tea.db.run("UPDATE rooms SET min_rank = 40")

    told = await refused(comments.post(tea.ctx, ken, said("x")))

    assert told.code == "room_closed"
    assert await tea.window(room) == []


@pytest.mark.parametrize("more", [{}, {"question": True}, {"reply_to": True}])
async def test_what_redis_forgot_and_postgres_has_is_not_said_twice(
    tea: World, more: dict[str, Any]
) -> None:
    aoi, room = await tea.member("Aoi"), await tea.room()
    if more.get("reply_to"):
        more = {"reply_to": (await comments.post(tea.ctx, aoi, said("before", "c0")))["id"]}
    first = await comments.post(tea.ctx, aoi, said("hello", **more))
    await tea.save()
    await tea.ctx.redis.flushall()

    again = await comments.post(tea.ctx, aoi, said("hello", **more))
    other = await refused(comments.post(tea.ctx, aoi, said("something else", **more)))

    assert again == first
    assert other.code == "duplicate_conflict"
    assert await tea.window(room) == []


async def test_what_was_edited_before_redis_forgot_it_has_one_row_still(tea: World) -> None:
    aoi, room = await tea.member("Aoi"), await tea.room()
    first = await comments.post(tea.ctx, aoi, said("hello"))
    await comments.edit(tea.ctx, aoi, {"room": room.id, "id": first["id"], "text": "better"})
    await tea.save()
    await tea.ctx.redis.flushall()

    await comments.post(tea.ctx, aoi, said("hello"))
    await tea.save()

    assert [row["text"] for row in await tea.db.all("SELECT text FROM messages")] == ["better"]


async def test_slow_mode_is_told_with_the_time_to_wait_and_spares_the_team(tea: World) -> None:
    aoi, ren = await tea.member("Aoi"), await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    await rooms.set_slow(tea.ctx, ren, {"room": room.id, "seconds": 60})
    await comments.post(tea.ctx, aoi, said("one", "c1"))

    told = await refused(comments.post(tea.ctx, aoi, said("two", "c2")))
    for n in range(8):
        await comments.post(tea.ctx, ren, said("staff", f"s{n}"))

    assert told.code == "slow_mode"
    assert 0 < (told.retry_after or 0) <= 60_000


async def test_six_posts_in_ten_seconds_are_too_many(tea: World) -> None:
    aoi = await tea.member("Aoi")
    await tea.room()
    for n in range(5):
        await comments.post(tea.ctx, aoi, said("x", f"c{n}"))

    told = await refused(comments.post(tea.ctx, aoi, said("x", "c5")))

    assert told.code == "rate_limited"
    assert 0 < (told.retry_after or 0) <= 10_000


async def test_a_reply_names_the_author_it_answers_and_quotes_by_reference(tea: World) -> None:
    aoi, ken = await tea.member("Aoi"), await tea.member("Ken")
    room = await tea.room()
    first = await comments.post(tea.ctx, aoi, said("a question"))

    await comments.post(tea.ctx, ken, said("an answer", reply_to=first["id"]), await tea.find(room))
    await tea.save()

    page = await history.page(tea.db, int(room.id))
    answer = page.messages[1].as_json()
    assert answer["reply_to"] == {"id": first["id"], "name": "Aoi", "text": "a question"}
    body = msgpack.unpackb((await tea.window(room))[1].body)
    assert body["reply_to"] == {"id": first["id"], "name": "Aoi"}


async def test_a_quote_goes_when_the_quoted_message_goes(tea: World) -> None:
    aoi, ken = await tea.member("Aoi"), await tea.member("Ken")
    room = await tea.room()
    first = await comments.post(tea.ctx, aoi, said("regret"))
    await comments.post(tea.ctx, ken, said("what?", reply_to=first["id"]))

    await comments.delete(tea.ctx, aoi, {"room": room.id, "id": first["id"]})
    await tea.save()

    deleted, answer = (m.as_json() for m in (await history.page(tea.db, int(room.id))).messages)
    assert (deleted["text"], deleted["state"]) == (None, "deleted")
    assert answer["reply_to"]["text"] is None


async def test_an_answer_to_nothing_is_refused(tea: World) -> None:
    aoi = await tea.member("Aoi")
    await tea.room()

    told = await refused(comments.post(tea.ctx, aoi, said("x", reply_to="A" * 22)))

    assert (told.code, told.details["field"]) == ("invalid", "reply_to")


@pytest.mark.parametrize("saved_before", [True, False])
@pytest.mark.parametrize("with_tail", [True, False])
async def test_an_author_edits_wherever_the_message_is_known(
    tea: World, saved_before: bool, with_tail: bool
) -> None:
    """In the hub's tail, in Postgres, or only in the log and the recovery window."""
    aoi = await tea.member("Aoi")
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("helo"))
    if saved_before:
        await tea.save()
    find = await tea.find(room) if with_tail else comments.nothing_near

    edited = {"room": room.id, "id": posted["id"], "text": "hello"}
    reply = await comments.edit(tea.ctx, aoi, edited, find)
    await tea.save()

    saved = await row(tea, room, posted["id"])
    assert reply["offset"] == posted["offset"] + 1
    assert (saved["text"], saved["edited_at"] is not None) == ("hello", True)
    assert (await history.page(tea.db, int(room.id))).messages[0].edited


async def test_nobody_edits_or_deletes_the_message_of_another(tea: World) -> None:
    aoi, ken = await tea.member("Aoi"), await tea.member("Ken", Rank.OWNER)
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("hello"))
    args = {"room": room.id, "id": posted["id"], "text": "changed"}

    for find in (await tea.find(room), comments.nothing_near):
        assert (await refused(comments.edit(tea.ctx, ken, args, find))).code == "forbidden"
        assert (await refused(comments.delete(tea.ctx, ken, args, find))).code == "forbidden"

    assert len(await tea.window(room)) == 1


async def test_after_five_minutes_it_is_too_late(tea: World) -> None:
    aoi = await tea.member("Aoi")
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("hello"))
    args = {"room": room.id, "id": posted["id"], "text": "changed"}

    tea.clock.advance(EDIT_MS + 1000)

    assert (await refused(comments.edit(tea.ctx, aoi, args))).code == "too_late"
    assert (await refused(comments.delete(tea.ctx, aoi, args))).code == "too_late"


async def test_a_deleted_message_leaves_no_text_in_the_database(tea: World) -> None:
    aoi = await tea.member("Aoi")
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("regret"))
    args = {"room": room.id, "id": posted["id"]}

    await comments.delete(tea.ctx, aoi, args)
    again = await refused(comments.delete(tea.ctx, aoi, args, await tea.find(room)))
    await tea.save()

    saved = await row(tea, room, posted["id"])
    assert (saved["state"], saved["text"], saved["tokens"]) == ("deleted", "", None)
    assert again.code == "not_found"


async def test_an_edit_of_what_a_moderator_has_hidden_is_refused(tea: World) -> None:
    aoi = await tea.member("Aoi")
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("hello"))
    await tea.save()
    await tea.db.run("UPDATE messages SET state = 'hidden'")

    args = {"room": room.id, "id": posted["id"], "text": "again"}

    assert (await refused(comments.edit(tea.ctx, aoi, args))).code == "not_found"


@pytest.mark.parametrize("saved_before", [True, False])
@pytest.mark.parametrize("with_tail", [True, False])
async def test_a_purged_author_cannot_say_it_again_by_an_edit(
    tea: World, saved_before: bool, with_tail: bool
) -> None:
    """The purge may still be on its way to the database: only the tail knows of it."""
    aoi, ren = await tea.member("Aoi"), await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("spam"))
    if saved_before:
        await tea.save()
        await tea.close()
    await hiding.purge(tea.ctx, ren, aoi.id or "", room=room.id)
    find = await tea.find(room) if with_tail or saved_before else comments.nothing_near

    args = {"room": room.id, "id": posted["id"], "text": "spam again"}

    assert (await refused(comments.edit(tea.ctx, aoi, args, find))).code == "not_found"
    assert len(await tea.window(room)) == 2


async def test_a_rejected_text_is_told_and_never_published(tea: World) -> None:
    await listed(tea)
    aoi = await tea.member("Aoi")
    room = await tea.room()

    told = await refused(comments.post(tea.ctx, aoi, said("an awful thing")))

    assert told.code == "invalid"
    assert await tea.window(room) == []


async def test_a_held_message_has_a_row_and_no_place(tea: World) -> None:
    await listed(tea)
    ken = tea.guest("Ken")
    room = await tea.room()

    reply = await comments.post(tea.ctx, ken, said("a secret thing"))

    saved = await row(tea, room, reply["id"])
    assert reply == {"id": reply["id"], "verdict": "held"}
    assert (saved["state"], saved["offset"], saved["epoch"]) == ("held", None, None)
    assert (saved["author"], saved["text"]) == (ken.id, "a secret thing")
    assert await tea.window(room) == []
    assert (await history.page(tea.db, int(room.id))).messages == []
    waiting = await history.waiting(tea.db, int(room.id), ken)
    assert [(w.id, w.text) for w in waiting] == [(reply["id"], "a secret thing")]
    assert await history.waiting(tea.db, int(room.id), tea.guest("Other")) == []
    assert await history.waiting(tea.db, int(room.id), Viewer()) == []


async def test_a_repetition_of_a_held_message_makes_no_second_one(tea: World) -> None:
    await listed(tea)
    aoi = await tea.member("Aoi")
    await tea.room()

    first = await comments.post(tea.ctx, aoi, said("a secret"))
    again = await comments.post(tea.ctx, aoi, said("a secret"))
    other = await refused(comments.post(tea.ctx, aoi, said("another secret")))

    assert again == first
    assert other.code == "duplicate_conflict"
    assert await tea.db.value("SELECT count(*) FROM messages") == 1
    assert await tea.db.value("SELECT count(*) FROM reviews") == 1


async def test_an_approved_message_is_published_and_saved_under_its_first_id(tea: World) -> None:
    await listed(tea)
    aoi, ren = await tea.member("Aoi"), await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    held = await comments.post(tea.ctx, aoi, said("a secret"))

    await review.approve(tea.ctx, ren, held["id"])
    await tea.save()
    repeated = await comments.post(tea.ctx, aoi, said("a secret"))

    (published,) = await tea.window(room)
    saved = await row(tea, room, held["id"])
    assert (published.key, published.publisher) == (held["id"], aoi.id)
    assert (saved["state"], saved["offset"]) == ("visible", published.offset)
    assert (repeated["id"], repeated["verdict"]) == (held["id"], "allow")
    assert repeated["offset"] == published.offset
    assert [m.text for m in (await history.page(tea.db, int(room.id))).messages] == ["a secret"]


async def test_the_author_withdraws_what_is_held(tea: World) -> None:
    await listed(tea)
    aoi = await tea.member("Aoi")
    room = await tea.room()
    held = await comments.post(tea.ctx, aoi, said("a secret"))

    await comments.delete(tea.ctx, aoi, {"room": room.id, "id": held["id"]})

    saved = await row(tea, room, held["id"])
    assert (saved["state"], saved["text"]) == ("rejected", "")
    assert await tea.window(room) == []


async def test_an_edit_is_judged_like_a_new_message(tea: World) -> None:
    await listed(tea)
    aoi = await tea.member("Aoi")
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("hello"))
    args = {"room": room.id, "id": posted["id"]}

    rejected = await refused(comments.edit(tea.ctx, aoi, {**args, "text": "awful"}))
    held = await comments.edit(tea.ctx, aoi, {**args, "text": "a secret"})
    await tea.save()

    assert rejected.code == "invalid"
    assert held == {"id": posted["id"], "verdict": "held"}
    assert (await row(tea, room, posted["id"]))["text"] == "hello"
    assert len(await tea.window(room)) == 1


async def test_live_comments_carry_the_broadcast_and_end_with_it(tea: World) -> None:
    yui, aoi = await tea.member("Yui", Rank.HOST), await tea.member("Aoi")
    room = await tea.room("shop", "live")
    number = await tea.showing(room, yui)

    posted = await comments.post(tea.ctx, aoi, said("hello"))
    await tea.save()
    await tea.db.run("UPDATE broadcasts SET state = 'ended', ended_at = now()")
    tea.ctx.of(RoomCache).forget(room.id)
    told = await refused(comments.post(tea.ctx, aoi, said("late", "c2")))

    assert (await row(tea, room, posted["id"]))["broadcast_id"] == number
    assert told.code == "room_closed"


async def test_who_is_answered_or_named_gets_a_notice(tea: World) -> None:
    aoi, ken, mio = [await tea.member(name) for name in ("Aoi", "Ken", "Mio")]
    room = await tea.room()
    await tea.ctx.broker.subscribe(f"{room.channel}:notice")
    first = await comments.post(tea.ctx, aoi, said("hello"))

    await comments.post(tea.ctx, ken, said("@Mio @Ken look", "c2", reply_to=first["id"]))

    await until(lambda: len(tea.heard) == 2)
    notices = {p.key: msgpack.unpackb(p.body) for _, p in tea.heard}
    assert set(notices) == {aoi.id, mio.id}
    assert notices[aoi.id]["event"] == "mentioned"
    assert notices[aoi.id]["author"]["name"] == "Ken"


async def test_typing_passes_in_topic_rooms_and_is_never_kept(tea: World) -> None:
    aoi = await tea.member("Aoi")
    room = await tea.room()
    await tea.ctx.broker.subscribe(room.channel)

    await comments.typing(tea.ctx, aoi, {"room": room.id})

    await until(lambda: tea.heard)
    body = msgpack.unpackb(tea.heard[0][1].body)
    assert body == {"event": "typing.started", "person": {"id": aoi.id, "name": "Aoi"}}
    assert await tea.window(room) == []


async def test_a_pinned_comment_reads_as_it_is_now_and_goes_when_it_is_hidden(
    tea: World,
) -> None:
    aoi, ren = await tea.member("Aoi"), await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    cache = tea.ctx.of(RoomCache)
    posted = await comments.post(tea.ctx, aoi, said("helo"))
    key = {"room": room.id, "id": posted["id"]}

    await comments.pin(tea.ctx, ren, key, await tea.find(room))
    await tea.save()
    cache.forget()
    pinned = (await cache.room(room.id)).pinned
    tea.told.clear()
    await comments.edit(tea.ctx, aoi, {**key, "text": "hello"})
    await tea.save()
    edited = (await cache.room(room.id)).pinned
    await hiding.hide(tea.ctx, ren, room.id, posted["id"])
    await tea.save()
    await sweep(tea.ctx, older_than=0)

    await until(lambda: len(tea.told) >= 2)
    assert pinned is not None
    assert (pinned.id, pinned.author, pinned.text) == (posted["id"], aoi.id, "helo")
    assert edited is not None
    assert (await cache.room(room.id)).pinned is None
    bodies = [msgpack.unpackb(p.body) for p in await tea.window(room)]
    assert (bodies[1]["event"], bodies[1]["text"]) == ("comment.pinned", "helo")
    assert await tea.db.value("SELECT count(*) FROM audit_log WHERE action = 'pin'") == 1


async def test_a_pin_is_taken_off_once_and_by_the_team_only(tea: World) -> None:
    aoi, ren = await tea.member("Aoi"), await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("hello"))
    key = {"room": room.id, "id": posted["id"]}

    assert (await refused(comments.pin(tea.ctx, aoi, key))).code == "forbidden"
    await comments.pin(tea.ctx, ren, key)
    for _ in range(2):
        await comments.unpin(tea.ctx, ren, {"room": room.id})

    events = [msgpack.unpackb(p.body)["event"] for p in await tea.window(room)]
    assert events == ["comment.posted", "comment.pinned", "comment.unpinned"]
    assert (await refused(comments.pin(tea.ctx, ren, {**key, "id": "A" * 22}))).code == "not_found"


async def test_edits_and_deletions_faster_than_people_are_refused(tea: World) -> None:
    aoi = await tea.member("Aoi")
    room = await tea.room()
    posted = await comments.post(tea.ctx, aoi, said("hello"))
    args = {"room": room.id, "id": posted["id"], "text": "hello"}
    for _ in range(10):
        await comments.edit(tea.ctx, aoi, args)

    for action in (comments.edit, comments.delete):
        told = await refused(action(tea.ctx, aoi, args))
        assert (told.code, (told.retry_after or 0) > 0) == ("rate_limited", True)

    tea.clock.advance(10_000)
    await comments.delete(tea.ctx, aoi, args)


async def test_a_database_that_does_not_answer_delays_no_post_that_names_somebody(
    settings: Settings,
) -> None:
    async with world(settings) as w:
        aoi = await w.member("Aoi")
        room = await w.room()
        await comments.post(w.ctx, aoi, said("warm the caches"))
        await w.db.close()

        reply = await comments.post(w.ctx, aoi, said("@Ken are you there?", "c2"))

    assert (reply["verdict"], reply["offset"]) == ("allow", 2)
    assert room.id == "1"


async def test_at_the_backlog_cap_a_topic_refuses_and_a_broadcast_says_unsaved(
    settings: Settings,
) -> None:
    async with world(settings, backlog_cap=1) as w:
        aoi, yui = await w.member("Aoi"), await w.member("Yui", Rank.HOST)
        topic, shop = await w.room("tea"), await w.room("shop", "live")
        await w.showing(shop, yui)
        replies = []
        for n in range(2):
            args = {**said("x", f"c{n}"), "room": shop.id}
            replies.append(await comments.post(w.ctx, aoi, args))
        first = await comments.post(w.ctx, aoi, {**said("x"), "room": topic.id})

        told = await refused(comments.post(w.ctx, aoi, {**said("x", "c2"), "room": topic.id}))

    assert [reply.get("unsaved") for reply in replies] == [None, True]
    assert (first["verdict"], told.code) == ("allow", "backlog")


async def test_a_busy_room_says_so(settings: Settings) -> None:
    async with world(settings, channel_rate=3) as w:
        people = [await w.member(name) for name in ("Aoi", "Ken", "Mio", "Ren", "Yui")]
        await w.room()

        results = await asyncio.gather(
            *(comments.post(w.ctx, person, said("x")) for person in people), return_exceptions=True
        )

    busy = [r for r in results if isinstance(r, Refused)]
    assert {r.code for r in busy} == {"room_busy"}
    assert all(r.retry_after for r in busy)
