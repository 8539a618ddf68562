"""Members on real servers: joining, signing in, links, roles, tokens, leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moderation.rules import Rank
from rooms.members import actions, reads, sessions, tokens, upkeep
from rooms.members.sessions import SessionCache
from server.context import Viewer
from server.errors import Refused
from server.identity import Claims, Keyring
from server.settings import Rate, Settings
from tests.integration.channels import until
from tests.integration.world import World, world

ADDRESS = "192.0.2.7"


@pytest.fixture
async def town(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as w:
        yield w


async def refused(call: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await call
    assert " " in caught.value.message
    return caught.value


async def join(
    w: World, name: str = "みお", password: str = "朝の光とお茶とパン", **more: Any
) -> int:
    return await actions.sign_up(
        w.ctx,
        **{
            "open_to_all": True,
            "name": name,
            "password": password,
            "language": "ja",
            "address": ADDRESS,
            **more,
        },
    )


async def enter(w: World, name: str = "みお", password: str = "朝の光とお茶とパン") -> int:
    return await actions.sign_in(w.ctx, name=name, password=password, address=ADDRESS)


async def viewer_of(w: World, member_id: int) -> Viewer:
    cookie = await sessions.begin(w.ctx, member_id)
    viewer = await w.ctx.of(SessionCache).viewer(cookie)
    assert viewer is not None
    return viewer


async def test_who_joined_can_sign_in_and_nobody_else(town):
    member = await join(town)

    assert await enter(town) == member
    wrong = await refused(enter(town, password="夕方の光"))
    unknown = await refused(enter(town, name="だれか"))
    assert wrong.code == unknown.code == "unauthenticated"
    assert wrong.message == unknown.message
    stored = await town.db.value("SELECT password_hash FROM members WHERE id = $1", member)
    assert stored.startswith("$argon2id$")


async def test_a_name_that_looks_like_one_that_is_taken_is_refused(town):
    await join(town, "Haruka")

    for other in ("haruka", "Ｈａｒｕｋａ", "Har uka"):
        refusal = await refused(join(town, other))
        assert refusal.details["problem"] == "taken", other


async def test_two_who_want_the_same_name_at_once_do_not_both_get_it(town):
    outcomes = await asyncio.gather(
        join(town, "Haruka"), join(town, "Haruka"), return_exceptions=True
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refused", "int"]


async def test_where_only_the_owner_adds_members_nobody_joins(town):
    assert (await refused(join(town, open_to_all=False))).code == "forbidden"
    assert await town.db.value("SELECT count(*) FROM members") == 0


async def test_the_sixth_try_in_a_minute_is_refused_whatever_the_password(town):
    await join(town)
    for _ in range(5):
        await refused(enter(town, password="wrong wrong"))

    refusal = await refused(enter(town))

    assert refusal.code == "rate_limited"
    assert 0 < (refusal.retry_after or 0) <= 60_000


async def test_a_session_ends_with_its_cookie_and_everywhere(town):
    member = await join(town)
    first = await sessions.begin(town.ctx, member, "Firefox")
    second = await sessions.begin(town.ctx, member, "Safari\x00\n")
    cache = town.ctx.of(SessionCache)
    viewer = await cache.viewer(first)
    assert viewer is not None and viewer.name == "みお" and viewer.rank == Rank.MEMBER

    await sessions.end(town.ctx, first)

    assert await cache.viewer(first) is None
    assert await cache.viewer(second) is not None

    await actions.sign_out_everywhere(town.ctx, viewer)
    cache.on_control({"type": "revoke", "publisher": viewer.id, "version": 2})

    assert await cache.viewer(second) is None
    assert await town.db.value("SELECT session_version FROM members WHERE id = $1", member) == 2
    assert await cache.viewer("no such cookie") is None


async def test_a_changed_password_ends_the_sessions_and_the_old_one(town):
    member = await join(town)
    viewer = await viewer_of(town, member)

    wrong = await refused(
        actions.change_password(town.ctx, viewer, old="not this one", new="新しい合言葉です")
    )
    await actions.change_password(
        town.ctx, viewer, old="朝の光とお茶とパン", new="新しい合言葉です"
    )

    assert wrong.details["field"] == "old"
    assert (await refused(enter(town))).code == "unauthenticated"
    assert await enter(town, password="新しい合言葉です") == member
    assert await town.db.value("SELECT count(*) FROM sessions") == 0


async def test_the_setup_link_makes_one_owner_and_no_second(town):
    token = await actions.make_setup_link(town.ctx)
    assert token is not None and await reads.link_is_good(town.db, token, "setup")

    weak = await refused(
        actions.use_setup_link(town.ctx, token, name="なつき", password="short", language="ja")
    )
    owner = await actions.use_setup_link(
        town.ctx, token, name="なつき", password="工房の朝は早いです", language="ja"
    )

    assert weak.details["problem"] == "short"
    assert (await reads.member(town.db, owner)).rank is Rank.OWNER
    again = actions.use_setup_link(
        town.ctx, token, name="だれか", password="工房の朝は早いです", language="ja"
    )
    assert (await refused(again)).code == "expired"
    assert await actions.make_setup_link(town.ctx) is None


async def test_a_new_setup_link_voids_the_old_one(town):
    old = await actions.make_setup_link(town.ctx)
    new = await actions.make_setup_link(town.ctx)

    assert not await reads.link_is_good(town.db, old or "", "setup")
    assert await reads.link_is_good(town.db, new or "", "setup")
    assert not await reads.link_is_good(town.db, new or "", "reset")


async def test_a_reset_link_works_once_and_a_weak_password_does_not_cost_it(town):
    owner = await town.member("Natsuki", Rank.OWNER)
    member = await join(town)
    token = await actions.make_reset_link(town.ctx, owner, f"m{member}")

    await refused(actions.use_reset_link(town.ctx, token, "short"))
    assert await actions.use_reset_link(town.ctx, token, "新しい合言葉です") == member

    assert await enter(town, password="新しい合言葉です") == member
    assert (await refused(actions.use_reset_link(town.ctx, token, "もう一度だけお願い"))).code == (
        "expired"
    )


async def test_an_old_link_is_void(town):
    token = await actions.make_setup_link(town.ctx)
    await town.db.run("UPDATE one_time_links SET expires_at = now()")

    assert not await reads.link_is_good(town.db, token or "", "setup")


@pytest.mark.parametrize("rank", [Rank.MEMBER, Rank.MODERATOR, Rank.HOST])
async def test_only_the_owner_gives_roles_links_and_accounts(town, rank):
    viewer = await town.member("Somebody", rank)

    for call in (
        actions.set_role(town.ctx, viewer, viewer.id or "", "owner"),
        actions.make_reset_link(town.ctx, viewer, viewer.id or ""),
        actions.create(town.ctx, viewer, name="New", role="member"),
    ):
        assert (await refused(call)).code == "forbidden"


async def test_a_role_reaches_open_connections(town):
    owner = await town.member("Natsuki", Rank.OWNER)
    member = await join(town)

    await actions.set_role(town.ctx, owner, f"m{member}", "moderator")

    assert (await reads.member(town.db, member)).rank is Rank.MODERATOR
    told = {"type": "revoke", "publisher": f"m{member}", "version": 2}
    await until(lambda: told in town.told)


async def test_the_last_owner_stays(town):
    owner = await town.member("Natsuki", Rank.OWNER)
    other = await town.member("Akari", Rank.OWNER)

    await actions.set_role(town.ctx, owner, other.id or "", "host")
    refusal = await refused(actions.set_role(town.ctx, owner, owner.id or "", "member"))

    assert refusal.code == "invalid"


async def test_two_owners_who_step_down_at_once_leave_one(town):
    owner = await town.member("Natsuki", Rank.OWNER)
    other = await town.member("Akari", Rank.OWNER)

    await asyncio.gather(
        actions.set_role(town.ctx, owner, owner.id or "", "member"),
        actions.set_role(town.ctx, other, other.id or "", "member"),
        return_exceptions=True,
    )

    assert await town.db.value("SELECT count(*) FROM members WHERE rank = 60") == 1


async def test_an_account_made_by_the_owner_gets_its_password_by_link(town):
    owner = await town.member("Natsuki", Rank.OWNER)

    member, token = await actions.create(town.ctx, owner, name="れん", role="moderator")

    assert (await refused(enter(town, "れん", ""))).code == "unauthenticated"
    assert await actions.use_reset_link(town.ctx, token, "静かな夜の庭で待つ") == member
    assert await enter(town, "れん", "静かな夜の庭で待つ") == member


async def test_staff_keeps_its_own_name_and_may_be_called_what_it_is(town):
    owner = await town.member("Natsuki", Rank.OWNER)
    host = await town.member("Kotoha", Rank.HOST)

    assert await actions.rename(town.ctx, host, "Kotoha ") == "Kotoha"
    assert await actions.rename(town.ctx, host, "KOTOHA") == "KOTOHA"
    member, _ = await actions.create(town.ctx, owner, name="Admin", role="moderator")
    assert (await reads.member(town.db, member)).name == "Admin"
    refusal = await refused(actions.create(town.ctx, owner, name="Owner", role="member"))
    assert refusal.details["problem"] == "reserved"


async def test_who_leaves_takes_the_name_away_and_leaves_the_words(town):
    room = await town.room()
    member = await join(town)
    viewer = await viewer_of(town, member)
    await town.db.run(
        """INSERT INTO messages (room_id, id, member_id, author_name, author_rank,
                                 client_message_id, text, epoch, "offset", at)
           VALUES ($1, gen_random_uuid(), $2, 'みお', 20, 'c1', 'おはよう', 1, 1, now())""",
        int(room.id),
        member,
    )
    data = await actions.export(town.ctx, viewer)
    assert [message["text"] for message in data["messages"]] == ["おはよう"]
    assert "password_hash" not in data["member"]

    assert (await refused(actions.delete_account(town.ctx, viewer, "wrong"))).code == "invalid"
    await actions.delete_account(town.ctx, viewer, "朝の光とお茶とパン")

    left = await town.db.one("SELECT author_name, text FROM messages")
    assert left is not None and (left["author_name"], left["text"]) == ("", "おはよう")
    kept = await town.db.one("SELECT name, about, password_hash FROM members")
    assert kept is not None and kept["password_hash"] is None and kept["name"] == "deleted"
    assert (await refused(enter(town))).code == "unauthenticated"
    assert await join(town, "みお") != member


async def test_words_that_are_saved_after_their_author_left_lose_the_name(town):
    room = await town.room()
    member = await join(town)
    await actions.delete_account(town.ctx, await viewer_of(town, member), "朝の光とお茶とパン")
    await town.db.run(
        """INSERT INTO messages (room_id, id, member_id, author_name, author_rank,
                                 client_message_id, text, epoch, "offset", at)
           VALUES ($1, gen_random_uuid(), $2, 'みお', 20, 'c1', 'おはよう', 1, 1, now())""",
        int(room.id),
        member,
    )

    await upkeep.tidy(town.ctx)

    assert await town.db.value("SELECT author_name FROM messages") == ""


async def test_a_guest_gets_a_token_that_speaks_for_the_name(town):
    keyring = await Keyring.load(town.db)

    token, viewer = await tokens.guest(town.ctx, keyring, name=" はるか ", address=ADDRESS)

    claims = keyring.verify(token, town.clock())
    assert await tokens.resolve(town.ctx, claims) == Viewer(
        id=viewer.id, name="はるか", rank=Rank.GUEST, since=viewer.since
    )
    assert viewer.id is not None and len(viewer.id) == 17 and viewer.id.startswith("g")


async def test_an_address_gets_only_so_many_guest_names(settings):
    async with world(settings, visitor_rate=Rate(2, 60_000)) as town:
        keyring = await Keyring.load(town.db)
        for name in ("One", "Two"):
            await tokens.guest(town.ctx, keyring, name=name, address=ADDRESS)

        call = tokens.guest(town.ctx, keyring, name="Three", address=ADDRESS)
        assert (await refused(call)).code == "rate_limited"
        await tokens.guest(town.ctx, keyring, name="Three", address="203.0.113.5")


async def test_a_guest_cannot_be_called_like_the_staff(town):
    await town.member("ことは店長", Rank.HOST)
    keyring = await Keyring.load(town.db)

    for name in ("ことは店長", "ことは 店長", ""):
        await refused(tokens.guest(town.ctx, keyring, name=name, address=ADDRESS))


async def test_a_bots_token_ends_when_its_member_signs_out_everywhere(town):
    keyring = await Keyring.load(town.db)
    member = await join(town)
    token = await tokens.bearer(town.ctx, keyring, f"m{member}")
    claims = keyring.verify(token, town.clock())
    viewer = await tokens.resolve(town.ctx, claims)
    assert viewer.id == f"m{member}"

    await actions.sign_out_everywhere(town.ctx, viewer)

    assert (await refused(tokens.resolve(town.ctx, claims))).code == "unauthenticated"
    nobody = Claims(kind="bearer", publisher="m999", expires=town.clock() + 1000)
    assert (await refused(tokens.resolve(town.ctx, nobody))).code == "unauthenticated"
