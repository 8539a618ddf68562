"""Questions on their pages: lists, votes, answers, and what search engines read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from moderation.rules import Rank
from rooms.comments import actions as comments
from rooms.questions import actions as questions
from rooms.rules import Room
from server.context import Viewer
from server.settings import Settings
from tests.integration.visitor import Page, Person, Town, town


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Town]:
    async with town(settings) as t:
        yield t


@pytest.fixture
async def room(place: Town) -> Room:
    return await place.world.room("tea")


async def asked(place: Town, room: Room, text: str, by: Viewer | None = None) -> str:
    w = place.world
    aoi = by or await w.member(f"Aoi {text[:20]}")
    args = {"room": room.id, "text": text, "client_message_id": f"q{hash(text)}"}
    said = await comments.ask(w.ctx, aoi, args, await w.find(room))
    await w.save()
    return str(said["id"])


async def answered(place: Town, room: Room, key: str, text: str) -> None:
    host = await place.world.member(f"Ren {key[:6]}", Rank.HOST)
    await questions.answer(place.world.ctx, host, {"room": room.id, "id": key, "text": text})


def structured(page: Page) -> dict[str, Any]:
    block = page.text.split('<script type="application/ld+json">')[1].split("</script>")[0]
    found: dict[str, Any] = json.loads(block)
    return found


async def test_the_answer_stands_before_all_else_and_in_the_structured_data(
    place: Town, room: Room
) -> None:
    key = await asked(place, room, "Is </script><b>this</b> for dry skin?")
    await answered(place, room, key, "Yes.\nEvery day.")

    page = await place.person().open(f"/questions/{key}")

    assert page.status == 200
    assert "<p>Yes.</p><p>Every day.</p>" in page.text
    assert "<b>this</b>" not in page.text
    entity = structured(page)["mainEntity"]
    assert entity["name"] == "Is </script><b>this</b> for dry skin?"
    assert entity["acceptedAnswer"]["text"] == "Yes.\nEvery day."
    assert entity["answerCount"] == 1


async def test_open_and_answered_questions_are_listed_apart(place: Town, room: Room) -> None:
    open_one = await asked(place, room, "When does it come?")
    key = await asked(place, room, "Is it for dry skin?")
    await answered(place, room, key, "Yes.")
    person = place.person()

    done, waiting = await person.open("/questions"), await person.open("/questions?state=open")

    assert f"/questions/{key}" in done.links
    assert f"/questions/{open_one}" not in done.links
    assert f"/questions/{open_one}" in waiting.links


async def test_a_long_list_goes_on_over_the_page(place: Town, room: Room) -> None:
    aoi = await place.world.member("Aoi", Rank.HOST)
    keys = {await asked(place, room, f"Question {n}?", aoi) for n in range(32)}
    person = place.person()
    first = await person.open("/questions?state=open")
    onward = next(link for link in first.links if "skip=" in link)

    second = await person.open(onward.replace("&amp;", "&"))

    listed = {k for page in (first, second) for k in keys if f"/questions/{k}" in page.links}
    assert listed == keys
    assert not any("skip=" in link for link in second.links)


@pytest.mark.parametrize("skip", ["-1", "x", "99999999999", "٣", ""])
async def test_a_nonsense_place_in_the_list_is_the_beginning(
    place: Town, room: Room, skip: str
) -> None:
    key = await asked(place, room, "When does it come?")

    page = await place.person().open(f"/questions?state=open&skip={skip}")

    assert f"/questions/{key}" in page.links


async def test_a_vote_counts_once_and_can_be_taken_back(place: Town, room: Room) -> None:
    key = await asked(place, room, "When does it come?")
    mio = await place.signed_in(await place.world.member("Mio"))
    page = await mio.open(f"/questions/{key}")

    page = await vote(mio, page, key)
    twice = await mio.http.post(
        f"/questions/{key}/vote", data={**page.form(f"/questions/{key}/vote").fields, "voted": "0"}
    )
    await place.world.save()
    assert twice.status_code == 303
    assert await votes(place) == 1
    page = await mio.open(f"/questions/{key}")
    assert 'aria-pressed="true"' in page.text
    await vote(mio, page, key)
    await place.world.save()

    assert await votes(place) == 0


async def vote(person: Person, page: Page, key: str) -> Page:
    return await person.send(page, page.form(f"/questions/{key}/vote"))


async def votes(place: Town) -> int:
    count: int = await place.world.db.value("SELECT votes FROM questions")
    return count


async def test_who_has_no_name_is_asked_to_sign_in_and_comes_back(place: Town, room: Room) -> None:
    key = await asked(place, room, "When does it come?")
    person = place.person()
    page = await person.open(f"/questions/{key}")

    page = await vote(person, page, key)

    assert page.path == "/sign-in"
    assert page.form("/sign-in").fields["back"] == f"/questions/{key}"


async def test_staff_answers_on_the_page_and_others_cannot(place: Town, room: Room) -> None:
    key = await asked(place, room, "Is it for dry skin?")
    ren = await place.signed_in(await place.world.member("Ren", Rank.MODERATOR))
    aoi = await place.signed_in(await place.world.member("Mei"))
    page = await ren.open(f"/questions/{key}")
    path = f"/questions/{key}/answer"

    refused = await ren.send(page, page.form(path), text="x" * 2001)
    assert refused.form(path).fields["text"] == "x" * 2001
    assert refused.problems["text"]
    page = await ren.send(page, page.form(path), text="Yes, every day.")

    assert "Yes, every day." in page.text
    theirs = await aoi.open(f"/questions/{key}")
    assert not any(form.action == path for form in theirs.forms)
    token = theirs.form(f"/questions/{key}/vote").fields["csrf"]
    sent = await aoi.http.post(path, data={"csrf": token, "text": "No."})
    assert sent.status_code == 403


async def test_questions_of_a_room_one_may_not_see_are_not_there(place: Town) -> None:
    team = await place.world.room("team", visibility="staff")
    ren = await place.world.member("Ren", Rank.HOST)
    key = await asked(place, team, "Who has the key?", ren)

    page = await place.person().open("/questions?state=open")

    assert f"/questions/{key}" not in page.links
    assert (await place.person().open(f"/questions/{key}")).status == 404
    assert (await (await place.signed_in(ren)).open(f"/questions/{key}")).status == 200


@pytest.mark.parametrize("key", ["x", "A" * 22, "%00", "!" * 22, "a" * 500])
async def test_a_question_that_is_not_there_is_not_found(place: Town, key: str) -> None:
    assert (await place.person().open(f"/questions/{key}")).status == 404
    assert (await place.person().open(f"/questions/{key}/vote")).status == 404


@pytest.mark.parametrize("query", ["sort=best", "limit=0", "limit=1000", "limit=x", "limit=٣"])
async def test_the_api_names_what_is_wrong(place: Town, room: Room, query: str) -> None:
    answer = await place.person().http.get(f"/v1/rooms/{room.id}/questions?{query}")

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid"
