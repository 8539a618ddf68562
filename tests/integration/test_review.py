import asyncio
from collections.abc import AsyncIterator

import msgpack
import pytest

from moderation import hiding, reads, review, undo
from moderation.ids import fresh_id, read_id, wire_id
from moderation.rules import Draft, Rank, Verdict
from server.context import Viewer, system_clock
from server.outbox import durable
from server.settings import Settings
from tests.integration.moderation_stage import (
    GUEST,
    Stage,
    comment,
    insert_message,
    refusal,
    stage,
    until,
)

HELD = Verdict("hold", "word", "waits", ((3, 6),), "bad")


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Stage]:
    async with stage(settings) as made:
        yield made


async def hold(place: Stage, viewer: Viewer, text: str = "so bad", **more: str) -> str:
    """Hold a message as rooms do; gives its id."""
    release = comment(viewer, text, place.room)
    draft = Draft(text, place.room, viewer.id or "", viewer.name, viewer.rank, b"a" * 16)
    async with durable(place.ctx) as d:
        await insert_message(d, viewer, place.room, release.key, text, None)
        await review.hold(d, draft, HELD, item=release.key, release=release)
    return release.key


async def test_the_staff_of_the_room_sees_what_waits_and_why(place: Stage) -> None:
    id = await hold(place, place.guest)

    staff = f"{place.channel}:staff"
    await until(lambda: "held.added" in place.gateways[1].events(staff))
    [pushed] = place.gateways[1].bodies(staff)
    [listed] = await reads.queue(place.db, place.room)
    assert pushed == listed
    assert (listed["id"], listed["rule"], listed["word"]) == (id, "word", "bad")
    assert listed["spans"] == [[3, 6]]
    assert await reads.queue(place.db, place.second_room) == []
    assert await reads.queue_sizes(place.db) == {place.room: 1}


async def test_an_approved_message_keeps_its_id_and_gets_a_place(place: Stage) -> None:
    id = await hold(place, place.guest)
    before = await place.say(place.member, "meanwhile")

    reply = await review.approve(place.ctx, place.ren, id)

    await until(lambda: len(place.gateways[1].bodies(place.channel)) == 2)
    posted = place.gateways[1].bodies(place.channel)[1]
    assert (posted["event"], posted["id"], posted["text"]) == ("comment.posted", id, "so bad")
    assert reply["offset"] == before.offset + 1
    assert await reads.queue(place.db, place.room) == []
    notices = place.gateways[1].bodies(f"{place.channel}:notice")
    assert notices == [{"event": "held.approved", "id": id}]


async def test_the_author_of_a_rejected_message_is_told(place: Stage) -> None:
    id = await hold(place, place.guest)

    await review.reject(place.ctx, place.ren, id, reason="no advertising")

    notices = f"{place.channel}:notice"
    await until(lambda: place.gateways[1].bodies(notices))
    assert place.gateways[1].bodies(notices) == [
        {"event": "held.rejected", "id": id, "reason": "no advertising"}
    ]
    assert await place.state(id) == "rejected"
    assert place.gateways[1].bodies(place.channel) == []


async def test_the_second_moderator_is_told_who_decided_first(place: Stage) -> None:
    id = await hold(place, place.guest)
    await review.reject(place.ctx, place.ren, id)

    late = await review.approve(place.gateways[1].ctx, place.yui, id)

    assert late["already"] is True
    assert (late["decision"], late["by"]) == ("rejected", {"id": place.ren.id, "name": "れん"})
    assert await place.state(id) == "rejected"


async def test_of_two_moderators_at_once_one_decides(place: Stage) -> None:
    id = await hold(place, place.guest)

    replies = await asyncio.gather(
        review.approve(place.gateways[0].ctx, place.ren, id),
        review.reject(place.gateways[1].ctx, place.yui, id),
    )

    assert len([reply for reply in replies if reply.get("already")]) == 1
    assert len({reply["decision"] for reply in replies}) == 1


