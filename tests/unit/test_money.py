"""Prices as people write them, and what is refused rather than guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel.numbers import get_currency_precision
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.shop import money
from server.errors import Refused

READ = [
    ("1.234,50 €", "EUR", 123450),
    ("€ 1.234,50", "EUR", 123450),
    ("1,234.50", "USD", 123450),
    ("$1,234.50", "USD", 123450),
    ("US$ 5", "USD", 500),
    ("$12", "MXN", 1200),
    ("39.60 USD", "USD", 3960),
    ("39.60 usd", "USD", 3960),
    ("￥3,960", "JPY", 3960),
    ("¥3960", "JPY", 3960),
    ("３，９６０円", "JPY", 3960),
    ("3960.00", "JPY", 3960),
    ("1,234,567", "JPY", 1234567),
    ("¥12.5", "CNY", 1250),
    ("₩3,000", "KRW", 3000),
    ("١٢٫٥٠", "SAR", 1250),
    ("\u200f١٬٢٣٤٫٥٠ ر.س.\u200f", "SAR", 123450),
    ("١٢ درهم", "AED", 1200),
    ("۱۲٫۵", "AED", 1250),
    ("١٬٢٣٤٫٥٠٠ د.ك.", "KWD", 1234500),
    ("0.125", "KWD", 125),
    ("๑๒.๕๐ บาท", "THB", 1250),
    ("฿1,290.00", "THB", 129000),
    ("1 234,50", "EUR", 123450),
    ("1\u00a0234\u00a0567,5 €", "EUR", 123456750),
    ("1\u202f234,50 €", "EUR", 123450),
    ("CHF 1’234.50", "CHF", 123450),
    ("1.234.567", "EUR", 123456700),
    ("+7", "EUR", 700),
    ("0", "USD", 0),
    ("90071992547409.91", "USD", money.MOST),
]

REFUSED = [
    ("3.960", "EUR", "ambiguous"),
    ("3,960", "USD", "ambiguous"),
    ("3.960", "JPY", "ambiguous"),
    ("12.500", "KWD", "ambiguous"),
    ("-5", "USD", "negative"),
    ("－５", "JPY", "negative"),
    ("5−", "USD", "negative"),
    ("$-5", "USD", "negative"),
    ("(5.00)", "USD", "negative"),
    ("$12", "EUR", "other_currency"),
    ("A$5", "USD", "other_currency"),
    ("12 EUR", "USD", "other_currency"),
    ("5 円", "USD", "other_currency"),
    ("39.60", "JPY", "too_fine"),
    ("1,234.567", "USD", "too_fine"),
    ("90071992547409.92", "USD", "too_large"),
    ("99999999999999999999999999999", "USD", "too_large"),
    ("1,2,3", "USD", "grouping"),
    ("12 12", "USD", "grouping"),
    ("0,123,456", "USD", "grouping"),
    ("1.234,567.00", "USD", "grouping"),
    ("1,234.5.6", "USD", "grouping"),
    ("1e5", "USD", "not_a_price"),
    ("10²", "USD", "not_a_price"),
    ("½", "USD", "not_a_price"),
    ("12.", "USD", "not_a_price"),
    (".5", "USD", "not_a_price"),
    ("1١", "USD", "not_a_price"),
    ("=1+1", "USD", "not_a_price"),
    ("10 % off", "USD", "not_a_price"),
    ("<b>5</b>", "USD", "not_a_price"),
    ("NaN", "USD", "not_a_price"),
    ("", "USD", "empty"),
    ("\u200f \u00a0", "USD", "empty"),
    ("1" * 61, "USD", "too_long"),
    (12.5, "USD", "not_text"),
    (None, "USD", "not_text"),
]


@pytest.mark.parametrize(("text", "currency", "amount"), READ)
def test_a_price_is_read_as_minor_units(text: str, currency: str, amount: int) -> None:
    assert money.parse(text, currency) == amount


@pytest.mark.parametrize(("text", "currency", "problem"), REFUSED)
def test_a_price_that_may_be_wrong_is_refused_with_a_reason(
    text: object, currency: str, problem: str
) -> None:
    with pytest.raises(Refused) as refused:
        money.parse(text, currency, field="was_price")

    assert refused.value.code == "invalid"
    assert refused.value.details == {"field": "was_price", "problem": problem}


def test_a_format_that_rules_the_decimal_sign_leaves_nothing_ambiguous() -> None:
    assert money.parse("3.960", "EUR", decimal=".") == 396
    assert money.parse("3,960", "EUR", decimal=".") == 396000
    assert money.parse("3.960", "EUR", decimal=",") == 396000
    assert money.parse("12.500 KWD", "KWD", decimal=".") == 12500
    with pytest.raises(Refused):
        money.parse("1.234,50", "EUR", decimal=".")


def test_only_currencies_of_today_are_known() -> None:
    for code in ("DEM", "XXX", "usd", "", "ABC"):
        with pytest.raises(Refused) as refused:
            money.exponent(code)
        assert refused.value.details["field"] == "currency"

    assert [money.exponent(code) for code in ("JPY", "USD", "KWD", "IQD")] == [0, 2, 3, 3]


def test_exponents_differ_from_those_of_the_locale_data_only_where_that_leaves_decimals_out() -> (
    None
):
    differing = {c for c in money.CURRENCIES if money.exponent(c) != get_currency_precision(c)}

    assert money.EXPONENTS.keys() >= {"JPY", "KRW", "KWD", "BHD", "JOD", "TND", "OMR"}
    assert all(get_currency_precision(code) == 0 for code in differing)


def test_every_amount_that_is_written_plainly_is_read_again() -> None:
    for currency in ("JPY", "USD", "KWD"):
        for amount in (0, 1, 9, 10, 99, 100, 1000, 123456, 3960000, money.MOST):
            written = money.plain(amount, currency)
            assert money.parse(written, currency, decimal=".") == amount

    assert money.plain(3960, "USD") == "39.60 USD"
    assert money.plain(3960, "JPY") == "3960 JPY"
    assert money.plain(5, "KWD") == "0.005 KWD"


def test_decimal_numbers_become_minor_units_exactly_or_not_at_all() -> None:
    assert money.minor(Decimal("39.60"), "USD") == 3960
    assert money.minor(Decimal("39.6000"), "USD") == 3960
    assert money.major(3960, "USD") == Decimal("39.60")
    for text, problem in (
        ("0.001", "too_fine"),
        ("-1", "negative"),
        ("NaN", "too_large"),
        ("1e30", "too_large"),
        ("1e999999", "too_large"),
    ):
        with pytest.raises(Refused) as refused:
            money.minor(Decimal(text), "USD")
        assert refused.value.details["problem"] == problem


def test_amounts_are_written_as_their_readers_write_them() -> None:
    assert money.format(3960, "JPY", "ja") == "￥3,960"
    assert money.format(123450, "USD", "en") == "$1,234.50"
    assert money.format(123450, "EUR", "de") == "1.234,50\u00a0€"
    assert "1,290.00" in money.format(129000, "THB", "th")
    assert "12.500" in money.format(12500, "KWD", "ar")


def test_what_is_written_for_readers_is_read_again_in_every_language() -> None:
    ours = [(of, "JPY USD EUR THB SAR EGP") for of in ("en", "ja", "th", "ar", "ar-EG")]
    for language, currencies in (*ours, ("de", "EUR CHF"), ("fr", "EUR CHF")):
        for currency in currencies.split():
            for amount in (0, 5, 3960, 123456789):
                written = money.format(amount, currency, language)
                assert money.parse(written, currency) == amount, written


@settings(max_examples=100, deadline=None)
@given(
    st.text("0123456789.,'-( )٫٬١٣２฿$€¥ xe\u00a0", max_size=16),
    st.sampled_from(["JPY", "USD", "KWD"]),
)
def test_whatever_is_written_is_an_amount_or_refused(text: str, currency: str) -> None:
    try:
        amount = money.parse(text, currency)
    except Refused as refused:
        assert refused.details["problem"]
    else:
        assert 0 <= amount <= money.MOST


def test_decimals_that_are_usually_left_out_are_written_when_there_are_some() -> None:
    assert money.format(1_000_000, "LAK", "en").endswith("10,000")
    assert money.format(1_000_050, "LAK", "en").endswith("10,000.50")


def test_a_sign_of_letters_and_a_mark_is_not_torn_apart_in_arabic() -> None:
    assert money.shown(3960, "JPY", "ar") == "\u200f3,960\u00a0\u2066JP¥\u2069"
    assert money.shown(3960, "EUR", "ar") == money.format(3960, "EUR", "ar")
    assert money.shown(3960, "USD", "th") == money.format(3960, "USD", "th")
