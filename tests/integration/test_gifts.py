"""Coupons and giveaways on real servers: races for the last one, who may, and open proof."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgpack
import pytest

from moderation import actions as moderation
from moderation.rules import Rank
from rooms.rules import Room
from rooms.shop.gifts import actions, buying, reads, rules
from rooms.shop.stock.told import Teller
from server.context import Viewer
from server.errors import Refused
from server.settings import Settings
from tests.integration.street import street
from tests.integration.world import World, world

Hall = tuple[World, Viewer, Room]


@pytest.fixture
async def hall(settings: Settings) -> AsyncIterator[Hall]:
    """A live room and its host."""
    async with world(settings) as w:
        host, room = await w.member("Yui", Rank.HOST), await w.room("shop", "live")
        await w.showing(room, host)
        yield w, host, room
        await w.ctx.of(Teller).settled()


async def refused(action: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await action
    return caught.value


async def events(w: World, room: Room, name: str) -> list[dict[str, Any]]:
    bodies = [msgpack.unpackb(p.body) for p in await w.window(room)]
    return [body for body in bodies if body["event"] == name]


async def product(w: World, currency: str = "JPY") -> int:
    number = await w.db.value(
        "INSERT INTO products (title, currency) VALUES ('Serum', $1) RETURNING id", currency
    )
    await w.db.run("INSERT INTO variants (product_id, price, total) VALUES ($1, 4999, 20)", number)
    return int(number)


async def reserve(w: World, viewer: Viewer, of: int, key: str, coupon: str) -> dict[str, Any]:
    """Reserve two of a product's only variant with a coupon."""
    variant = await w.db.value("SELECT id FROM variants WHERE product_id = $1", of)
    wish = {"product": str(of), "variant": str(variant), "quantity": 2, "key": key}
    reply = await buying.reserve(w.ctx, viewer, {**wish, "coupon": coupon})
    reservation: dict[str, Any] = reply["reservation"]
    return reservation


async def dropped(hall: Hall, **more: Any) -> str:
    w, host, room = hall
    wanted = {"room": room.id, "percent": 20, "cap": 10, "minutes": 5, **more}
    coupon: str = (await actions.drop(w.ctx, host, wanted))["coupon"]["id"]
    return coupon


async def opened(hall: Hall, **more: Any) -> str:
    w, host, room = hall
    wanted = {"room": room.id, "title": "Tea set", "winners": 2, "seconds": 60, **more}
    key: str = (await actions.open_giveaway(w.ctx, host, wanted))["giveaway"]["id"]
    return key


async def test_a_hundred_claims_on_ten_coupons_give_ten_and_each_person_one(hall: Hall) -> None:
    w, _, room = hall
    coupon = await dropped(hall, code="TEN")
    people = [w.guest(f"Guest {n}") for n in range(50)]

    async def claim(viewer: Viewer) -> str:
        for _ in range(20):
            try:
                await actions.claim(w.ctx, viewer, {"coupon": coupon})
            except Refused as error:
                if error.code != "unavailable":
                    return f"{viewer.id} {error.code}"
            else:
                return f"{viewer.id} got it"
        return "never answered"

    outcomes = set(await asyncio.gather(*(claim(viewer) for viewer in people * 2)))

    assert sum("got it" in outcome for outcome in outcomes) == 10
    assert sum("sold_out" in outcome for outcome in outcomes) == 40
    has = await w.db.value("SELECT person FROM coupon_claims LIMIT 1")
    assert await claim(Viewer(has, "Again", Rank.GUEST)) == f"{has} got it"
    row = await w.db.one(
        """SELECT claimed, (SELECT count(*) FROM coupon_claims WHERE coupon_id = id) AS rows
           FROM coupons WHERE id = $1""",
        int(coupon),
    )
    assert dict(row or {}) == {"claimed": 10, "rows": 10}
    [shown] = await events(w, room, "coupon.dropped")
    assert (shown["code"], shown["percent"], shown["cap"]) == ("TEN", 20, 10)


async def test_a_room_is_told_a_count_once(hall: Hall) -> None:
    w, _, room = hall
    coupon = await dropped(hall)
    await actions.claim(w.ctx, w.guest("Alex"), {"coupon": coupon})
    await w.ctx.broker.subscribe(room.channel)

    await actions.tell_claims(w.ctx)
    await actions.tell_claims(w.ctx)
    await w.ctx.broker.pass_on(room.channel, msgpack.packb({"event": "end"}))

    bodies: list[dict[str, Any]] = []
    async with asyncio.timeout(5):
        while not bodies or bodies[-1]["event"] != "end":
            await asyncio.sleep(0.01)
            bodies = [msgpack.unpackb(p.body) for channel, p in w.heard if channel == room.channel]
    assert bodies[:-1] == [{"event": "coupon.counted", "id": coupon, "claimed": 1, "cap": 10}]


