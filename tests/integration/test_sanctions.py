import asyncio
from collections.abc import AsyncIterator

import pytest

from moderation import actions, reads, screening, undo
from moderation.ids import fresh_id
from moderation.rules import FOREVER, Draft, Rank
from moderation.sanctions import address_hash
from server.context import Context, Viewer, system_clock
from server.errors import Refused
from server.migrate import migrate
from server.settings import Settings
from tests.clock import FakeClock
from tests.integration.moderation_stage import GUEST, OTHER, Stage, guest, refusal, stage, until
from tests.servers import MIGRATIONS, Own


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Stage]:
    async with stage(settings) as made:
        yield made


async def test_no_comment_of_a_muted_person_has_a_place_after_the_mute(place: Stage) -> None:
    published: list[int] = []

    async def keep_talking(gateway: int) -> str:
        while True:
            try:
                published.append((await place.say(place.guest, "buy here", gateway=gateway)).offset)
            except Refused as refused:
                return refused.code

    talking = [asyncio.create_task(keep_talking(gateway)) for gateway in (0, 1, 0, 1)]
    await until(lambda: len(published) > 50)
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=300, reason="spam")
    refusals = await asyncio.gather(*talking)

    listener = place.gateways[1]
    await until(lambda: "person.muted" in listener.events(place.channel))
    mutes = [p.offset for where, p in listener.heard if where == place.channel and p.key == GUEST]
    assert refusals == ["denied"] * 4
    assert len(mutes) == 1
    assert max(published) < mutes[0]


async def test_a_muted_person_is_told_why_and_until_when(place: Stage) -> None:
    before = system_clock()

    reply = await actions.mute(
        place.ctx, place.ren, GUEST, room=place.room, seconds=300, reason="advertising"
    )

    notices = f"{place.channel}:notice"
    await until(lambda: place.gateways[1].bodies(notices))
    notice = place.gateways[1].bodies(notices)[0]
    refused = await refusal(place.say(place.guest, "hi"))
    told = await screening.denied_as(place.ctx, place.guest, place.room, refused)
    assert notice["event"] == "you.muted"
    assert (notice["room"], notice["reason"]) == (place.room, "advertising")
    assert before + 300_000 <= notice["until"] <= system_clock() + 300_000
    assert reply["until"] == notice["until"]
    assert (told.code, told.details["until"]) == ("muted", notice["until"])
    assert "advertising" in told.message


async def test_the_reason_is_told_by_a_gateway_that_did_not_hear_of_the_mute(place: Stage) -> None:
    other = place.gateways[1]
    await judged(other.ctx, place.guest, place.room)
    other.ctx.broker.on_control = lambda body: None
    await actions.mute(
        place.ctx, place.ren, GUEST, room=place.room, seconds=300, reason="advertising"
    )

    refused = await refusal(place.say(place.guest, "hi", gateway=1))
    told = await screening.denied_as(other.ctx, place.guest, place.room, refused)

    assert told.details["why"] == "advertising"


async def test_a_mute_holds_in_its_room_only(place: Stage) -> None:
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None)

    assert (await refusal(place.say(place.guest, "hi"))).code == "denied"
    assert (await place.say(place.guest, "hi", room=place.second_room)).offset == 1


async def test_a_mute_survives_a_redis_that_lost_everything(
    own_servers: Own, database_url: str
) -> None:
    settings = Settings.for_tests(database_url=database_url, redis_url=own_servers.valkey.url)
    async with stage(settings) as place:
        await place.say(place.guest, "before")
        await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None)
        await actions.ban(place.ctx, place.ren, OTHER, room=place.room)
        await place.ctx.redis.flushall()
        own_servers.kill(own_servers.valkey)
        own_servers.valkey.start()

        async def answered(viewer: Viewer) -> str:
            async with asyncio.timeout(20):
                while True:
                    try:
                        await place.say(viewer, "after")
                        return "published"
                    except Refused as refused:
                        if refused.code != "unavailable":
                            return refused.code
                        await asyncio.sleep(0.05)

        assert await answered(place.guest) == "denied"
        assert await answered(guest(OTHER, "x")) == "denied"
        assert await answered(place.member) == "published"


async def test_an_unmuted_person_may_write_again_and_is_told(place: Stage) -> None:
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None)

    await actions.unmute(place.ctx, place.yui, GUEST, room=place.room)

    assert (await place.say(place.guest, "thanks")).offset > 0
    notices = f"{place.channel}:notice"
    await until(lambda: "you.unmuted" in place.gateways[1].events(notices))
    rows = await place.log()
    assert [row["action"] for row in rows] == ["mute", "unmute"]
    assert rows[0]["undone_by"] == rows[1]["id"]


