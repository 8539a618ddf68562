"""Joining, signing in and leaving through the pages, as a person meets them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from moderation.rules import Rank
from rooms.community import actions as community
from rooms.members import actions as members
from server.settings import Rate, Settings
from tests.integration.visitor import PASSWORD, Page, Person, Town, town


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Town]:
    async with town(settings, sign_in_rate=Rate(100, 60_000), visitor_rate=Rate(100, 60_000)) as t:
        yield t


async def joined(place: Town, name: str = "Aoi") -> Person:
    person = place.person()
    page = await person.open("/sign-up?back=/rules")
    page = await person.send(page, page.form("/sign-up"), name=name, password=PASSWORD)
    assert page.path == "/rules"
    return person


async def test_somebody_joins_and_returns_to_where_they_came_from(place: Town) -> None:
    person = await joined(place)

    profile = await person.open("/me")

    assert profile.status == 200
    assert "Aoi" in profile.text
    assert profile.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "password", "field", "said"),
    [
        ("", PASSWORD, "name", "Choose a name."),
        ("x" * 41, PASSWORD, "name", "too long"),
        ("\u200b\u200b", PASSWORD, "name", "name"),
        ("Admin", PASSWORD, "name", "reserved"),
        ("Mei", "kurz7!", "password", "8 characters"),
        ("Mei", "password123", "password", "first that somebody would try"),
        ("Meimei", "meimei12", "password", "must not be your name"),
        ("Mei", "y" * 300, "password", "too long"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_the_name_is_kept(
    place: Town, name: str, password: str, field: str, said: str
) -> None:
    person = place.person()
    page = await person.open("/sign-up?back=/rules")

    page = await person.send(page, page.form("/sign-up"), name=name, password=password)

    assert page.status == 422
    assert said in page.problems[field]
    assert page.form("/sign-up").fields["name"] == name
    assert page.form("/sign-up").fields["back"] == "/rules"
    assert password not in page.text


async def test_a_name_that_is_taken_is_refused_beside_the_name(place: Town) -> None:
    await joined(place, "Aoi")
    person = place.person()
    page = await person.open("/sign-up")

    page = await person.send(page, page.form("/sign-up"), name="aoi", password=PASSWORD)

    assert "has this name already" in page.problems["name"]


async def test_hostile_names_are_written_as_text(place: Town) -> None:
    person = place.person()
    page = await person.open("/sign-up")

    hostile = '"><script>alert(1)</script>'
    page = await person.send(page, page.form("/sign-up"), name=hostile, password="short")

    assert "<script>alert" not in page.text
    assert page.form("/sign-up").fields["name"] == hostile


async def test_the_wrong_password_says_the_same_as_an_unknown_name(place: Town) -> None:
    await joined(place)
    person = place.person()
    page = await person.open("/sign-in")

    wrong = await person.send(page, page.form("/sign-in"), name="Aoi", password="not it at all")
    unknown = await person.send(page, page.form("/sign-in"), name="Nobody", password=PASSWORD)

    assert wrong.status == unknown.status == 422
    assert wrong.problems == unknown.problems
    assert wrong.form("/sign-in").fields["name"] == "Aoi"


async def test_one_signs_in_and_out_again(place: Town) -> None:
    await joined(place)
    person = place.person()
    page = await person.open("/sign-in?back=/me")

    page = await person.send(page, page.form("/sign-in"), name="AOI", password=PASSWORD)
    assert page.path == "/me"
    await person.send(page, page.form("/sign-out"))

    assert (await person.open("/me")).path == "/sign-in"


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/\\evil", "x\n"])
async def test_nobody_is_sent_to_another_site_after_signing_in(place: Town, back: str) -> None:
    await joined(place)
    person = place.person()
    page = await person.open("/sign-in")
    fields = {**page.form("/sign-in").fields, "name": "Aoi", "password": PASSWORD, "back": back}

    answer = await person.http.post("/sign-in", data=fields)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_too_many_tries_are_told_with_a_wait_and_the_name_stays(settings: Settings) -> None:
    async with town(settings, sign_in_rate=Rate(2, 60_000)) as place:
        person = place.person()
        page = await person.open("/sign-in")
        for _ in range(3):
            page = await person.send(page, page.form("/sign-in"), name="Aoi", password="guess it")

        assert page.status == 429
        assert int(page.headers["retry-after"]) > 0
        assert "Try again in" in page.problems[""]
        assert page.form("/sign-in").fields["name"] == "Aoi"


async def test_a_form_that_is_out_of_date_keeps_what_was_entered(place: Town) -> None:
    person = place.person()
    page = await person.open("/sign-up")
    person.http.cookies.clear()

    page = await person.send(page, page.form("/sign-up"), name="Aoi", password=PASSWORD)
    assert page.status == 403
    assert "still here" in page.problems[""]
    assert page.form("/sign-up").fields["name"] == "Aoi"
    page = await person.send(page, page.form("/sign-up"), password=PASSWORD)

    assert page.path == "/"


async def test_a_form_of_another_site_is_refused(place: Town) -> None:
    person = place.person()
    page = await person.open("/sign-up")
    fields = {**page.form("/sign-up").fields, "name": "Aoi", "password": PASSWORD}

    answer = await person.http.post(
        "/sign-up", data=fields, headers={"Origin": "https://evil.example"}
    )

    assert answer.status_code == 403
    assert await place.world.db.value("SELECT count(*) FROM members") == 0


async def test_where_only_the_owner_adds_members_the_page_says_so(place: Town) -> None:
    owner = await place.world.member("Natsuki", Rank.OWNER)
    person = place.person()
    page = await person.open("/sign-up")
    form = page.form("/sign-up")
    await community.save(place.world.ctx, owner, {"joining": "nobody"})
    closed = await eventually(person, "/sign-up", "added by the owner")
    assert not any(form.action == "/sign-up" for form in closed.forms)

    page = await person.send(page, form, name="Aoi", password=PASSWORD)

    assert page.status == 403
    assert "added by the owner" in page.text


async def test_a_reset_link_sets_a_password_once(place: Town) -> None:
    aoi = await place.world.member("Aoi")
    owner = await place.world.member("Natsuki", Rank.OWNER)
    token = await members.make_reset_link(place.world.ctx, owner, aoi.id or "")
    person = place.person()
    page = await person.open(f"/reset/{token}")

    page = await person.send(page, page.forms[0], password="another quiet place")

    assert page.path == "/me"
    assert (await place.person().open(f"/reset/{token}")).status == 410
    assert (await place.person().open("/reset/nonsense")).status == 410


async def test_a_name_is_changed_and_a_bad_one_is_not(place: Town) -> None:
    person = await joined(place)
    page = await person.open("/me")

    bad = await person.send(page, page.form("/me/name"), name="x" * 60)
    assert bad.status == 422
    assert bad.form("/me/name").fields["name"] == "x" * 60
    good = await person.send(page, page.form("/me/name"), name="Aoi of the sea")

    assert good.path == "/me"
    assert good.form("/me/name").fields["name"] == "Aoi of the sea"


async def test_a_password_is_changed_with_the_present_one_only(place: Town) -> None:
    person, other = await joined(place), place.person()
    page = await other.open("/sign-in")
    await other.send(page, page.form("/sign-in"), name="Aoi", password=PASSWORD)
    page = await person.open("/me")

    wrong = await person.send(
        page, page.form("/me/password"), old="not this one", password="new and long"
    )
    assert "not your present password" in wrong.problems["old"]
    done = await person.send(page, page.form("/me/password"), old=PASSWORD, password="new and long")

    assert done.path == "/me"
    assert (await person.open("/me")).path == "/me"
    assert (await other.open("/me")).path == "/sign-in"


async def test_an_about_text_that_is_too_long_is_kept_and_explained(place: Town) -> None:
    person = await joined(place)
    page = await person.open("/me")

    page = await person.send(page, page.form("/me/profile"), about="y" * 600)

    assert "too long" in page.problems["about"]
    assert page.form("/me/profile").fields["about"] == "y" * 600


async def test_everything_about_oneself_can_be_downloaded(place: Town) -> None:
    person = await joined(place)
    page = await person.open("/me")

    answer = await person.http.post("/me/export", data=page.form("/me/export").fields)

    assert "attachment" in answer.headers["content-disposition"]
    assert json.loads(answer.text)["member"]["name"] == "Aoi"
    assert "password" not in answer.text


async def test_signing_out_everywhere_ends_every_browser(place: Town) -> None:
    person, other = await joined(place), place.person()
    page = await other.open("/sign-in")
    await other.send(page, page.form("/sign-in"), name="Aoi", password=PASSWORD)
    page = await person.open("/me")

    await person.send(page, page.form("/me/sign-out"))

    assert (await other.open("/me")).path == "/sign-in"
    assert (await person.open("/me")).path == "/sign-in"


async def test_an_account_is_deleted_with_its_password_only(place: Town) -> None:
    person = await joined(place)
    page = await person.open("/me")

    page = await person.send(page, page.form("/me/delete"), old="not this one")
    assert page.status == 422
    await person.send(page, page.form("/me/delete"), old=PASSWORD)

    assert (await person.open("/me")).path == "/sign-in"
    assert await place.world.db.value("SELECT count(*) FROM members WHERE name = 'Aoi'") == 0


async def test_the_last_owner_cannot_leave(place: Town) -> None:
    token = await members.make_setup_link(place.world.ctx)
    person = place.person()
    page = await person.open(f"/set-up/{token}")
    await person.send(page, page.forms[0], name="Natsuki", password=PASSWORD)
    page = await person.open("/me")

    page = await person.send(page, page.form("/me/delete"), old=PASSWORD)

    assert "at least one owner" in page.problems[""]


@pytest.mark.parametrize("path", ["/me/name", "/me/password", "/me/delete", "/me/export"])
async def test_the_address_of_a_form_leads_back_to_its_page(place: Town, path: str) -> None:
    assert (await place.person().open(path)).path == "/sign-in"
    assert (await (await joined(place)).open(path)).path == "/me"


async def eventually(person: Person, path: str, words: str) -> Page:
    """Open a page until it says this: other processes hear of a change within a second."""
    for _ in range(200):
        page = await person.open(path)
        if words in page.text:
            return page
    raise AssertionError(f"{path} never said {words!r}")
