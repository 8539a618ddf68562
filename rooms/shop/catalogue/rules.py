"""What a product needs before it can be sold: words, codes, prices, pictures, where it is paid."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from rooms.rules import choice, clean_text, optional_text
from rooms.shop.money import MOST, exponent
from rooms.shop.rules import HOLD_SECONDS, Product, Variant
from server.errors import Refused

MOST_VARIANTS = 100
MOST_PICTURES = 10
MOST_TOTAL = 1_000_000_000
MOST_PER_PERSON = 1_000_000
TITLE_LIMIT, ABOUT_LIMIT, NAME_LIMIT, CODE_LIMIT = 200, 5000, 120, 20
ADDRESS_LIMIT = 1000
LEAST_HOLD, MOST_HOLD = 5, 604_800
CHECKOUTS = ("community", "address", "offline")
MEDIA = re.compile(r"/media/[a-z0-9][a-z0-9-]{0,79}\.[a-z0-9]{3,4}")


@dataclass(frozen=True, slots=True)
class VariantDraft:
    """A checked variant; `id` when it is one that exists. Prices are in minor units."""

    id: str | None
    title: str
    code: str
    sku: str
    price: int
    was_price: int | None
    total: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked product, before it is written."""

    title: str
    about: str
    code: str | None
    currency: str
    pictures: tuple[str, ...]
    per_person: int | None
    checkout: str
    checkout_url: str
    hold_seconds: int
    variants: tuple[VariantDraft, ...]


def fold(text: str) -> str:
    """Fold a code as people say it: width, case, and digits of any script: `１２ M` → `12m`."""
    narrow = unicodedata.normalize("NFKC", text).casefold()
    digits = (str(unicodedata.decimal(char, char)) for char in narrow)
    return unicodedata.normalize("NFKC", "".join(c for c in digits if not c.isspace()))


