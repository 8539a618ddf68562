"""Questions on real servers: asked, voted for, shown, answered, and hidden with their message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from moderation.rules import Rank
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.questions import actions, reads
from rooms.rules import Room
from server.context import Viewer
from server.errors import Refused
from server.outbox import sweep
from server.settings import Settings
from tests.integration.world import World, world


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


async def refused(call: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    return caught.value


async def ask(w: World, room: Room, viewer: Viewer, text: str, *, question: bool = True) -> str:
    reply = await comments.post(
        w.ctx,
        viewer,
        {
            "room": room.id,
            "text": text,
            "client_message_id": f"c{abs(hash(text))}"[:30],
            "question": question,
        },
    )
    await w.save()
    await sweep(w.ctx, older_than=0)
    return str(reply["id"])


async def events(w: World, room: Room) -> list[dict[str, Any]]:
    return [msgpack.unpackb(entry.body) for entry in await w.window(room)]


async def passing(w: World, room: Room, *, until: str) -> list[dict[str, Any]]:
    """Give what passed on a room's channel before an event."""
    async with asyncio.timeout(5):
        while True:
            heard = [msgpack.unpackb(p.body) for channel, p in w.heard if channel == room.channel]
            names = [body["event"] for body in heard]
            if until in names:
                return heard[: names.index(until)]
            await asyncio.sleep(0.01)


async def evening(w: World) -> tuple[Room, Viewer, Viewer]:
    host = await w.member("Kotoha", Rank.HOST)
    room = await w.room("evening", "live")
    await w.showing(room, host)
    room = await w.ctx.of(RoomCache).room(room.id)
    return room, host, await w.member("Mio")


async def test_a_question_is_saved_with_its_message_and_then_announced(town):
    room, _, mio = await evening(town)

    key = await ask(town, room, mio, "敏感肌でも使えますか?")

    found = await reads.question(town.db, key)
    assert (found.text, found.state, found.author["name"]) == (
        "敏感肌でも使えますか?",
        "open",
        "Mio",
    )
    assert found.broadcast_id is not None
    assert [event["event"] for event in await events(town, room)] == [
        "comment.posted",
        "question.asked",
    ]
    assert (await events(town, room))[1]["id"] == key
    assert await town.dead_letters() == []


async def test_a_comment_is_no_question_until_somebody_of_the_staff_says_so(town):
    room, host, mio = await evening(town)
    key = await ask(town, room, mio, "乾燥肌です", question=False)
    assert (await refused(reads.question(town.db, key))).code == "not_found"

    assert (await refused(actions.mark(town.ctx, mio, {"room": room.id, "id": key}))).code == (
        "forbidden"
    )
    await actions.mark(town.ctx, host, {"room": room.id, "id": key})
    await actions.mark(town.ctx, host, {"room": room.id, "id": key})

    assert (await reads.question(town.db, key)).state == "open"
    asked = [event for event in await events(town, room) if event["event"] == "question.asked"]
    assert len(asked) == 1


async def test_votes_count_once_a_viewer_and_can_be_taken_back(town):
    room, _, mio = await evening(town)
    key = await ask(town, room, mio, "香りはありますか?")
    voters = [mio, town.guest("Alex"), town.guest("Sara")]

    for viewer in (*voters, *voters):
        await actions.vote(town.ctx, viewer, {"room": room.id, "id": key})
    await town.save()
    assert (await reads.question(town.db, key)).votes == 3

    await actions.vote(town.ctx, mio, {"room": room.id, "id": key}, removed=True)
    await town.save()
    assert (await reads.question(town.db, key)).votes == 2
    assert await reads.voted(town.db, room.id, mio.id) == set()
    assert await reads.voted(town.db, room.id, voters[1].id) == {key}
    assert await town.dead_letters() == []


async def test_viewers_are_told_a_count_once(town):
    room, _, mio = await evening(town)
    key = await ask(town, room, mio, "香りはありますか?")
    await actions.vote(town.ctx, mio, {"room": room.id, "id": key})
    await town.save()
    await town.ctx.broker.subscribe(room.channel)

    await actions.tell_votes(town.ctx)
    await actions.tell_votes(town.ctx)
    await town.ctx.broker.pass_on(room.channel, msgpack.packb({"event": "end"}))

    told = await passing(town, room, until="end")
    assert told == [{"event": "question.voted", "id": key, "votes": 1}]


async def test_an_answer_in_writing_and_one_given_live(town):
    room, host, mio = await evening(town)
    written = await ask(town, room, mio, "朝も使えますか?")
    spoken = await ask(town, room, mio, "毎日使えますか?")
    town.clock.advance(305_000)

    await actions.answer(town.ctx, host, {"room": room.id, "id": written, "text": "はい、朝も。"})
    reply = await actions.answer(town.ctx, host, {"room": room.id, "id": spoken, "live": True})

    assert 304 <= reply["second"] < 600
    first = (await reads.question(town.db, written)).answer
    second = (await reads.question(town.db, spoken)).answer
    assert first is not None and (first.text, first.second) == ("はい、朝も。", None)
    assert second is not None and second.text is None and second.second == reply["second"]
    assert first.author["role"] == "host"
    last = (await events(town, room))[-1]
    assert last["event"] == "question.answered" and last["answer"]["second"] == reply["second"]


