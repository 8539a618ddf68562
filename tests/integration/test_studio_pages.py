"""The studio without JavaScript: planning, going on air, answering, ending; and who may not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from moderation.rules import Rank
from rooms.broadcasts import actions as broadcasts
from rooms.comments import actions as comments
from rooms.rules import Room
from rooms.shop.show import actions as show
from server.context import Viewer
from server.settings import Settings
from tests.integration.visitor import Page, Person, Town, town

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


class Stage:
    """A live room, its host, a viewer, and a broadcast to come."""

    def __init__(self, place: Town, room: Room, ren: Viewer, host: Person, studio: str) -> None:
        self.place, self.room, self.ren, self.host, self.studio = place, room, ren, host, studio

    async def page(self) -> Page:
        return await self.host.open(self.studio)

    async def do(self, what: str, /, **changes: str) -> Page:
        page = await self.page()
        return await self.host.send(page, page.form(f"{self.studio}/act", what=what), **changes)

    async def asked(self, text: str) -> str:
        aoi = await self.place.world.member(f"Aoi {text[:8]}")
        args = {"room": self.room.id, "text": text, "client_message_id": "q"}
        found = await self.place.world.find(self.room)
        said = await comments.ask(self.place.world.ctx, aoi, args, found)
        await self.place.world.save()
        return str(said["id"])


@pytest.fixture
async def place(settings: Settings, tmp_path: object) -> AsyncIterator[Town]:
    async with town(settings, data_dir=tmp_path) as t:
        yield t


@pytest.fixture
async def stage(place: Town) -> Stage:
    room = await place.world.room("live", "live")
    ren = await place.world.member("Ren", Rank.HOST)
    made = await broadcasts.schedule(
        place.world.ctx, ren, {"room": room.id, "title": "Evening", "video": "/media/none.mp4"}
    )
    return Stage(place, room, ren, await place.signed_in(ren), f"/studio/{made.id}")


async def test_a_broadcast_is_planned_with_a_poster_and_changed(stage: Stage) -> None:
    page = await stage.host.open("/studio/new")

    page = await stage.host.send(
        page,
        page.form(""),
        room=stage.room.id,
        title="Autumn <skin>",
        video="https://v.example/a.m3u8",
        shape="wide",
        files={"poster_file": ("p.png", PNG)},
    )
    edit = await stage.host.open(f"{page.path}/edit")

    assert "Autumn &lt;skin&gt;" in page.text
    assert edit.form("").fields["poster"].startswith("/media/")
    assert edit.form("").fields["shape"] == "wide"
    page = await stage.host.send(edit, edit.form(""), title="Winter skin")
    assert "Winter skin" in page.text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 121}, "title"),
        ({"about": "x" * 2001}, "about"),
        ({"video": "ftp://v.example/a"}, "video"),
        ({"video": "http://v.example/a.m3u8"}, "video"),
        ({"video": ""}, "video"),
        ({"poster": "javascript:alert(1)"}, "poster"),
        ({"starts_at": "yesterday"}, "starts_at"),
        ({"starts_at": "2999-01-01T10:00"}, "starts_at"),
        ({"starts_at": "2026-12-01T10:00", "zone": "Mars/Phobos"}, "starts_at"),
        ({"room": "99999"}, ""),
    ],
)
async def test_what_is_wrong_with_a_broadcast_stands_beside_its_field(
    stage: Stage, changes: dict[str, str], field: str
) -> None:
    page = await stage.host.open("/studio/new")
    values = {"title": "Autumn", "video": "https://v.example/a.m3u8", "room": stage.room.id}

    page = await stage.host.send(page, page.form(""), **{**values, **changes})

    assert page.status in (403, 413, 422)
    assert page.problems[field]
    for name, value in {**values, **changes}.items():
        if name in ("title", "video", "poster", "about"):
            assert page.form("").fields[name] == value


async def test_a_poster_that_is_no_picture_is_refused(stage: Stage) -> None:
    page = await stage.host.open("/studio/new")

    page = await stage.host.send(
        page,
        page.form(""),
        room=stage.room.id,
        title="Autumn",
        video="https://v.example/a.m3u8",
        files={"poster_file": ("p.png", b"<svg/>")},
    )

    assert "PNG, JPEG or WebP" in page.problems["poster"]
    assert page.form("").fields["title"] == "Autumn"


async def test_the_checks_say_what_is_not_there(stage: Stage) -> None:
    answer = await stage.host.http.get(f"{stage.studio}/checks")

    found = {check["name"]: (check["state"], check["why"]) for check in answer.json()["checks"]}
    assert found["source"] == ("no", "no_file")
    assert found["poster"] == ("warn", "none")
    assert found["storage"] == ("ok", "")


async def test_the_checks_do_not_look_into_a_private_network(stage: Stage) -> None:
    args = {"broadcast": stage.studio.split("/")[-1], "title": "Evening"}
    inside = {**args, "video": "https://127.0.0.1/a.m3u8"}
    await broadcasts.edit(stage.place.world.ctx, stage.ren, inside)

    answer = await stage.host.http.get(f"{stage.studio}/checks")

    assert answer.json()["checks"][0] == {"name": "source", "state": "no", "why": "private"}


async def test_a_broadcast_begins_and_ends(stage: Stage) -> None:
    before = await stage.page()
    on = await stage.do("start")
    over = await stage.do("end")

    assert any(form.fields.get("what") == "start" for form in before.forms)
    assert any(form.fields.get("what") == "end" for form in on.forms)
    assert not any(form.fields.get("what") in ("start", "end") for form in over.forms)
    again = await stage.host.send(before, before.form(f"{stage.studio}/act", what="start"))
    assert "is over" in again.problems[""]


async def test_a_room_shows_one_broadcast_at_a_time(stage: Stage) -> None:
    await stage.place.world.showing(stage.room, stage.ren)

    page = await stage.do("start")

    assert page.status == 422
    assert "Another broadcast" in page.problems[""]


async def test_a_question_is_shown_answered_in_writing_and_answered_anew(stage: Stage) -> None:
    await stage.do("start")
    key = await stage.asked("Is it for dry skin?")
    page = await stage.do("show", id=key)
    assert "Being answered now" in page.text

    page = await stage.host.open(f"{stage.studio}?sort=popular")
    form = page.form(f"{stage.studio}/act", what="answer", id=key)
    await stage.host.send(page, form, text="Yes, <b>every</b> day.")

    answered = await stage.host.open(f"{stage.studio}?sort=answered")
    assert "Yes, &lt;b&gt;every&lt;/b&gt; day." in answered.text
    again = answered.form(f"{stage.studio}/act", what="answer", id=key)
    await stage.host.send(answered, again, text="Every evening.")
    public = await stage.place.person().open(f"/questions/{key}")
    assert "Every evening." in public.text


async def test_a_question_is_answered_live_with_its_second(stage: Stage) -> None:
    await stage.do("start")
    key = await stage.asked("When?")

    page = await stage.page()
    form = page.form(f"{stage.studio}/act", what="live", id=key)
    await stage.host.send(page, form)

    assert "Answered live at 0:" in (await stage.place.person().open(f"/questions/{key}")).text


async def test_a_question_is_dismissed(stage: Stage) -> None:
    key = await stage.asked("Nonsense?")
    page = await stage.page()

    page = await stage.host.send(page, page.form(f"{stage.studio}/act", what="dismiss", id=key))

    assert "Nonsense?" not in page.text.split('class="fd"')[0]


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
async def test_an_answer_that_is_none_is_refused_and_kept(stage: Stage, text: str) -> None:
    key = await stage.asked("Is it for dry skin?")
    page = await stage.page()
    form = page.form(f"{stage.studio}/act", what="answer", id=key)

    page = await stage.host.send(page, form, text=text)

    assert page.status in (413, 422)
    assert page.problems["text"]
    assert page.form(f"{stage.studio}/act", what="answer", id=key).fields["text"] == text


async def test_who_may_comment_and_how_often(stage: Stage) -> None:
    await stage.do("mode", mode="members")
    page = await stage.do("slow", seconds="30")

    assert page.form(f"{stage.studio}/act", what="mode").fields["mode"] == "members"
    assert page.form(f"{stage.studio}/act", what="slow").fields["seconds"] == "30"


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("mode", {"mode": "nobody"}),
        ("slow", {"seconds": "-3"}),
        ("slow", {"seconds": "many"}),
        ("start", {"what": "burn"}),
        ("start", {"what": "answer", "id": "x", "text": "y"}),
        ("start", {"what": "live", "id": "A" * 22}),
        ("start", {"what": "show", "id": "A" * 22}),
        ("start", {"what": "end"}),
    ],
)
async def test_nonsense_gets_a_sentence_on_the_studio(
    stage: Stage, what: str, changes: dict[str, str]
) -> None:
    page = await stage.do(what, **changes)

    assert page.status in (404, 422)
    assert page.problems.get("") or page.problems


async def test_only_hosts_get_in(stage: Stage) -> None:
    aoi = await stage.place.signed_in(await stage.place.world.member("Aoi"))
    token = (await aoi.open("/me")).form("/me/name").fields["csrf"]

    for path in ("/studio", "/studio/new", stage.studio, f"{stage.studio}/edit"):
        assert (await aoi.open(path)).status == 403
        assert (await stage.place.person().open(path)).path == "/sign-in"
    sent = await aoi.http.post(f"{stage.studio}/act", data={"what": "start", "csrf": token})
    assert sent.status_code == 403


@pytest.mark.parametrize("number", ["0", "x", "999", "9" * 30, "%00"])
async def test_a_studio_that_is_not_there_is_not_found(stage: Stage, number: str) -> None:
    assert (await stage.host.open(f"/studio/{number}")).status == 404


async def test_a_cancelled_broadcast_is_gone(stage: Stage) -> None:
    page = await stage.do("cancel")

    assert page.path == "/studio"
    assert (await stage.page()).status == 404


async def test_a_stale_form_keeps_the_answer(stage: Stage) -> None:
    key = await stage.asked("Is it for dry skin?")
    page = await stage.page()
    form = page.form(f"{stage.studio}/act", what="answer", id=key)

    page = await stage.host.send(page, form, text="Long thought", csrf="old")

    assert page.status == 403
    assert "still here" in page.problems[""]
    kept = page.form(f"{stage.studio}/act", what="answer", id=key)
    assert kept.fields["text"] == "Long thought"


async def test_products_are_shown_without_scripts_and_stand_as_chapters_when_it_is_over(
    stage: Stage,
) -> None:
    world, broadcast = stage.place.world, stage.studio.split("/")[-1]
    made = [
        await world.db.value(
            """WITH p AS (INSERT INTO products (title, currency) VALUES ($1, 'JPY') RETURNING id)
               INSERT INTO variants (product_id, price, total) SELECT id, 4950, 5 FROM p
               RETURNING product_id""",
            title,
        )
        for title in ("Night serum", "Hand cream")
    ]
    for each in made:
        args = {"broadcast": broadcast, "product": str(each)}
        await show.add(world.ctx, stage.ren, args)

    moved = await stage.do("shop", do=f"down:{made[0]}")
    await stage.do("start")
    pinned = await stage.do("shop", do=f"pin:{made[0]}")
    stopped = await stage.do("shop", do="stop:")
    wrong = await stage.do("shop", do="burn:1")
    await stage.do("end")
    over = await stage.place.person().open("/rooms/live")

    assert moved.text.index("Hand cream") < moved.text.index("Night serum")
    assert f'value="unpin:{made[0]}"' in pinned.text
    assert "Sales are stopped" in stopped.text
    assert wrong.status == 422
    assert re.search(r"0:0\d</span> <bdi>Night serum", over.text)
    assert not re.search(r"0:0\d</span> <bdi>Hand cream", over.text)
