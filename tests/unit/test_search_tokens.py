"""Cutting text of every script into search tokens."""

from __future__ import annotations

import pytest

from rooms.search.encode import at_least, tsvector
from rooms.search.tokens import CUTTERS, LONGEST, clusters, normalise, runs, tokens


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("ＳＰＦ５０＋", "spf50+"),
        ("ﾋｱﾙﾛﾝ酸", "ひあるろん酸"),
        ("ヒアルロン酸", "ひあるろん酸"),
        ("ヽ（すごい）ヾ", "ゝ(すごい)ゞ"),
        ("Straße", "strasse"),
        ("CRÈME Brûlée", "creme brulee"),
        ("soooooo", "so"),
        ("すごーーーい", "すごーい"),
        ("balloon", "balloon"),
        ("1000", "1000"),
        ("a\u200bb\u200dc\u00add\u2066e\ufe0f", "abcde"),
        ("٠١٢٣٤٥٦٧٨٩", "0123456789"),
        ("۰۱۲۳۴۵۶۷۸۹", "0123456789"),
        ("๐๑๒๓๔๕๖๗๘๙", "0123456789"),
        ("น้ำ", "น้ำ"),
        ("น้ํา", "น้ำ"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
    ],
)
def test_two_ways_of_writing_the_same_become_one(written: str, normal: str) -> None:
    assert normalise(written) == normal


@pytest.mark.parametrize(
    "text",
    ["ＳＰＦ５０＋ ﾋｱﾙﾛﾝ", "น้ํา", "Ⅷ soooo", "ﷺ", "ΐ", "ǅ", "İstanbul", "aa\u200baa", "ㄱㅏ각"],
)
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise(text)

    assert normalise(once) == once


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("日焼け止め", ["日", "日焼", "止", "止め", "焼", "焼け", "け止"]),
        ("カタカナ", ["かた", "たか", "かな"]),
        ("木", ["木"]),
        ("あ", ["あ"]),
        ("人々", ["人", "々", "人々"]),
        ("한국어", ["한국", "국어"]),
        ("글", ["글"]),
        ("น้ำมัน", ["น้ำมั", "มัน"]),
        ("เด็ก", ["เด็ก"]),
        ("ก", ["ก"]),
        ("ລາວ", ["ລາ", "າວ"]),
        ("كتاب", ["_كت", "كتا", "تاب", "اب_"]),
        ("و", ["_و_"]),
        ("running", ["run", "~runn", "~unni", "~nnin", "~ning"]),
        ("runs", ["run"]),
        ("don't", ["don", "t"]),
        ("spf50", ["spf50", "~spf5", "~pf50"]),
        ("кошками", ["кошк"]),
        ("ναι", ["ναι"]),
        ("हिन्दी", ["हिन्दी"]),
        ("😀🎉❤️👨‍👩‍👧 ok", ["ok"]),
        ("… — !?", []),
        ("", []),
    ],
)
def test_each_script_is_cut_in_its_own_way(text: str, cut: list[str]) -> None:
    assert sorted(tokens(text)) == sorted(cut)


def test_harakat_and_tatweel_do_not_matter() -> None:
    assert tokens("كِتَابٌ") == tokens("كتاب") == tokens("كتــــاب")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("أحمد", "احمد"),
        ("إلى", "الي"),
        ("مسؤول", "مسوول"),
        ("مدرسة", "مدرسه"),
        ("کتاب", "كتاب"),
        ("علی", "على"),
    ],
)
def test_letters_that_are_written_for_each_other_are_one(one: str, other: str) -> None:
    assert tokens(one) == tokens(other)


def test_arabic_punctuation_does_not_stick_to_words() -> None:
    assert tokens("كيف؟") == tokens("كيف")
    assert tokens("نعم،شكرا؛") == tokens("نعم شكرا")


def test_sara_am_survives_in_both_its_forms() -> None:
    assert tokens("น้ำ") == tokens("น้ํา") == ["น้ำ"]


def test_scripts_in_one_line_are_cut_apart() -> None:
    assert sorted(tokens("SPF50の日焼け止めคือ؟")) == sorted(
        [*tokens("spf50"), *tokens("の日焼け止め"), *tokens("คือ")]
    )


def test_a_token_has_at_most_sixty_characters() -> None:
    text = " ".join(["x" * 2 + "yz" * 200, "ابت" * 50, "мир" * 50, "ελα" * 50, "ก" + "็" * 200])

    assert max(map(len, tokens(text))) <= LONGEST


def test_runs_and_clusters_point_into_the_normalised_text() -> None:
    text = normalise("Hello น้ำมัน 日本")

    found = [(script, text[start:end]) for script, start, end in runs(text)]

    assert found == [("word", "hello"), ("thai", "น้ำมัน"), ("han", "日本")]
    assert [found[1][1][a:b] for a, b in clusters(found[1][1])] == ["น้ำ", "มั", "น"]
    assert {script for script, _, _ in runs(text)} <= CUTTERS.keys()


def test_positions_stand_only_where_a_token_repeats() -> None:
    assert tsvector("木") == "'木'"
    assert tsvector("yes no yes") == "'yes':1,2 'no'"
    assert tsvector("") == ""
    assert tsvector("yes", "yes") == "'yes':1,2"


def test_no_text_can_break_out_of_the_quotes() -> None:
    for text in ("it's", "back\\slash", "a'':*|b", "‘’'\"", "\x00", "ʼn"):
        assert not set("'\\ \x00") & set("".join(tokens(text)))


def test_at_least_four_of_twelve_is_short_and_right() -> None:
    names = list("abcdefghijkl")

    query = at_least(4, names)

    assert query.count("'") == 2 * 132
    for chosen, expected in (("abc", False), ("adgj", True), ("ghijkl", True), ("l", False)):
        assert _holds(query, set(chosen)) is expected


def _holds(query: str, present: set[str]) -> bool:
    for name in "abcdefghijkl":
        query = query.replace(f"'{name}'", str(name in present))
    return bool(eval(query.replace("|", " or ").replace("&", " and ")))
