"""Reads a products export of Shopify: CSV, a product in several rows, its pictures among them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rooms.shop.catalogue.imports.found import (
    MOST_FIELD,
    MOST_ROWS,
    SOURCE_LIMIT,
    Found,
    Item,
    price,
    quantity,
    unreadable,
)
from rooms.shop.catalogue.imports.html_text import words_of_html
from server.errors import Refused

# The module's own limit would end the file; ours says which row is too long.
csv.field_size_limit(2**31 - 1)

GUARDED = "=+-@\t\r＝＋－＠"
"""With one of these at its beginning, a field is a formula for a spreadsheet."""
_GUARD = re.compile(rf"\A'(?='*[{re.escape(GUARDED)}])")
COLUMNS = {
    "handle": ("handle", "url handle", "product handle"),
    "title": ("title",),
    "about": ("body (html)", "body html", "description"),
    "sku": ("variant sku", "sku"),
    "price": ("variant price", "price"),
    "was_price": ("variant compare at price", "compare-at price", "compare at price"),
    "quantity": ("variant inventory qty", "inventory quantity"),
    "picture": ("image src", "product image url"),
    "status": ("status",),
    "option1": ("option1 value",),
    "option2": ("option2 value",),
    "option3": ("option3 value",),
}
"""What each column is called, in older and newer exports."""
NEEDED = ("handle", "title", "price")
LEFT_OUT = ("draft", "archived", "unlisted")
Row = dict[str, str]


@dataclass(slots=True)
class _Group:
    """The rows of one product."""

    handle: str
    row: int
    rows: list[tuple[int, Row]] = field(default_factory=list)
    broken: bool = False


def read_shopify(text: str, encoding: str, currency: str) -> Found:
    """Read the export; prices are in `currency`, which the file does not name.

    Raises Refused for the file as a whole: `columns`, `many_rows`, `empty`.
    """
    found = Found("shopify", encoding)
    groups: dict[str, _Group] = {}
    last: _Group | None = None
    for number, row in _rows(text, found):
        if row is None:
            # Nobody knows whose row that was: the product before it may lack a part.
            if last is not None:
                last.broken = True
            continue
        handle = row["handle"].strip()
        if not handle or len(handle) > SOURCE_LIMIT - 10 or not handle.isprintable():
            found.say(number, "no_handle", "Handle", handle, row["title"])
            continue
        if last is None or last.handle != handle:
            if handle in groups:
                found.say(number, "duplicate", "Handle", handle, row["title"])
                groups[handle].broken = True
                continue
            last = groups[handle] = _Group(handle, number)
        last.rows.append((number, row))
    skus: dict[str, int] = {}
    for group in groups.values():
        item = None if group.broken else _item(group, found, currency, skus)
        if item is not None:
            found.items.append(item)
        elif group.broken:
            found.say(group.row, "rows_broken", "Handle", group.handle, group.rows[0][1]["title"])
    return found


def _rows(text: str, found: Found) -> Iterator[tuple[int, Row | None]]:
    """Give every row by the names of COLUMNS; None for one that cannot be read."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    places = _header(reader)
    number = 1
    while True:
        number += 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            found.say(number, "quotes")
            yield number, None
            # Where one field ends is not known from here on.
            return
        if not any(field.strip() for field in fields):
            continue
        found.rows += 1
        if found.rows > MOST_ROWS:
            raise unreadable("many_rows", limit=MOST_ROWS)
        width = max(places.values()) + 1
        too_long = next((f for f in fields if len(f) > MOST_FIELD), None)
        if too_long is not None:
            found.say(number, "field_too_long", value=too_long)
            yield number, None
            continue
        padded = fields + [""] * (width - len(fields))
        yield number, {name: _GUARD.sub("", padded[at], count=1) for name, at in places.items()}


def _delimiter(text: str) -> str:
    head = text[:4000].lstrip("\ufeff").split("\n", 1)[0].lower()
    return max(",;\t", key=lambda sign: head.count(sign))


def _header(reader: Any) -> dict[str, int]:
    try:
        names = [name.strip().strip("\ufeff").lower() for name in next(reader, [])]
    except csv.Error:
        raise unreadable("columns", columns="Handle, Title, Variant Price") from None
    places: dict[str, int] = {}
    for ours, known in COLUMNS.items():
        theirs = next((name for name in known if name in names), None)
        if theirs is not None:
            places[ours] = names.index(theirs)
    lacking = [COLUMNS[name][0].title() for name in NEEDED if name not in places]
    if lacking:
        raise unreadable("columns", columns=", ".join(lacking))
    return places


def _item(group: _Group, found: Found, currency: str, skus: dict[str, int]) -> Item | None:
    first = group.rows[0][1]
    title = first["title"].strip()
    status = first.get("status", "").strip().lower()
    if status in LEFT_OUT:
        found.note(group.row, "left_out", "Status", status, title)
        return None
    if not title:
        found.say(group.row, "no_title", "Title", "", group.handle)
        return None
    pictures: list[str] = []
    variants: list[dict[str, Any]] = []
    rows: list[int] = []
    sound = True
    for number, row in group.rows:
        if row.get("picture", "").strip():
            pictures.append(row["picture"].strip())
        again = row["title"].strip()
        if number != group.row and again and again != title:
            found.say(number, "duplicate", "Handle", group.handle, again)
            sound = False
            continue
        if not _is_variant(row) and number != group.row:
            continue
        variant = _variant(number, row, found, currency, title)
        if variant is None or not _is_new(skus, variant["sku"], number, found, title):
            sound = False
            continue
        variants.append(variant)
        rows.append(number)
    if not sound:
        return None
    fields = {"title": title, "currency": currency, "pictures": list(dict.fromkeys(pictures))}
    if "about" in first:
        fields["about"] = words_of_html(first["about"])
    return Item(group.row, source_of(group.handle), fields, tuple(variants), tuple(rows))


def source_of(handle: str) -> str:
    """Name where a product came from; a handle that we exported says so itself."""
    return handle if handle.startswith(("own:", "google:")) else f"shopify:{handle}"


def _is_variant(row: Row) -> bool:
    names = ("price", "sku", "option1", "option2", "option3")
    return any(row.get(name, "").strip() for name in names)


def _variant(
    number: int, row: Row, found: Found, currency: str, name: str
) -> dict[str, Any] | None:
    column, value = "Variant Price", row["price"]
    try:
        amount = price(value, currency)
        column, value = "Variant Compare At Price", row.get("was_price", "")
        before = price(value, currency) if value.strip() else None
        column, value = "Variant Inventory Qty", row.get("quantity", "")
        count = quantity(value)
    except Refused as refused:
        found.say(number, str(refused.details.get("problem", "price")), column, value, name)
        return None
    options = [row.get(option, "").strip() for option in ("option1", "option2", "option3")]
    title = " / ".join(option for option in options if option)
    return {
        "title": "" if title == "Default Title" else title,
        "sku": row.get("sku", "").strip(),
        "price": amount,
        "was_price": before if before is not None and before > amount else None,
        "quantity": count,
    }


def _is_new(skus: dict[str, int], sku: str, row: int, found: Found, name: str) -> bool:
    """Keep every SKU to one variant of the file."""
    if not sku:
        return True
    if sku in skus:
        found.say(row, "duplicate", "Variant SKU", sku, name)
        return False
    skus[sku] = row
    return True
