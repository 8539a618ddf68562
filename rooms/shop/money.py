"""Amounts of money as whole minor units: read strictly, written by Babel's rules; never a float."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Context, Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NoReturn

from babel import Locale
from babel.core import get_global
from babel.numbers import format_currency, get_currency_precision, parse_pattern

from server.errors import Refused

MOST = 9_007_199_254_740_991
"""The largest amount: what a browser and the database can both count."""
LONGEST = 60
"""No price is written with more characters."""

_OF_ISO = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
EXPONENTS: Mapping[str, int] = MappingProxyType(
    {code: digits for digits, codes in _OF_ISO.items() for code in codes.split()}
)
"""Digits of the minor unit by ISO 4217 where they are not 2.

Babel's own digits are those that people write (none for IQD, LAK): shops count by ISO 4217.
"""

CURRENCIES: frozenset[str] = frozenset(
    code
    for used in get_global("territory_currencies").values()
    for code, _, until, tender in used
    if until is None and tender
)
"""The ISO 4217 codes that are legal tender somewhere."""

Sign = Literal[".", ","]

_SAID = {
    "not_text": "A price is a text.",
    "empty": "There is no price.",
    "too_long": f"A price has at most {LONGEST} characters.",
    "not_a_price": "This is not a price.",
    "negative": "A price is not negative.",
    "other_currency": "The price names another currency than the product has.",
    "ambiguous": "This may be thousands or decimals; write it without the separator, "
    "or with both thousands and decimals.",
    "grouping": "Its thousands are not set apart by threes.",
    "too_fine": "It has more decimals than this currency.",
    "too_large": "This price is too large.",
}

_ALIKE = str.maketrans(
    {
        "\uff0e": ".",
        "\uff0c": ",",
        "\uff0d": "-",
        "\u2212": "-",
        "\u2010": "-",
        "\u2013": "-",
        "\uff04": "$",
        "\ufe69": "$",
        "\uffe5": "¥",
        "\uffe1": "£",
        "\uffe6": "₩",
        "\u2019": "'",
        "\u3000": " ",
        "\u00a0": " ",
        "\u2007": " ",
        "\u2009": " ",
        "\u202f": " ",
        "\uff08": "(",
        "\uff09": ")",
        # Direction marks that a text in Arabic brings with it.
        "\u200e": None,
        "\u200f": None,
        "\u061c": None,
    }
)
_POINT, _GROUP = "\u066b", "\u066c"
"""The Arabic decimal and thousands separators, which mean nothing else."""
_NUMBER = re.compile(rf"[0-9](?:[0-9 .,'{_POINT}{_GROUP}]*[0-9])?")
_THREES = re.compile(r"[0-9]{1,3}(?:[^0-9][0-9]{3})+")
_WORDS = {
    "円": "JPY",
    "yen": "JPY",
    "元": "CNY TWD HKD",
    "บาท": "THB",
    "baht": "THB",
    "euro": "EUR",
    "euros": "EUR",
    "ريال": "SAR QAR OMR YER",
    "﷼": "SAR QAR OMR YER IRR",
    "درهم": "AED MAD",
    "دينار": "KWD BHD JOD TND IQD LYD DZD",
    "جنيه": "EGP",
    "ج.م": "EGP",
}
_SHARED = {"$": ("dollar", "peso"), "£": ("pound",), "kr": ("krona", "krone", "króna")}
"""Signs that many currencies share, with the words for those in English."""


def exponent(currency: str) -> int:
    """Give the digits of the minor unit; Refused `invalid` for what is no currency of today."""
    if currency not in CURRENCIES:
        raise Refused("invalid", "There is no such currency.", field="currency")
    return EXPONENTS.get(currency, 2)


def parse(text: object, currency: str, *, decimal: Sign | None = None, field: str = "price") -> int:
    """Read an amount as people write it; gives minor units.

    Any digits, either separator, the sign or code of the currency before or after. `decimal` says
    which sign parts decimals where a format rules it (a feed: "."). Refused `invalid`, with the
    `field` and one of the words of `_SAID` as `problem`.
    """
    digits = exponent(currency)
    try:
        whole, fraction = _parted(_bare(text, currency), digits, decimal)
    except _Problem as found:
        raise Refused("invalid", _SAID[found.word], field=field, problem=found.word) from None
    if fraction[digits:].strip("0"):
        _refuse("too_fine", field)
    amount = int(whole + fraction[:digits].ljust(digits, "0"))
    if amount > MOST:
        _refuse("too_large", field)
    return amount


def minor(amount: Decimal, currency: str) -> int:
    """Give the minor units of a decimal amount; Refused `invalid` when it has more decimals."""
    if not amount.is_finite() or abs(amount.adjusted()) > LONGEST:
        _refuse("too_large", "price")
    units = amount.scaleb(exponent(currency), Context(prec=200))
    if units != units.to_integral_value():
        _refuse("too_fine", "price")
    if units < 0:
        _refuse("negative", "price")
    if units > MOST:
        _refuse("too_large", "price")
    return int(units)


def major(amount: int, currency: str) -> Decimal:
    """Give minor units as an exact decimal number with all its decimals: 3960 → 39.60."""
    return Decimal(amount).scaleb(-exponent(currency))


def plain(amount: int, currency: str) -> str:
    """Write an amount for feeds, with a point and the code: "39.60 USD"."""
    return f"{major(amount, currency):f} {currency}"


_TORN = re.compile("[A-Z]+(?![A-Z\\s])\\D")


def shown(amount: int, currency: str, locale: Locale | str) -> str:
    """Write an amount for a page; a sign such as JP¥ stays whole where lines run to the left."""
    text = format(amount, currency, locale)
    return _TORN.sub("\u2066\\g<0>\u2069", text) if "\u200f" in text else text


def format(amount: int, currency: str, locale: Locale | str) -> str:
    """Write an amount as its readers do; decimals that are usually left out only when needed."""
    value = major(amount, currency)
    usual = get_currency_precision(currency)
    fits = value == value.quantize(Decimal(1).scaleb(-usual), context=Context(prec=40))
    language = Locale.parse(locale, sep="-") if isinstance(locale, str) else locale
    pattern = parse_pattern(language.currency_formats["standard"].pattern)
    pattern.frac_prec = (usual, usual) if fits else (exponent(currency),) * 2
    return format_currency(value, currency, pattern, language, currency_digits=False)


class _Problem(Exception):
    """What is wrong with a price; a word of `_SAID`."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def _refuse(word: str, field: str) -> NoReturn:
    raise Refused("invalid", _SAID[word], field=field, problem=word)