async def test_an_answer_given_live_keeps_its_second_when_it_is_written_down(town):
    room, host, mio = await evening(town)
    key = await ask(town, room, mio, "毎日使えますか?")
    await actions.answer(town.ctx, host, {"room": room.id, "id": key, "live": True})

    await actions.answer(town.ctx, host, {"room": room.id, "id": key, "text": "はい、毎日。"})

    answer = (await reads.question(town.db, key)).answer
    assert answer is not None and answer.text == "はい、毎日。" and answer.second is not None


@pytest.mark.parametrize(
    "args", [{}, {"text": ""}, {"text": " "}, {"live": "yes"}, {"text": "x" * 2001}, {"text": 5}]
)
async def test_an_answer_that_says_nothing_is_refused(town, args):
    room, host, mio = await evening(town)
    key = await ask(town, room, mio, "毎日使えますか?")

    refusal = await refused(actions.answer(town.ctx, host, {"room": room.id, "id": key, **args}))

    assert refusal.code in ("invalid", "too_large")
    assert (await reads.question(town.db, key)).state == "open"


async def test_nothing_can_be_answered_live_while_no_broadcast_is_on(town):
    host = await town.member("Kotoha", Rank.HOST)
    room = await town.room()
    key = await ask(town, room, await town.member("Mio"), "加湿器はいくつ?")

    refusal = await refused(
        actions.answer(town.ctx, host, {"room": room.id, "id": key, "live": True})
    )

    assert refusal.details["field"] == "live"


async def test_one_question_is_on_the_stage_at_a_time(town):
    room, host, mio = await evening(town)
    first = await ask(town, room, mio, "一つ目の質問")
    second = await ask(town, room, mio, "二つ目の質問")

    await actions.show(town.ctx, host, {"room": room.id, "id": first})
    await actions.show(town.ctx, host, {"room": room.id, "id": second})

    shown = [q.id for q in await reads.listed(town.db, room.id) if q.shown]
    assert shown == [second]
    await actions.show(town.ctx, host, {"room": room.id, "id": None})
    assert not any(q.shown for q in await reads.listed(town.db, room.id))
    assert (await events(town, room))[-1] == {"event": "question.shown", "id": None}


async def test_a_dismissed_question_leaves_the_list_and_can_come_back(town):
    room, host, mio = await evening(town)
    key = await ask(town, room, mio, "宣伝してもいい?")

    await actions.dismiss(town.ctx, host, {"room": room.id, "id": key})
    await actions.dismiss(town.ctx, host, {"room": room.id, "id": key})

    assert await reads.listed(town.db, room.id) == []
    withdrawn = [e for e in await events(town, room) if e["event"] == "question.withdrawn"]
    assert len(withdrawn) == 1
    assert (
        await refused(actions.vote(town.ctx, mio, {"room": room.id, "id": key}))
    ).code == "not_found"
    await actions.mark(town.ctx, host, {"room": room.id, "id": key})
    assert [q.id for q in await reads.listed(town.db, room.id)] == [key]


async def test_a_deleted_message_takes_its_question_along(town):
    room, _, mio = await evening(town)
    key = await ask(town, room, mio, "やっぱりやめます")

    await comments.delete(town.ctx, mio, {"room": room.id, "id": key}, await town.find(room))
    await town.save()

    assert (await refused(reads.question(town.db, key))).code == "not_found"
    assert await reads.counts(town.db, room.id) == {"open": 0, "answered": 0}


async def test_a_viewer_does_not_do_the_hosts_work(town):
    room, _, mio = await evening(town)
    key = await ask(town, room, mio, "朝も使えますか?")
    here = {"room": room.id, "id": key}

    for call in (
        actions.answer(town.ctx, mio, {**here, "text": "はい"}),
        actions.show(town.ctx, mio, here),
        actions.dismiss(town.ctx, mio, here),
        actions.mark(town.ctx, mio, here),
    ):
        assert (await refused(call)).code == "forbidden"


@pytest.mark.parametrize("key", [None, 7, "", "short", "A" * 23, "../../etc/passwd------"])
async def test_what_is_no_question_is_refused(town, key):
    room, host, _ = await evening(town)

    for act in (actions.answer, actions.dismiss, actions.mark, actions.vote):
        refusal = await refused(act(town.ctx, host, {"room": room.id, "id": key, "text": "x"}))
        assert refusal.code in ("invalid", "not_found")


async def test_the_order_follows_votes_or_time(town):
    room, host, mio = await evening(town)
    old = await ask(town, room, mio, "一つ目の質問")
    new = await ask(town, room, mio, "二つ目の質問")
    await actions.vote(town.ctx, mio, {"room": room.id, "id": old})
    await town.save()

    assert [q.id for q in await reads.listed(town.db, room.id, "popular")] == [old, new]
    assert [q.id for q in await reads.listed(town.db, room.id, "new")] == [new, old]
    await actions.answer(town.ctx, host, {"room": room.id, "id": new, "text": "はい"})
    assert [q.id for q in await reads.listed(town.db, room.id, "answered")] == [new]
    assert await reads.counts(town.db, room.id) == {"open": 1, "answered": 1}


async def test_a_question_that_is_answered_leaves_the_stage(town):
    room, host, mio = await evening(town)
    key = await ask(town, room, mio, "朝も使えますか?")
    await actions.show(town.ctx, host, {"room": room.id, "id": key})

    await actions.answer(town.ctx, host, {"room": room.id, "id": key, "text": "はい"})

    assert (await events(town, room))[-1] == {"event": "question.shown", "id": None}
    assert not (await reads.question(town.db, key)).shown
