"""Reads comments that mean to buy: a grammar of whole lines over the codes that are on; pure.

Ordinary talk never buys: a line has to be a buying word and what it buys, with nothing else but
politeness around. What comes close to that is asked back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rooms.shop.codes import folded
from rooms.shop.rules import MOST_QUANTITY
from rooms.shop.spoken import words

LONGEST = 120
"""A longer line is talk."""

Asked = Literal[
    "variant", "variant_unknown", "quantity", "code_unknown", "several", "ambiguous", "confirm"
]
"""What is asked back: which variant; there is none of that name; how many; there is no such code;
one at a time; it can be read in two ways; whether it was meant."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant by its code, folded; "" for the only one of a product without any."""

    id: int
    code: str


@dataclass(frozen=True, slots=True)
class Coded:
    """A product that can be bought by comment; `code` is folded."""

    id: int
    code: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody means to buy."""

    product: int
    variant: int
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class NearMiss:
    """What was nearly an order; the person is asked back."""

    question: Asked
    product: int | None = None
    variant: int | None = None
    quantity: int = 1


def may_buy(text: str) -> bool:
    """Tell quickly whether a line has any buying word at all."""
    return len(text) <= LONGEST and _ANY_WORD.search(folded(text)) is not None


def heard(text: str, codes: Sequence[Coded]) -> Order | NearMiss | None:
    """Read a comment as an order of one of these products, as nearly one, or as neither."""
    if len(text) > LONGEST:
        return None
    line = folded(text)
    # One character may fold to many.
    if len(line) > LONGEST or _DOUBT.search(line):
        return None
    line = _EDGES.sub("", line)
    unsure = any(spelling in text for spelling in words.UNSURE_SPELLINGS)
    weak: Order | NearMiss | None = None
    for thing, means_it in _framed(line):
        found = _meant(thing, codes)
        if means_it and not unsure:
            if found is not None:
                return found
        elif isinstance(found, Order) and any(map(str.isdigit, thing)):
            # "Dream please" cheers for somebody, whatever is called so.
            weak = weak or NearMiss("confirm", found.product, found.variant, found.quantity)
    return weak


def _any(of: Iterable[str]) -> str:
    """Give a pattern of any of these words, folded, the longest first."""
    given = sorted({folded(word) for word in of}, key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word) for word in given) + ")"


_LETTER = r"a-z0-9\u0620-\u064a'"
_NO_LETTER_AFTER = r"(?:(?<![a-z])|(?![a-z'’]))(?:(?<![\u0620-\u064a])|(?![\u0620-\u064a]))"
"""Ends a word of the scripts that part words; the others run on."""
_NO_LETTER_BEFORE = rf"(?<![{_LETTER}])"
_GAP = r"(?: |-|・|、|, )*"


def _before(of: Iterable[str]) -> re.Pattern[str]:
    return re.compile(rf"{_any(of)}{_NO_LETTER_AFTER}[ :、,!。]*")


def _after(of: Iterable[str]) -> re.Pattern[str]:
    particles = _any(words.PARTICLES)
    return re.compile(rf"(?P<thing>.+?) ?{particles}? ?{_own(of)}", re.DOTALL)


def _own(of: Iterable[str]) -> str:
    """Give a pattern of words that do not begin inside another word."""
    given = {folded(word) for word in of}
    parting = {word for word in given if re.match(rf"[{_LETTER}]", word)}
    branches = [_any(given - parting)] if given - parting else []
    if parting:
        branches.append(rf"(?<![a-z'\u0620-\u064a]){_any(parting)}")
    return "(?:" + "|".join(branches) + ")"


_ANY_WORD = re.compile(
    _any(words.STRONG_BEFORE + words.STRONG_AFTER + words.WEAK_BEFORE + words.WEAK_AFTER)
)
_DOUBT = re.compile(
    rf"{_any(words.DOUBTS)}|{_NO_LETTER_BEFORE}{_any(words.DOUBT_WORDS)}(?![{_LETTER}])"
)
_EDGES = re.compile(r"^[^\w#]+|[^\w\u0e30-\u0e4e]+$|(?<=[ぁ-ん])ー+$")
_LEADS = re.compile(rf"(?:{_any(words.LEADS)}{_NO_LETTER_AFTER}[ ,、،]*)+")
_TAILS = re.compile(rf"[ ,、،!！。]*(?:{_own(words.TAILS)}[ ,、،!！。]*)+$")
_STRONG_BEFORE, _WEAK_BEFORE = _before(words.STRONG_BEFORE), _before(words.WEAK_BEFORE)
_STRONG_AFTER, _WEAK_AFTER = _after(words.STRONG_AFTER), _after(words.WEAK_AFTER)

_TIMES = _any(words.TIMES)
_UNITS = _any(words.UNITS)
_COUNTED = {folded(word): number for word, number in words.COUNTED.items()}
_QUANTITY = re.compile(
    rf"(?:{_TIMES} ?(?P<times>[0-9]{{1,6}})(?![0-9])"
    rf"|(?P<units>[0-9]{{1,6}}) ?{_UNITS}{_NO_LETTER_AFTER}"
    rf"|(?P<word>{_any(_COUNTED)}){_NO_LETTER_AFTER})"
)
_QUANTITY_AFTER = re.compile(rf"{_GAP}{_QUANTITY.pattern}(?:の|を)?")
_OF = re.compile(rf"{_GAP}(?:of )?")
_BARE_NUMBER = re.compile(rf"{_GAP}[0-9]{{1,6}}")
_MARK = rf"(?:{_any(words.CODE_MARKS)}{_NO_LETTER_AFTER}[ .:]*)?"
_UNKNOWN_CODE = re.compile(rf"{_MARK}(?=[a-z]*[0-9])[a-z0-9]{{1,6}}")
_UNKNOWN_VARIANT = re.compile(
    rf"(?: |-|、)+{_any(words.VARIANT_MARKS)}? ?([a-z0-9]{{1,4}}|[^\W\da-z_]{{1,3}})"
)
_AND = re.compile(rf" ?{_any(words.ANDS)} ?")


def _framed(line: str) -> Iterator[tuple[str, bool]]:
    """Take the buying word and politeness off: what is left, and whether the word means it."""
    lead = _LEADS.match(line)
    for start in {0, lead.end() if lead else 0}:
        for body in _without_tails(line[start:]):
            for frame, means_it in ((_STRONG_BEFORE, True), (_WEAK_BEFORE, False)):
                if found := frame.match(body):
                    yield body[found.end() :].strip(), means_it
            for frame, means_it in ((_STRONG_AFTER, True), (_WEAK_AFTER, False)):
                if found := frame.fullmatch(body):
                    yield found["thing"].strip(), means_it


def _without_tails(line: str) -> Iterator[str]:
    yield line
    bare = _TAILS.sub("", line)
    if bare != line:
        yield bare


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read what is bought; `rest` is what it leaves over."""

    product: Coded
    variant: Variant | None
    quantity: int | None
    rest: str

    @property
    def bought(self) -> Variant | None:
        only = self.product.variants[0] if len(self.product.variants) == 1 else None
        return self.variant or only


