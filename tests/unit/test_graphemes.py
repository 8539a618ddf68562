"""A text is never cut inside what a reader sees as one character."""

from __future__ import annotations

import pytest

from web.graphemes import LOOK_BACK, boundary_after, boundary_before
from web.pages.search import SHOWN, SHOWN_BEFORE, marked

WHOLE = ["กี่", "น้ำ", "เด็", "بٌّ", "が", "ｶﾞ", "é", "👨‍👩‍👧", "👍🏽", "🇯🇵", "각", "❤️"]


@pytest.mark.parametrize("one", WHOLE)
def test_one_character_is_not_cut(one: str) -> None:
    text = f"ก{one}x"

    for at in range(2, 1 + len(one)):
        assert boundary_before(text, at) == 1
        assert boundary_after(text, at) == 1 + len(one)


def test_between_characters_a_text_is_cut_where_one_asks() -> None:
    for text in ("日本語", "abc", "กขค", "بحر", "🇯🇵🇹🇭"[:2] + "x"):
        assert boundary_before(text, 2) == boundary_after(text, 2) == 2
    assert boundary_before("🇯🇵🇹🇭", 3) == 2


def test_a_pile_of_marks_is_cut_somewhere() -> None:
    pile = "a" + "\u0301" * 1000

    assert boundary_before(pile, 900) == 900 - LOOK_BACK
    assert boundary_after(pile, 900) == 900 + LOOK_BACK


@pytest.mark.parametrize("filling", ["ที่", "بٌّ", "👨‍👩‍👧", "が"])
def test_a_long_result_begins_and_ends_with_a_whole_character(filling: str) -> None:
    for shift in range(len(filling)):
        text = "-" * shift + filling * 400
        first = shift + len(filling) * 100

        shown = str(marked(text, [(first, first + len(filling))]))
        before, _, rest = shown.removeprefix("…").removesuffix("…").partition("<mark>")
        found, _, after = rest.partition("</mark>")

        assert found == filling
        assert set(before.split(filling)) <= {"", "-" * shift}
        assert set(after.split(filling)) == {""}
        assert SHOWN_BEFORE - LOOK_BACK <= len(before) <= SHOWN_BEFORE + LOOK_BACK
        assert len(before + found + after) <= SHOWN + LOOK_BACK


def test_a_mark_is_widened_to_whole_characters() -> None:
    assert str(marked("น้ำมัน", [(1, 2)])) == "<mark>น้ำ</mark>มัน"
