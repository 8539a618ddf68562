"""Decides what a file would do to the catalogue, row by row, before anybody confirmed it; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rooms.shop.catalogue import rules
from rooms.shop.catalogue.imports.found import Found, Item, Problem, shortened
from rooms.shop.catalogue.rules import (
    Draft,
    args_of,
    draft_of,
    fingerprint,
    fold,
    read_draft,
    read_picture,
)
from rooms.shop.rules import Product, Variant
from server.errors import Refused

STOCK = ("left", "total", "keep")
"""What a quantity of the file counts: what is left now, all there is, or nothing here."""

State = Literal["new", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Change:
    """Something of a product that would be different; a variant is named where one is meant."""

    field: str
    before: str
    after: str
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What would happen to one product; `args` is the form that writes it."""

    row: int
    source: str
    state: State
    title: str
    args: Mapping[str, Any]
    product: str | None = None
    seen: str | None = None
    changes: tuple[Change, ...] = ()

    def stored(self) -> dict[str, Any]:
        """Give it as JSON keeps it."""
        return asdict(self)


@dataclass(slots=True)
class Plan:
    """What a file would do, and what in it is refused or worth knowing."""

    format: str
    encoding: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Known:
    """What is in the catalogue already: products by source, who has which code, this server."""

    products: Mapping[str, Product]
    codes: Mapping[str, int]
    base: str = ""


def plan(found: Found, known: Known, stock: str = "left") -> Plan:
    """Compare a file with the catalogue; nothing is written."""
    made = Plan(found.format, found.encoding, rows=found.rows)
    codes = {code: str(id) for code, id in known.codes.items()}
    for item in found.items:
        try:
            entry = _entry(item, known.products.get(item.source), found, known.base, stock, codes)
        except Refused as refused:
            _say(found, item, refused)
            continue
        made.entries.append(entry)
    made.problems = sorted(found.problems, key=lambda problem: problem.row)
    return made


def _entry(
    item: Item, before: Product | None, found: Found, base: str, stock: str, codes: dict[str, str]
) -> Entry:
    args = {**(args_of(draft_of(before)) if before else {}), **item.fields}
    args["pictures"] = _pictures(item, found, base, args.get("pictures"))
    args["about"] = _about(item, found, args.get("about"))
    args["variants"] = _variants(item, before, found, stock)
    draft = read_draft(args)
    if before is not None:
        if before.archived:
            raise Refused("invalid", "It is archived here.", problem="archived")
        rules.check_change(before, draft)
    owner = (
        codes.setdefault(draft.code, item.source if not before else before.id) if draft.code else ""
    )
    if draft.code and owner not in (item.source, before.id if before else ""):
        raise Refused("invalid", "Another product has it.", field="code", problem="code_taken")
    stored = args_of(draft)
    if before is None:
        return Entry(item.row, item.source, "new", draft.title, stored)
    changes = tuple(differences(before, draft))
    state: State = "changed" if changes else "unchanged"
    return Entry(
        item.row,
        item.source,
        state,
        draft.title,
        stored if changes else {},
        before.id,
        fingerprint(before),
        changes,
    )


def differences(before: Product, draft: Draft) -> list[Change]:
    """List what a draft changes of a product, for people; amounts in minor units."""
    old = draft_of(before)
    changes = [
        Change(name, shortened(_said(getattr(old, name))), shortened(_said(getattr(draft, name))))
        for name in Draft.__dataclass_fields__
        if name != "variants" and getattr(old, name) != getattr(draft, name)
    ]
    known = {variant.id: variant for variant in old.variants}
    for variant in draft.variants:
        was = known.pop(variant.id, None)
        label = shortened(variant.title or variant.sku)
        if was is None:
            changes.append(Change("variant_new", "", str(variant.total), label))
            continue
        for name in ("title", "code", "sku", "price", "was_price", "total"):
            if getattr(was, name) != getattr(variant, name):
                old_text, new_text = (_said(getattr(each, name)) for each in (was, variant))
                changes.append(Change(name, shortened(old_text), shortened(new_text), label or "·"))
    changes += [
        Change("variant_gone", str(gone.total), "", shortened(gone.title or gone.sku))
        for gone in known.values()
    ]
    places = [
        variant.id for variant in draft.variants if variant.id in {v.id for v in old.variants}
    ]
    if not changes and places != [variant.id for variant in old.variants]:
        changes.append(Change("order", "", ""))
    return changes


