"""Moderation and rooms together: what moderators decide reaches what is saved, in any order."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moderation import actions, hiding, reads, review, undo, wordlist
from moderation.ids import read_id
from moderation.rules import Rank
from rooms.comments import actions as comments
from rooms.worker import CONSUMERS, HANDLERS
from server.context import Viewer
from server.errors import Closed
from server.identity import Claims
from server.settings import Settings
from server.stream_worker import StreamWorker
from tests.integration.moderation_stage import GUEST, OTHER, Stage, guest, refusal, stage, until
from web.product import Product


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Stage]:
    async with stage(settings) as made:
        await made.db.run("UPDATE rooms SET kind = 'topic'")
        yield made


async def post(place: Stage, viewer: Viewer, text: str, cmid: str = "") -> dict[str, Any]:
    args = {"room": place.room, "text": text}
    args["client_message_id"] = cmid or secrets.token_hex(8)
    return await comments.post(place.ctx, viewer, args)


async def save(place: Stage, entries: int) -> None:
    """Run the product's own worker until it has applied so many entries."""
    worker = StreamWorker(place.settings, place.db, HANDLERS, consumers=CONSUMERS)
    async with place.running(worker):
        await until(lambda: worker.applied >= entries)
    assert worker.dead == 0


async def row(place: Stage, id: str) -> Any:
    return await place.db.one("SELECT * FROM messages WHERE id = $1", read_id(id))


async def test_a_purge_reaches_a_message_that_is_still_in_the_log(place: Stage) -> None:
    said = await post(place, place.guest, "buy here")
    await hiding.purge(place.ctx, place.ren, GUEST, room=place.room)
    after = await post(place, place.guest, "and here")

    await save(place, 3)

    assert (await row(place, said["id"]))["state"] == "hidden"
    assert (await row(place, after["id"]))["state"] == "visible"


async def test_a_purge_and_its_undoing_before_anything_is_saved_leave_nothing_hidden(
    place: Stage,
) -> None:
    said = await post(place, place.guest, "buy here")
    purged = await hiding.purge(place.ctx, place.ren, GUEST, room=place.room)
    await undo.undo(place.ctx, place.ren, purged["action"])

    await save(place, 3)

    assert (await row(place, said["id"]))["state"] == "visible"


async def test_undoing_a_purge_leaves_what_was_hidden_one_by_one(place: Stage) -> None:
    first = await post(place, place.guest, "buy here")
    second = await post(place, place.guest, "and here")
    await hiding.hide(place.ctx, place.ren, place.room, first["id"])
    purged = await hiding.purge(place.ctx, place.ren, GUEST, room=place.room)
    await undo.undo(place.ctx, place.ren, purged["action"])

    await save(place, 5)

    assert (await row(place, first["id"]))["state"] == "hidden"
    assert (await row(place, second["id"]))["state"] == "visible"


async def test_a_message_that_is_hidden_and_restored_at_once_is_saved_as_visible(
    place: Stage,
) -> None:
    said = await post(place, place.guest, "buy here")
    await hiding.hide(place.ctx, place.ren, place.room, said["id"])
    await hiding.restore(place.ctx, place.yui, place.room, said["id"])

    await save(place, 3)

    saved = await row(place, said["id"])
    assert (saved["state"], saved["text"]) == ("visible", "buy here")
    acts = [entry["action"] for entry in await place.log()]
    assert sorted(acts) == ["hide", "restore"]


async def test_a_held_message_is_approved_under_its_own_id_and_a_retry_finds_it(
    place: Stage,
) -> None:
    await wordlist.add_words(place.ctx, place.ren, ["bad"], "hold")
    held = await post(place, place.guest, "so bad", cmid="mine")
    assert held["verdict"] == "held"
    assert (await row(place, held["id"]))["offset"] is None
    waiting = await post(place, place.guest, "so bad", cmid="mine")

    approved = await review.approve(place.ctx, place.ren, held["id"])
    await save(place, 1)
    again = await post(place, place.guest, "so bad", cmid="mine")

    saved = await row(place, held["id"])
    assert (saved["state"], saved["offset"]) == ("visible", approved["offset"])
    assert (waiting["id"], waiting["verdict"]) == (held["id"], "held")
    assert (again["id"], again["offset"]) == (held["id"], approved["offset"])
    assert await place.db.value("SELECT count(*) FROM messages") == 1


async def test_a_rejected_word_never_reaches_anybody(place: Stage) -> None:
    await wordlist.add_words(place.ctx, place.ren, ["bad"], "reject")

    refused = await refusal(post(place, place.guest, "B A D"))

    assert (refused.code, refused.details["rule"]) == ("invalid", "word")
    assert place.gateways[1].bodies(place.channel) == []
    assert await reads.queue(place.db, place.room) == []


async def test_an_edit_that_waits_changes_the_text_when_it_is_approved(place: Stage) -> None:
    await wordlist.add_words(place.ctx, place.ren, ["bad"], "hold")
    said = await post(place, place.member, "fine")
    await save(place, 1)
    edited = await comments.edit(
        place.ctx, place.member, {"room": place.room, "id": said["id"], "text": "bad"}
    )
    assert edited["verdict"] == "held"
    assert (await row(place, said["id"]))["text"] == "fine"
    [item] = await reads.queue(place.db, place.room)
    assert (item["kind"], item["message"]) == ("edit", said["id"])

    await review.approve(place.ctx, place.ren, item["id"])
    await save(place, 1)

    assert (await row(place, said["id"]))["text"] == "bad"


async def test_a_new_name_does_not_undo_a_mute(place: Stage) -> None:
    await post(place, place.guest, "buy here")
    await save(place, 1)
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=600, reason="spam")

    refused = await refusal(post(place, guest(OTHER, "somebody else"), "buy here"))

    assert (refused.code, refused.details["why"]) == ("muted", "spam")
    assert refused.details["until"] > place.ctx.clock()


async def test_a_banned_member_is_told_that_it_is_a_ban(place: Stage) -> None:
    await actions.ban(place.ctx, place.ren, place.member.id or "", room=place.room, reason="scam")

    refused = await refusal(post(place, place.member, "hello"))

    assert (refused.code, refused.details["until"]) == ("banned", None)
    assert refused.details["why"] == "scam"


async def test_who_is_banned_is_not_let_in_even_when_redis_has_forgotten_it(place: Stage) -> None:
    person = place.member.id or ""
    claims = Claims("ticket", person, "たけし", Rank.MEMBER, 1)
    banned = await actions.ban(place.ctx, place.ren, person, room=place.room, reason="scam")
    await place.ctx.redis.flushall()

    with pytest.raises(Closed) as closed:
        await Product().resolve(place.ctx, claims)

    assert closed.value.code == 4505
    await undo.undo(place.ctx, place.ren, banned["action"])
    assert (await Product().resolve(place.ctx, claims)).id == person
