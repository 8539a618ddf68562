"""What coupons and giveaways may be, and the draw that anyone can compute again; pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from rooms.rules import clean_text, whole
from rooms.shop import money
from rooms.shop.rules import number
from server.errors import Refused

MOST_CLAIMS = 1_000_000
MOST_MINUTES = 24 * 60
"""How long a coupon can be claimed, or a giveaway be entered."""
MOST_WINNERS = 100
SEED_BYTES = 32
_CODE = re.compile(r"[^\W_](?:[^\W_]|-){0,39}")
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No letters or digits that are taken for each other."""


@dataclass(frozen=True, slots=True)
class CouponDraft:
    """A checked coupon before it has an id; exactly one of percent and amount is set."""

    code: str
    product_id: int | None
    percent: int | None
    amount: int | None
    currency: str | None
    cap: int
    minutes: int


def read_coupon(args: Mapping[str, Any], random: Callable[[int], bytes]) -> CouponDraft:
    """Check a coupon {percent or amount and currency, cap, minutes, code?, product?}.

    The amount is in minor units, or a text as people write amounts.
    """
    percent, amount = args.get("percent"), args.get("amount")
    if (percent is None) == (amount is None):
        raise Refused("invalid", "A coupon takes off a percentage or an amount.", field="percent")
    currency = None
    if amount is not None:
        currency = args.get("currency")
        if not isinstance(currency, str):
            raise Refused("invalid", "An amount needs a currency, like JPY.", field="currency")
        money.exponent(currency)
        if isinstance(amount, str):
            amount = money.parse(amount, currency, field="amount")
        amount = whole({"amount": amount}, "amount", least=1, most=money.MOST)
    else:
        percent = whole(args, "percent", least=1, most=100)
    return CouponDraft(
        code=_code(args.get("code"), random),
        product_id=None if args.get("product") is None else number(args, "product"),
        percent=percent,
        amount=amount,
        currency=currency,
        cap=whole(args, "cap", least=1, most=MOST_CLAIMS),
        minutes=whole(args, "minutes", least=1, most=MOST_MINUTES),
    )


def _code(value: object, random: Callable[[int], bytes]) -> str:
    if value is None or value == "":
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in random(8))
    code = unicodedata.normalize("NFKC", value).strip().upper() if isinstance(value, str) else ""
    if not _CODE.fullmatch(code):
        raise Refused(
            "invalid", "A code takes letters, digits and hyphens, at most 40.", field="code"
        )
    return code


@dataclass(frozen=True, slots=True)
class GiveawayDraft:
    """A checked giveaway before it has an id."""

    title: str
    winners: int
    seconds: int


def read_giveaway(args: Mapping[str, Any]) -> GiveawayDraft:
    """Check a giveaway {title, winners, seconds: how long it can be entered}."""
    return GiveawayDraft(
        title=clean_text(args.get("title"), limit=120, field="title"),
        winners=whole(args, "winners", least=1, most=MOST_WINNERS),
        seconds=whole(args, "seconds", least=5, most=MOST_MINUTES * 60),
    )


def commitment_of(seed: bytes) -> bytes:
    """Give what is told of a seed before it may be known: its SHA-256."""
    return sha256(seed).digest()


def digest_of(entries: Iterable[str]) -> bytes:
    """Give the SHA-256 of everybody who entered: sorted ids, each with a line feed after it."""
    return sha256("".join(f"{person}\n" for person in sorted(set(entries))).encode()).digest()


def drawn(seed: bytes, entries: Iterable[str], winners: int) -> list[str]:
    """Draw the winners: those with the lowest SHA-256 of seed, digest of the entries, and id."""
    people = set(entries)
    digest = digest_of(people)
    return sorted(people, key=lambda who: (sha256(seed + digest + who.encode()).digest(), who))[
        :winners
    ]


def verify(seed: bytes, commitment: bytes, entries: Sequence[str], winners: Sequence[str]) -> bool:
    """Tell whether these winners, in this order, are what a committed seed draws of the entries.

    Somebody listed twice, a changed entry, another seed and another order are all found out.
    """
    return (
        commitment_of(seed) == commitment
        and len(set(entries)) == len(entries)
        and drawn(seed, entries, len(winners)) == list(winners)
    )