def _said(value: object) -> str:
    if value is None:
        return ""
    return str(len(value)) if isinstance(value, tuple) else str(value)


def _pictures(item: Item, found: Found, base: str, value: Any) -> list[str]:
    """Keep the pictures that can be shown; those that cannot are said, and refuse nothing."""
    kept: list[str] = []
    for address in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
        text = str(address)
        if base and text.startswith(f"{base}/media/"):
            text = text.removeprefix(base)
        try:
            kept.append(read_picture(text))
        except Refused:
            found.note(item.row, "picture", "", text, str(item.fields.get("title", "")))
    kept = list(dict.fromkeys(kept))
    if len(kept) > rules.MOST_PICTURES:
        found.note(item.row, "many_pictures", "", len(kept), str(item.fields.get("title", "")))
    return kept[: rules.MOST_PICTURES]


def _about(item: Item, found: Found, value: Any) -> Any:
    if isinstance(value, str) and len(value) > rules.ABOUT_LIMIT:
        found.note(item.row, "about_cut", "", "", str(item.fields.get("title", "")))
        return value[: rules.ABOUT_LIMIT - 1] + "…"
    return value


def _variants(item: Item, before: Product | None, found: Found, stock: str) -> list[dict[str, Any]]:
    left = list(before.variants) if before else []
    alone = len(left) == 1 and len(item.variants) == 1
    chosen: list[Variant | None] = [None] * len(item.variants)
    for same in (_same_sku, _same_title):
        for place, wanted in enumerate(item.variants):
            if chosen[place] is None:
                chosen[place] = next((v for v in left if same(v, wanted)), None)
                left = [v for v in left if v is not chosen[place]]
    if alone and chosen[0] is None:
        chosen[0] = left[0]
    listed = []
    for place, (wanted, was) in enumerate(zip(item.variants, chosen, strict=True)):
        total = _total(item, wanted.get("quantity"), was, stock)
        if total is None:
            total = 0
            found.note(item.rows[place], "no_quantity", "", "", str(item.fields.get("title", "")))
        code = wanted.get("code") or (was.code if was else "")
        listed.append(
            {
                "id": was.id if was else None,
                "title": wanted["title"],
                "code": code,
                "sku": wanted["sku"],
                "price": wanted["price"],
                "was_price": wanted["was_price"],
                "total": total,
            }
        )
    return listed


def _same_sku(variant: Variant, wanted: Mapping[str, Any]) -> bool:
    return bool(variant.sku) and variant.sku == wanted["sku"]


def _same_title(variant: Variant, wanted: Mapping[str, Any]) -> bool:
    return isinstance(wanted["title"], str) and fold(variant.title) == fold(wanted["title"])


def _total(item: Item, quantity: Any, was: Variant | None, stock: str) -> Any:
    """Give what the stock would be; None for a new variant of which the file says nothing."""
    if was is not None and (quantity is None or stock == "keep"):
        return was.total
    counts = item.counts or stock
    if was is not None and counts == "left" and isinstance(quantity, int):
        return was.sold + quantity
    return quantity


def _say(found: Found, item: Item, refused: Refused) -> None:
    place = refused.details.get("place")
    row = item.rows[place] if isinstance(place, int) and place < len(item.rows) else item.row
    field = str(refused.details.get("field", ""))
    word = str(refused.details.get("problem") or field or refused.code)
    value = item.fields.get(field, "")
    if isinstance(place, int) and place < len(item.variants):
        value = item.variants[place].get("quantity" if field == "total" else field, "")
    found.say(row, word, field, "" if value is None else value, str(item.fields.get("title", "")))
