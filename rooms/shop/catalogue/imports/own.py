"""Reads and writes this product's own format: JSON, money as whole minor units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import orjson

from rooms.shop.catalogue.imports.found import (
    MOST_ROWS,
    SOURCE_LIMIT,
    Found,
    Item,
    unreadable,
)
from rooms.shop.rules import Product

FORMAT, VERSION = "hiroba-products", 1
FIELDS = (
    "title",
    "about",
    "code",
    "currency",
    "pictures",
    "per_person",
    "checkout",
    "checkout_url",
    "hold_seconds",
)
_SOURCES = ("own:", "shopify:", "google:")


def read_own(text: str, encoding: str) -> Found:
    """Read the export; Refused for the file as a whole: `json`, `not_ours`, `many_rows`."""
    try:
        tree = orjson.loads(text.lstrip("\ufeff"))
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        raise unreadable("json") from None
    listed = tree.get("products") if isinstance(tree, dict) else None
    if not isinstance(listed, list) or (tree.get("format"), tree.get("version")) != (
        FORMAT,
        VERSION,
    ):
        raise unreadable("not_ours")
    if len(listed) > MOST_ROWS:
        raise unreadable("many_rows", limit=MOST_ROWS)
    found = Found("own", encoding, rows=len(listed))
    seen: set[str] = set()
    for row, entry in enumerate(listed, 1):
        if not isinstance(entry, dict):
            found.say(row, "not_ours", value=entry)
            continue
        source, name = entry.get("source"), str(entry.get("title", ""))
        if not _is_source(source):
            found.say(row, "no_id", "source", source, name)
        elif source in seen:
            found.say(row, "duplicate", "source", source, name)
        else:
            seen.add(source)
            _add(found, row, source, entry)
    return found


def write_own(products: Iterable[Product], sources: Mapping[str, str]) -> bytes:
    """Write the export; `sources` gives by product id where it came from."""
    listed = [
        {
            "source": sources.get(product.id) or f"own:{product.id}",
            **{name: getattr(product, name) for name in FIELDS},
            "variants": [
                {
                    "title": v.title,
                    "code": v.code,
                    "sku": v.sku,
                    "price": v.price,
                    "was_price": v.was_price,
                    "total": v.total,
                    "sold": v.sold,
                }
                for v in product.variants
            ],
        }
        for product in products
    ]
    tree = {"format": FORMAT, "version": VERSION, "products": listed}
    return orjson.dumps(tree, option=orjson.OPT_INDENT_2)


def _is_source(value: object) -> TypeGuard[str]:
    return (
        isinstance(value, str)
        and value.startswith(_SOURCES)
        and 5 <= len(value) <= SOURCE_LIMIT
        and value.isprintable()
    )


def _add(found: Found, row: int, source: str, entry: Mapping[str, Any]) -> None:
    variants = entry.get("variants")
    name = str(entry.get("title", ""))
    if not isinstance(variants, list) or not all(isinstance(v, dict) for v in variants):
        found.say(row, "no_variant", "variants", "", name)
        return
    read: list[Mapping[str, Any]] = [
        {
            "title": v.get("title", ""),
            "code": v.get("code", ""),
            "sku": v.get("sku", ""),
            "price": v.get("price"),
            "was_price": v.get("was_price"),
            "quantity": v.get("total"),
        }
        for v in variants
    ]
    fields = {name: entry[name] for name in FIELDS if name in entry}
    rows = (row,) * len(read)
    found.items.append(Item(row, source, fields, tuple(read), rows, counts="total"))
