import asyncio
from collections.abc import AsyncIterator

import pytest

from moderation import screening, undo, wordlist
from moderation.rules import Draft, Rank, Standing
from server.context import Context
from server.errors import Refused
from server.migrate import migrate
from server.settings import Settings
from tests.clock import FakeClock
from tests.integration.moderation_stage import GUEST, Stage, refusal, stage, until
from tests.servers import MIGRATIONS, Own


@pytest.fixture
async def place(settings: Settings) -> AsyncIterator[Stage]:
    async with stage(settings) as made:
        yield made


async def judged(ctx: Context, text: str, rank: int = Rank.GUEST, joined: int = 0) -> str:
    draft = Draft(text, "1", GUEST, "shop_navi", rank, joined=joined)
    return (await screening.screen(ctx, draft)).kind


async def test_a_word_that_was_added_counts_at_once_on_every_gateway(place: Stage) -> None:
    other = place.gateways[1]
    assert await judged(other.ctx, "bad") == "allow"

    await wordlist.add_words(place.ctx, place.ren, ["bad"], "reject")

    assert await judged(place.ctx, "B A D") == "reject"
    await until(lambda: any(body.get("part") == "filters" for body in other.told))
    await place.settled()
    assert await judged(place.ctx, "B A D") == "reject"
    assert await judged(other.ctx, "B A D") == "reject"


async def test_adding_a_word_again_changes_its_action_and_undoing_brings_it_back(
    place: Stage,
) -> None:
    first = await wordlist.add_words(place.ctx, place.ren, ["Bad"], "hold")
    second = await wordlist.add_words(place.ctx, place.ren, ["ＢＡＤ"], "reject")

    assert first["ids"] == second["ids"]
    assert await judged(place.ctx, "bad") == "reject"
    await undo.undo(place.ctx, place.ren, second["action"])
    assert await judged(place.ctx, "bad") == "hold"
    await undo.undo(place.ctx, place.ren, first["action"])
    assert await judged(place.ctx, "bad") == "allow"


async def test_undoing_a_removal_lists_the_word_again(place: Stage) -> None:
    added = await wordlist.add_words(place.ctx, place.ren, ["bad", "worse"], "reject")
    removed = await wordlist.remove_words(place.ctx, place.ren, added["ids"])
    assert await judged(place.ctx, "bad") == "allow"

    await undo.undo(place.ctx, place.ren, removed["action"])

    assert await judged(place.ctx, "worse") == "reject"


async def test_trying_a_word_shows_what_it_would_have_caught(place: Stage) -> None:
    await place.save(place.guest, "what a b a d day")
    await place.save(place.member, "badminton", room=place.second_room)
    await place.save(place.member, "too bad", room=place.second_room)

    found = await wordlist.try_words(place.ctx, place.ren, ["bad"])

    spelt = {one["text"][start:end] for one in found for start, end in one["spans"]}
    assert spelt == {"b a d", "bad"}


@pytest.mark.parametrize("word", ["", "  ", "\u200b", "x" * 61, 7, None])
async def test_a_word_that_matches_nothing_is_refused(word: object) -> None:
    with pytest.raises(Refused) as refused:
        wordlist.read_words(word)

    assert (refused.value.code, refused.value.details["field"]) == ("invalid", "word")


async def test_links_and_new_people_follow_the_settings(place: Stage) -> None:
    saved = await wordlist.save_settings(
        place.ctx, place.ren, links="hold", domains=["https://Nagisa.jp/", "例え.jp"], new_hours=24
    )

    assert saved["domains"] == ["nagisa.jp", "例え.jp"]
    assert await judged(place.ctx, "see example.com") == "hold"
    assert await judged(place.ctx, "see shop.nagisa.jp and 例え.jp") == "allow"
    assert await judged(place.ctx, "hello", joined=place.ctx.clock() - 1000) == "hold"
    await undo.undo(place.ctx, place.ren, saved["action"])
    assert await judged(place.ctx, "see example.com") == "allow"


