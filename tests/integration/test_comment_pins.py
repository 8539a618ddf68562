"""A comment that is pinned reads as it is now, and goes as it came."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgpack
import pytest

from moderation import hiding
from moderation.rules import Rank
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from server.outbox import sweep
from server.settings import Settings
from tests.integration.channels import until
from tests.integration.remarks import refused, said
from tests.integration.world import World, world


@pytest.fixture
async def tea(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


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
