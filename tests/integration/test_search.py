"""The search on real servers: what is said, asked and answered, and who may find it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from moderation.rules import Rank
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.questions import actions as questions
from rooms.rules import Room
from rooms.search import actions
from rooms.search.reads import TokenStatistics, search
from rooms.search.rules import Filters, Hit
from server.context import Viewer
from server.errors import Refused
from server.outbox import sweep
from server.settings import Settings
from tests.integration.world import World, world


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[World]:
    async with world(settings, post_rate=settings.post_rate._replace(most=1000)) as w:
        yield w


async def say(w: World, room: Room, viewer: Viewer, text: str, **more: Any) -> str:
    args = {"room": room.id, "text": text, "client_message_id": secrets.token_hex(8), **more}
    return str((await comments.post(w.ctx, viewer, args))["id"])


async def ask(w: World, room: Room, viewer: Viewer, text: str) -> str:
    key = await say(w, room, viewer, text, question=True)
    await settle(w)
    return key


async def settle(w: World) -> None:
    """Save what was said, publish what that announces, and save that too."""
    await w.save()
    await sweep(w.ctx, older_than=0)
    await w.save()


async def answered(w: World, room: Room, host: Viewer, key: str, text: str) -> None:
    await questions.answer(w.ctx, host, {"room": room.id, "id": key, "text": text})
    await settle(w)


def marked(text: str, spans: tuple[tuple[int, int], ...]) -> list[str]:
    return [text[start:end] for start, end in spans]


async def texts(w: World, viewer: Viewer, text: str, **filters: Any) -> list[str]:
    return [hit.text for hit in await search(w.ctx, viewer, text, Filters(**filters))]


async def test_what_was_said_is_found_in_its_place_with_marks(town):
    room, mio = await town.room("tea"), await town.member("Mio")
    await say(town, room, mio, "敏感肌でも使えますか")
    key = await say(town, room, mio, "ＳＰＦ５０の日焼け止めを使っています")
    await settle(town)

    [hit] = await search(town.ctx, Viewer(), "SPF50 日焼け止め")

    assert (hit.kind, hit.id, hit.room_slug, hit.author["name"]) == ("message", key, "tea", "Mio")
    assert marked(hit.text, hit.marks) == ["ＳＰＦ５０", "日焼け止め"]


async def test_an_answered_question_stands_above_comments_that_say_the_same(town):
    host = await town.member("Kotoha", Rank.HOST)
    room, mio = await town.room("tea"), await town.member("Mio")
    key = await ask(town, room, mio, "Can I use the serum in the morning as well?")
    await answered(town, room, host, key, "Yes, and use sunscreen after the serum.")
    for _ in range(3):
        await say(town, room, mio, "serum in the morning")
    await settle(town)

    first, second, *_ = await search(town.ctx, Viewer(), "serum in the morning")

    assert (first.kind, first.id, second.kind) == ("answer", key, "message")
    assert first.answer == "Yes, and use sunscreen after the serum."
    assert first.answer_author == {"id": host.id, "name": "Kotoha", "role": "host"}
    assert "serum" in marked(first.answer, first.answer_marks)


async def test_without_the_boost_only_the_words_count(town):
    host = await town.member("Kotoha", Rank.HOST)
    room, mio = await town.room("tea"), await town.member("Mio")
    key = await ask(town, room, mio, "Can I use the serum in the morning as well?")
    await answered(town, room, host, key, "Yes, and use sunscreen after the serum.")
    await say(town, room, mio, "serum in the morning")
    await settle(town)

    first, *_ = await search(town.ctx, Viewer(), "serum in the morning", boost=False)

    assert first.kind == "message"


async def test_a_question_is_found_by_the_words_of_its_answer(town):
    host = await town.member("Kotoha", Rank.HOST)
    room, mio = await town.room("tea"), await town.member("Mio")
    key = await ask(town, room, mio, "How long does it last?")
    await answered(town, room, host, key, "Six months after opening, in the fridge.")

    [hit] = await search(town.ctx, Viewer(), "fridge")

    assert (hit.kind, hit.id) == ("answer", key)
    await answered(town, room, host, key, "Six months, kept cool.")
    assert await search(town.ctx, Viewer(), "fridge") == []


async def test_an_edited_question_is_found_by_its_new_words_alone(town):
    room, mio = await town.room("tea"), await town.member("Mio")
    key = await ask(town, room, mio, "Is it vegan?")
    args = {"room": room.id, "id": key, "text": "Is it organic?"}
    await comments.edit(town.ctx, mio, args, await town.find(room))
    await settle(town)

    assert await texts(town, Viewer(), "organic") == ["Is it organic?"]
    assert await texts(town, Viewer(), "vegan") == []


async def test_what_is_hidden_or_in_a_room_one_may_not_see_is_not_found(town):
    mio, ren = await town.member("Mio"), await town.member("Ren", Rank.MODERATOR)
    tea, staff = await town.room("tea"), await town.room("back", visibility="staff")
    inner = await town.room("members", visibility="members")
    for room, viewer in ((tea, mio), (inner, mio), (staff, ren)):
        await say(town, room, viewer, f"refill in {room.slug}")
    hidden = await say(town, tea, mio, "refill that is hidden")
    await settle(town)
    await town.db.run("UPDATE messages SET state = 'hidden' WHERE text LIKE '%hidden'")

    assert await texts(town, Viewer(), "refill") == ["refill in tea"]
    assert sorted(await texts(town, mio, "refill")) == ["refill in members", "refill in tea"]
    assert len(await texts(town, ren, "refill")) == 3
    assert hidden
    with pytest.raises(Refused) as caught:
        await search(town.ctx, mio, "refill", Filters(room=staff.id))
    assert caught.value.code == "not_found"


async def test_filters_narrow_by_room_author_time_and_answer(town):
    host, mio = await town.member("Kotoha", Rank.HOST), await town.member("Mio")
    tea, cup = await town.room("tea"), await town.room("cup")
    await say(town, tea, mio, "glass in tea")
    await say(town, cup, host, "glass in cup")
    open_key = await ask(town, tea, mio, "glass or plastic?")
    done_key = await ask(town, cup, mio, "glass or paper?")
    await answered(town, cup, host, done_key, "Paper.")
    long_ago = datetime.now(UTC) - timedelta(days=9)
    await town.db.run("UPDATE messages SET at = $1 WHERE text = 'glass in tea'", long_ago)

    async def found(**filters: Any) -> set[str]:
        return set(await texts(town, Viewer(), "glass", **filters))

    assert await found(room=tea.id) == {"glass in tea", "glass or plastic?"}
    assert await found(author=host.id) == {"glass in cup", "glass or paper?"}
    assert await found(until=long_ago + timedelta(days=1)) == {"glass in tea"}
    assert "glass in tea" not in await found(since=long_ago + timedelta(days=1))
    assert await found(answered=True) == {"glass or paper?"}
    assert await found(answered=False) == {"glass or plastic?"}
    assert open_key


async def test_a_dismissed_question_is_found_as_what_was_said(town):
    host, mio = await town.member("Kotoha", Rank.HOST), await town.member("Mio")
    room = await town.room("tea")
    key = await ask(town, room, mio, "glass or plastic?")
    await questions.dismiss(town.ctx, host, {"room": room.id, "id": key})

    [hit] = await search(town.ctx, Viewer(), "plastic")

    assert hit.kind == "message"


async def test_the_second_of_the_recording_is_told(town):
    host, mio = await town.member("Kotoha", Rank.HOST), await town.member("Mio")
    room = await town.room("evening", "live")
    await town.showing(room, host)
    room = await town.ctx.of(RoomCache).room(room.id)
    await say(town, room, mio, "what a colour")
    key = await ask(town, room, mio, "which colour is it?")
    await questions.answer(town.ctx, host, {"room": room.id, "id": key, "live": True})
    await settle(town)
    await town.db.run("UPDATE broadcasts SET started_at = started_at - interval '90 s'")

    answer, comment = await search(town.ctx, Viewer(), "colour")

    assert (answer.kind, answer.answer, answer.broadcast_title) == ("answer", None, "Evening")
    assert answer.answer_second is not None and answer.answer_second >= 0
    assert comment.second is not None and 90 <= comment.second < 120


async def test_typos_in_any_script_still_find_it(town):
    room, mio = await town.room("tea"), await town.member("Mio")
    said = [
        "Where is my replacement shipment?",
        "メイクの上から日焼け止めを塗り直すには",
        "متى تصل الشحنة الجديدة؟",
        "สินค้าจัดส่งเมื่อไหร่คะ",
    ]
    for text in said:
        await say(town, room, mio, text)
    await settle(town)

    typed = (
        "replacment shipmnt",
        "メークの上から日焼止めを塗る",
        "متي تصل الشحنه الجديده",
        "สินคาจัดส่งเมือไหร่",
    )

    assert [(await texts(town, Viewer(), text))[:1] for text in typed] == [[text] for text in said]


@pytest.mark.parametrize("text", ["", "   ", "x" * 201, "a\x00b"])
async def test_an_empty_or_too_long_question_is_invalid(town, text):
    with pytest.raises(Refused) as caught:
        await search(town.ctx, Viewer(), text)

    assert caught.value.code == "invalid"


@pytest.mark.parametrize("text", ["😀", "؟!", "'", "\\", ":*", "' | 'a", "a & !b <-> c", "%_"])
async def test_signs_have_no_meaning_of_their_own(town, text):
    room, mio = await town.room("tea"), await town.member("Mio")
    await say(town, room, mio, "a cup of tea")
    await settle(town)

    found: list[Hit] = await search(town.ctx, Viewer(), text)

    assert all(hit.text == "a cup of tea" for hit in found)


async def test_statistics_are_made_after_a_thousand_rows_and_again_after_growth(town):
    room, mio = await town.room("tea"), await town.member("Mio")
    await _fill(town, room, mio, 999)
    assert await _analysed(town) == []
    await _fill(town, room, mio, 1)
    assert await _analysed(town) == ["messages"]
    assert await _analysed(town) == []
    await _fill(town, room, mio, 500)
    assert await _analysed(town) == []
    await _fill(town, room, mio, 500)
    assert await _analysed(town) == ["messages"]

    await town.db.run("SELECT pg_stat_reset_single_table_counters('messages'::regclass)")
    statistics = await town.ctx.of(TokenStatistics).now()

    assert statistics.rows == 2000
    assert statistics.frequency("tea") == pytest.approx(2000, rel=0.01)
    assert statistics.frequency("neverSaid") < 20
    assert statistics.least_id(0.5) is not None


async def test_new_entries_are_taken_into_the_index(town):
    room, mio = await town.room("tea"), await town.member("Mio")
    await town.db.run("ALTER TABLE messages SET (autovacuum_enabled = off)")
    await _fill(town, room, mio, 300)

    await actions.fold(town.ctx)

    assert await town.db.value("SELECT gin_clean_pending_list('messages_tokens')") == 0
    assert len(await search(town.ctx, Viewer(), "tea", limit=100)) == 100


async def _analysed(w: World) -> list[str]:
    # The counters that are looked at are written when a connection has been idle.
    await w.db.run("SELECT pg_stat_force_next_flush()")
    return await actions.analyse(w.ctx)


async def _fill(w: World, room: Room, viewer: Viewer, count: int) -> None:
    async with w.db.transaction() as t:
        await t.run(
            """INSERT INTO messages (room_id, id, member_id, author_name, author_rank,
                                     client_message_id, text, epoch, "offset", at, tokens)
               SELECT $1, gen_random_uuid(), $2, 'x', 20, gen_random_uuid()::text, 'tea', 1, n,
                      now(), ('tea w' || n % 50)::tsvector FROM generate_series(1, $3) AS n""",
            int(room.id),
            int((viewer.id or "")[1:]),
            count,
        )
        await t.run("SELECT pg_stat_force_next_flush()")
