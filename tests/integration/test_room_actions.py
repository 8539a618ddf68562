"""Creating rooms, and changing their mode, slow mode and closing, on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from moderation.rules import Rank
from rooms import actions, events
from rooms.cache import RoomCache
from server.context import Viewer
from server.errors import Refused
from server.publication import Publish
from server.settings import Settings
from tests.integration.channels import until
from tests.integration.world import World, world


@pytest.fixture
async def tea(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


async def bodies(w: World, room: Any) -> list[dict[str, Any]]:
    return [msgpack.unpackb(p.body) for p in await w.window(room)]


async def post(w: World, room: Any, viewer: Viewer) -> str:
    """Try to publish past every cache; gives "published" or the engine's word."""
    try:
        await w.ctx.broker.publish(
            Publish(
                channel=room.channel,
                body=events.packed(events.typing_started(viewer)),
                publisher=viewer.id or "",
                gated=True,
                paced=True,
                rank=viewer.rank,
            )
        )
    except Refused as refused:
        return refused.code
    return "published"


async def test_the_owner_creates_rooms_and_nobody_else(tea: World) -> None:
    owner = await tea.member("Mio", Rank.OWNER)
    host = await tea.member("Yui", Rank.HOST)
    form = {"kind": "topic", "slug": "skin", "title": " Skin ", "mode": "members", "about": "a\nb"}

    room = await actions.create_room(tea.ctx, owner, form)

    assert (room.title, room.mode, room.about, room.kind) == ("Skin", "members", "a\nb", "topic")
    assert await tea.ctx.of(RoomCache).room(room.id) == room
    with pytest.raises(Refused) as caught:
        await actions.create_room(tea.ctx, host, {**form, "slug": "other"})
    assert caught.value.code == "forbidden"


async def test_a_short_name_is_taken_once(tea: World) -> None:
    owner = await tea.member("Mio", Rank.OWNER)
    form = {"kind": "live", "slug": "shop", "title": "Shop"}
    await actions.create_room(tea.ctx, owner, form)

    with pytest.raises(Refused) as caught:
        await actions.create_room(tea.ctx, owner, form)

    assert caught.value.details["field"] == "slug"


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "direct"},
        {"slug": "No!"},
        {"title": ""},
        {"title": "x" * 121},
        {"visibility": "secret"},
        {"mode": "nobody"},
        {"about": "x" * 2001},
    ],
)
async def test_a_wrong_form_creates_nothing(tea: World, wrong: dict[str, Any]) -> None:
    owner = await tea.member("Mio", Rank.OWNER)

    with pytest.raises(Refused):
        form = {"kind": "topic", "slug": "skin", "title": "Skin", **wrong}
        await actions.create_room(tea.ctx, owner, form)

    assert await tea.db.value("SELECT count(*) FROM rooms") == 0


async def test_a_new_mode_holds_at_once_in_the_engine_and_is_told(tea: World) -> None:
    moderator = await tea.member("Ren", Rank.MODERATOR)
    guest, member = tea.guest("Ken"), await tea.member("Aoi")
    room = await tea.room()
    assert await post(tea, room, guest) == "published"

    await actions.set_mode(tea.ctx, moderator, {"room": room.id, "mode": "members"})

    assert await post(tea, room, guest) == "rank"
    assert await post(tea, room, member) == "published"
    changed = (await bodies(tea, room))[1]
    assert (changed["event"], changed["mode"], changed["min_rank"]) == (
        "room.changed",
        "members",
        20,
    )
    await until(lambda: {"type": "changed", "what": "room", "id": room.id} in tea.told)
    assert (await tea.ctx.of(RoomCache).room(room.id)).mode == "members"


async def test_slow_mode_makes_people_wait_and_zero_ends_it(tea: World) -> None:
    moderator = await tea.member("Ren", Rank.MODERATOR)
    member = await tea.member("Aoi")
    room = await tea.room()

    await actions.set_slow(tea.ctx, moderator, {"room": room.id, "seconds": 60})
    with_slow = [await post(tea, room, member) for _ in range(2)]
    await actions.set_slow(tea.ctx, moderator, {"room": room.id, "seconds": 0})
    without = await post(tea, room, member)

    assert with_slow == ["published", "cooldown"]
    assert without == "published"


async def test_mode_and_slow_mode_do_not_undo_each_other(tea: World) -> None:
    moderator = await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()

    await actions.set_mode(tea.ctx, moderator, {"room": room.id, "mode": "members"})
    await actions.set_slow(tea.ctx, moderator, {"room": room.id, "seconds": 5})

    last = (await bodies(tea, room))[-1]
    assert (last["mode"], last["cooldown_ms"]) == ("members", 5000)
    assert await post(tea, room, tea.guest("Ken")) == "rank"


async def test_a_closed_room_takes_nothing_from_anybody_until_it_is_opened_again(
    tea: World,
) -> None:
    owner = await tea.member("Mio", Rank.OWNER)
    room = await tea.room()

    await actions.close_room(tea.ctx, owner, {"room": room.id})
    closed = await post(tea, room, owner)
    await actions.close_room(tea.ctx, owner, {"room": room.id}, closed=False)

    assert closed == "rank"
    assert await post(tea, room, owner) == "published"


async def test_a_closed_room_stays_closed_when_redis_lost_everything(tea: World) -> None:
    owner = await tea.member("Mio", Rank.OWNER)
    room = await tea.room()
    await actions.close_room(tea.ctx, owner, {"room": room.id})

    await tea.ctx.redis.flushall()

    assert await post(tea, room, owner) == "rank"


async def test_a_member_changes_no_room(tea: World) -> None:
    member = await tea.member("Aoi")
    room = await tea.room()

    for call in (
        actions.set_mode(tea.ctx, member, {"room": room.id, "mode": "staff"}),
        actions.set_slow(tea.ctx, member, {"room": room.id, "seconds": 5}),
        actions.close_room(tea.ctx, member, {"room": room.id}),
    ):
        with pytest.raises(Refused) as caught:
            await call
        assert caught.value.code == "forbidden"

    assert await bodies(tea, room) == []


async def test_a_room_that_is_not_there_cannot_be_changed(tea: World) -> None:
    moderator = await tea.member("Ren", Rank.MODERATOR)

    with pytest.raises(Refused) as caught:
        await actions.set_mode(tea.ctx, moderator, {"room": "777", "mode": "staff"})

    assert caught.value.code == "not_found"


async def test_who_may_no_longer_read_a_room_has_to_leave(tea: World) -> None:
    owner = await tea.member("Mio", Rank.OWNER)
    room = await tea.room()

    form = {"room": room.id, "title": "Team", "visibility": "staff"}
    changed = await actions.edit_room(tea.ctx, owner, form)

    assert (changed.title, changed.visibility) == ("Team", "staff")
    await until(lambda: {"type": "recheck", "channel": room.channel} in tea.told)
