import asyncio
from collections.abc import AsyncIterator

import pytest

from moderation import hiding, undo
from moderation.ids import fresh_id, wire_id
from server.context import system_clock
from server.recovery import redact
from server.settings import Settings
from tests.integration.moderation_stage import GUEST, Stage, refusal, stage, until


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Stage]:
    async with stage(settings) as made:
        yield made


async def shown(place: Stage, room: str = "") -> list[int]:
    """Give the offsets in a room's window whose text may still be read."""
    window = await place.ctx.broker.window(f"room:{room or place.room}", 0)
    return [
        offset for offset, _, p in redact(window.entries) if p is not None and b"buy here" in p.body
    ]


async def test_a_hidden_message_can_no_longer_be_recovered(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")

    reply = await hiding.hide(place.ctx, place.ren, place.room, said.key, reason="spam")

    assert reply["saved"] is True
    assert await shown(place) == []
    await until(lambda: "comment.hidden" in place.gateways[1].events(place.channel))
    hidden = place.gateways[1].bodies(place.channel)[-1]
    assert hidden == {
        "event": "comment.hidden",
        "id": said.key,
        "by": {"id": place.ren.id, "name": "れん"},
    }


async def test_hiding_is_logged_with_the_text_and_the_reason(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")
    await hiding.hide(place.ctx, place.ren, place.room, said.key, reason="spam")

    async with place.worker() as worker:
        await until(lambda: worker.applied == 2)

    [row] = await place.log()
    assert (row["action"], row["actor_name"], row["person"]) == ("hide", "れん", GUEST)
    assert (row["text"], row["reason"]) == ("buy here", "spam")


async def test_the_second_moderator_is_told_who_hid_first(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")

    replies = await asyncio.gather(
        hiding.hide(place.gateways[0].ctx, place.ren, place.room, said.key),
        hiding.hide(place.gateways[1].ctx, place.yui, place.room, said.key),
    )

    [late] = [reply for reply in replies if reply.get("already")]
    [first] = [reply for reply in replies if not reply.get("already")]
    hider = place.ren if first is replies[0] else place.yui
    assert late["by"] == {"id": hider.id, "name": hider.name}


async def test_a_restored_message_is_as_it_was_posted(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")
    await hiding.hide(place.ctx, place.ren, place.room, said.key)

    await hiding.restore(place.ctx, place.yui, place.room, said.key)

    await until(lambda: place.gateways[1].events(place.channel)[-1] == "comment.restored")
    posted, _, restored = place.gateways[1].bodies(place.channel)
    assert restored == {**posted, "event": "comment.restored"}
    assert len(await shown(place)) >= 1


async def test_a_message_may_be_hidden_again_after_it_was_restored(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")
    for _ in range(3):
        hidden = await hiding.hide(place.ctx, place.ren, place.room, said.key)
        assert "already" not in hidden
        assert await shown(place) == []
        restored = await hiding.restore(place.ctx, place.ren, place.room, said.key)
        assert "already" not in restored
        assert await shown(place) != []


async def test_hiding_is_undone_by_its_row_of_the_log(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")
    hidden = await hiding.hide(place.ctx, place.ren, place.room, said.key)
    async with place.worker() as worker:
        await until(lambda: worker.applied == 2)

    await undo.undo(place.ctx, place.yui, hidden["action"])
    again = await undo.undo(place.ctx, place.ren, hidden["action"])

    assert await shown(place) != []
    assert (again["already"], again["by"]["name"]) == (True, "ゆい")


async def test_a_message_of_postgres_alone_is_hidden_and_restored(place: Stage) -> None:
    id = await place.save(place.guest, "buy here")
    await place.ctx.redis.flushall()

    await hiding.hide(place.ctx, place.ren, place.room, id)
    await hiding.restore(place.ctx, place.ren, place.room, id)

    await until(lambda: "comment.restored" in place.gateways[1].events(place.channel))
    restored = place.gateways[1].bodies(place.channel)[-1]
    assert (restored["text"], restored["author"]["role"]) == ("buy here", "guest")
    assert restored["author"]["id"] == GUEST


async def test_a_purge_reaches_every_room_and_what_is_not_saved_yet(place: Stage) -> None:
    await place.save(place.guest, "buy here")
    await place.save(place.guest, "buy here", room=place.second_room)
    await place.say(place.guest, "buy here")
    await place.say(place.member, "not buy here of mine")

    reply = await hiding.purge(place.ctx, place.ren, GUEST, room=place.room, reason="spam")

    assert reply["rooms"] == 2
    assert await shown(place, place.second_room) == []
    window = await place.ctx.broker.window(place.channel, 0)
    kept = [p.publisher for _, _, p in redact(window.entries) if p is not None and p.body]
    assert GUEST not in kept
    assert place.member.id in kept


async def test_what_comes_after_a_purge_stays(place: Stage) -> None:
    await hiding.purge(place.ctx, place.ren, GUEST, room=place.room)

    said = await place.say(place.guest, "buy here")

    assert await shown(place) == [said.offset]


async def test_undoing_a_purge_brings_everything_back(place: Stage) -> None:
    first = await place.say(place.guest, "buy here")
    purged = await hiding.purge(place.ctx, place.ren, GUEST, room=place.room)
    assert await shown(place) == []

    await undo.undo(place.ctx, place.ren, purged["action"])

    assert await shown(place) == [first.offset]


async def test_staff_of_a_higher_rank_is_not_hidden(place: Stage) -> None:
    said = await place.say(place.host, "香料は入っていません")

    refused = await refusal(hiding.hide(place.ctx, place.ren, place.room, said.key))
    purge = await refusal(hiding.purge(place.ctx, place.ren, place.host.id or "", room=place.room))

    assert (refused.code, purge.code) == ("forbidden", "forbidden")


async def test_what_the_owner_hid_a_moderator_does_not_restore(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")
    await hiding.hide(place.ctx, place.owner, place.room, said.key)
    async with place.worker() as worker:
        await until(lambda: worker.applied == 2)

    refused = await refusal(hiding.restore(place.ctx, place.ren, place.room, said.key))

    assert refused.code == "forbidden"


async def test_an_unknown_message_is_not_found(place: Stage) -> None:
    nothing = wire_id(fresh_id(system_clock()))

    refused = await refusal(hiding.hide(place.ctx, place.ren, place.room, nothing))

    assert refused.code == "not_found"
