"""Comments and messages on real servers: who may post, what is told, and what is saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from moderation.rules import Rank
from rooms import actions as rooms
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.history import reads as history
from server.context import Viewer
from server.errors import Refused
from server.settings import Settings
from tests.integration.channels import until
from tests.integration.remarks import refused, row, said
from tests.integration.world import World, world


@pytest.fixture
async def tea(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


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
