"""Reads a Google Merchant feed: RSS 2.0 or Atom, without document types, entities or depth."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

from rooms.rules import clean
from rooms.shop.catalogue.imports.found import (
    MOST_FIELD,
    MOST_ROWS,
    SOURCE_LIMIT,
    Found,
    Item,
    price,
    shortened,
    unreadable,
)
from rooms.shop.catalogue.imports.html_text import words_of_html
from rooms.shop.money import CURRENCIES
from server.errors import Refused

_DEEPEST = 16
_CHUNK = 65_536
_GOOGLE = "http://base.google.com/ns/1.0"
_SPACES = ("", _GOOGLE, "http://www.w3.org/2005/Atom")
_CODE = re.compile(r"\b[A-Z]{3}\b")
_ATTRIBUTES = ("color", "size", "material", "pattern")
Entry = dict[str, list[str]]


@dataclass(slots=True)
class _Feed:
    """What the parser's callbacks fill."""

    entries: list[Entry] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    entry: Entry | None = None
    text: list[str] = field(default_factory=list)
    length: int = 0
    encoding: str = "utf-8"
    too_long: set[int] = field(default_factory=set)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        self.path.append(local.lower() if space in _SPACES else "")
        if len(self.path) > _DEEPEST:
            raise unreadable("too_deep")
        if self.entry is None and self.path[-1] in ("item", "entry"):
            if len(self.entries) >= MOST_ROWS:
                raise unreadable("many_rows", limit=MOST_ROWS)
            self.entry = {}
        self.text, self.length = [], 0

    def said(self, data: str) -> None:
        self.length += len(data)
        if self.length <= MOST_FIELD:
            self.text.append(data)
        elif self.entry is not None:
            self.too_long.add(len(self.entries))

    def end(self, name: str) -> None:
        local = self.path.pop()
        if self.entry is None:
            return
        if local in ("item", "entry"):
            self.entries.append(self.entry)
            self.entry = None
        elif local and len(self.entry.setdefault(local, [])) < 20:
            self.entry[local].append("".join(self.text).strip())
        self.text, self.length = [], 0

    def declared(self, version: str, encoding: str | None, standalone: int) -> None:
        self.encoding = (encoding or "utf-8").lower()


def read_google(data: bytes) -> Found:
    """Read the feed; Refused for the file as a whole: `xml`, `doctype`, `too_deep`, `many_rows`."""
    feed = _parsed(data)
    found = Found("google", feed.encoding, rows=len(feed.entries))
    groups: dict[str, list[tuple[int, Entry]]] = {}
    ids: set[str] = set()
    for number, entry in enumerate(feed.entries, 1):
        id, name = _one(entry, "id"), _one(entry, "title")
        if number - 1 in feed.too_long:
            found.say(number, "field_too_long", name=name or id)
        elif not id or len(id) > SOURCE_LIMIT - 20 or not id.isprintable():
            found.say(number, "no_id", "g:id", id, name)
        elif id in ids:
            found.say(number, "duplicate", "g:id", id, name)
        else:
            ids.add(id)
            group = clean(_one(entry, "item_group_id"))[: SOURCE_LIMIT - 20]
            groups.setdefault(f"google:group:{group}" if group else f"google:{id}", []).append(
                (number, entry)
            )
    for source, entries in groups.items():
        item = _item(source, entries, found)
        if item is not None:
            found.items.append(item)
    return found


def _parsed(data: bytes) -> _Feed:
    feed = _Feed()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = feed.begin
    parser.EndElementHandler = feed.end
    parser.CharacterDataHandler = feed.said
    parser.XmlDeclHandler = feed.declared
    # A feed needs no document type; everything that blows up or reads elsewhere begins with one.
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.EntityDeclHandler = _refuse_doctype
    parser.ExternalEntityRefHandler = _refuse_doctype
    try:
        for at in range(0, len(data), _CHUNK):
            parser.Parse(data[at : at + _CHUNK], False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise unreadable("xml", row=error.lineno) from None
    except (LookupError, ValueError):
        raise unreadable("encoding", encoding=shortened(feed.encoding, 20)) from None
    return feed


def _refuse_doctype(*_: Any) -> int:
    raise unreadable("doctype")


def _one(entry: Entry, name: str) -> str:
    return next((value for value in entry.get(name, ()) if value), "")


def _item(source: str, entries: list[tuple[int, Entry]], found: Found) -> Item | None:
    row, first = entries[0]
    title = _one(first, "title")
    if not title:
        found.say(row, "no_title", "title", "", source)
        return None
    read = [_variant(number, entry, found) for number, entry in entries]
    variants = [variant for variant in read if variant is not None]
    if len(variants) < len(read):
        return None
    currency = variants[0].pop("currency")
    for (number, _), variant in zip(entries[1:], variants[1:], strict=True):
        other = variant.pop("currency")
        if other != currency:
            found.say(number, "other_currency", "g:price", other, title)
            return None
    if len(variants) == 1 and not source.startswith("google:group:"):
        variants[0]["title"] = ""
    pictures = [
        address
        for _, entry in entries
        for name in ("image_link", "additional_image_link")
        for address in entry.get(name, ())
        if address
    ]
    fields = {
        "title": title,
        "about": words_of_html(_one(first, "description") or _one(first, "summary")),
        "currency": currency,
        "pictures": list(dict.fromkeys(pictures)),
    }
    rows = tuple(number for number, _ in entries)
    return Item(row, source, fields, tuple(variants), rows, counts="left")


def _variant(row: int, entry: Entry, found: Found) -> dict[str, Any] | None:
    name, column, text = _one(entry, "title"), "g:price", _one(entry, "price")
    try:
        currency = _currency(text)
        amount = price(text, currency)
        was, column, text = None, "g:sale_price", _one(entry, "sale_price")
        # A period would have to be followed as time goes by; the full price is the safe one.
        if text and not _one(entry, "sale_price_effective_date"):
            if _currency(text) != currency:
                raise Refused("invalid", "Two currencies.", problem="other_currency")
            sale = price(text, currency)
            amount, was = (sale, amount) if sale < amount else (amount, None)
        elif text:
            found.note(row, "sale_period", column, text, name)
    except Refused as refused:
        found.say(row, str(refused.details.get("problem", "price")), column, text, name)
        return None
    options = [_one(entry, attribute) for attribute in _ATTRIBUTES]
    available = _one(entry, "availability").lower().replace(" ", "_")
    return {
        "title": " / ".join(option for option in options if option) or name,
        "sku": _one(entry, "id"),
        "price": amount,
        "was_price": was,
        "quantity": 0 if available == "out_of_stock" else None,
        "currency": currency,
    }


def _currency(text: str) -> str:
    if not text:
        raise Refused("invalid", "There is no price.", problem="empty")
    codes = [code for code in _CODE.findall(text) if code in CURRENCIES]
    if len(codes) != 1:
        raise Refused("invalid", "A feed's price names its currency.", problem="no_currency")
    return str(codes[0])
