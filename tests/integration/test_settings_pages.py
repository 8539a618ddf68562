"""What the owner decides through the settings pages, and who may not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from moderation.rules import Rank
from rooms.members import tokens
from server.client import Client
from server.errors import Closed, Refused
from server.identity import Keyring
from server.settings import Settings
from tests.integration.visitor import Page, Person, Town, town

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
PATHS = ("/settings", "/settings/people", "/settings/rooms", "/settings/pages")


@pytest.fixture
async def place(settings: Settings, tmp_path: object) -> AsyncIterator[Town]:
    async with town(settings, data_dir=tmp_path) as t:
        yield t


@pytest.fixture
async def owner(place: Town) -> Person:
    return await place.signed_in(await place.world.member("Natsuki", Rank.OWNER))


@pytest.mark.parametrize("path", PATHS)
async def test_only_the_owner_gets_in(place: Town, path: str) -> None:
    host = await place.signed_in(await place.world.member("Ren", Rank.HOST))

    assert (await place.person().open(path)).path == "/sign-in"
    assert (await host.open(path)).status == 403


@pytest.mark.parametrize("path", PATHS)
async def test_the_menu_marks_the_page_one_is_on(owner: Person, path: str) -> None:
    page = await owner.open(path)

    assert [one for one in page.current if one in PATHS] == [path]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_else_can_send_its_forms(place: Town, owner: Person, path: str) -> None:
    host = await place.signed_in(await place.world.member("Ren", Rank.HOST))
    page = await owner.open(path)
    token = (await host.open("/me")).form("/me/name").fields["csrf"]

    for form in page.forms:
        if form.action in (path, ""):
            assert (await host.send(page, form, csrf=token)).status == 403


async def test_name_accent_and_languages_change_every_page(place: Town, owner: Person) -> None:
    page = await owner.open("/settings")

    page = await owner.send(
        page,
        page.form("/settings", name="Hiroba"),
        name="Nagisa & co",
        accent="#7a3fb0",
        **{"language-th": None},
    )

    assert page.path == "/settings"
    assert "Saved" in page.text
    assert "Nagisa &amp; co" in page.text
    assert "language-th" not in page.form("/settings").fields
    assert "#7a3fb0" in (await owner.open("/community.css")).text


async def test_a_pale_accent_is_refused_with_a_colour_that_works(owner: Person) -> None:
    page = await owner.open("/settings")

    page = await owner.send(
        page, page.form("/settings"), accent="own", own_accent="#ffee88", joining="nobody"
    )

    assert page.status == 422
    assert "too pale" in page.problems["accent"]
    kept = page.form("/settings").fields
    assert (kept["own_accent"], kept["joining"], kept["accent"]) == ("#ffee88", "nobody", "own")
    nearest = page.text.split("The nearest that works is ")[1].split(">")[1][:7]
    saved = await owner.send(page, page.form("/settings"), accent=nearest)
    assert saved.status == 200
    assert "Saved" in saved.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"accent": "own", "own_accent": "red"}, "accent"),
        ({"joining": "friends"}, "joining"),
        ({"joining": None}, "joining"),
        ({f"language-{code}": None for code in ("ja", "en", "ar", "th")}, "languages"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field(
    owner: Person, changes: dict[str, str | None], field: str
) -> None:
    page = await owner.open("/settings")

    page = await owner.send(page, page.form("/settings"), **changes)

    assert page.status == 422
    assert page.problems[field].endswith(".")


async def test_a_logo_is_kept_shown_and_taken_away(place: Town, owner: Person) -> None:
    page = await owner.open("/settings")

    page = await owner.send(page, page.form("/settings"), files={"logo": ("a.png", PNG)})
    name = page.text.split('src="/media/')[1].split('"')[0]
    picture = await owner.http.get(f"/media/{name}")
    page = await owner.send(page, page.form("/settings"), no_logo="on")

    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert "sandbox" in picture.headers["content-security-policy"]
    assert "/media/" not in page.text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<svg onload=alert(1)>", "PNG, JPEG or WebP"),
        (PNG + bytes(2 * 1024 * 1024), "2 MB"),
    ],
)
async def test_a_logo_that_is_no_small_picture_is_refused(
    owner: Person, data: bytes, said: str
) -> None:
    page = await owner.open("/settings")

    page = await owner.send(page, page.form("/settings"), files={"logo": ("a.png", data)})

    assert said in page.problems["logo"]


async def test_a_member_gets_a_role_and_a_link(place: Town, owner: Person) -> None:
    aoi = await place.world.member("Aoi")
    page = await owner.open("/settings/people")
    role = page.form("/settings/people", what="role", person=aoi.id or "")

    page = await owner.send(page, role, role="moderator")
    assert "Saved" in page.text
    reset = page.form("/settings/people", what="reset", person=aoi.id or "")
    page = await owner.send(page, reset)

    link = page.text.split("/reset/")[1].split("<")[0]
    assert (await place.person().open(f"/reset/{link}")).status == 200
    rank = await place.world.db.value("SELECT rank FROM members WHERE name = 'Aoi'")
    assert rank == Rank.MODERATOR


async def test_the_last_owner_stays_owner(owner: Person) -> None:
    page = await owner.open("/settings/people")

    page = await owner.send(page, page.form("/settings/people", what="role"), role="member")

    assert page.status == 422
    assert "at least one owner" in page.text


@pytest.mark.parametrize(
    "changes",
    [{"role": "king"}, {"role": None}, {"person": "g1"}, {"person": "m999999"}, {"what": "burn"}],
)
async def test_nonsense_about_members_is_refused_with_a_sentence(
    owner: Person, changes: dict[str, str | None]
) -> None:
    page = await owner.open("/settings/people")

    page = await owner.send(page, page.form("/settings/people", what="role"), **changes)

    assert page.status == 422
    assert any(page.problems.values())


async def test_a_member_who_was_added_sets_a_password_with_the_link(
    place: Town, owner: Person
) -> None:
    page = await owner.open("/settings/people")
    page = await owner.send(
        page, page.form("/settings/people", what="add"), name="Mei", role="host"
    )
    link = page.text.split("/reset/")[1].split("<")[0]
    mei = place.person()
    page = await mei.open(f"/reset/{link}")

    page = await mei.send(page, page.forms[0], password="a quiet harbour")

    assert page.path == "/me"
    assert (await mei.open("/studio")).status == 200


async def test_a_room_is_made_changed_closed_and_opened(place: Town, owner: Person) -> None:
    page = await owner.open("/settings/rooms")
    page = await owner.send(
        page,
        page.form("/settings/rooms", what="create"),
        kind="topic",
        title="Dry <skin>",
        slug="dry-skin",
    )
    assert "Dry &lt;skin&gt;" in page.text

    edit = page.form("/settings/rooms", what="edit")
    page = await owner.send(page, edit, title="Winter", mode="members")
    page = await owner.send(page, shut(page), what="close")
    closed = await place.world.db.one("SELECT * FROM rooms")
    page = await owner.send(page, shut(page), what="open")

    assert closed is not None
    assert closed["title"] == "Winter"
    assert closed["closed_at"] is not None
    assert await place.world.db.value("SELECT closed_at FROM rooms") is None


def shut(page: Page):
    """Find the form that closes or opens the first room."""
    return next(form for form in page.forms if set(form.fields) == {"csrf", "room"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"slug": "Dry Skin"}, "slug"),
        ({"slug": "taken"}, "slug"),
        ({"title": ""}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"kind": "secret"}, ""),
    ],
)
async def test_a_room_with_something_wrong_keeps_what_was_entered(
    place: Town, owner: Person, changes: dict[str, str], field: str
) -> None:
    await place.world.room("taken")
    page = await owner.open("/settings/rooms")
    values = {"kind": "topic", "title": "Dry skin", "slug": "dry-skin", "about": "All of it"}

    page = await owner.send(
        page, page.form("/settings/rooms", what="create"), **{**values, **changes}
    )

    assert page.status in (413, 422)
    assert page.form("/settings/rooms", what="create").fields["about"] == "All of it"
    assert page.problems.get(field) or page.problems


async def test_the_texts_of_rules_are_the_owners_and_shown_as_text(
    place: Town, owner: Person
) -> None:
    page = await owner.open("/settings/pages?language=en")

    page = await owner.send(
        page, page.form("/settings/pages"), rules="# Be kind\n\n- <b>really</b>\n\nThank you."
    )

    assert page.path == "/settings/pages"
    rules = await place.person().open("/rules?lang=en")
    assert "<h2>Be kind</h2>" in rules.text
    assert "<li>&lt;b&gt;really&lt;/b&gt;</li>" in rules.text
    too_long = await owner.send(page, page.form("/settings/pages"), rules="x" * 20_001)
    assert too_long.problems["texts"].startswith("A page has at most")


async def test_without_guests_nobody_gets_a_guest_token_and_old_ones_are_void(
    place: Town, owner: Person
) -> None:
    room = await place.world.room("live", "live")
    keyring = await Keyring.load(place.world.db)
    token, _ = await tokens.guest(place.world.ctx, keyring, name="Passer", address="127.0.0.1")
    async with Client(place.url, token=token) as early:
        channel = early.channel(room.channel)
        await channel.subscribed()
        page = await owner.open("/settings")

        await owner.send(page, page.form("/settings"), guests=None)

        with pytest.raises(Refused, match="Only members"):
            await early.call(
                "comment.post", {"room": room.id, "text": "hi", "client_message_id": "1"}
            )
    asked = await owner.http.post("/v1/guest", json={"name": "Late"})
    assert (asked.status_code, asked.json()["error"]["code"]) == (403, "forbidden")
    with pytest.raises((Closed, Refused)):
        async with Client(place.url, token=token) as late:
            await late.channel(room.channel).subscribed()
