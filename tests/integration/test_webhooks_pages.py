"""The owner connects a shop through the settings pages, and reads what was sent and came."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moderation.rules import Rank
from rooms.shop import checkout, outgoing
from rooms.shop.webhooks import reads
from rooms.shop.webhooks.sending import Sender
from server.settings import Settings
from tests.integration.visitor import Person, Town, town

PATHS = ("/settings/shop", "/settings/shop/log")
NOWHERE = "http://127.0.0.1:9/hook"


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Town]:
    async with town(settings) as t:
        yield t


@pytest.fixture
async def owner(place: Town) -> Person:
    return await place.signed_in(await place.world.member("Natsuki", Rank.OWNER))


async def test_only_the_owner_sees_secrets_and_logs(place: Town) -> None:
    host = await place.signed_in(await place.world.member("Ren", Rank.HOST))

    for path in PATHS:
        assert (await place.person().open(path)).path == "/sign-in"
        assert (await host.open(path)).status == 403


async def test_naming_the_checkout_makes_a_secret_that_can_be_changed(
    place: Town, owner: Person
) -> None:
    page = await owner.open("/settings/shop")
    page = await owner.send(
        page, page.form(what="checkout"), checkout_url="https://shop.example/pay"
    )
    first = await checkout.load(place.world.ctx.db)
    page = await owner.send(page, page.form(what="new_secret"))
    both = await checkout.load(place.world.ctx.db)
    page = await owner.send(page, page.form(what="drop_secrets"))
    last = await checkout.load(place.world.ctx.db)

    assert "Saved" in page.text
    assert first.url == "https://shop.example/pay"
    assert both.secrets[1:] == first.secrets
    assert last.secrets == both.secrets[:1]
    assert last.secrets[0] in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_an_address_that_cannot_be_used_is_said_beside_the_field_and_kept(
    place: Town, owner: Person
) -> None:
    page = await owner.open("/settings/shop")

    page = await owner.send(page, page.form(what="add"), url="http://shop.example/hook")

    assert page.status == 422
    assert "https://" in page.problems["url"]
    assert page.form(what="add").fields["url"] == "http://shop.example/hook"
    assert await reads.endpoints(place.world.ctx.db) == []


async def test_an_endpoint_is_added_changed_paused_and_removed(place: Town, owner: Person) -> None:
    db = place.world.ctx.db
    page = await owner.open("/settings/shop")
    page = await owner.send(page, page.form(what="add"), url=NOWHERE)
    (made,) = await reads.endpoints(db)
    form = page.form(what="change")
    form.fields = {k: v for k, v in form.fields.items() if not k.startswith("kind-stock")}
    page = await owner.send(page, form)
    page = await owner.send(page, page.form(what="rotate"))
    page = await owner.send(page, page.form(what="pause"))
    (changed,) = await reads.endpoints(db)
    page = await owner.send(page, page.form(what="remove"))

    assert (made.kinds, made.paused) == ((), False)
    assert "stock.changed" not in changed.kinds
    assert len(changed.kinds) == 9
    assert (changed.paused, len(changed.secrets)) == (True, 2)
    assert await reads.endpoints(db) == []
    assert "Nobody is told yet" in page.text


async def test_the_log_shows_each_try_and_sends_one_again(place: Town, owner: Person) -> None:
    ctx = place.world.ctx
    page = await owner.open("/settings/shop")
    page = await owner.send(page, page.form(what="add"), url=NOWHERE)
    product = await ctx.db.value(
        "INSERT INTO products (title, currency) VALUES ('Tea', 'JPY') RETURNING id"
    )
    await outgoing.tell(ctx.db, "order.paid", product, {"title": "<b>Tea</b>"})
    sender = Sender(ctx)
    await sender.turn()
    await sender.finished()
    (endpoint,) = await reads.endpoints(ctx.db)

    page = await owner.open(f"/settings/shop/log?endpoint={endpoint.id}")
    again = await owner.send(page, page.form("/settings/shop/log"))

    assert "Order paid" in page.text
    assert "No answer" in page.text
    assert "<b>Tea" not in page.text
    assert "sent once more" in again.text
    assert await ctx.db.value("SELECT count(*) FROM webhook_again") == 1
    assert "1 try failed" in (await owner.open("/settings/shop")).text