def _meant(thing: str, codes: Sequence[Coded]) -> Order | NearMiss | None:
    readings = [r for product in codes for r in _readings(thing, product)]
    whole = [r for r in readings if not r.rest]
    orders = {
        Order(r.product.id, r.bought.id, r.quantity or 1)
        for r in whole
        if r.bought is not None and 1 <= (r.quantity or 1) <= MOST_QUANTITY and r.quantity != 0
    }
    if len(orders) == 1:
        return orders.pop()
    if orders:
        return NearMiss("ambiguous")
    for reading in whole:
        question: Asked = "variant" if reading.bought is None else "quantity"
        return _missed(question, reading)
    for reading in sorted(readings, key=lambda r: len(r.rest)):
        if question_of := _left_over(reading, codes):
            return _missed(question_of, reading)
    if not readings and _UNKNOWN_CODE.fullmatch(thing):
        return NearMiss("code_unknown")
    return None


def _missed(question: Asked, reading: _Reading) -> NearMiss:
    quantity = min(max(reading.quantity or 1, 1), MOST_QUANTITY)
    bought = reading.bought
    return NearMiss(question, reading.product.id, bought.id if bought else None, quantity)


def _left_over(reading: _Reading, codes: Sequence[Coded]) -> Asked | None:
    """Say what to ask when a code is followed by something that it does not have."""
    if joined := _AND.match(reading.rest):
        others = (r for other in codes for r in _readings(reading.rest[joined.end() :], other))
        if any(not other.rest for other in others):
            return "several"
    if reading.quantity is None and _BARE_NUMBER.fullmatch(reading.rest):
        return "quantity" if reading.bought else "variant_unknown"
    if reading.variant is None and len(reading.product.variants) > 1:
        found = _UNKNOWN_VARIANT.match(reading.rest)
        if found and not _after_quantity(reading.rest[found.end() :])[1]:
            return "variant_unknown"
    return None


