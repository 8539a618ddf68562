"""A comment's journey over two whole gateways, in both encodings, and what the socket refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from moderation.rules import Rank
from rooms import actions as rooms
from rooms.comments import actions as comments
from rooms.history import reads as history
from rooms.reactions import actions as reactions
from server.errors import Refused
from server.migrate import migrate
from server.protocol import CloseCode
from server.settings import Settings
from tests.integration.channels import until
from tests.integration.street import Street, Watcher, street
from tests.servers import MIGRATIONS, Own
from web.commands import COMMANDS
from web.errors import STATUS
from web.session import csrf_token


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[Street]:
    async with street(settings) as s:
        yield s


async def test_one_comment_reaches_everybody_in_both_encodings_and_then_the_database(
    town: Street,
) -> None:
    yui = await town.world.member("Yui", Rank.HOST)
    room = await town.world.room("shop", "live")
    await town.world.showing(room, yui)
    args = {"room": room.id, "text": "こんにちは ไทย عربي", "client_message_id": "c1"}
    async with AsyncExitStack() as stack:
        watchers = [
            await stack.enter_async_context(Watcher(url, room, encoding=encoding))
            for url in town.urls
            for encoding in ("json", "msgpack")
        ]
        ken = await stack.enter_async_context(
            Watcher(town.urls[0], room, token=await town.guest("Ken"))
        )

        reply = await ken.client.call("comment.post", args)
        again = await ken.client.call("comment.post", args)
        await until(lambda: all(w.received for w in (*watchers, ken)))
        await town.world.save()

    assert again == reply
    assert {w.received[0].offset for w in watchers} == {reply["offset"]}
    bodies = [w.bodies[0] for w in (*watchers, ken)]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["text"] == args["text"]
    assert bodies[0]["author"]["role"] == "guest"
    (saved,) = (await history.page(town.world.db, int(room.id))).messages
    assert (saved.id, saved.text, saved.position.offset) == (
        reply["id"],
        args["text"],
        reply["offset"],
    )


async def test_a_signed_in_page_connects_with_its_ticket_once(town: Street) -> None:
    aoi, room = await town.world.member("Aoi"), await town.world.room()
    cookies = {"hiroba": await town.cookie(aoi), "hiroba-seed": "noise"}
    headers = {"X-CSRF": csrf_token("noise"), "Origin": town.urls[0]}
    async with httpx.AsyncClient(base_url=town.urls[0], cookies=cookies) as http:
        ticket = (await http.post("/v1/ticket", headers=headers)).json()["ticket"]

    async with Watcher(town.urls[0], room, token=ticket) as page:
        reply = await page.client.call(
            "comment.post", {"room": room.id, "text": "hi", "client_message_id": "c"}
        )
        await until(lambda: page.received)

    assert page.bodies[0]["author"]["id"] == aoi.id
    assert reply["verdict"] == "allow"
    address = town.urls[0].replace("http", "ws") + "/v1/live"
    protocols = [Subprotocol("hiroba.v1.json")]
    async with connect(address, subprotocols=protocols, origin=Origin(town.urls[0])) as second:
        await second.send(json.dumps({"id": 1, "cmd": "connect", "args": {"token": ticket}}))
        with pytest.raises(ConnectionClosed) as caught:
            await second.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == CloseCode.TOKEN_EXPIRED


async def test_a_subscription_tells_the_room_and_what_one_may_do(town: Street) -> None:
    ren = await town.world.member("Ren", Rank.MODERATOR)
    room = await town.world.room()

    async with (
        Watcher(town.urls[0], room) as nameless,
        Watcher(town.urls[1], room, token=await town.token(ren)) as staff,
    ):
        told, you, of_staff = nameless.channel.room, nameless.channel.you, staff.channel.you

    assert (told["slug"], told["mode"]) == ("tea", "everyone")
    assert (you["role"], you["may"]) == ("reader", [])
    assert of_staff["id"] == ren.id
    assert {"post", "moderate", "set_slow"} <= set(of_staff["may"])
    assert "own" not in of_staff["may"]


@pytest.mark.parametrize(
    ("name", "rank", "code"),
    [
        ("room:1:staff", Rank.MEMBER, "forbidden"),
        ("room:1:votes", Rank.OWNER, "not_found"),
        ("room:777", Rank.OWNER, "not_found"),
        ("room:2", Rank.MEMBER, "not_found"),
    ],
)
async def test_a_channel_that_is_not_for_one_stays_closed(
    town: Street, name: str, rank: Rank, code: str
) -> None:
    viewer = await town.world.member("Aoi", rank)
    await town.world.room("tea")
    await town.world.room("team", visibility="staff")

    with pytest.raises(Refused) as caught:
        async with Watcher(town.urls[0], name, token=await town.token(viewer)):
            pass

    assert caught.value.code == code


async def test_the_team_opens_the_staff_channel(town: Street) -> None:
    ren, room = await town.world.member("Ren", Rank.MODERATOR), await town.world.room()

    async with Watcher(town.urls[0], f"{room.channel}:staff", token=await town.token(ren)) as w:
        assert w.channel.room["id"] == room.id


JUNK: list[dict[str, Any]] = [
    {},
    {"room": None, "id": None},
    {"room": 1, "id": 5, "text": 7, "person": [], "seconds": "x", "mode": {}, "kind": True},
    {"room": "777", "id": "A" * 22, "person": "m999999", "text": "x", "broadcast": "777"},
    {"room": "1", "id": "A" * 22, "text": "x" * 600, "reason": "x" * 4000, "seconds": -1},
    {"room": "1", "id": "\u0000", "person": "\ud83d", "word": "", "broadcast": "0", "reason": 3},
    {"room": ["1"], "id": {"a": 1}, "client_message_id": "\u202e", "text": "\u202e"},
]


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_wrong_arguments_get_an_error_word_and_the_connection_goes_on(
    town: Street, encoding: str
) -> None:
    owner, room = await town.world.member("Mio", Rank.OWNER), await town.world.room()
    answered: dict[str, set[str]] = {}
    token = await town.token(owner)
    async with Watcher(town.urls[0], room, token=token, encoding=encoding) as mio:
        for name in COMMANDS:
            for junk in JUNK:
                args = {k: v for k, v in junk.items() if v != "\ud83d" or encoding == "json"}
                args = {k: v for k, v in args.items() if v != "\ud83d"}
                try:
                    await mio.client.call(name, args)
                    answered.setdefault(name, set()).add("ok")
                except Refused as refused:
                    answered.setdefault(name, set()).add(refused.code)
                    assert refused.code in STATUS, (name, args, refused.code)
                    assert " " in refused.message, (name, args, refused.message)
        reply = await mio.client.call(
            "comment.post", {"room": room.id, "text": "still here", "client_message_id": "last"}
        )

    assert reply["verdict"] == "allow"
    assert all("internal" not in codes for codes in answered.values()), answered
    assert set(answered) == set(COMMANDS)


async def test_an_unknown_command_is_told(town: Street) -> None:
    room = await town.world.room()

    async with Watcher(town.urls[0], room) as reader:
        with pytest.raises(Refused) as caught:
            await reader.client.call("money.print", {})

    assert caught.value.code == "unknown_command"


async def test_a_nameless_reader_may_do_nothing_but_read(town: Street) -> None:
    room = await town.world.room()
    codes = set()

    async with Watcher(town.urls[0], room) as reader:
        for name in COMMANDS:
            args = {"room": room.id, "id": "A" * 22, "text": "x", "client_message_id": name}
            with pytest.raises(Refused) as caught:
                await reader.client.call(name, {**args, "mode": "staff", "seconds": 5})
            codes.add(caught.value.code)

    assert await town.world.window(room) == []
    assert codes <= {"unauthenticated", "forbidden", "invalid", "not_found"}


async def test_hearts_of_both_gateways_are_summed_and_pass(town: Street) -> None:
    yui = await town.world.member("Yui", Rank.HOST)
    room = await town.world.room("shop", "live")
    await town.world.showing(room, yui)
    async with (
        Watcher(town.urls[0], room, token=await town.guest("Ken")) as ken,
        Watcher(town.urls[1], room, token=await town.guest("Aoi", 1)) as aoi,
    ):
        await ken.client.call("reaction.add", {"room": room.id, "count": 3})
        await aoi.client.call("reaction.add", {"room": room.id, "kind": "heart"})

        def hearts(watcher: Watcher) -> int:
            counted = [b for b in watcher.passing if b["event"] == "reactions.counted"]
            return sum(body["counts"]["heart"] for body in counted)

        await until(lambda: hearts(ken) == hearts(aoi) == 4)

    assert max(b["total"] for b in ken.passing if b["event"] == "reactions.counted") == 4
    assert await town.world.window(room) == []


async def test_hearts_faster_than_fingers_are_refused(town: Street) -> None:
    room = await town.world.room("shop", "live")
    async with Watcher(town.urls[0], room, token=await town.guest("Ken")) as ken:
        with pytest.raises(Refused) as many:
            await ken.client.call("reaction.add", {"room": room.id, "count": 10_000})
        with pytest.raises(Refused) as fast:
            for _ in range(30):
                await ken.client.call("reaction.add", {"room": room.id})

    assert (many.value.code, fast.value.code) == ("invalid", "rate_limited")
    assert fast.value.retry_after


async def test_reactions_to_a_message_are_kept_once_a_person(town: Street) -> None:
    aoi, ken = await town.world.member("Aoi"), await town.world.member("Ken")
    room = await town.world.room()
    async with (
        Watcher(town.urls[0], room, token=await town.token(aoi)) as one,
        Watcher(town.urls[1], room, token=await town.token(ken)) as two,
    ):
        args = {"room": room.id, "text": "hello", "client_message_id": "c"}
        key = (await one.client.call("comment.post", args))["id"]
        await town.world.save()
        on = {"room": room.id, "id": key, "kind": "thanks"}
        await one.client.call("reaction.add", on)
        await two.client.call("reaction.add", on)
        await town.world.save()
        await two.client.call("reaction.add", on)
        await one.client.call("reaction.remove", on)
        await town.world.save()

        events = [b["event"] for b in two.bodies]
        await until(lambda: len(two.bodies) == 4)

    page = await history.page(town.world.db, int(room.id), viewer=ken.id or "")
    assert events[1:3] == ["reaction.added", "reaction.added"]
    assert page.messages[0].reactions == ({"kind": "thanks", "count": 1, "own": True},)


async def test_a_single_comment_of_a_broadcast_takes_no_reaction(town: Street) -> None:
    aoi, room = await town.world.member("Aoi"), await town.world.room("shop", "live")
    args = {"room": room.id, "id": "A" * 22, "kind": "like"}

    with pytest.raises(Refused) as caught:
        await reactions.add(town.world.ctx, aoi, args, lambda channel, key: [])

    assert caught.value.code == "invalid"


async def test_who_may_no_longer_read_a_room_is_sent_away(town: Street) -> None:
    owner = await town.world.member("Mio", Rank.OWNER)
    aoi, room = await town.world.member("Aoi"), await town.world.room()
    async with Watcher(town.urls[0], room, token=await town.token(aoi)) as member:
        form = {"room": room.id, "title": "Team", "visibility": "staff"}
        await rooms.edit_room(town.world.ctx, owner, form)

        await until(lambda: member.client.closed is not None)

    assert member.client.closed is not None
    assert member.client.closed.code == 4507


async def test_readers_resume_on_another_gateway_while_the_database_is_away(
    own_servers: Own,
) -> None:
    settings = Settings.for_tests(
        database_url=own_servers.postgres.dsn(), redis_url=own_servers.valkey.url
    )
    await migrate(settings.database_url, MIGRATIONS)
    async with street(settings) as town:
        aoi, room = await town.world.member("Aoi"), await town.world.room()
        first = {"room": room.id, "text": "before", "client_message_id": "before"}
        await comments.post(town.world.ctx, aoi, first)
        tokens = [await town.token(aoi), await town.guest("Ken")]
        resume, place = [], []
        for token in tokens:
            async with Watcher(town.urls[0], room, token=token) as before:
                resume.append(before.client.welcome["resume"])
                place.append(before.channel.position)
        async with Watcher(town.urls[0], room, token=tokens[0]) as writer:
            own_servers.freeze(own_servers.postgres)
            for n in range(3):
                args = {"room": room.id, "text": f"line {n}", "client_message_id": f"c{n}"}
                await writer.client.call("comment.post", args)

            for token, position in zip(resume, place, strict=True):
                options = {"token": token, "position": position}
                async with Watcher(town.urls[1], room, **options) as back:
                    await until(lambda back=back: len(back.received) == 3)
                    texts = [body["text"] for body in back.bodies]
                    assert texts == ["line 0", "line 1", "line 2"]
        own_servers.thaw(own_servers.postgres)
