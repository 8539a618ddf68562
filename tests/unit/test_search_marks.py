"""Marks stand in the text as it was written, whatever normalising does to it."""

from __future__ import annotations

import pytest

from rooms.search.marks import marks, with_places
from rooms.search.tokens import normalise, tokens

CASES = [
    ("敏感肌", "私は敏感肌です", ["敏感肌"]),
    ("日焼け止め", "ﾋﾔｹではなく日焼け止め！", ["日焼け止め"]),
    ("ヒアルロン酸", "ﾋｱﾙﾛﾝ酸とひあるろん酸", ["ﾋｱﾙﾛﾝ酸", "ひあるろん酸"]),
    ("ガラス", "ｶﾞﾗｽの瓶", ["ｶﾞﾗｽ"]),
    ("瓶", "ガラスの瓶", ["瓶"]),
    ("spf50", "ＳＰＦ５０+ です", ["ＳＰＦ５０"]),
    ("shipping", "When is it SHIPPED? 😀", ["SHIPPED"]),
    ("replacment", "a replacement is on its way", ["replacement"]),
    ("so good", "it is soooo good", ["soooo", "good"]),
    ("كتاب", "الكِتَابُ كِتَابٌ جديد", ["الكِتَابُ", "كِتَابٌ"]),
    ("بشرة حساسة", "هل بشرتي حساسة؟", ["حساسة"]),
    ("น้ำมัน", "ราคาน้ํามันวันนี้", ["น้ํามัน"]),
    ("ผิวแพ้ง่าย", "ใช้กับผิวแพ้ง่ายได้ไหม", ["ผิวแพ้ง่าย"]),
    ("한국어", "저는 한국어를 배워요", ["한국어"]),
    ("кошка", "две кошки", ["кошки"]),
    ("straße", "Die STRASSE", ["STRASSE"]),
    ("cafe", "un café", ["café"]),
    ("ok", "👨‍👩‍👧 ok", ["ok"]),
    ("office", "the oﬃce", ["oﬃce"]),
    ("tea", "coffee", []),
]


@pytest.mark.parametrize(("asked", "text", "marked"), CASES)
def test_what_is_asked_for_is_marked(asked: str, text: str, marked: list[str]) -> None:
    spans = marks(text, dict.fromkeys(tokens(asked), 5.0))

    assert [text[start:end] for start, end in spans] == marked


def test_tokens_that_say_little_are_not_marked() -> None:
    weights = {"the": 0.5, "serum": 6.0}

    assert marks("the serum", weights) == ((4, 9),)


@pytest.mark.parametrize("text", [text for _, text, _ in CASES])
def test_the_mapped_text_is_the_normalised_one(text: str) -> None:
    normal, spans = with_places(text)

    assert normal == normalise(text)
    assert len(spans) == len(normal)
    assert all(0 <= start < end <= len(text) for start, end in spans)


@pytest.mark.parametrize("text", ["", "   ", "😀", "\u0301", "\u200b" * 9, "ーーー", "aaa\u0301a"])
def test_odd_texts_have_no_marks_outside_themselves(text: str) -> None:
    for start, end in marks(text, dict.fromkeys(tokens("a ー 日本"), 1.0)):
        assert 0 <= start < end <= len(text)
