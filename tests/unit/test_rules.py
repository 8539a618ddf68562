import pytest

from moderation.patterns import Word
from moderation.rules import (
    FOREVER,
    Draft,
    Filters,
    Rank,
    Standing,
    judge,
    may_act_on,
    merged,
    until_after,
)
from moderation.words import WordList

NOW = 1_763_750_000_000
WORDS = WordList([Word("spam", "hold"), Word("scam", "reject"), Word("scam museum", "allow")])


def draft(text: str, rank: int = Rank.GUEST, joined: int = 0) -> Draft:
    return Draft(text, "42", "gAAAAAAAAAAAAAAAA", "mika", rank, joined=joined)


@pytest.mark.parametrize(
    ("actor", "target", "may"),
    [
        (Rank.MODERATOR, Rank.GUEST, True),
        (Rank.MODERATOR, Rank.MEMBER, True),
        (Rank.MODERATOR, Rank.MODERATOR, False),
        (Rank.MODERATOR, Rank.HOST, False),
        (Rank.HOST, Rank.MODERATOR, True),
        (Rank.OWNER, Rank.HOST, True),
        (Rank.OWNER, Rank.OWNER, False),
        (Rank.MEMBER, Rank.GUEST, False),
        (Rank.GUEST, Rank.READER, False),
    ],
)
def test_only_staff_acts_and_only_downwards(actor: Rank, target: Rank, may: bool) -> None:
    assert may_act_on(actor, target, same=False) is may


def test_nobody_acts_on_himself() -> None:
    assert not may_act_on(Rank.OWNER, Rank.HOST, same=True)


def test_a_rank_between_two_names_counts_as_the_lower_one() -> None:
    assert [Rank.of(value).wire for value in (0, 5, 10, 25, 60, 99)] == [
        "reader",
        "reader",
        "guest",
        "member",
        "owner",
        "owner",
    ]


def test_a_plain_text_is_allowed() -> None:
    assert judge(draft("hello"), Standing(), Filters(WORDS), NOW).kind == "allow"


def test_a_rejected_word_wins_over_a_held_one_and_names_its_place() -> None:
    verdict = judge(draft("spam and scam"), Standing(), Filters(WORDS), NOW)

    assert (verdict.kind, verdict.rule, verdict.word) == ("reject", "word", "scam")
    assert verdict.spans == ((9, 13),)
    assert verdict.refused().code == "invalid"


def test_a_held_word_holds() -> None:
    verdict = judge(draft("no spam"), Standing(), Filters(WORDS), NOW)

    assert (verdict.kind, verdict.spans) == ("hold", ((3, 7),))


def test_an_allowed_phrase_passes() -> None:
    assert judge(draft("the Scam Museum"), Standing(), Filters(WORDS), NOW).kind == "allow"


@pytest.mark.parametrize(
    ("policy", "kind"), [("allow", "allow"), ("hold", "hold"), ("reject", "reject")]
)
def test_links_follow_the_policy(policy: str, kind: str) -> None:
    filters = Filters(links=policy, domains=frozenset({"nagisa.jp"}))  # type: ignore[arg-type]

    assert judge(draft("see evil.example.com"), Standing(), filters, NOW).kind == kind
    assert judge(draft("see www.nagisa.jp/faq"), Standing(), filters, NOW).kind == "allow"


def test_messages_of_new_people_wait_while_the_community_wants_it() -> None:
    filters = Filters(new_for=3_600_000)

    assert judge(draft("hi", joined=NOW - 1000), Standing(), filters, NOW).rule == "new"
    assert judge(draft("hi", joined=NOW - 3_600_000), Standing(), filters, NOW).kind == "allow"
    assert judge(draft("hi"), Standing(), filters, NOW).kind == "allow"


def test_staff_is_not_filtered() -> None:
    filters = Filters(WORDS, links="reject", new_for=10**9)

    text = "scam http://evil.example.com"

    assert judge(draft(text, Rank.MODERATOR, NOW), Standing(), filters, NOW).kind == "allow"


def test_who_is_muted_is_told_why_and_until_when() -> None:
    standing = Standing(muted_until=NOW + 300_000, reason="advertising")

    refused = judge(draft("hi"), standing, Filters(), NOW).refused().as_wire()

    assert refused["code"] == "muted"
    assert refused["until"] == NOW + 300_000
    assert "advertising" in refused["message"]


def test_a_ban_for_good_has_no_end_on_the_wire() -> None:
    refused = judge(draft("hi"), Standing(banned_until=FOREVER), Filters(), NOW).refused()

    assert (refused.code, refused.details["until"]) == ("banned", None)


def test_a_shadow_covers_all_but_what_is_rejected() -> None:
    shadowed = Standing(shadowed=True)

    assert judge(draft("hi"), shadowed, Filters(WORDS), NOW).kind == "shadow"
    assert judge(draft("spam"), shadowed, Filters(WORDS), NOW).kind == "shadow"
    assert judge(draft("scam"), shadowed, Filters(WORDS), NOW).kind == "reject"


def test_an_end_is_counted_from_now_and_none_is_for_good() -> None:
    assert until_after(NOW, 600) == NOW + 600_000
    assert until_after(NOW, None) == FOREVER


def test_spans_that_overlap_are_joined() -> None:
    assert merged([(5, 8), (0, 3), (2, 4), (8, 9)]) == ((0, 4), (5, 9))