def read_code(value: object, field: str = "code") -> str:
    """Check and fold a code of letters, digits and hyphens; empty for none."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or len(value) > 4 * CODE_LIMIT:
        raise _wrong(field, "code", f"A code has at most {CODE_LIMIT} characters.")
    code = fold(value)
    if len(code) > CODE_LIMIT or not all(
        char == "-" or unicodedata.category(char)[0] in "LNM" for char in code
    ):
        raise _wrong(field, "code", f"A code has at most {CODE_LIMIT} letters, digits and hyphens.")
    return code


def read_draft(args: Mapping[str, Any]) -> Draft:
    """Check the form of a product.

    {title, about?, code?, currency, pictures?, per_person?, checkout?, checkout_url?,
    hold_seconds?, variants: [{id?, title?, code?, sku?, price, was_price?, total}]}. What is wrong
    with a variant names its `place` in the list.
    """
    currency = args.get("currency")
    if not isinstance(currency, str):
        raise _wrong("currency", "currency", "A currency is a code like JPY.")
    exponent(currency)
    checkout = choice({"checkout": "community", **args}, "checkout", CHECKOUTS)
    return Draft(
        title=clean_text(args.get("title"), limit=TITLE_LIMIT, field="title"),
        about=optional_text(args.get("about"), limit=ABOUT_LIMIT, field="about"),
        code=read_code(args.get("code")) or None,
        currency=currency,
        pictures=_pictures(args.get("pictures") or ()),
        per_person=_number(args, "per_person", 1, MOST_PER_PERSON, None),
        checkout=checkout,
        checkout_url=read_checkout(args.get("checkout_url"), needed=checkout == "address"),
        hold_seconds=_number(args, "hold_seconds", LEAST_HOLD, MOST_HOLD, HOLD_SECONDS)
        or HOLD_SECONDS,
        variants=_variants(args.get("variants")),
    )


def read_picture(value: object) -> str:
    """Check the address of a picture: https, or a file of this server."""
    text = value.strip() if isinstance(value, str) else ""
    if MEDIA.fullmatch(text) or _is_web(text, loopback=False):
        return text
    raise _wrong("pictures", "picture", "A picture's address begins with https://.")


def read_checkout(value: object, *, needed: bool) -> str:
    """Check where a product is paid: https, or http on this machine; may be empty unless needed."""
    text = value.strip() if isinstance(value, str) else ""
    if (not text and not needed) or _is_web(text, loopback=True):
        return text
    raise _wrong("checkout_url", "checkout_url", "The address has to begin with https://.")


def fingerprint(product: Product) -> str:
    """Give a short sign of all that a person decides about a product; sales leave it as it is."""
    said = repr((draft_of(product), product.archived))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def draft_of(product: Product) -> Draft:
    """Give a product as the draft that would leave it as it is."""
    return Draft(
        title=product.title,
        about=product.about,
        code=product.code,
        currency=product.currency,
        pictures=product.pictures,
        per_person=product.per_person,
        checkout=product.checkout,
        checkout_url=product.checkout_url,
        hold_seconds=product.hold_seconds,
        variants=tuple(
            VariantDraft(v.id, v.title, v.code, v.sku, v.price, v.was_price, v.total)
            for v in product.variants
        ),
    )


def args_of(draft: Draft) -> dict[str, Any]:
    """Give the form that reads as this draft."""
    return {**asdict(draft), "pictures": list(draft.pictures), "variants": _listed(draft)}


def check_change(before: Product, draft: Draft) -> None:
    """Refuse what the past does not allow: fewer than were sold, another currency after a sale."""
    known = {variant.id: variant for variant in before.variants}
    sold = any(variant.sold for variant in before.variants)
    if draft.currency != before.currency and (sold or before.sale is not None):
        raise _wrong("currency", "currency_fixed", "What was sold already keeps its currency.")
    for place, variant in enumerate(draft.variants):
        if variant.id is None:
            continue
        if variant.id not in known:
            raise Refused("not_found", "There is no such variant.", field="title", place=place)
        if variant.total < known[variant.id].sold:
            raise below_sold(known[variant.id], place)


def below_sold(variant: Variant, place: int) -> Refused:
    """Say that a stock cannot be lower than what was sold of it."""
    return Refused(
        "invalid",
        f"{variant.sold} were sold already, so there cannot be fewer in all.",
        field="total",
        problem="below_sold",
        sold=variant.sold,
        place=place,
    )


def _listed(draft: Draft) -> list[dict[str, Any]]:
    return [asdict(variant) for variant in draft.variants]


def _variants(value: object) -> tuple[VariantDraft, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise _wrong("variants", "no_variant", "A product has at least one variant.")
    if len(value) > MOST_VARIANTS:
        raise _wrong(
            "variants", "many_variants", f"A product has at most {MOST_VARIANTS} variants."
        )
    found = [_placed(place, each) for place, each in enumerate(value)]
    seen: set[str] = set()
    for place, variant in enumerate(found):
        if variant.title in seen:
            raise _wrong("title", "same_title", "Two variants have the same name.", place=place)
        seen.add(variant.title)
    return tuple(_coded(found))


def _placed(place: int, value: object) -> VariantDraft:
    """Check one variant; a refusal says which one of them it is."""
    if not isinstance(value, Mapping):
        raise _wrong("variants", "no_variant", "A variant is a set of fields.", place=place)
    try:
        price = _number(value, "price", 0, MOST, 0, needed=True)
        was_price = _number(value, "was_price", 1, MOST, None)
        if was_price is not None and price is not None and was_price <= price:
            raise _wrong("was_price", "was_price", "The former price is above the price.")
        id = value.get("id")
        return VariantDraft(
            id=id if isinstance(id, str) and id else None,
            title=optional_text(value.get("title"), limit=NAME_LIMIT, field="title", lines=False),
            code=read_code(value.get("code")),
            sku=optional_text(value.get("sku"), limit=NAME_LIMIT, field="sku", lines=False),
            price=price or 0,
            was_price=was_price,
            total=_number(value, "total", 0, MOST_TOTAL, 0, needed=True) or 0,
        )
    except Refused as refused:
        refused.details["place"] = place
        raise


def _coded(variants: list[VariantDraft]) -> list[VariantDraft]:
    """Give every variant a code of its own: what was entered, or what its name folds to."""
    if len(variants) == 1:
        return variants
    given = [variant.code for variant in variants if variant.code]
    taken = set(given)
    for place, variant in enumerate(variants):
        if variant.code and given.count(variant.code) > 1:
            raise _wrong("code", "same_code", "Two variants have the same code.", place=place)
    coded: list[VariantDraft] = []
    for place, variant in enumerate(variants, 1):
        code = variant.code or _of_name(variant.title)
        if not variant.code and (not code or code in taken):
            code = next(
                str(n) for n in range(place, place + 2 * MOST_VARIANTS) if str(n) not in taken
            )
        taken.add(code)
        coded.append(replace(variant, code=code))
    return coded


def _of_name(title: str) -> str:
    plain = [char for char in fold(title) if unicodedata.category(char)[0] in "LNM"]
    return "".join(plain) if len(plain) <= CODE_LIMIT else ""


def _pictures(value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MOST_PICTURES:
        raise _wrong(
            "pictures", "many_pictures", f"A product has at most {MOST_PICTURES} pictures."
        )
    return tuple(dict.fromkeys(read_picture(each) for each in value))


def _is_web(text: str, *, loopback: bool) -> bool:
    """Tell whether a text is an ordinary https address, or http where only this machine hears."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    # What stands in a Content-Security-Policy must not be able to end it.
    plain = re.fullmatch(r"[a-z0-9.:-]+", host) and re.fullmatch(
        rf"[!-~]{{1,{ADDRESS_LIMIT}}}", text
    )
    if not plain or parts.username or parts.password or port == 0:
        return False
    if parts.scheme == "https":
        return True
    return loopback and parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _number(
    args: Mapping[str, Any],
    field: str,
    least: int,
    most: int,
    default: int | None,
    *,
    needed: bool = False,
) -> int | None:
    value = args.get(field)
    if value is None and not needed:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    problem = "negative" if isinstance(value, int) and value < 0 else field
    raise _wrong(field, problem, f"{field} is a whole number from {least} to {most}.")


def _wrong(field: str, problem: str, sentence: str, **details: Any) -> Refused:
    return Refused("invalid", sentence, field=field, problem=problem, **details)
