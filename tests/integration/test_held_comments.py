"""What is rejected is never published, and what is held waits for a moderator."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moderation import review
from moderation.rules import Rank
from rooms.comments import actions as comments
from rooms.history import reads as history
from server.context import Viewer
from server.settings import Settings
from tests.integration.remarks import listed, refused, row, said
from tests.integration.world import World, world


@pytest.fixture
async def tea(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


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
