"""Under the heaviest flood no guaranteed class is left out, and nothing at all is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from moderation import hiding
from moderation.rules import Rank
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.questions import actions as questions
from rooms.rules import Room
from server.client import Missing, Refused
from server.context import Viewer
from server.outbox import sweep
from server.publication import Flag
from server.settings import Settings
from server.shedding import COOLDOWN_MS, Shedding, Step
from tests.integration.channels import until
from tests.integration.street import Street, Watcher, street
from tests.integration.world import World

LINES = 240


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Street]:
    async with street(settings) as town:
        yield town


async def post(w: World, room: Room, viewer: Viewer, text: str, **more: Any) -> str:
    args = {"room": room.id, "text": text, "client_message_id": f"c-{text}"[:36], **more}
    return str((await comments.post(w.ctx, viewer, args))["id"])


async def press(town: Street, watchers: list[Watcher], level: int) -> None:
    """Tell all gateways that one is under so much pressure, until their viewers know."""
    broker = town.world.ctx.broker

    def heard(watcher: Watcher) -> bool:
        levels = [body["level"] for body in watcher.passing if body["event"] == "load.changed"]
        return levels[-1:] == [level]

    async with asyncio.timeout(20):
        while not all(map(heard, watchers)):
            await broker.control({"type": "load", "from": "elsewhere", "level": level})
            await asyncio.sleep(0.1)


async def test_nothing_guaranteed_is_left_out_and_everything_is_in_the_full_feed_and_stored(
    town: Street,
) -> None:
    w = town.world
    host, moderator = await w.member("Yui", Rank.HOST), await w.member("Ken", Rank.MODERATOR)
    room = await w.room("shop", "live")
    await w.showing(room, host)
    room = await w.ctx.of(RoomCache).room(room.id)
    asked = await post(w, room, w.guest("Mio"), "how much?", question=True)
    bad = await post(w, room, w.guest("Rude"), "bad words")
    await w.save()
    await sweep(w.ctx, older_than=0)

    async with AsyncExitStack() as stack:
        watchers = [
            await stack.enter_async_context(Watcher(url, room, feed=feed))
            for url in town.urls
            for feed in ("full", "sampled")
        ]
        await press(town, watchers, Step.SAMPLE)

        async def crowd(first: int) -> None:
            people = (w.guest(f"Guest {n}") for n in range(first, first + LINES // 3))
            await asyncio.gather(*(post(w, room, one, one.name) for one in people))

        await crowd(0)
        kept = [await post(w, room, host, "welcome"), await post(w, room, moderator, "be kind")]
        await questions.answer(w.ctx, host, {"room": room.id, "id": asked, "text": "ten"})
        await crowd(100)
        await comments.pin(w.ctx, host, {"room": room.id, "id": kept[0]}, await w.find(room))
        await hiding.hide(w.ctx, moderator, room.id, bad)
        await crowd(200)
        last = await post(w, room, host, "that is all")
        await until(lambda: all(w.bodies and w.bodies[-1]["id"] == last for w in watchers))
        window = await w.window(room)
        await w.save()

    top = window[-1].offset
    guaranteed = {p.offset for p in window if Flag.KEEP in p.flags and p.offset > 2}
    for full in watchers[::2]:
        offsets = [item.offset for item in full.received]
        assert offsets == list(range(offsets[0], top + 1))
        assert not [item for item in full.items if isinstance(item, Missing)]
    for sampled in watchers[1::2]:
        shown = [item.offset for item in sampled.received]
        assert guaranteed <= set(shown)
        events = {item.body["event"] for item in sampled.received if item.body}
        assert {"question.answered", "comment.pinned", "comment.hidden"} <= events
        assert {*kept, last} <= {body.get("id") for body in sampled.bodies if body}
        missing = [item for item in sampled.items if isinstance(item, Missing)]
        assert {item.why for item in missing} == {"sampled"}
        # Every offset after the first was either shown or said to be left out.
        assert len(shown) + sum(item.count or 0 for item in missing) == top - shown[0] + 1
        assert len(shown) < LINES // 2
    assert watchers[1].received[-1].offset == watchers[3].received[-1].offset
    stored = await w.db.value("SELECT count(*) FROM messages WHERE room_id = $1", int(room.id))
    assert stored == LINES + 5


async def test_writers_wait_longer_and_are_told_so_except_for_the_team(town: Street) -> None:
    w = town.world
    host = await w.member("Yui", Rank.HOST)
    room = await w.room("shop", "live")
    await w.showing(room, host)
    async with AsyncExitStack() as stack:

        async def enter(token: str) -> Watcher:
            watcher = Watcher(town.urls[0], room, feed="sampled", token=token)
            return await stack.enter_async_context(watcher)

        guest, team = await enter(await town.guest("Mio")), await enter(await town.token(host))

        async def say(who: Watcher, text: str) -> dict[str, Any]:
            args = {"room": room.id, "text": text, "client_message_id": text}
            return await who.client.call("comment.post", args)

        await press(town, [guest, team], Step.COOLDOWN)
        first = await say(guest, "one")
        again = await say(guest, "one")
        with pytest.raises(Refused) as refused:
            await say(guest, "two")
        for text in ("three", "four", "five"):
            await say(team, text)
        told = next(b for b in reversed(guest.passing) if b["event"] == "load.changed")

    assert again["id"] == first["id"]
    assert refused.value.code == "slow_mode"
    assert 0 < (refused.value.retry_after or 0) <= COOLDOWN_MS
    assert told == {"event": "load.changed", "level": 4, "cooldown_ms": COOLDOWN_MS}


async def test_signs_of_typing_are_the_first_thing_that_is_left_out(town: Street) -> None:
    w = town.world
    mio = await w.member("Mio")
    room = await w.room("tea", "topic")
    await w.ctx.broker.subscribe(room.channel)
    await comments.typing(w.ctx, mio, {"room": room.id})
    await until(lambda: len(w.heard) == 1)

    w.ctx.of(Shedding).hear("elsewhere", Step.PASSING)
    await comments.typing(w.ctx, mio, {"room": room.id})
    await post(w, room, mio, "said")
    await until(lambda: len(w.heard) == 2)

    assert b"comment.posted" in w.heard[1][1].body
    assert w.ctx.of(Shedding).shed == {"typing": 1}
