"""Writes the catalogue as a CSV that Shopify reads, safe to be opened in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from html import escape

from rooms.shop.catalogue.imports.shopify import GUARDED
from rooms.shop.money import major
from rooms.shop.rules import Product

HEADER = (
    "Handle",
    "Title",
    "Body (HTML)",
    "Option1 Name",
    "Option1 Value",
    "Variant SKU",
    "Variant Price",
    "Variant Compare At Price",
    "Variant Inventory Qty",
    "Image Src",
    "Status",
)
_FORMULA = re.compile(rf"'*[{re.escape(GUARDED)}]")


def write_shopify(products: Iterable[Product], sources: Mapping[str, str], base: str) -> bytes:
    """Write the catalogue; `base` is this server's address, for pictures that lie here.

    The stock is what is left. The file begins with a mark, without which spreadsheets take it
    for another encoding.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    for product in products:
        handle = sources.get(product.id, "").removeprefix("shopify:") or f"own:{product.id}"
        pictures = [base + p if p.startswith("/") else p for p in product.pictures]
        for row in range(max(len(product.variants), len(pictures))):
            fields = [handle, *_row(product, row), *pictures[row : row + 1]]
            fields += [""] * (len(HEADER) - 1 - len(fields)) + ["active" if row == 0 else ""]
            writer.writerow([guarded(field) for field in fields])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def guarded(field: str) -> str:
    """Keep a spreadsheet from running a field: an apostrophe stands before what is a formula."""
    return f"'{field}" if _FORMULA.match(field) else field


def _row(product: Product, place: int) -> list[str]:
    first = [product.title, _html(product.about)] if place == 0 else ["", ""]
    if place >= len(product.variants):
        return [*first, "", "", "", "", "", ""]
    variant = product.variants[place]
    named = bool(variant.title)
    was = variant.was_price
    return [
        *first,
        ("Option" if named else "Title") if place == 0 else "",
        variant.title if named else "Default Title",
        variant.sku,
        f"{major(variant.price, product.currency):f}",
        "" if was is None else f"{major(was, product.currency):f}",
        str(max(0, variant.total - variant.sold)),
    ]


def _html(text: str) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in text.split("\n") if line)
