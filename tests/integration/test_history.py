"""What the worker writes and history reads: order, tombstones, purges, replays, pages, links."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import msgpack
import pytest

from moderation import hiding
from moderation.rules import Rank
from rooms import events
from rooms.comments import actions as comments
from rooms.history import reads
from rooms.rules import Room, message_uuid, new_message_id, read_position
from rooms.worker import HANDLERS
from server.context import Viewer
from server.publication import Flag, Publication
from server.settings import Rate, Settings
from server.stream_worker import Entry
from tests.integration.world import World, world


@pytest.fixture
async def tea(settings: Settings) -> AsyncIterator[World]:
    async with world(settings, post_rate=Rate(1000, 1000)) as w:
        yield w


async def post(w: World, room: Room, viewer: Viewer, text: str) -> str:
    args = {"room": room.id, "text": text, "client_message_id": text[:7]}
    reply = await comments.post(w.ctx, viewer, args)
    return str(reply["id"])


async def texts(w: World, room: Room) -> list[str | None]:
    return [m.text for m in (await reads.page(w.db, int(room.id))).messages]


async def test_history_equals_what_was_published(tea: World) -> None:
    people = [await tea.member("Aoi"), tea.guest("Ken"), await tea.member("Ren", Rank.HOST)]
    room = await tea.room()
    for n in range(30):
        await post(tea, room, people[n % 3], f"line {n} ไทย عربي 日本語")
    await tea.save()

    page = await reads.page(tea.db, int(room.id), limit=100)

    window = await tea.window(room)
    assert [
        (m.id, m.position.epoch, m.position.offset, m.at, m.text, m.author, m.author_name, m.role)
        for m in page.messages
    ] == [
        (
            *(p.key, p.epoch, p.offset, p.at, body["text"]),
            *(body["author"]["id"], body["author"]["name"], body["author"]["role"]),
        )
        for p in window
        for body in [msgpack.unpackb(p.body)]
    ]


async def test_an_edit_and_a_purge_reach_a_message_that_is_still_in_the_log(tea: World) -> None:
    aoi, ken = await tea.member("Aoi"), await tea.member("Ken")
    ren = await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    edited = await post(tea, room, aoi, "helo")
    await post(tea, room, ken, "spam")
    await comments.edit(tea.ctx, aoi, {"room": room.id, "id": edited, "text": "hello"})
    await hiding.purge(tea.ctx, ren, ken.id or "", room=room.id, reason="spam")
    assert await tea.db.value("SELECT count(*) FROM messages") == 0

    await tea.save()

    assert await texts(tea, room) == ["hello", None]
    assert await tea.dead_letters() == []


async def test_a_hidden_message_comes_back_with_its_last_text(tea: World) -> None:
    aoi, ren = await tea.member("Aoi"), await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    key = await post(tea, room, aoi, "helo")
    await comments.edit(tea.ctx, aoi, {"room": room.id, "id": key, "text": "hello"})
    await tea.save()

    await hiding.hide(tea.ctx, ren, room.id, key, reason="")
    await tea.save()
    hidden = await texts(tea, room)
    await hiding.restore(tea.ctx, ren, room.id, key)
    await tea.save()

    assert (hidden, await texts(tea, room)) == ([None], ["hello"])


async def test_undoing_a_purge_brings_back_what_it_hid_and_nothing_else(tea: World) -> None:
    aoi, ren = await tea.member("Aoi"), await tea.member("Ren", Rank.MODERATOR)
    room = await tea.room()
    for text in ("one", "two", "three"):
        await post(tea, room, aoi, text)
    await tea.save()
    two = (await reads.page(tea.db, int(room.id))).messages[1].id
    await hiding.hide(tea.ctx, ren, room.id, two, reason="")
    await hiding.purge(tea.ctx, ren, aoi.id or "", room=room.id, reason="spam")
    await post(tea, room, aoi, "four")
    await tea.save()
    purged = await texts(tea, room)

    await hiding.unpurge(tea.ctx, ren, aoi.id or "", room=room.id)
    await tea.save()

    assert purged == [None, None, None, "four"]
    assert await texts(tea, room) == ["one", None, "three", "four"]


def entries(w: World, room: Room, author: Viewer, random: Random) -> list[Entry]:
    """Make a log of posts and random changes to them, as the script would have written it."""
    made: list[Entry] = []
    keys: list[str] = []

    def add(body: Any, key: str, flags: Flag = Flag.NONE) -> None:
        place = len(made) + 1
        publication = Publication(7, place, 1000 * place, flags, author.id or "", key, b"")
        made.append(Entry(0, f"{place}-0", room.channel, publication, dict(body), {}))

    for n in range(60):
        choice = random.random()
        key = random.choice(keys) if keys else ""
        if not keys or choice < 0.3:
            key = new_message_id(n, random.randbytes)
            keys.append(key)
            add(events.comment_posted(key, events.author_of(author), f"t{n}", f"c{n}"), key)
        elif choice < 0.5:
            add(events.comment_edited(key, f"t{n}", author.id or ""), key)
        elif choice < 0.6:
            add({"event": "comment.hidden", "id": key, "by": {}}, key, Flag.HIDE)
        elif choice < 0.7:
            add({"event": "comment.restored", "id": key, "text": ""}, key, Flag.SHOW)
        elif choice < 0.75:
            add(events.comment_deleted(key), key, Flag.HIDE)
        elif choice < 0.85:
            add({"event": "comments.purged", "person": author.id}, author.id or "")
        else:
            add({"event": "comments.unpurged", "person": author.id}, author.id or "")
    return made


async def apply(w: World, log: list[Entry]) -> None:
    """Apply entries as the worker does: runs of one event, all in one transaction."""
    async with w.db.transaction() as tx:
        start = 0
        for end in range(1, len(log) + 1):
            if end == len(log) or log[end].event != log[start].event:
                await HANDLERS[log[start].event](tx, log[start:end])
                start = end


async def state(w: World) -> list[Any]:
    return [tuple(row) for row in await w.db.all("SELECT * FROM messages ORDER BY id")]


@pytest.mark.parametrize("seed", range(8))
async def test_applying_parts_of_the_log_again_changes_nothing(tea: World, seed: int) -> None:
    """A former owner that was frozen, or acknowledgements that were lost, repeat old entries."""
    random = Random(seed)
    aoi, room = await tea.member("Aoi"), await tea.room()
    log = entries(tea, room, aoi, random)
    await apply(tea, log)
    expected = await state(tea)

    for _ in range(10):
        start = random.randrange(len(log))
        await apply(tea, log[start : random.randrange(start, len(log)) + 1])
    repeated = await state(tea)
    await tea.db.run("TRUNCATE messages CASCADE")
    for cut in sorted(random.sample(range(1, len(log)), 4)):
        await apply(tea, log[:cut])
    await apply(tea, log)

    assert repeated == expected
    assert await state(tea) == expected
    assert {row["state"] for row in await tea.db.all("SELECT state FROM messages")} > {"visible"}


async def test_pages_lead_back_to_the_first_message_without_hole_or_repetition(
    tea: World,
) -> None:
    aoi, room = await tea.member("Aoi"), await tea.room()
    for n in range(25):
        await post(tea, room, aoi, str(n))
    await tea.save()

    found: list[str | None] = []
    before = None
    for _ in range(4):
        page = await reads.page(tea.db, int(room.id), before=before, limit=10)
        found = [m.text for m in page.messages] + found
        cursor = page.as_json()["before"]
        before = read_position(cursor) if cursor else None
        if cursor is None:
            break

    assert found == [str(n) for n in range(25)]
    assert before is None


async def test_a_page_takes_at_most_a_hundred(tea: World) -> None:
    room = await tea.room()

    page = await reads.page(tea.db, int(room.id), limit=100_000)

    assert (page.messages, page.older) == ([], False)


async def test_a_link_opens_a_message_among_its_neighbours(tea: World) -> None:
    aoi, room = await tea.member("Aoi"), await tea.room()
    keys = [await post(tea, room, aoi, str(n)) for n in range(9)]
    await tea.save()

    page = await reads.around(tea.db, int(room.id), message_uuid(keys[4]), each=2)
    first = await reads.around(tea.db, int(room.id), message_uuid(keys[0]), each=2)

    assert page is not None and first is not None
    assert [m.text for m in page.messages] == ["2", "3", "4", "5", "6"]
    assert (page.older, page.newer) == (True, True)
    assert ([m.text for m in first.messages], first.older) == (["0", "1", "2"], False)
    assert await reads.room_of_message(tea.db, message_uuid(keys[4])) == room.id


async def test_a_link_to_another_rooms_message_opens_nothing(tea: World) -> None:
    aoi, room = await tea.member("Aoi"), await tea.room()
    other = await tea.room("other")
    key = await post(tea, room, aoi, "hello")
    await tea.save()

    assert await reads.around(tea.db, int(other.id), message_uuid(key)) is None


async def test_ones_own_messages_are_listed_where_one_may_still_read(tea: World) -> None:
    aoi = await tea.member("Aoi")
    one, two = await tea.room("one"), await tea.room("two")
    await post(tea, one, aoi, "in one")
    await post(tea, two, aoi, "in two")
    await tea.save()

    everywhere = await reads.by_author(tea.db, aoi.id or "", [int(one.id), int(two.id)])
    in_one = await reads.by_author(tea.db, aoi.id or "", [int(one.id)])

    assert [m.text for m in everywhere] == ["in two", "in one"]
    assert [m.text for m in in_one] == ["in one"]


async def test_a_message_that_arrives_after_its_author_has_left_has_no_name(tea: World) -> None:
    aoi, room = await tea.member("Aoi"), await tea.room()
    await post(tea, room, aoi, "still in the log")
    await tea.db.run("UPDATE members SET deleted_at = now()")

    await tea.save()

    (message,) = (await reads.page(tea.db, int(room.id))).messages
    assert (message.author_name, message.text) == ("", "still in the log")


async def test_a_question_is_told_with_its_votes_and_whether_it_was_answered(tea: World) -> None:
    aoi, room = await tea.member("Aoi"), await tea.room()
    args = {"room": room.id, "text": "why?", "client_message_id": "c", "question": True}
    await comments.post(tea.ctx, aoi, args)
    await post(tea, room, aoi, "because")
    await tea.save()
    await tea.db.run("UPDATE questions SET votes = 3")

    asked, said = (m.as_json() for m in (await reads.page(tea.db, int(room.id))).messages)

    assert asked["question"] == {"votes": 3, "answered": False}
    assert "question" not in said