async def test_a_coupon_that_is_over_cannot_be_claimed_but_who_has_it_keeps_it(hall: Hall) -> None:
    w, host, room = hall
    coupon, alex, sara = await dropped(hall), w.guest("Alex"), w.guest("Sara")
    await actions.claim(w.ctx, alex, {"coupon": coupon})

    await actions.end(w.ctx, host, {"coupon": coupon})
    await actions.end(w.ctx, host, {"coupon": coupon})

    assert (await refused(actions.claim(w.ctx, sara, {"coupon": coupon}))).code == "expired"
    assert (await actions.claim(w.ctx, alex, {"coupon": coupon}))["coupon"]["id"] == coupon
    assert len(await events(w, room, "coupon.ended")) == 1
    mine = await reads.coupons_open(w.ctx, room, alex)
    assert [(c["id"], c["mine"], c["claimed"]) for c in mine] == [(coupon, True, 1)]
    assert await reads.coupons_open(w.ctx, room, sara) == []
    later = await dropped(hall, minutes=1)
    w.clock.advance(60_000)
    assert (await refused(actions.claim(w.ctx, sara, {"coupon": later}))).code == "expired"


async def test_a_claimed_coupon_is_used_by_one_reservation_at_a_time(hall: Hall) -> None:
    w, _, _ = hall
    serum, coupon, alex = await product(w), await dropped(hall), w.guest("Alex")

    assert (await refused(reserve(w, alex, serum, "a", coupon))).code == "not_found"
    await actions.claim(w.ctx, alex, {"coupon": coupon})
    first = await reserve(w, alex, serum, "b", coupon)
    again = await reserve(w, alex, serum, "b", coupon)
    assert (first["discount"], first["amount"]) == (2 * 4999 * 20 // 100, 2 * 4999 - 1999)
    assert again["id"] == first["id"]
    assert (await refused(reserve(w, alex, serum, "c", coupon))).details["field"] == "coupon"
    w.clock.advance(6 * 60_000 + reads.GRACE_MS)
    assert (await refused(reserve(w, alex, serum, "d", coupon))).code == "expired"


async def test_a_coupon_fits_its_product_and_its_currency_alone(hall: Hall) -> None:
    w, host, room = hall
    serum, tea, alex = await product(w), await product(w, "USD"), w.guest("Alex")
    for_serum = await dropped(hall, product=str(serum))
    yen = await dropped(hall, percent=None, amount=50_000, currency="JPY")
    for coupon in (for_serum, yen):
        await actions.claim(w.ctx, alex, {"coupon": coupon})

    problems = [
        (await refused(reserve(w, alex, tea, "a", coupon))).details["problem"]
        for coupon in (for_serum, yen)
    ]
    wrong = {"room": room.id, "amount": 5, "currency": "JPY", "cap": 1, "minutes": 1}
    again = await refused(actions.drop(w.ctx, host, {**wrong, "product": str(tea)}))

    assert problems == ["other_product", "other_currency"]
    assert again.details["problem"] == "other_currency"
    assert (await reserve(w, alex, serum, "b", yen))["amount"] == 0
    assert (await reserve(w, alex, serum, "c", for_serum))["discount"] == 1999


async def test_winners_are_drawn_after_the_end_once_and_anybody_can_compute_them(
    hall: Hall,
) -> None:
    w, host, room = hall
    giveaway = await opened(hall)
    people = [w.guest(f"Guest {n}") for n in range(7)]
    for viewer in (*people, people[0]):
        await actions.enter(w.ctx, viewer, {"giveaway": giveaway})
    secret = await reads.giveaway(w.ctx, int(giveaway))
    early = await refused(actions.draw(w.ctx, host, {"giveaway": giveaway}))

    w.clock.advance(60_000)
    late = await refused(actions.enter(w.ctx, w.guest("Late"), {"giveaway": giveaway}))
    first = await actions.draw(w.ctx, host, {"giveaway": giveaway})
    again = await actions.draw(w.ctx, host, {"giveaway": giveaway})

    assert (secret["seed"], secret["drawn"], secret["won"]) == (None, False, [])
    assert early.details["problem"] == "still_open"
    assert late.code == "expired"
    assert again == first
    [told] = await events(w, room, "giveaway.drawn")
    proof = await reads.giveaway(w.ctx, int(giveaway))
    assert proof["seed"] == told["seed"]
    assert proof["entries_digest"] == told["entries_digest"]
    assert sorted(proof["people"]) == sorted(viewer.id or "" for viewer in people)
    winners = [winner["person"] for winner in told["winners"]]
    assert [winner["place"] for winner in told["winners"]] == [1, 2]
    seed, commitment = bytes.fromhex(told["seed"]), bytes.fromhex(proof["commitment"])
    assert (await events(w, room, "giveaway.opened"))[0]["commitment"] == proof["commitment"]
    assert rules.verify(seed, commitment, proof["people"], winners)
    assert not rules.verify(seed, commitment, proof["people"][1:], winners)


async def test_draws_at_once_give_one_result(hall: Hall) -> None:
    w, host, room = hall
    giveaway = await opened(hall)
    for n in range(5):
        await actions.enter(w.ctx, w.guest(f"Guest {n}"), {"giveaway": giveaway})
    w.clock.advance(60_000)

    drawn = await asyncio.gather(
        *(actions.draw(w.ctx, host, {"giveaway": giveaway}) for _ in range(5))
    )

    assert all(each == drawn[0] for each in drawn)
    assert len(await events(w, room, "giveaway.drawn")) == 1


async def test_who_is_muted_or_banned_here_takes_no_part(hall: Hall) -> None:
    w, _, room = hall
    coupon, giveaway, mio = await dropped(hall), await opened(hall), await w.member("Mio")
    ren = await w.member("Ren", Rank.MODERATOR)
    await moderation.mute(w.ctx, ren, mio.id or "", room=room.id, seconds=600, reason="spam")

    for act in (
        actions.claim(w.ctx, mio, {"coupon": coupon}),
        actions.enter(w.ctx, mio, {"giveaway": giveaway}),
    ):
        error = await refused(act)
        assert error.code == "muted"
        assert error.details["until"] > w.clock()
    assert await w.db.value("SELECT claimed FROM coupons") == 0


async def test_what_is_asked_for_wrongly_is_refused_and_changes_nothing(hall: Hall) -> None:
    w, host, room = hall
    mio, reader = await w.member("Mio"), Viewer(None, "", Rank.READER)
    hidden = await w.room("staff", "live", visibility="staff")
    tea = await w.room("tea")
    kept = await opened((w, host, hidden))
    coupon = await dropped(hall, code="ONCE")
    drop = {"room": room.id, "percent": 5, "cap": 1, "minutes": 1}
    give = {"room": room.id, "title": "Tea", "winners": 1, "seconds": 60}
    wrong = [
        (actions.drop, mio, drop, "forbidden"),
        (actions.drop, host, {**drop, "room": 7}, "invalid"),
        (actions.drop, host, {**drop, "room": "999"}, "not_found"),
        (actions.drop, host, {**drop, "room": tea.id}, "invalid"),
        (actions.drop, host, {**drop, "code": "once"}, "invalid"),
        (actions.drop, host, {**drop, "product": "999"}, "not_found"),
        (actions.end, mio, {"coupon": coupon}, "forbidden"),
        (actions.end, host, {"coupon": 1}, "invalid"),
        (actions.end, host, {"coupon": "999"}, "not_found"),
        (actions.claim, reader, {"coupon": coupon}, "unauthenticated"),
        (actions.claim, mio, {"coupon": int(coupon)}, "invalid"),
        (actions.claim, mio, {"coupon": "9" * 30}, "invalid"),
        (actions.claim, mio, {}, "invalid"),
        (actions.claim, mio, {"coupon": "999"}, "not_found"),
        (actions.open_giveaway, mio, give, "forbidden"),
        (actions.open_giveaway, host, {**give, "room": tea.id}, "invalid"),
        (actions.enter, mio, {"giveaway": kept}, "not_found"),
        (actions.enter, mio, {"giveaway": [kept]}, "invalid"),
        (actions.enter, mio, {"giveaway": "999"}, "not_found"),
        (actions.draw, mio, {"giveaway": kept}, "not_found"),
        (actions.draw, host, {"giveaway": None}, "invalid"),
    ]

    for action, viewer, args, code in wrong:
        assert (await refused(action(w.ctx, viewer, args))).code == code, (action, args)

    assert await w.db.value("SELECT count(*) FROM coupons") == 1
    assert await w.db.value("SELECT count(*) FROM giveaways") == 1
    assert await w.db.value("SELECT count(*) FROM giveaway_entries") == 0


async def test_the_api_gives_the_proof_over_http_and_the_commands_are_there(
    settings: Settings,
) -> None:
    async with street(settings, gateways=1) as s:
        w = s.world
        host, room = await w.member("Yui", Rank.HOST), await w.room("shop", "live")
        giveaway = await opened((w, host, room))
        await opened((w, host, await w.room("staff", "live", visibility="staff")))
        async with httpx.AsyncClient(base_url=s.urls[0]) as http:
            found = await http.get(f"/v1/giveaways/{giveaway}")
            pages = [
                await http.get(f"/giveaways/{giveaway}?lang={language}")
                for language in ("en", "ja", "th", "ar")
            ]
            missing = [
                (await http.get(f"/v1/giveaways/{key}")).status_code for key in ("2", "999", "x")
            ]
            unseen = (await http.get("/giveaways/2")).status_code

    assert found.json()["giveaway"]["seed"] is None
    assert len(found.json()["giveaway"]["commitment"]) == 64
    assert [*missing, unseen] == [404] * 4
    commitment = found.json()["giveaway"]["commitment"]
    assert all(commitment in page.text and "Tea set" in page.text for page in pages)
    assert len({page.text for page in pages}) == 4
