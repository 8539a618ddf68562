"""What the readers of files give: products with the rows they stand in, and what is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rooms.rules import clean
from rooms.shop.money import exponent, parse
from server.errors import Refused

MOST_FILE = 5 * 1024 * 1024
MOST_ROWS = 5000
MOST_FIELD = 65_536
MOST_PROBLEMS = 1000
SOURCE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a row of a file, as a word; a note (`fatal` False) refuses nothing."""

    row: int
    word: str
    field: str = ""
    value: str = ""
    name: str = ""
    fatal: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """A product as a file describes it; `fields` and `variants` hold only what the file says.

    A variant is {title, sku, code?, price, was_price, quantity}; `rows` has the row of each.
    `counts` says whether a quantity is what is "left" or the "total", where the format rules it.
    """

    row: int
    source: str
    fields: Mapping[str, Any]
    variants: tuple[Mapping[str, Any], ...]
    rows: tuple[int, ...]
    counts: str = ""


@dataclass(slots=True)
class Found:
    """Everything in a file."""

    format: str
    encoding: str
    items: list[Item] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rows: int = 0

    def say(
        self, row: int, word: str, column: str = "", value: object = "", name: str = ""
    ) -> None:
        """Add what is wrong; there are never more than can be shown."""
        self._add(Problem(row, word, column, shortened(value), shortened(name)))

    def note(
        self, row: int, word: str, column: str = "", value: object = "", name: str = ""
    ) -> None:
        """Add what somebody may want to know."""
        self._add(Problem(row, word, column, shortened(value), shortened(name), fatal=False))

    def _add(self, problem: Problem) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def shortened(value: object, limit: int = 60) -> str:
    """Give a value short enough to be shown."""
    text = clean(str(value))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def unreadable(word: str, **details: Any) -> Refused:
    """Refuse a whole file, with the reason as a word."""
    return Refused("invalid", "This file cannot be read.", field="file", problem=word, **details)


def price(text: str, currency: str) -> int:
    """Read a price; what means different amounts in two countries is refused, never guessed.

    A point with exactly the decimals of the currency is how every export writes it.
    """
    digits = exponent(currency)
    plain = text.strip().removesuffix(currency).strip()
    if digits and re.fullmatch(rf"[0-9]{{1,16}}\.[0-9]{{{digits}}}", plain, re.ASCII):
        return parse(plain, currency, decimal=".")
    return parse(text, currency)


def quantity(text: str) -> int | None:
    """Read a whole number, None for an empty field; Refused `invalid` with the word."""
    folded = unicodedata.normalize("NFKC", text).strip()
    if not folded:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,9}(?:\.0+)?", folded, re.ASCII):
        raise Refused("invalid", "This is no whole number.", problem="quantity")
    found = int(folded.partition(".")[0])
    if found < 0:
        raise Refused("invalid", "A stock is not negative.", problem="negative")
    return found
