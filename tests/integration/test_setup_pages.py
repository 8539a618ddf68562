"""Setting a new community up: the one-time link, then a step at a time, in any pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moderation.rules import Rank
from rooms.members import actions as members
from server.settings import Settings
from tests.integration.visitor import PASSWORD, Page, Person, Town, town

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
STEPS = ("look", "languages", "joining", "room")
OPENING = {"kind": "live", "title": "Saturday Live", "about": "Every week"}


@pytest.fixture
async def place(settings: Settings, tmp_path: object) -> AsyncIterator[Town]:
    async with town(settings, data_dir=tmp_path) as t:
        yield t


async def link(place: Town) -> str:
    return f"/set-up/{await members.make_setup_link(place.world.ctx)}"


async def begun(place: Town) -> tuple[Person, Page]:
    """Use the link; the owner stands at the first step."""
    person = place.person()
    page = await person.open(await link(place))
    return person, await person.send(page, page.forms[0], name="Natsuki", password=PASSWORD)


async def owner_at(place: Town, step: str) -> tuple[Person, Page]:
    person = await place.signed_in(await place.world.member("Natsuki", Rank.OWNER))
    return person, await person.open(f"/set-up/{step}")


async def setting(place: Town, name: str) -> Any:
    return await place.world.db.value("SELECT value FROM settings WHERE name = $1", name)


async def test_a_community_is_set_up_step_by_step_without_scripts(place: Town) -> None:
    person, page = await begun(place)
    assert page.path == "/set-up/look"
    entered = [
        ({"name": "Nagisa & co", "accent": "#7a3fb0"}, "/set-up/languages"),
        ({"language-th": None, "main": "ar"}, "/set-up/joining"),
        ({"joining": "nobody", "guests": None}, "/set-up/room"),
        (OPENING, "/set-up/done"),
    ]

    for changes, after in entered:
        page = await person.send(page, page.forms[0], **changes)
        assert page.path == after

    assert "Nagisa &amp; co is ready" in page.text
    assert await setting(place, "languages") == ["ar", "ja", "en"]
    assert (await setting(place, "joining"), await setting(place, "guests")) == ("nobody", False)
    room = await place.world.db.one("SELECT slug, title, about FROM rooms")
    assert room is not None
    assert tuple(room) == ("saturday-live", "Saturday Live", "Every week")
    assert "A few first steps" not in (await person.open("/settings")).text
    home = await person.open("/")
    assert {"/rooms/saturday-live", "/studio"} <= set(home.links)
    assert "Create the first room" not in home.text


async def test_the_link_is_spent_once_there_is_an_owner(place: Town) -> None:
    path = await link(place)
    person, other = place.person(), place.person()
    page, late = await person.open(path), await other.open(path)
    page = await person.send(page, page.forms[0], name="Natsuki", password=PASSWORD)

    late = await other.send(late, late.forms[0], name="Somebody", password=PASSWORD)
    again = await place.person().open(path)
    mine = await person.open(path)

    assert (late.status, again.status) == (410, 410)
    assert "/sign-in?back=/set-up" in again.links
    assert mine.path == "/set-up/look"
    assert await place.world.db.value("SELECT count(*) FROM members") == 1


async def test_two_who_send_the_link_at_once_make_one_owner(place: Town) -> None:
    path = await link(place)
    people = [place.person() for _ in range(4)]
    pages = [await person.open(path) for person in people]

    answers = await asyncio.gather(
        *(
            person.send(page, page.forms[0], name=f"Owner number {n}", password=PASSWORD)
            for n, (person, page) in enumerate(zip(people, pages, strict=True))
        )
    )

    assert sorted(answer.status for answer in answers) == [200, 410, 410, 410]
    assert await place.world.db.value("SELECT count(*) FROM members") == 1


async def test_a_refused_account_does_not_cost_the_link(place: Town) -> None:
    person = place.person()
    first = await person.open(await link(place))

    for name, password, field in [
        ("", PASSWORD, "name"),
        ("x" * 41, PASSWORD, "name"),
        ("Natsuki", "kurz7!", "password"),
        ("Natsuki", "password1", "password"),
    ]:
        page = await person.send(first, first.forms[0], name=name, password=password)
        assert page.status == 422
        assert page.problems[field]
        assert page.forms[0].fields["name"] == name
        assert password not in page.text

    page = await person.send(page, page.forms[0], name="Natsuki", password=PASSWORD)
    assert page.path == "/set-up/look"


async def test_a_link_that_nobody_made_is_spent(place: Town) -> None:
    person = place.person()
    page = await person.open(await link(place))
    fields = {**page.forms[0].fields, "name": "Eve", "password": PASSWORD}

    answer = await person.http.post("/set-up/" + "x" * 32, data=fields)

    assert answer.status_code == 410
    assert await place.world.db.value("SELECT count(*) FROM members") == 0


async def test_only_the_owner_takes_the_steps(place: Town) -> None:
    host = await place.signed_in(await place.world.member("Ren", Rank.HOST))
    token = (await host.open("/me")).form("/me/name").fields["csrf"]

    for step in ("", "/account", "/done", *(f"/{step}" for step in STEPS)):
        assert (await place.person().open(f"/set-up{step}")).path == "/sign-in"
        assert (await host.open(f"/set-up{step}")).status == 403
    for step in STEPS:
        sent = await host.http.post(f"/set-up/{step}", data={"csrf": token, "name": "Mine"})
        assert sent.status_code == 403
    assert await setting(place, "steps") is None


async def test_a_set_up_that_was_left_is_gone_on_with_after_signing_in(place: Town) -> None:
    person, page = await begun(place)
    await person.send(page, page.forms[0], name="Nagisa")
    later = place.person()
    page = await later.open("/sign-in?back=/set-up")

    page = await later.send(page, page.form("/sign-in"), name="Natsuki", password=PASSWORD)

    assert page.path == "/set-up/languages"
    assert "/set-up/look" in page.links
    assert "A few first steps are left." in (await later.open("/")).text


WRONG: dict[str, list[tuple[str, dict[str, str | None]]]] = {
    "look": [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 41}),
        ("accent", {"accent": "own", "own_accent": "red"}),
        ("accent", {"accent": "own", "own_accent": "#ffee88"}),
    ],
    "languages": [
        ("main", {"language-th": None, "main": "th"}),
        ("languages", {f"language-{c}": None for c in ("ja", "en", "ar", "th")}),
    ],
    "joining": [("joining", {"joining": "friends"})],
    "room": [
        ("title", {**OPENING, "title": ""}),
        ("kind", {**OPENING, "kind": "party"}),
        ("slug", {**OPENING, "slug": "Not This"}),
        ("mode", {**OPENING, "mode": "nobody"}),
        ("about", {**OPENING, "about": "y" * 2001}),
    ],
}


@pytest.mark.parametrize("step", STEPS)
async def test_what_is_wrong_stands_beside_its_field_and_all_is_kept(
    place: Town, step: str
) -> None:
    person, first = await owner_at(place, step)

    for field, changes in WRONG[step]:
        page = await person.send(first, first.forms[0], **changes)
        opened = await person.open(f"/set-up/{step}")

        assert page.status in (413, 422)
        assert page.problems[field]
        # What is not among the choices cannot be shown as chosen.
        entered = {k: v for k, v in changes.items() if k not in ("kind", "mode", "joining")}
        for form in (page.forms[0], opened.forms[0]):
            assert {name: form.fields.get(name) for name in entered} == entered
        assert opened.problems == {}
    assert (await setting(place, "steps"))["done"] == []
    assert await place.world.db.value("SELECT count(*) FROM rooms") == 0


async def test_going_back_keeps_what_was_entered_and_decides_nothing(place: Town) -> None:
    person, page = await owner_at(place, "languages")
    entered = {"language-th": None, "main": "ar", "go": "back"}

    page = await person.send(page, page.forms[0], **entered)
    again = await person.open("/set-up/languages")

    assert page.path == "/set-up/look"
    assert again.forms[0].fields["main"] == "ar"
    assert "language-th" not in again.forms[0].fields
    assert await setting(place, "languages") is None


async def test_a_logo_is_not_lost_when_another_field_is_wrong(place: Town) -> None:
    person, page = await owner_at(place, "look")

    page = await person.send(page, page.forms[0], files={"logo": ("a.png", PNG)}, name="")
    kept = page.text.split('src="/media/')[1].split('"')[0]
    page = await person.send(page, page.forms[0], name="Nagisa", files={"logo": ("", b"")})

    assert page.path == "/set-up/languages"
    assert await setting(place, "logo") == kept


@pytest.mark.parametrize("data", [b"<svg onload=alert(1)>", PNG + bytes(2 * 1024 * 1024)])
async def test_a_logo_that_is_no_small_picture_leaves_the_rest_as_entered(
    place: Town, data: bytes
) -> None:
    person, page = await owner_at(place, "look")

    page = await person.send(page, page.forms[0], files={"logo": ("a.png", data)}, name="Nagisa")

    assert page.problems["logo"]
    assert page.forms[0].fields["name"] == "Nagisa"
    assert await setting(place, "name") is None


async def test_the_first_room_can_wait(place: Town) -> None:
    person, page = await owner_at(place, "joining")
    for step in ("look", "languages", "joining"):
        page = await person.open(f"/set-up/{step}")
        await person.send(page, page.forms[0])
    page = await person.open("/set-up")

    page = await person.send(page, page.forms[0], go="later")

    assert page.path == "/set-up/done"
    assert await place.world.db.value("SELECT count(*) FROM rooms") == 0


async def test_a_first_room_that_is_sent_twice_is_made_once(place: Town) -> None:
    person, page = await owner_at(place, "room")

    for _ in range(2):
        sent = await person.send(page, page.forms[0], **OPENING)
        assert sent.status == 200

    assert await place.world.db.value("SELECT count(*) FROM rooms") == 1
    assert "Saturday Live" in (await person.open("/set-up/room")).text


async def test_another_language_can_be_chosen_in_the_middle_of_a_step(place: Town) -> None:
    person, page = await owner_at(place, "room")

    page = await person.send(page, page.forms[0], **OPENING, lang="ar")

    assert page.path == "/set-up/room"
    assert 'lang="ar" dir="rtl"' in page.text
    assert page.forms[0].fields["title"] == "Saturday Live"


async def test_another_language_can_be_chosen_before_the_account(place: Town) -> None:
    person = place.person()
    page = await person.open(await link(place))

    page = await person.send(page, page.forms[0], name="夏 & co", password="", lang="ja")

    assert 'lang="ja"' in page.text
    assert page.forms[0].fields["name"] == "夏 & co"


async def test_a_form_that_is_out_of_date_changes_nothing_and_keeps_its_words(place: Town) -> None:
    person, page = await owner_at(place, "look")

    page = await person.send(page, page.forms[0], name="Nagisa", csrf="old")

    assert page.status == 403
    assert page.forms[0].fields["name"] == "Nagisa"
    assert await setting(place, "steps") is None


async def test_a_colour_is_measured_for_the_owner_only(place: Town) -> None:
    owner, _ = await owner_at(place, "look")
    host = await place.signed_in(await place.world.member("Ren", Rank.HOST))
    path = "/settings/accent?colour=%23"

    good = (await owner.http.get(path + "00756a")).json()
    pale = (await owner.http.get(path + "ffee88")).json()

    assert (good["passes"], good["button"], good["nearest"]) == (True, "5.6", "#00756a")
    assert not pale["passes"]
    assert (await owner.http.get(path + pale["nearest"][1:])).json()["passes"]
    assert (await owner.http.get(path + "red")).status_code >= 400
    assert (await host.http.get(path + "00756a")).status_code == 403