async def test_unmuting_who_is_not_muted_says_so(place: Stage) -> None:
    refused = await refusal(actions.unmute(place.ctx, place.ren, GUEST, room=place.room))

    assert refused.code == "not_found"


async def test_a_ban_holds_in_every_room_and_closes_connections(place: Stage) -> None:
    await actions.ban(place.ctx, place.ren, place.member.id or "", room=place.room, reason="scam")

    for room in (place.room, place.second_room):
        assert (await refusal(place.say(place.member, "hi", room=room))).code == "denied"
    denials = {"type": "deny", "publisher": place.member.id, "until": FOREVER}
    await until(lambda: denials in place.gateways[1].told)
    standing = await screening.standing(place.ctx, place.member, None)
    assert standing.banned_until == FOREVER
    assert standing.reason == "scam"


async def test_undoing_a_ban_lets_the_person_in_again(place: Stage) -> None:
    member = place.member.id or ""
    banned = await actions.ban(place.ctx, place.ren, member, room=place.room)

    await undo.undo(place.ctx, place.yui, banned["action"])

    assert (await place.say(place.member, "hi")).offset > 0
    lifted = {"type": "deny", "publisher": member, "until": 0}
    await until(lambda: lifted in place.gateways[1].told)
    assert (await screening.standing(place.ctx, place.member, None)).banned_until == 0
    assert await reads.denials_everywhere(place.db, system_clock()) == {member: 0}


async def test_undoing_an_unmute_mutes_again(place: Stage) -> None:
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None)
    lifted = await actions.unmute(place.ctx, place.ren, GUEST, room=place.room)

    await undo.undo(place.ctx, place.ren, lifted["action"])

    assert (await refusal(place.say(place.guest, "hi"))).code == "denied"


async def test_a_ban_in_force_outlives_the_end_of_a_mute(place: Stage) -> None:
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None, everywhere=True)
    await actions.ban(place.ctx, place.ren, GUEST, room=place.room)

    await actions.unmute(place.ctx, place.ren, GUEST, room=place.room)

    assert (await refusal(place.say(place.guest, "hi"))).details["scope"] == "everywhere"


async def test_a_shorter_mute_does_not_shorten_a_longer_one(place: Stage) -> None:
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None)

    reply = await actions.mute(place.ctx, place.yui, GUEST, room=place.room, seconds=10)

    refused = await refusal(place.say(place.guest, "hi"))
    assert reply["until"] is None
    assert refused.details["until"] == FOREVER


async def test_of_two_mutes_at_once_the_longer_holds(place: Stage) -> None:
    async def mute(gateway: int, seconds: int | None) -> None:
        ctx = place.gateways[gateway].ctx
        await actions.mute(ctx, place.ren, GUEST, room=place.room, seconds=seconds)

    await asyncio.gather(*(mute(n % 2, None if n == 3 else 10 + n) for n in range(8)))

    assert (await refusal(place.say(place.guest, "hi"))).details["until"] == FOREVER


async def test_a_mute_that_is_sent_twice_happens_once(place: Stage) -> None:
    id = fresh_id(system_clock())

    replies = [
        await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=60, id=id)
        for _ in range(2)
    ]

    assert replies[0]["action"] == replies[1]["action"]
    assert replies[0]["until"] == replies[1]["until"]
    assert len(await place.log()) == 1
    assert await place.db.value("SELECT count(*) FROM sanctions") == 1


async def test_nobody_acts_on_an_equal_or_higher_rank_or_on_himself(place: Stage) -> None:
    async def mute(actor: Viewer, target: Viewer) -> str:
        refused = await refusal(
            actions.mute(place.ctx, actor, target.id or "", room=place.room, seconds=60)
        )
        return refused.code

    assert await mute(place.ren, place.yui) == "forbidden"
    assert await mute(place.ren, place.host) == "forbidden"
    assert await mute(place.host, place.owner) == "forbidden"
    assert await mute(place.owner, place.owner) == "forbidden"
    assert await mute(place.member, place.guest) == "forbidden"
    assert await place.log() == []


async def test_who_does_not_exist_cannot_be_muted(place: Stage) -> None:
    refused = await refusal(actions.mute(place.ctx, place.ren, "m999", room=place.room, seconds=60))

    assert refused.code == "not_found"


