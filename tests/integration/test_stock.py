"""Reserving, letting go, running out: against real Postgres and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from moderation.screening import Screening
from rooms.shop.rules import HoldState
from rooms.shop.stock import actions, commands, reads
from server.context import Viewer
from server.errors import Refused
from tests.integration.market import Market, shared_market
from tests.servers import Shared

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(shared_servers: Shared) -> AsyncIterator[Market]:
    async with shared_market(shared_servers) as market:
        yield market


@pytest_asyncio.fixture(loop_scope="module")
async def shop(opened: Market) -> Market:
    await opened.begin()
    return opened


async def refused(attempt: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await attempt
    return caught.value


async def test_what_is_held_is_no_longer_available(shop: Market) -> None:
    cup = await shop.product(3)
    ken = shop.town.guest("Ken")

    held, title = await actions.reserve(shop.ctx, ken, shop.wanted(cup, 2))

    stands = (await shop.stands(cup)).variants[cup.variants[0].id]
    assert (held.state, held.price, held.amount, title) == (HoldState.HELD, 1000, 2000, "Cup")
    assert 0 < held.until - held.at <= 300_000
    assert (stands.held, stands.available) == (2, 1)


async def test_the_last_one_goes_to_one_of_many(shop: Market) -> None:
    cup = await shop.product(3)

    outcomes = await asyncio.gather(
        *(
            actions.reserve(shop.ctx, shop.town.guest(f"Ken {n}"), shop.wanted(cup))
            for n in range(20)
        ),
        return_exceptions=True,
    )

    codes = [o.code for o in outcomes if isinstance(o, Refused)]
    assert codes == ["sold_out"] * 17
    assert (await shop.stands(cup)).variants[cup.variants[0].id].available == 0


async def test_a_rush_is_served_one_after_another(shop: Market) -> None:
    cup = await shop.product(37)
    people = [shop.town.guest(f"Ken {n}") for n in range(1000)]

    outcomes = await asyncio.gather(
        *(actions.reserve(shop.ctx, who, shop.wanted(cup)) for who in people),
        return_exceptions=True,
    )

    codes = {outcome.code for outcome in outcomes if isinstance(outcome, Refused)}
    held = [who for who, o in zip(people, outcomes, strict=True) if isinstance(o, tuple)]
    assert codes == {"sold_out"}
    assert len(held) == 37
    assert held == people[:37]


async def test_the_same_key_holds_once(shop: Market) -> None:
    cup = await shop.product(3)
    ken = shop.town.guest("Ken")
    wanted = shop.wanted(cup, key="k")

    first = await actions.reserve(shop.ctx, ken, wanted)
    second = await actions.reserve(shop.ctx, ken, wanted)
    other = await refused(actions.reserve(shop.ctx, ken, shop.wanted(cup, 2, key="k")))

    assert first == second
    assert other.code == "duplicate_conflict"
    assert (await shop.stands(cup)).variants[cup.variants[0].id].held == 1


async def test_refusals_name_what_is_wrong(shop: Market) -> None:
    cup = await shop.product(5, per_person=2)
    ken = shop.town.guest("Ken")

    async def code(wanted: Any) -> tuple[str, dict[str, Any]]:
        refusal = await refused(actions.reserve(shop.ctx, ken, wanted))
        return refusal.code, refusal.details

    assert await code(shop.wanted(cup, price=900)) == ("expired", {"price": 1000})
    assert await code(shop.wanted(cup, 3)) == ("limit_reached", {"most": 2, "left": 2})
    assert (await code(shop.wanted(cup, variant_id="999")))[0] == "not_found"
    assert (await code(shop.wanted(cup, product_id="999")))[0] == "not_found"
    await shop.ctx.db.run("UPDATE products SET stopped = true WHERE id = $1", int(cup.id))
    await shop.changed(cup)
    assert await code(shop.wanted(cup)) == ("unavailable", {"stopped": True})


async def test_what_is_let_go_can_be_had_again(shop: Market) -> None:
    cup = await shop.product(1)
    ken, ann = shop.town.guest("Ken"), shop.town.guest("Ann")
    held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup, key="k"))

    stranger = await actions.release(shop.ctx, held.id, ann.id, product_id=cup.id)
    own = await actions.release(shop.ctx, held.id, ken.id, product_id=cup.id)
    again = await actions.release(shop.ctx, held.id, ken.id, product_id=cup.id)
    await shop.save(cup)

    assert (stranger, own, again) == (False, True, False)
    await actions.reserve(shop.ctx, ann, shop.wanted(cup))
    repeated, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup, key="k"))
    assert repeated.state is HoldState.RELEASED


async def test_what_runs_out_is_saved_and_told(shop: Market) -> None:
    cup = await shop.product(1)
    ken = shop.town.guest("Ken")
    held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup))
    await shop.save(cup)

    await shop.wind_on(cup, 301)
    await actions.expire(shop.ctx, cup.id)
    await shop.save(cup)

    [(saved, _)] = await reads.reservations(shop.ctx.db, [held.id])
    assert saved.state is HoldState.EXPIRED
    assert [(who, body["why"]) for who, body in await shop.notices()] == [(ken.id, "expired")]
    assert await shop.outgoing() == ["reservation.held", "reservation.expired"]
    assert (await shop.stands(cup)).variants[cup.variants[0].id].available == 1


async def test_a_hold_runs_out_without_the_worker_when_somebody_asks(shop: Market) -> None:
    cup = await shop.product(1)
    await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup))
    await shop.wind_on(cup, 301)

    held, _ = await actions.reserve(shop.ctx, shop.town.guest("Ann"), shop.wanted(cup))

    assert held.state is HoldState.HELD


async def test_pages_read_what_is_left_also_without_redis(shop: Market) -> None:
    cup = await shop.product(3)
    unasked = await reads.left(shop.ctx, [cup.id])
    await actions.reserve(shop.ctx, shop.town.guest("Ken"), shop.wanted(cup, 2))
    await shop.save(cup)
    asked = await reads.left(shop.ctx, [cup.id])
    await shop.restart_redis(cup)

    lost = await reads.left(shop.ctx, [cup.id])

    variant = cup.variants[0].id
    assert unasked[cup.id].variants == {variant: (3, 0)}
    assert asked[cup.id].variants == lost[cup.id].variants == {variant: (1, 2)}


async def test_readers_strangers_to_the_room_and_who_is_banned_cannot_reserve(
    shop: Market,
) -> None:
    cup = await shop.product(9)
    secret = await shop.town.room("team", "live", visibility="staff")
    ken, bad = shop.town.guest("Ken"), await shop.town.member("Bad")
    await shop.ctx.db.run(
        """INSERT INTO sanctions (id, kind, person, person_name, until, reason, by_id, by_name, at)
           VALUES (gen_random_uuid(), 'ban', $1, 'Bad', now() + interval '1 hour', 'spam', $2,
                   'Hana', now())""",
        bad.id,
        shop.host.id,
    )
    shop.ctx.of(Screening).stale()
    args = {"product": cup.id, "variant": cup.variants[0].id, "quantity": 1, "key": "k"}

    codes = []
    for who, more in (
        (Viewer(), {}),
        (ken, {"room": secret.id}),
        (ken, {"room": "999"}),
        (bad, {"room": shop.room.id}),
    ):
        with pytest.raises(Refused) as caught:
            await commands.reserve(shop.ctx, who, {**args, **more})
        codes.append(caught.value.code)
    reply = await commands.reserve(shop.ctx, ken, {**args, "room": shop.room.id})
    with pytest.raises(Refused) as seen:
        await commands.see(shop.ctx, ken, {"product": cup.id})

    assert codes == ["unauthenticated", "not_found", "not_found", "banned"]
    assert reply["reservation"]["state"] == "held"
    assert seen.value.code == "forbidden"


async def test_a_reservation_can_be_let_go_by_its_person_alone(shop: Market) -> None:
    cup = await shop.product(9)
    ken, ann = shop.town.guest("Ken"), shop.town.guest("Ann")
    held, _ = await actions.reserve(shop.ctx, ken, shop.wanted(cup))

    by_other = await commands.release(shop.ctx, ann, {"id": held.id})
    by_ken = await commands.release(shop.ctx, ken, {"id": held.id})
    with pytest.raises(Refused) as unknown:
        await commands.release(shop.ctx, ken, {"id": "A" * 22})

    assert (by_other["released"], by_ken["released"]) == (False, True)
    assert unknown.value.code == "not_found"