async def test_a_guard_refuses_links_and_holds_new_people_until_it_ends(
    settings: Settings, clock: FakeClock
) -> None:
    async with stage(settings, clock=clock, gateways=1) as place:
        hour = clock() - 3_600_000
        guarded = await wordlist.guard(place.ctx, place.ren, 20, place.room)
        assert await judged(place.ctx, "see example.com") == "reject"
        assert await judged(place.ctx, "hello", joined=hour) == "hold"
        assert await judged(place.ctx, "hello", joined=clock() - 90_000_000) == "allow"

        longer = await wordlist.guard(place.ctx, place.yui, 30, place.room)
        assert longer["guard"]["by"] == guarded["guard"]["by"] == "れん"

        clock.advance(30 * 60_000)
        assert await judged(place.ctx, "hello", joined=hour) == "allow"


async def test_undoing_the_end_of_a_guard_guards_again(place: Stage) -> None:
    await wordlist.guard(place.ctx, place.ren, 20, place.room)
    ended = await wordlist.guard(place.ctx, place.ren, 0, place.room)
    assert await judged(place.ctx, "see example.com") == "allow"

    await undo.undo(place.ctx, place.ren, ended["action"])

    assert await judged(place.ctx, "see example.com") == "reject"


@pytest.mark.parametrize(
    "wrong", [{"links": "perhaps"}, {"domains": ["no domain"]}, {"domains": "x"}, {"new_hours": -1}]
)
async def test_settings_that_make_no_sense_are_refused(
    place: Stage, wrong: dict[str, object]
) -> None:
    given = {"links": "allow", "domains": [], "new_hours": 0, **wrong}

    refused = await refusal(wordlist.save_settings(place.ctx, place.ren, **given))

    assert refused.code == "invalid"
    assert refused.details["field"] == next(iter(wrong))


async def test_only_staff_changes_filters(place: Stage) -> None:
    refused = await refusal(wordlist.add_words(place.ctx, place.member, ["bad"], "reject"))

    assert refused.code == "forbidden"


async def test_names_are_screened_against_words_and_the_staff(place: Stage) -> None:
    await wordlist.add_words(place.ctx, place.ren, ["bad"], "hold")

    async def problem(name: str, own: str = "") -> object:
        refused = await refusal(screening.check_name(place.ctx, name, own=own))
        return refused.details["problem"]

    assert await problem("bad boy") == "word"
    assert await problem("Nаgіsа 1") == "resembles_staff"
    assert await problem("ナギサ店長") == "resembles_staff"
    assert await problem("Admin") == "reserved"
    assert await screening.check_name(place.ctx, "  Haruka ") == "Haruka"
    assert await screening.check_name(place.ctx, "Nagisa", own=place.owner.id or "") == "Nagisa"


async def test_messages_are_judged_while_postgres_is_away(own_servers: Own, redis_url: str) -> None:
    await migrate(own_servers.postgres.dsn(), MIGRATIONS)
    settings = Settings.for_tests(database_url=own_servers.postgres.dsn(), redis_url=redis_url)
    async with stage(settings, gateways=1) as place:
        await wordlist.add_words(place.ctx, place.ren, ["bad"], "reject")
        assert await judged(place.ctx, "bad") == "reject"
        own_servers.freeze(own_servers.postgres)
        try:
            place.ctx.of(screening.Screening).stale()
            verdicts = await asyncio.gather(*(judged(place.ctx, "bad") for _ in range(20)))
        finally:
            own_servers.thaw(own_servers.postgres)

        assert verdicts == ["reject"] * 20


async def test_nothing_is_judged_before_the_rules_are_known(
    own_servers: Own, redis_url: str
) -> None:
    await migrate(own_servers.postgres.dsn(), MIGRATIONS)
    settings = Settings.for_tests(database_url=own_servers.postgres.dsn(), redis_url=redis_url)
    async with stage(settings, gateways=1) as place:
        own_servers.freeze(own_servers.postgres)
        try:
            refused = await refusal(judged(place.ctx, "hello"))
            standing = await screening.standing(place.ctx, place.guest, place.room)
        finally:
            own_servers.thaw(own_servers.postgres)

        assert refused.code == "unavailable"
        assert standing == Standing()