async def test_a_claim_names_who_looks_and_may_be_taken_over(place: Stage) -> None:
    id = await hold(place, place.guest)

    await review.claim(place.ctx, place.ren, id)
    seen = await review.claim(place.ctx, place.yui, id)
    taken = await review.claim(place.ctx, place.yui, id, take=True)

    assert seen["claimed"]["name"] == "れん"
    assert taken["claimed"]["name"] == "ゆい"
    [listed] = await reads.queue(place.db, place.room)
    assert listed["claimed"] == {"id": place.yui.id, "name": "ゆい"}


async def test_undoing_a_rejection_lets_the_message_wait_again(place: Stage) -> None:
    id = await hold(place, place.guest)
    rejected = await review.reject(place.ctx, place.ren, id)

    await undo.undo(place.ctx, place.ren, rejected["action"])

    assert await place.state(id) == "held"
    assert [item["id"] for item in await reads.queue(place.db, place.room)] == [id]
    approved = await review.approve(place.ctx, place.yui, id)
    assert approved["offset"] > 0


async def test_undoing_an_approval_hides_the_message(place: Stage) -> None:
    id = await hold(place, place.guest)
    approved = await review.approve(place.ctx, place.ren, id)

    await undo.undo(place.ctx, place.yui, approved["action"])

    await until(lambda: place.gateways[1].events(place.channel)[-1] == "comment.hidden")
    assert place.gateways[1].bodies(place.channel)[-1]["id"] == id


async def test_an_author_may_not_fill_the_queue(place: Stage) -> None:
    for _ in range(review.MOST_WAITING):
        await hold(place, place.guest)

    refused = await refusal(hold(place, place.guest))

    assert refused.code == "rate_limited"
    assert len(await reads.queue(place.db, place.room)) == review.MOST_WAITING


async def test_what_the_author_withdraws_waits_no_longer(place: Stage) -> None:
    id = await hold(place, place.guest)

    async with durable(place.ctx) as d:
        withdrawn = await review.withdraw(d, place.room, id)

    assert withdrawn
    assert await reads.queue(place.db, place.room) == []
    late = await review.approve(place.ctx, place.ren, id)
    assert (late["already"], late["decision"]) == (True, "withdrawn")


async def test_an_edit_waits_without_touching_the_message(place: Stage) -> None:
    id = await place.save(place.guest, "fine")
    item = wire_id(fresh_id(system_clock()))
    release = comment(place.guest, "so bad", place.room)
    body = msgpack.packb({"event": "comment.edited", "id": id, "text": "so bad", "by": GUEST})
    draft = Draft("so bad", place.room, GUEST, "shop_navi", Rank.GUEST)
    async with durable(place.ctx) as d:
        await review.hold(
            d,
            draft,
            HELD,
            item=item,
            release=type(release)(release.channel, body, publisher=GUEST, key=id),
            kind="edit",
        )

    await review.reject(place.ctx, place.ren, item)

    assert await place.state(id) == "visible"


async def test_a_purge_clears_the_queue_and_its_undoing_fills_it(place: Stage) -> None:
    id = await hold(place, place.guest)

    purged = await hiding.purge(place.ctx, place.ren, GUEST, room=place.room)
    assert await reads.queue(place.db, place.room) == []
    await undo.undo(place.ctx, place.ren, purged["action"])

    assert [item["id"] for item in await reads.queue(place.db, place.room)] == [id]


async def test_only_staff_decides(place: Stage) -> None:
    id = await hold(place, place.guest)

    for attempt in (review.approve, review.reject, review.claim):
        assert (await refusal(attempt(place.ctx, place.member, id))).code == "forbidden"


async def test_an_unknown_item_is_not_found(place: Stage) -> None:
    nothing = wire_id(fresh_id(system_clock()))

    assert (await refusal(review.approve(place.ctx, place.ren, nothing))).code == "not_found"
    assert read_id(nothing)