def _bare(text: object, currency: str) -> str:
    """Give the number alone, in ASCII digits; the currency beside it has to be the right one."""
    if not isinstance(text, str):
        raise _Problem("not_text")
    if len(text) > LONGEST:
        raise _Problem("too_long")
    folded = _digits_folded(text.translate(_ALIKE)).strip()
    if not folded:
        raise _Problem("empty")
    found = _NUMBER.search(folded)
    if found is None:
        raise _Problem("not_a_price")
    before, after = folded[: found.start()].strip(), folded[found.end() :].strip()
    if (before[:1], after[-1:]) == ("(", ")") or "-" in before or after == "-":
        raise _Problem("negative")
    before = before.removeprefix("+").strip()
    for beside in (before, after):
        if beside and not _means(beside, currency):
            known = any(_means(beside, other) for other in CURRENCIES)
            raise _Problem("other_currency" if known else "not_a_price")
    return found.group()


def _digits_folded(text: str) -> str:
    """Turn decimal digits of any script into ASCII ones; two scripts in one price are a trick."""
    zeros = set()
    out = []
    for char in text:
        value = unicodedata.decimal(char, None)
        if value is None:
            out.append(char)
            continue
        zero = ord(char) - value
        zeros.add(ord("0") if zero == 0xFF10 else zero)
        out.append(str(value))
    if len(zeros) > 1:
        raise _Problem("not_a_price")
    return "".join(out)


def _parted(number: str, digits: int, decimal: Sign | None) -> tuple[str, str]:
    """Part a number into the digits before and after its decimal sign."""
    point = _decimal_sign(number, digits, decimal)
    whole, _, fraction = number.partition(point) if point else (number, "", "")
    if not whole.isdigit():
        separators = set(re.sub("[0-9]", "", whole))
        if len(separators) > 1 or not _THREES.fullmatch(whole) or whole[0] == "0":
            raise _Problem("grouping")
    if fraction and not fraction.isdigit():
        raise _Problem("grouping")
    return re.sub("[^0-9]", "", whole), fraction


def _decimal_sign(number: str, digits: int, decimal: Sign | None) -> str:
    """Find what parts the decimals, "" when there are none."""
    if decimal is not None:
        return decimal if decimal in number else ""
    if _POINT in number:
        return _POINT
    last = max(number.rfind("."), number.rfind(","))
    if last < 0:
        return ""
    sign = number[last]
    if number.count(sign) > 1:
        return ""
    if any(separator in number for separator in {".", ",", " ", "'", _GROUP} - {sign}):
        return sign
    behind = len(number) - last - 1
    if behind != 3 or last > 3 or number[0] == "0":
        return sign
    # "3.960": a thousand times as much in one country as in the next.
    if sign == "," and digits == 0:
        return ""
    raise _Problem("ambiguous")


def _means(beside: str, currency: str) -> bool:
    """Tell whether what stands beside a number may mean this currency."""
    return beside.casefold() in _names(currency)


@lru_cache(maxsize=512)
def _names(currency: str) -> frozenset[str]:
    """Give every way to write a currency: its code, its signs and its words."""
    names = {currency}
    for language in ("en", "ja", "ar", "th", "de", "fr"):
        sign = Locale(language).currency_symbols.get(currency)
        if sign:
            names.add(sign.translate(_ALIKE).strip())
    english = Locale("en").currencies.get(currency, "").lower()
    names.update(sign for sign, words in _SHARED.items() if any(word in english for word in words))
    names.update(word for word, codes in _WORDS.items() if currency in codes.split())
    if currency in ("JPY", "CNY"):
        names.add("¥")
    return frozenset(name.casefold() for name in names)
