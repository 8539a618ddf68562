"""Which comments buy: lines in four languages, and that ordinary talk never does."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.shop.codes import folded
from rooms.shop.spoken.rules import Coded, NearMiss, Order, Variant, heard, may_buy

SHELF = {
    "12": ("m", "l", "xl"),
    "7": ("",),
    "a-5": ("red", "赤", "白"),
    "ผ้า": ("แดง", "ดำ"),
    "قفطان": ("كبير", "صغير"),
}
CODES = tuple(
    Coded(n, folded(code), tuple(Variant(n * 10 + v, folded(c)) for v, c in enumerate(variants)))
    for n, (code, variants) in enumerate(SHELF.items(), 1)
)
NAMES = {
    (product.id, variant.id): "/".join(filter(None, (product.code, variant.code)))
    for product in CODES
    for variant in product.variants
}
LINES = [
    line.split("\t")
    for line in Path(__file__).with_name("spoken_lines.tsv").read_text().splitlines()
]


WORDS = sorted({part for _, _, text in LINES for part in text.split()})
PARTS = [*WORDS, " ", "\ufdfa", "\u0301", "🙏"]


def outcome(text: str, codes: tuple[Coded, ...] = CODES) -> str:
    match heard(text, codes):
        case Order(product, variant, quantity):
            return NAMES[product, variant] + (f" x{quantity}" if quantity > 1 else "")
        case NearMiss(question):
            return f"ask.{question}"
        case _:
            return "-"


def test_the_lines_are_enough_in_each_language() -> None:
    kinds = Counter((language, wanted[:3] in ("-", "ask")) for language, wanted, _ in LINES)

    assert len(LINES) >= 200
    assert {language for language, _ in kinds} == {"en", "ja", "th", "ar"}
    assert all(count >= 20 for count in kinds.values())


def test_every_line_is_heard_as_it_was_meant() -> None:
    heard_as = [(language, outcome(text), text) for language, _, text in LINES]

    assert heard_as == [(language, folded(wanted), text) for language, wanted, text in LINES]


def test_lines_that_buy_are_recognised_quickly_and_talk_costs_nothing_more() -> None:
    assert all(may_buy(text) for _, wanted, text in LINES if wanted != "-")
    assert not any(may_buy(text) for text in ("12 M", "こんにちは", "สวัสดี", "مرحبا", "pog" * 30))


def test_without_codes_nothing_is_bought() -> None:
    assert all(not isinstance(heard(text, ()), Order) for _, _, text in LINES)


def test_a_line_that_can_be_read_in_two_ways_is_asked_back() -> None:
    codes = (
        Coded(1, "m1", (Variant(1, ""),)),
        Coded(2, "m", (Variant(2, "1"), Variant(3, "2"))),
    )

    assert heard("buy m1", codes) == NearMiss("ambiguous")
    assert heard("buy m 2", codes) == Order(2, 3)


def test_a_longer_code_is_not_taken_for_a_shorter_one() -> None:
    codes = (Coded(1, "1", (Variant(1, ""),)), Coded(2, "12", (Variant(2, ""),)))

    assert heard("buy 12", codes) == Order(2, 2)
    assert heard("buy 1", codes) == Order(1, 1)
    assert heard("buy 1.5", codes) is None
    assert heard("buy 123", codes) == NearMiss("code_unknown")


def test_long_and_hostile_lines_are_talk() -> None:
    assert heard("buy 12 M" + " please" * 100, CODES) is None
    for text in (
        "buy " * 30,
        "12" * 60,
        "買う" * 60,
        "x2" * 60,
        "buy 12 " + "-" * 110,
        "\u0301" * 120,
    ):
        assert not isinstance(heard(text[:120], CODES), Order)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=8))
def test_whatever_is_said_is_answered_and_only_what_is_on_is_bought(parts: list[str]) -> None:
    match heard("".join(parts), CODES):
        case Order(product, variant, quantity):
            assert (product, variant) in NAMES
            assert 1 <= quantity <= 99
        case NearMiss(question, product):
            assert question
            assert product is None or product <= len(CODES)


def test_codes_are_the_same_in_any_width_case_kana_accent_and_digits() -> None:
    for one, other in (
        ("Ａ‐５", "a-5"),
        ("ﾚｯﾄﾞ", "れっど"),
        ("Café", "CAFE"),
        ("١٢", "12"),
        ("أَحمر", "احمر"),
    ):
        assert folded(one) == folded(other)

    assert folded(" XXL ") != folded("XL")


def _chat(folder: Path) -> list[str]:
    with (folder / "premiere-chat.jsonl").open() as lines:
        return [json.loads(line)["text"] for line in lines]


@pytest.mark.data
def test_no_comment_of_a_real_chat_buys_with_codes_that_occur_in_it(data_folder: Path) -> None:
    chat = _chat(data_folder)
    counted = Counter(word for text in chat for word in re.findall(r"\w+", folded(text)))
    words = [word for word, _ in counted.most_common(60) if len(word) <= 20]
    numbers = [word for word, _ in counted.most_common() if word.isdigit() and len(word) < 6][:20]
    after_buying = [
        word
        for text in chat
        for word in re.findall(r"(?:buy|sold|want|take|cf|order) (\w+)", folded(text))
    ]
    codes = tuple(dict.fromkeys([*words, *numbers, *after_buying]))
    variants = (*numbers[:6], *words[:6])
    simple = tuple(Coded(n, code, (Variant(n, ""),)) for n, code in enumerate(codes, 1))
    varied = tuple(
        Coded(n, code, tuple(Variant(n * 100 + v, c) for v, c in enumerate(variants)))
        for n, code in enumerate(codes, 1)
    )

    assert len(chat) == 7453
    candidates = [text for text in chat if may_buy(text)]
    found = [heard(text, shelf) for text in candidates for shelf in (simple, varied)]
    assert [order for order in found if isinstance(order, Order)] == []
    assert [near for near in found if isinstance(near, NearMiss)] == []
    assert all(isinstance(heard(f"buy {product.code}", simple), Order) for product in simple[:5])