def _readings(thing: str, product: Coded) -> Iterator[_Reading]:
    """Give every way to read something as a product, a variant and a quantity, in this order.

    The quantity may also stand first.
    """
    code, variants = _patterns(product)
    starts: list[tuple[int | None, int]] = [(None, 0)]
    if first := _QUANTITY.match(thing):
        gap = _OF.match(thing, first.end())
        starts.append((_quantity(first), gap.end() if gap else first.end()))
    for said, start in starts:
        found = code.match(thing, start)
        if found is None:
            continue
        ends: list[tuple[Variant | None, int]] = [(None, found.end())]
        for variant, pattern in variants:
            if called := pattern.match(thing, found.end()):
                ends.append((variant, called.end()))
        for chosen, end in ends:
            quantity, rest = _after_quantity(thing[end:])
            if said is None or quantity is None:
                yield _Reading(product, chosen, quantity if said is None else said, rest)


def _after_quantity(rest: str) -> tuple[int | None, str]:
    """Take a quantity off the front; what is left is bare of gaps only when nothing is there."""
    found = _QUANTITY_AFTER.match(rest)
    if found is None:
        return None, rest if rest.strip(" -、,") else ""
    left = rest[found.end() :]
    return _quantity(found), left if left.strip(" -、,") else ""


def _quantity(found: re.Match[str]) -> int:
    given = found["times"] or found["units"]
    return int(given) if given else _COUNTED[found["word"]]


@lru_cache(maxsize=1024)
def _patterns(
    product: Coded,
) -> tuple[re.Pattern[str], tuple[tuple[Variant, re.Pattern[str]], ...]]:
    """Make the patterns of a product's code and of its variants'."""
    after = _any(words.AFTER_CODE)
    code = re.compile(rf"{_MARK}{_spelled(product.code)}(?: ?{after})?")
    marks, behind = _any(words.VARIANT_MARKS), _any(words.AFTER_VARIANT)
    variants = tuple(
        (
            variant,
            re.compile(rf"{_GAP}(?:{marks} ?)?{_spelled(variant.code)}(?: ?{behind})?"),
        )
        for variant in product.variants
        if variant.code
    )
    return code, variants


def _spelled(code: str) -> str:
    """Give the pattern of a code: parts with or without a gap, and no letter that goes on."""
    parts = re.findall(r"[0-9]+|[a-z]+|[^\W\da-z_]+|\W", code)
    body = "[ -]?".join(re.escape(part) for part in parts if part.strip(" -"))
    last = parts[-1][-1] if parts else ""
    if last.isdigit():
        return rf"{body}(?![0-9]|[.,][0-9])"
    if "a" <= last <= "z":
        return rf"{body}(?![a-z'])"
    if "\u0620" <= last <= "\u064a":
        return rf"{body}(?![\u0620-\u064a])"
    return body
