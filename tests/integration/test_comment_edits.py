"""Messages are changed and deleted by their authors alone, and judged again."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moderation import hiding
from moderation.rules import Rank
from rooms.comments import actions as comments
from rooms.history import reads as history
from rooms.rules import EDIT_MS
from server.settings import Settings
from tests.integration.remarks import listed, refused, row, said
from tests.integration.world import World, world


@pytest.fixture
async def tea(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


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