async def test_a_new_name_from_the_same_address_inherits_the_sanction(place: Stage) -> None:
    address = await address_hash(place.ctx, place.guest.address)
    async with place.worker():
        await place.say(place.guest, "buy here", address=address)
        await _saved(place, "SELECT count(*) FROM guest_addresses")
        reply = await actions.mute(
            place.ctx, place.ren, GUEST, room=place.room, seconds=600, reason="spam"
        )

    newcomer = guest(OTHER, "another")
    assert await judged(place.ctx, newcomer, place.room) == ("reject", "muted")
    assert await judged(place.ctx, newcomer, place.second_room) == ("allow", "")
    elsewhere = guest(OTHER, "another", "203.0.113.8")
    assert await judged(place.ctx, elsewhere, place.room) == ("allow", "")
    member = Viewer(place.member.id, "たけし", Rank.MEMBER, address=place.guest.address)
    assert await judged(place.ctx, member, place.room) == ("allow", "")

    await undo.undo(place.ctx, place.ren, reply["action"])

    assert await judged(place.ctx, newcomer, place.room) == ("allow", "")


async def test_an_address_that_is_saved_after_the_sanction_inherits_it_too(place: Stage) -> None:
    address = await address_hash(place.ctx, place.guest.address)
    await place.say(place.guest, "buy here", address=address)
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None)

    async with place.worker():
        await _saved(place, "SELECT count(*) FROM sanction_addresses")
    place.ctx.of(screening.Screening).stale()

    newcomer = guest(OTHER, "another")
    assert await judged(place.ctx, newcomer, place.room) == ("reject", "muted")


async def test_a_sanction_ends_by_itself(settings: Settings, clock: FakeClock) -> None:
    async with stage(settings, clock=clock, gateways=1) as place:
        await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=60)
        assert await judged(place.ctx, place.guest, place.room) == ("reject", "muted")

        clock.advance(60_000)

        assert await judged(place.ctx, place.guest, place.room) == ("allow", "")
        assert await reads.denials(place.db, place.room, clock()) == {}


async def test_the_other_gateway_follows_at_once(place: Stage) -> None:
    other = place.gateways[1].ctx
    assert await judged(other, place.guest, place.room) == ("allow", "")

    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=None)

    told = {"type": "changed", "what": "moderation", "part": "sanctions"}
    await until(lambda: told in place.gateways[1].told)
    await place.settled()
    assert await judged(other, place.guest, place.room) == ("reject", "muted")


async def test_a_mute_works_while_postgres_is_frozen_and_is_saved_later(
    own_servers: Own, redis_url: str
) -> None:
    await _migrate(own_servers)
    settings = Settings.for_tests(database_url=own_servers.postgres.dsn(), redis_url=redis_url)
    async with stage(settings) as place:
        await place.say(place.guest, "buy here")
        assert await judged(place.ctx, place.guest, place.room) == ("allow", "")
        own_servers.freeze(own_servers.postgres)
        try:
            reply = await actions.mute(
                place.ctx, place.ren, GUEST, room=place.room, seconds=None, reason="spam"
            )
            refused = await refusal(place.say(place.guest, "again"))
        finally:
            own_servers.thaw(own_servers.postgres)

        assert reply["saved"] is False
        assert refused.code == "denied"
        async with place.worker():
            await _saved(place, "SELECT count(*) FROM sanctions")
        sanction = await place.db.one("SELECT * FROM sanctions")
        assert sanction is not None
        assert (sanction["person"], sanction["person_name"]) == (GUEST, "shop_navi")
        assert sanction["reason"] == "spam"
        assert [row["action"] for row in await place.log()] == ["mute"]
        assert await reads.denials(place.db, place.room, system_clock()) == {GUEST: FOREVER}


async def test_rank_rules_hold_while_postgres_is_frozen(own_servers: Own, redis_url: str) -> None:
    await _migrate(own_servers)
    settings = Settings.for_tests(database_url=own_servers.postgres.dsn(), redis_url=redis_url)
    async with stage(settings, gateways=1) as place:
        await judged(place.ctx, place.guest, place.room)
        own_servers.freeze(own_servers.postgres)
        try:
            refused = await refusal(
                actions.mute(place.ctx, place.ren, place.host.id or "", room=place.room, seconds=9)
            )
        finally:
            own_servers.thaw(own_servers.postgres)

        assert refused.code == "forbidden"


async def judged(ctx: Context, viewer: Viewer, room: str) -> tuple[str, str]:
    """Give kind and rule of the verdict on a harmless text."""
    address = b""
    if viewer.rank < Rank.MEMBER:
        address = await address_hash(ctx, viewer.address)
    draft = Draft("hello", room, viewer.id or "", viewer.name, viewer.rank, address)
    verdict = await screening.screen(ctx, draft)
    return verdict.kind, verdict.rule


async def _saved(place: Stage, count: str) -> None:
    async with asyncio.timeout(15):
        while True:
            if await place.db.value(count):
                return
            await asyncio.sleep(0.02)


async def _migrate(own: Own) -> None:
    await migrate(own.postgres.dsn(), MIGRATIONS)
