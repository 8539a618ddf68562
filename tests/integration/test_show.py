"""A show that sells, on real servers: rundown, pins, flash sales, stopping; who may, and races."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgpack
import pytest

from moderation.rules import Rank
from rooms.broadcasts import actions as broadcasts
from rooms.cache import RoomCache
from rooms.comments import actions as comments
from rooms.rules import Room
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.show import actions, figures, sales
from rooms.shop.stock import commands as stock
from server import outbox
from server.context import Viewer
from server.errors import Refused
from server.settings import Settings
from tests.integration.world import World, world

Show = tuple[World, Viewer, Room, int]


@pytest.fixture
async def show(settings: Settings) -> AsyncIterator[Show]:
    """A live room with its host and a broadcast that is on."""
    async with world(settings) as w:
        host, room = await w.member("Yui", Rank.HOST), await w.room("shop", "live")
        yield w, host, room, await w.showing(room, host)


async def product(w: World, title: str = "Serum", *prices: int) -> str:
    number = await w.db.value(
        "INSERT INTO products (title, currency) VALUES ($1, 'JPY') RETURNING id", title
    )
    for place, price in enumerate(prices or (4950,)):
        await w.db.run(
            """INSERT INTO variants (product_id, place, code, price, total)
               VALUES ($1, $2, $3, $4, 12)""",
            *(number, place, str(place), price),
        )
    return str(number)


async def told(w: World, room: Room) -> list[dict[str, Any]]:
    return [msgpack.unpackb(p.body) for p in await w.window(room)]


def names(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["event"] for body in bodies]


async def refused(action: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await action
    return caught.value


async def test_a_rundown_is_added_to_ordered_and_cut(show: Show) -> None:
    w, host, room, broadcast = show
    one, two, three = [await product(w, title) for title in ("One", "Two", "Three")]
    here: dict[str, Any] = {"broadcast": str(broadcast)}

    for each in (one, two, three, two):
        added = await actions.add(w.ctx, host, {**here, "product": each})
    moved = await actions.move(w.ctx, host, {**here, "product": three, "by": -2})
    await actions.plan(w.ctx, host, {**here, "product": two, "planned_at": w.clock()})
    left = await actions.remove(w.ctx, host, {**here, "product": one})

    assert added["products"] == [one, two, three]
    assert moved["products"] == [three, one, two]
    assert left["products"] == [three, two]
    bodies = await told(w, room)
    assert names(bodies) == ["product.changed"] * 3 + ["product.removed"]
    assert bodies[0]["product"]["title"] == "One" and bodies[3]["id"] == one


async def test_a_pin_replaces_the_one_before_and_keeps_its_second(show: Show) -> None:
    w, host, room, broadcast = show
    one, two = await product(w, "One"), await product(w, "Two")
    which = {"room": room.id}

    await actions.pin(w.ctx, host, {**which, "product": one})
    again = await actions.pin(w.ctx, host, {**which, "product": one})
    await actions.pin(w.ctx, host, {**which, "product": two})
    gone = await actions.unpin(w.ctx, host, which)
    nothing = await actions.unpin(w.ctx, host, which)

    assert (gone["product"], nothing["product"]) == (two, None)
    bodies = await told(w, room)
    assert names(bodies) == ["product.pinned", "product.pinned", "product.unpinned"]
    assert bodies[1]["product"]["variants"][0]["left"] == 12
    rows = await w.db.all("SELECT * FROM product_pins ORDER BY id")
    assert [row["product_id"] for row in rows] == [int(one), int(two)]
    assert {row["broadcast_id"] for row in rows} == {broadcast}
    assert rows[0]["second"] == again["second"] >= 0
    assert all(row["unpinned_at"] is not None for row in rows)


async def test_hosts_who_pin_at_once_leave_one_pin(show: Show) -> None:
    w, host, room, _ = show
    made = [await product(w, f"P{n}") for n in range(4)]

    await asyncio.gather(
        *(actions.pin(w.ctx, host, {"room": room.id, "product": made[n % 4]}) for n in range(8))
    )

    open_now = await w.db.all("SELECT product_id FROM product_pins WHERE unpinned_at IS NULL")
    assert len(open_now) == 1
    assert (await told(w, room))[-1]["product"]["id"] == str(open_now[0]["product_id"])


async def test_a_flash_sale_is_told_extended_once_and_ended(show: Show) -> None:
    w, host, room, _ = show
    one = await product(w)
    wish = {"room": room.id, "product": one, "price": "3,960円", "total": 50, "minutes": 5}

    started = await sales.start(w.ctx, host, {**wish, "starts_in": 30})
    which = {"sale": started["sale"]["id"], "minutes": 1, "ends_at": started["sale"]["ends_at"]}
    longer = await asyncio.gather(*(sales.extend(w.ctx, host, which) for _ in range(2)))
    second = await refused(sales.start(w.ctx, host, wish))
    await sales.end(w.ctx, host, which)
    await sales.end(w.ctx, host, which)
    over = await refused(sales.extend(w.ctx, host, which))

    assert (started["in_stock"], started["short"]) == (12, 38)
    assert {each["ends_at"] for each in longer} == {started["sale"]["ends_at"] + 60_000}
    assert second.details["problem"] == "sale_on"
    assert over.details["problem"] == "sale_over"
    bodies = await told(w, room)
    assert names(bodies) == ["product.changed"] * 3
    assert [body["product"]["sale"] and body["product"]["sale"]["price"] for body in bodies] == [
        *(3960, 3960),
        None,
    ]
    assert (await catalogue.product(w.db, one)).version == 4
    await sales.start(w.ctx, host, wish)


async def test_rooms_are_told_once_when_a_flash_sale_begins_and_when_it_ends(show: Show) -> None:
    w, host, room, _ = show
    one = await product(w)
    wish = {"room": room.id, "product": one, "price": 3960, "total": 5, "minutes": 1}
    await sales.start(w.ctx, host, {**wish, "starts_in": 5})

    for seconds in (0, 5, 30, 30, 30):
        w.clock.advance(seconds * 1000)
        await sales.tell_turns(w.ctx)

    found = [body["product"]["sale"] for body in await told(w, room)]
    assert [sale and sale["on"] for sale in found] == [False, True, None]


async def test_a_flash_sale_is_refused_unless_it_is_cheaper_for_everybody(show: Show) -> None:
    w, host, room, _ = show
    one = await product(w, "Serum", 4950, 3960)
    wish = {"room": room.id, "product": one, "price": 3960, "total": 5, "minutes": 5}

    error = await refused(sales.start(w.ctx, host, wish))

    assert (error.code, error.details["problem"]) == ("invalid", "not_below")
    assert await w.db.value("SELECT count(*) FROM sales") == 0
    assert await told(w, room) == []


async def test_everything_of_a_show_stops_and_goes_on_but_for_what_had_stopped_before(
    show: Show,
) -> None:
    w, host, room, broadcast = show
    one, two, pinned, other = [await product(w, f"P{n}") for n in range(4)]
    await w.db.run("UPDATE products SET stopped = true WHERE id = $1", int(two))
    for each in (one, two):
        await actions.add(w.ctx, host, {"broadcast": str(broadcast), "product": each})
    await actions.pin(w.ctx, host, {"room": room.id, "product": pinned})

    stopped = await actions.stop(w.ctx, host, {"room": room.id})
    again = await actions.stop(w.ctx, host, {"room": room.id, "broadcast": str(broadcast)})
    states = {row["id"]: row["stopped"] for row in await w.db.all("SELECT * FROM products")}
    later = await w.showing(room, host, "scheduled")
    await actions.add(w.ctx, host, {"broadcast": str(later), "product": other})
    undo = {"room": room.id, "products": [*stopped["products"], other]}
    resumed = await actions.stop(w.ctx, host, undo, stopped=False)

    to_come = {"room": room.id, "broadcast": str(later)}
    next_show = await actions.stop(w.ctx, host, to_come)

    assert stopped["products"] == resumed["products"] == [one, pinned]
    assert next_show["products"] == [pinned, other]
    assert again["products"] == []
    assert states == {int(one): True, int(two): True, int(pinned): True, int(other): False}
    told_last = (await told(w, room))[-6:-2]
    assert [(b["product"]["id"], b["product"]["stopped"]) for b in told_last] == [
        *((one, True), (pinned, True)),
        *((one, False), (pinned, False)),
    ]


async def test_what_the_host_decides_holds_for_the_next_who_reserves(show: Show) -> None:
    w, host, room, _ = show
    one = await product(w)
    variant = str(await w.db.value("SELECT id FROM variants WHERE product_id = $1", int(one)))
    await actions.pin(w.ctx, host, {"room": room.id, "product": one})
    wish = {"product": one, "variant": variant, "quantity": 1, "room": room.id}

    async def reserves(name: str) -> dict[str, Any]:
        reply = await stock.reserve(w.ctx, w.guest(name), {**wish, "key": name})
        return dict(reply["reservation"])

    before = await reserves("Aoi")
    sale = {"room": room.id, "product": one, "price": 3960, "total": 5, "minutes": 5}
    started = await sales.start(w.ctx, host, sale)
    during = await reserves("Ren")
    await sales.end(w.ctx, host, {"sale": started["sale"]["id"]})
    after = await reserves("Mio")
    await actions.stop(w.ctx, host, {"room": room.id})
    stopped = await refused(reserves("Jun"))
    await actions.stop(w.ctx, host, {"room": room.id}, stopped=False)
    again = await reserves("Jun")

    assert [each["price"] for each in (before, during, after, again)] == [4950, 3960, 4950, 4950]
    assert (stopped.code, stopped.details["stopped"]) == ("unavailable", True)


async def test_only_hosts_sell(show: Show) -> None:
    w, host, room, broadcast = show
    one = await product(w)
    moderator = await w.member("Ren", Rank.MODERATOR)
    where = {"room": room.id, "broadcast": str(broadcast), "product": one}
    sale = await sales.start(w.ctx, host, {**where, "price": 1, "total": 1, "minutes": 1})

    for action in (actions.add, actions.pin, actions.unpin, actions.stop, sales.start):
        assert (await refused(action(w.ctx, moderator, where))).code == "forbidden"
    ending = sales.end(w.ctx, moderator, {"sale": sale["sale"]["id"]})
    assert (await refused(ending)).code == "forbidden"
    assert (await refused(actions.pin(w.ctx, host, {**where, "product": "999"}))).code == (
        "not_found"
    )


async def test_a_change_reaches_every_room_that_shows_the_product(show: Show) -> None:
    w, host, room, _ = show
    elsewhere = await w.room("other", "live")
    await w.showing(elsewhere, host)
    quiet = await w.room("quiet", "live")
    one = await product(w)
    await actions.pin(w.ctx, host, {"room": elsewhere.id, "product": one})

    await sales.start(
        w.ctx, host, {"room": room.id, "product": one, "price": 1, "total": 1, "minutes": 1}
    )

    assert names(await told(w, elsewhere)) == ["product.pinned", "product.changed"]
    assert names(await told(w, room)) == ["product.changed"]
    assert await told(w, quiet) == []


async def order(w: World, product_id: str, name: str, state: str, show: int, **more: Any) -> None:
    """Make a reservation and, unless it is held, the order that it became."""
    person = f"g{name:_<16}"
    variant = await w.db.value("SELECT id FROM variants WHERE product_id = $1", int(product_id))
    quantity = more.get("quantity", 1)
    held = state == "held"
    reservation = await w.db.value(
        """INSERT INTO reservations (id, product_id, variant_id, person, name, named, key, quantity,
               price, currency, source, state, epoch, seq, "offset", at, until)
           VALUES (gen_random_uuid(), $1, $2, $3, $4, true, $5, $6, 4950, 'JPY', 'sheet', $7,
               1, 1, 1, now(), now() + interval '5 minutes') RETURNING id""",
        *(int(product_id), variant, person, name, state, quantity, "held" if held else "ordered"),
    )
    if not held:
        await w.db.run(
            """INSERT INTO orders (reservation_id, product_id, variant_id, broadcast_id, person,
                   name, named, quantity, amount, currency, state, created_at, changed_at)
               VALUES ($1, $2, $3, $4, $5, $6, true, $7, $8, 'JPY', $9, now(), now())""",
            *(reservation, int(product_id), variant, show, person, name, quantity),
            *(4950 * quantity, state),
        )


async def test_figures_tell_how_a_show_sells_and_who_bought(show: Show) -> None:
    w, host, room, broadcast = show
    one, two = await product(w, "Serum"), await product(w, "Cream")
    await w.db.run("UPDATE products SET code = '12' WHERE id = $1", int(one))
    await actions.add(w.ctx, host, {"broadcast": str(broadcast), "product": one})
    await actions.pin(w.ctx, host, {"room": room.id, "product": two})
    await order(w, one, "Aoi", "paid", broadcast, quantity=2)
    await order(w, one, "Ren", "placed", broadcast)
    await order(w, one, "Jun", "refunded", broadcast)
    await order(w, one, "Mio", "held", broadcast)
    for name, text in [
        ("Aoi", "12をください"),
        ("Ren", "at 12:00?"),
        ("Jun", "112"),
        ("Yo", "serum!"),
    ]:
        args = {"room": room.id, "text": text, "client_message_id": name}
        await comments.post(w.ctx, w.guest(name), args)
    await w.save()

    found = await figures.listed(w.ctx, host, {"room": room.id})
    who = await figures.people(w.ctx, host, {"room": room.id, "product": one})
    orders = await figures.orders(w.ctx, host, {"room": room.id})
    hits = await figures.find(w.ctx, host, {"text": "ser"})

    assert (found["orders"], found["units"], found["pinned"]) == (2, 3, two)
    assert found["sales"] == [{"currency": "JPY", "amount": 3 * 4950}]
    first, second = found["products"]
    assert (first["product"]["id"], first["planned"], first["sold"]) == (one, True, 3)
    assert (first["holding"], first["waiting"]) == (1, 0)
    assert (second["product"]["id"], second["planned"], second["sold"]) == (two, False, 0)
    assert {row["name"] for row in who["bought"]} == {"Aoi", "Ren", "Jun"}
    assert {row["id"] for row in orders["orders"]} == {row["id"] for row in who["bought"]}
    assert [row["name"] for row in who["holding"]] == ["Mio"]
    assert {row["name"] for row in who["asked"]} == {"Aoi", "Ren", "Yo"}
    assert [each["id"] for each in hits["products"]] == [one]
    moderator = await w.member("Ren", Rank.MODERATOR)
    assert (await refused(figures.listed(w.ctx, moderator, {"room": room.id}))).code == "forbidden"


async def test_what_is_pinned_comes_off_when_its_broadcast_is_over(show: Show) -> None:
    w, host, room, broadcast = show
    one = await product(w)
    await actions.pin(w.ctx, host, {"room": room.id, "product": one})

    await broadcasts.end(w.ctx, host, {"broadcast": str(broadcast)})
    await w.save()
    await outbox.sweep(w.ctx, older_than=0)

    assert names(await told(w, room))[-2:] == ["broadcast.ended", "product.unpinned"]
    assert await w.db.value("SELECT count(*) FROM product_pins WHERE unpinned_at IS NULL") == 0
    assert [title for title, _ in await figures.chapters(w.db, broadcast)] == ["Serum"]


async def test_chapters_of_a_replay_are_the_seconds_of_its_pins(show: Show) -> None:
    w, host, room, broadcast = show
    one, two = await product(w, "One"), await product(w, "Two")
    await w.db.run("UPDATE broadcasts SET started_at = NULL, state = 'scheduled'")
    w.ctx.of(RoomCache).forget(room.id)
    await actions.pin(w.ctx, host, {"room": room.id, "product": one})
    await w.db.run("UPDATE broadcasts SET started_at = now() - interval '65 s', state = 'live'")
    w.ctx.of(RoomCache).forget(room.id)
    await actions.pin(w.ctx, host, {"room": room.id, "product": two})

    found = await figures.chapters(w.db, broadcast)

    assert [title for title, _ in found] == ["One", "Two"]
    assert found[0][1] == 0 and found[1][1] >= 64
