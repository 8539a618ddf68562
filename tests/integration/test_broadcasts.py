"""Broadcasts on real servers: scheduled, edited, started, ended, cancelled, and who may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from moderation.rules import Rank
from rooms.broadcasts import actions, reads
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.rules import Room, State
from server.context import Viewer
from server.errors import Refused
from server.presence import Presence
from server.settings import Settings
from tests.integration.channels import until
from tests.integration.world import World, world

HOUR = 3_600_000


@pytest.fixture
async def shop(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


def form(room: Room, **more: Any) -> dict[str, Any]:
    return {
        "room": room.id,
        "title": "Evening",
        "video": "https://youtu.be/dQw4w9WgXcQ",
        "poster": "/media/p.jpg",
        "upright": False,
        **more,
    }


async def told(w: World, room: Room) -> list[dict[str, Any]]:
    return [msgpack.unpackb(p.body) for p in await w.window(room)]


async def test_a_scheduled_broadcast_is_told_and_waits_in_its_room(shop: World) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    at = shop.clock() + HOUR

    made = await actions.schedule(shop.ctx, yui, form(room, starts_at=at))

    assert (made.state, made.host_name, made.video_kind) == (State.SCHEDULED, "Yui", "embed")
    assert made.video_url == "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"
    (body,) = await told(shop, room)
    assert body["event"] == "broadcast.changed"
    assert (body["broadcast"]["starts_at"], body["broadcast"]["video"]["upright"]) == (at, False)
    await until(lambda: shop.told)
    assert (await shop.ctx.of(RoomCache).room(room.id)).broadcast == made
    assert await reads.coming(shop.db, [int(room.id)]) == [made]
    assert await reads.coming(shop.db, []) == []


async def test_a_broadcast_runs_from_start_to_end(shop: World) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    made = await actions.schedule(shop.ctx, yui, form(room))
    which = {"broadcast": made.id}

    started = await actions.start(shop.ctx, yui, which)
    on = await reads.live_now(shop.db, [int(room.id)])
    ended = await actions.end(shop.ctx, yui, which)
    over = await reads.ended(shop.db, [int(room.id)])

    assert (started["state"], ended["state"]) == ("live", "ended")
    assert [b.id for b in on] == [b.id for b in over] == [made.id]
    assert over[0].started_at is not None and over[0].ended_at is not None
    names = [body["event"] for body in await told(shop, room)]
    assert names == ["broadcast.changed", "broadcast.started", "broadcast.ended"]


async def test_starting_and_ending_twice_is_told_once(shop: World) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    which = {"broadcast": (await actions.schedule(shop.ctx, yui, form(room))).id}

    await asyncio.gather(*(actions.start(shop.ctx, yui, which) for _ in range(3)))
    await asyncio.gather(*(actions.end(shop.ctx, yui, which) for _ in range(3)))

    names = [body["event"] for body in await told(shop, room)]
    assert names == ["broadcast.changed", "broadcast.started", "broadcast.ended"]


async def test_one_broadcast_is_on_in_a_room_even_when_two_start_at_once(shop: World) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    made = [await actions.schedule(shop.ctx, yui, form(room)) for _ in range(4)]

    results = await asyncio.gather(
        *(actions.start(shop.ctx, yui, {"broadcast": b.id}) for b in made), return_exceptions=True
    )

    assert [type(r) for r in results].count(dict) == 1
    assert [r.code for r in results if isinstance(r, Refused)] == ["invalid"] * 3
    assert len(await reads.live_now(shop.db, [int(room.id)])) == 1


async def test_what_is_over_does_not_start_and_what_has_not_begun_does_not_end(
    shop: World,
) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    which = {"broadcast": (await actions.schedule(shop.ctx, yui, form(room))).id}

    with pytest.raises(Refused, match="not begun"):
        await actions.end(shop.ctx, yui, which)
    await actions.start(shop.ctx, yui, which)
    await actions.end(shop.ctx, yui, which)
    with pytest.raises(Refused, match="over"):
        await actions.start(shop.ctx, yui, which)


async def test_hearts_are_counted_anew_for_each_broadcast(shop: World) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    presence = shop.ctx.of(Presence)
    presence.add(room.channel, "heart", 7)
    await presence.flush(lambda channel, counts, sums: b"\x80")
    made = await actions.schedule(shop.ctx, yui, form(room))
    before = await presence.sums(room.channel)

    await actions.start(shop.ctx, yui, {"broadcast": made.id})

    assert (before, await presence.sums(room.channel)) == ({"heart": 7}, {})


async def test_an_edit_keeps_the_time_of_what_has_begun(shop: World) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    made = await actions.schedule(shop.ctx, yui, form(room, starts_at=shop.clock() + HOUR))
    later = form(room, broadcast=made.id, title="Night", starts_at=shop.clock() + 2 * HOUR)
    moved = await actions.edit(shop.ctx, yui, later)
    await actions.start(shop.ctx, yui, {"broadcast": made.id})

    again = await actions.edit(shop.ctx, yui, {**later, "starts_at": shop.clock() + 3 * HOUR})

    assert moved.title == "Night"
    assert moved.starts_at > made.starts_at
    assert again.starts_at == moved.starts_at


async def test_a_cancelled_broadcast_is_gone_and_its_early_comments_stay(shop: World) -> None:
    yui, aoi = await shop.member("Yui", Rank.HOST), await shop.member("Aoi")
    room = await shop.room("shop", "live")
    made = await actions.schedule(shop.ctx, yui, form(room, starts_at=shop.clock() + HOUR))
    shop.ctx.of(RoomCache).forget()
    post = {"room": room.id, "text": "early?", "client_message_id": "c", "question": True}
    await comments.post(shop.ctx, aoi, post)
    await shop.save()

    await actions.cancel(shop.ctx, yui, {"broadcast": made.id})

    assert await reads.broadcast(shop.db, int(made.id)) is None
    assert (await told(shop, room))[-1] == {"event": "broadcast.cancelled", "id": made.id}
    assert await shop.db.value("SELECT count(*) FROM messages") == 1
    with pytest.raises(Refused, match="no such"):
        await actions.start(shop.ctx, yui, {"broadcast": made.id})


@pytest.mark.parametrize("rank", [Rank.GUEST, Rank.MEMBER, Rank.MODERATOR])
async def test_only_hosts_have_broadcasts(shop: World, rank: Rank) -> None:
    yui, room = await shop.member("Yui", Rank.HOST), await shop.room("shop", "live")
    made = await actions.schedule(shop.ctx, yui, form(room))
    other: Viewer = shop.guest("Ken") if rank == Rank.GUEST else await shop.member("Ken", rank)
    which = form(room, broadcast=made.id)

    for action in (actions.schedule, actions.edit, actions.start, actions.end, actions.cancel):
        with pytest.raises(Refused) as caught:
            await action(shop.ctx, other, which)
        assert caught.value.code == "forbidden"


async def test_broadcasts_are_shown_in_open_live_rooms_only(shop: World) -> None:
    yui = await shop.member("Yui", Rank.HOST)
    topic, closed = await shop.room("tea"), await shop.room("old", "live")
    await shop.db.run("UPDATE rooms SET closed_at = now() WHERE id = $1", int(closed.id))

    for room, code in ((topic, "invalid"), (closed, "room_closed")):
        with pytest.raises(Refused) as caught:
            await actions.schedule(shop.ctx, yui, form(room))
        assert caught.value.code == code
