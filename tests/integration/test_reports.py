import csv
import io
from collections.abc import AsyncIterator

import pytest

from moderation import actions, commands, hiding, log, reads, reports, undo
from moderation.log import Wanted
from server.context import Viewer
from server.settings import Settings
from tests.integration.moderation_stage import GUEST, OTHER, Stage, guest, refusal, stage, until


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Stage]:
    async with stage(settings) as made:
        yield made


async def report(place: Stage, viewer: Viewer, id: str, reason: str = "spam") -> dict[str, object]:
    return await reports.report(place.ctx, viewer, place.room, id, reason)


async def test_a_report_reaches_the_staff_with_the_text(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")

    await report(place, place.member, said.key)

    staff = f"{place.channel}:staff"
    await until(lambda: place.gateways[1].events(staff) == ["report.added"])
    [pushed] = place.gateways[1].bodies(staff)
    assert (pushed["id"], pushed["text"], pushed["count"]) == (said.key, "buy here", 1)
    [listed] = await reads.reported(place.db, place.room)
    assert (listed["id"], listed["count"], listed["reasons"]) == (said.key, 1, ["spam"])


async def test_reporting_twice_counts_once_and_two_people_count_twice(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")

    await report(place, place.member, said.key)
    again = await report(place, place.member, said.key, "abuse")
    await report(place, guest(OTHER, "x"), said.key, "abuse")

    assert again["already"] is True
    [listed] = await reads.reported(place.db, place.room)
    assert (listed["count"], sorted(listed["reasons"])) == (2, ["abuse", "spam"])


async def test_resolving_settles_all_reports_once_and_can_be_undone(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")
    await report(place, place.member, said.key)
    await report(place, guest(OTHER, "x"), said.key)

    done = await reports.resolve(place.ctx, place.ren, place.room, said.key, "dismissed")
    late = await reports.resolve(place.ctx, place.yui, place.room, said.key, "acted")

    assert await reads.reported(place.db, place.room) == []
    assert late["already"] is True
    await undo.undo(place.ctx, place.yui, done["action"])
    [listed] = await reads.reported(place.db, place.room)
    assert listed["count"] == 2


async def test_bad_reports_are_refused(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")

    assert (await refusal(report(place, place.member, said.key, "boring"))).code == "invalid"
    assert (await refusal(report(place, place.guest, said.key))).code == "invalid"
    assert (await refusal(report(place, Viewer(), said.key))).code == "unauthenticated"
    assert (await refusal(report(place, place.member, "x" * 22))).code in ("invalid", "not_found")


async def test_nobody_floods_the_staff_with_reports(place: Stage) -> None:
    said = [await place.say(place.guest, f"buy {n}") for n in range(reports.MOST + 1)]
    for one in said[:-1]:
        await report(place, place.member, one.key)

    assert (await refusal(report(place, place.member, said[-1].key))).code == "rate_limited"


async def test_a_card_shows_what_is_known_of_a_person(place: Stage) -> None:
    await place.save(place.guest, "hello")
    bad = await place.save(place.guest, "buy here")
    await report(place, place.member, bad)
    await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=300, reason="spam")
    await reports.note(place.ctx, place.yui, GUEST, "same text as shop_navi2", room=place.room)

    card = await reads.card(place.db, GUEST, "", place.ctx.clock())

    assert (card.name, card.role) == ("shop_navi", "guest")
    assert card.counts == {"messages": 2, "hidden": 0, "sanctions": 1, "reports": 1}
    assert [(one["kind"], one["reason"], one["by"]) for one in card.holding] == [
        ("mute", "spam", "れん")
    ]
    assert [one["action"] for one in card.history] == ["mute"]
    assert [(one["text"], one["by"]) for one in card.notes] == [("same text as shop_navi2", "ゆい")]
    assert {one["text"] for one in card.messages} == {"hello", "buy here"}


async def test_a_note_can_be_taken_back(place: Stage) -> None:
    noted = await reports.note(place.ctx, place.ren, GUEST, "careful", room=place.room)

    await undo.undo(place.ctx, place.ren, noted["action"])

    assert (await reads.card(place.db, GUEST, "", place.ctx.clock())).notes == []


async def test_the_log_is_paged_and_filtered(place: Stage) -> None:
    for n in range(7):
        await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=10 + n)
    await actions.ban(place.ctx, place.yui, OTHER, room=place.second_room)

    first = await log.audit_page(place.db, Wanted(actor=place.ren.id), limit=5)
    second = await log.audit_page(
        place.db, Wanted(actor=place.ren.id), before=first.before, limit=5
    )

    assert len(first.entries) == 5
    assert second.before is None
    seconds = [entry.details["seconds"] for entry in [*first.entries, *second.entries]]
    assert seconds == [16, 15, 14, 13, 12, 11, 10]
    bans = await log.audit_page(place.db, Wanted(action="ban"))
    assert [entry.person for entry in bans.entries] == [OTHER]


async def test_the_log_as_csv_holds_every_row_and_no_formula(place: Stage) -> None:
    said = await place.say(place.guest, '=HYPERLINK("http://evil","x"), "quoted"\nline')
    await hiding.hide(place.ctx, place.ren, place.room, said.key, reason="+1 spam")
    await actions.ban(place.ctx, place.ren, GUEST, room=place.room)
    async with place.worker() as worker:
        await until(lambda: worker.applied == 2)

    text = b"".join([part async for part in log.audit_csv(place.db, Wanted())]).decode("utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["action"] for row in rows} == {"hide", "ban"}
    hidden = next(row for row in rows if row["action"] == "hide")
    assert hidden["text"].startswith("'=HYPERLINK")
    assert hidden["reason"] == "'+1 spam"


async def test_a_moderator_does_not_undo_what_the_owner_did(place: Stage) -> None:
    banned = await actions.ban(place.ctx, place.owner, GUEST, room=place.room)

    refused = await refusal(undo.undo(place.ctx, place.ren, banned["action"]))

    assert refused.code == "forbidden"


async def test_how_much_one_did_today_is_counted(place: Stage) -> None:
    muted = await actions.mute(place.ctx, place.ren, GUEST, room=place.room, seconds=10)
    await actions.mute(place.ctx, place.ren, OTHER, room=place.room, seconds=10)
    await undo.undo(place.ctx, place.yui, muted["action"])

    assert await reads.today(place.db, place.ren.id or "", place.ctx.clock()) == {
        "done": 2,
        "undone": 1,
    }


class Near:
    """A connection whose gateway remembers nothing."""

    def find(self, channel: str, key: str) -> list[object]:
        return []


@pytest.mark.parametrize(
    ("command", "args", "field"),
    [
        (commands.mute, {"room": 1, "person": GUEST, "seconds": 5}, "room"),
        (commands.mute, {"room": "1", "person": "x", "seconds": 5}, "person"),
        (commands.mute, {"room": "1", "person": GUEST, "seconds": "5"}, "seconds"),
        (commands.mute, {"room": "1", "person": GUEST, "seconds": 0}, "seconds"),
        (commands.mute, {"room": "1", "person": GUEST, "seconds": True}, "seconds"),
        (commands.mute, {"room": "1", "person": GUEST, "seconds": 10**9}, "seconds"),
        (commands.mute, {"room": "1", "person": GUEST, "reason": "x" * 301}, "reason"),
        (commands.mute, {"room": "1", "person": GUEST, "everywhere": 1}, "everywhere"),
        (commands.hide, {"room": "1", "id": "short"}, "id"),
        (commands.hide, {"room": "1", "id": 5}, "id"),
        (commands.approve, {}, "id"),
        (commands.word_add, {"word": 5, "action": "hold"}, "word"),
        (commands.word_add, {"word": "bad", "action": "maybe"}, "action"),
        (commands.word_remove, {"id": "1"}, "id"),
        (commands.resolve, {"room": "1", "id": "A" * 22, "outcome": "x"}, "outcome"),
        (commands.audit_undo, {"id": None}, "id"),
    ],
)
async def test_wrong_arguments_are_named(
    place: Stage, command: object, args: dict[str, object], field: str
) -> None:
    refused = await refusal(command(place.ctx, place.ren, args, Near()))  # type: ignore[operator]

    assert (refused.code, refused.details["field"]) == ("invalid", field)


async def test_the_commands_of_a_moderator_work_together(place: Stage) -> None:
    said = await place.say(place.guest, "buy here")
    room = {"room": place.room}

    async def run(command: object, viewer: Viewer, **args: object) -> dict[str, object]:
        given = {**room, **args}
        return await command(place.ctx, viewer, given, Near())  # type: ignore[operator, no-any-return]

    await run(commands.report, place.member, id=said.key, reason="spam")
    listed = await run(commands.report_list, place.ren)
    hidden = await run(commands.hide, place.ren, id=said.key, reason="spam")
    muted = await run(commands.mute, place.ren, person=GUEST, seconds=300)
    card = await run(commands.card, place.ren, person=GUEST)
    await run(commands.resolve, place.ren, id=said.key, outcome="acted")
    await run(commands.audit_undo, place.ren, id=muted["action"])
    log = await run(commands.audit_list, place.ren)

    assert [one["id"] for one in listed["reports"]] == [said.key]  # type: ignore[attr-defined]
    assert (hidden["saved"], card["name"]) == (True, "shop_navi")
    acts = [entry["action"] for entry in log["entries"]]  # type: ignore[attr-defined]
    assert acts == ["undo", "report.resolve", "mute"]


@pytest.mark.parametrize(
    "command",
    [
        *(commands.hide, commands.restore, commands.mute, commands.unmute, commands.ban),
        *(commands.unban, commands.purge, commands.unpurge, commands.note, commands.card),
        *(commands.held_list, commands.claim, commands.approve, commands.reject),
        *(commands.report_list, commands.resolve, commands.word_try, commands.word_add),
        *(commands.word_remove, commands.audit_list, commands.audit_undo),
    ],
)
async def test_no_command_of_moderators_is_open_to_members(place: Stage, command: object) -> None:
    args = {
        "room": place.room,
        "person": GUEST,
        "id": 1 if command is commands.word_remove else "A" * 22,
        "word": "bad",
        "action": "hold" if command is commands.word_add else None,
        "outcome": "acted",
        "text": "note",
    }

    refused = await refusal(command(place.ctx, place.member, args, Near()))  # type: ignore[operator]

    assert refused.code == "forbidden"
