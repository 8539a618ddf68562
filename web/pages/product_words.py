"""Says in the reader's language what is wrong with a product, or with a row of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rooms.shop.catalogue import rules
from rooms.shop.catalogue.imports.found import MOST_FIELD
from web.i18n import Translator


def sentence_of(words: Translator, word: str, details: Mapping[str, Any] | None = None) -> str:
    """Give the sentence for a `problem` of the catalogue or of an import."""
    return _all(words, details or {}).get(word) or words.gettext("This cannot be taken as it is.")


def _all(words: Translator, details: Mapping[str, Any]) -> dict[str, str]:
    return {
        **_of_products(words, details),
        **_of_prices(words),
        **_of_files(words, details),
        **_of_rows(words),
        **_of_notes(words),
    }


def _of_products(words: Translator, details: Mapping[str, Any]) -> dict[str, str]:
    sold = int(details.get("sold", 0))
    return {
        "title": words.gettext("Write a name of at most {n} characters.", n=rules.TITLE_LIMIT),
        "about": words.gettext("The description has at most {n} characters.", n=rules.ABOUT_LIMIT),
        "code": words.gettext(
            "A code has letters, digits and hyphens, at most {n}.", n=rules.CODE_LIMIT
        ),
        "code_taken": words.gettext("Another product has this code."),
        "same_code": words.gettext("Two variants have the same code."),
        "same_title": words.gettext("Two variants have the same name."),
        "sku": words.gettext("An item number has at most {n} characters.", n=rules.NAME_LIMIT),
        "currency": words.gettext("Choose a currency."),
        "currency_fixed": words.gettext("What was sold already keeps its currency."),
        "pictures": words.gettext("A picture's address begins with https://"),
        "picture_file": words.gettext("A picture is a PNG, JPEG or WebP file of at most 2 MB."),
        "per_person": words.gettext("Write a whole number from 1, or nothing."),
        "checkout": words.gettext("Choose where it is paid."),
        "checkout_url": words.gettext("The address has to begin with https://"),
        "hold_seconds": words.gettext("Choose how long it is held."),
        "variants": words.gettext("A product has at least one variant with a price."),
        "no_variant": words.gettext("A product has at least one variant with a price."),
        "many_variants": words.gettext(
            "A product has at most {n} variants.", n=rules.MOST_VARIANTS
        ),
        "total": words.gettext("Write the stock as a whole number from 0."),
        "below_sold": words.ngettext(
            "{n} was sold already; the stock cannot be lower.",
            "{n} were sold already; the stock cannot be lower.",
            sold,
        ),
        "changed_meanwhile": words.gettext(
            "Somebody else changed this product meanwhile. Save again if you still want to."
        ),
        "archived": words.gettext("This product is archived here. Bring it back first."),
    }


def _of_prices(words: Translator) -> dict[str, str]:
    return {
        "price": words.gettext("Write a price, like 3960 or 39.60."),
        "empty": words.gettext("There is no price."),
        "not_text": words.gettext("Write a price, like 3960 or 39.60."),
        "not_a_price": words.gettext("Write a price, like 3960 or 39.60."),
        "too_long": words.gettext("Write a price, like 3960 or 39.60."),
        "negative": words.gettext("This number cannot be below 0."),
        "other_currency": words.gettext("This price is in another currency."),
        "no_currency": words.gettext("The price names no currency."),
        "ambiguous": words.gettext(
            "This price can be read in two ways: as thousands or as decimals. Write it without the"
            " separator."
        ),
        "grouping": words.gettext("The separators of this price do not fit together."),
        "too_fine": words.gettext("This price has more decimals than the currency."),
        "too_large": words.gettext("This number is too large."),
        "was_price": words.gettext("The former price has to be above the price."),
    }


def _of_files(words: Translator, details: Mapping[str, Any]) -> dict[str, str]:
    return {
        "no_file": words.gettext("Choose a file."),
        "empty_file": words.gettext("There is nothing in this file."),
        "large_file": words.gettext("A file may have at most 5 MB."),
        "binary": words.gettext("This is no text file. Export it as CSV, XML or JSON."),
        "encoding_unknown": words.gettext(
            "It cannot be told in which encoding this file is. Choose it below, and look at the"
            " names in the preview."
        ),
        "encoding": words.gettext(
            "This file is not in {name}.",
            name=details.get("encoding") or words.gettext("a known encoding"),
        ),
        "columns": words.gettext(
            "The first row lacks these columns: {names}.", names=details.get("columns", "")
        ),
        "many_rows": words.gettext(
            "A file may have at most {n} rows.", n=int(details.get("limit", 0))
        ),
        "json": words.gettext("This is not JSON that can be read."),
        "not_ours": words.gettext("This is not an export of ours."),
        "xml": words.gettext("The XML is broken at line {n}.", n=int(details.get("row", 0))),
        "doctype": words.gettext(
            "The XML has a document type or entities, which are not read. Export it without."
        ),
        "too_deep": words.gettext("The XML is nested too deeply."),
    }


def _of_rows(words: Translator) -> dict[str, str]:
    return {
        "quotes": words.gettext("A quotation mark is open or misplaced; nothing after it is read."),
        "field_too_long": words.gettext("A field has more than {n} characters.", n=MOST_FIELD),
        "no_handle": words.gettext("The row has no usable handle."),
        "no_id": words.gettext("The entry has no usable id."),
        "no_title": words.gettext("There is no name."),
        "duplicate": words.gettext("This stands twice in the file."),
        "rows_broken": words.gettext("Not all rows of this product can be read."),
        "quantity": words.gettext("Write the stock as a whole number from 0."),
    }


def _of_notes(words: Translator) -> dict[str, str]:
    return {
        "left_out": words.gettext("A draft, or archived there: left out."),
        "picture": words.gettext("This picture is left out: its address is not https."),
        "many_pictures": words.gettext(
            "Only the first {n} pictures are taken.", n=rules.MOST_PICTURES
        ),
        "about_cut": words.gettext("The description is shortened."),
        "no_quantity": words.gettext("The file names no stock: it begins at 0."),
        "sale_period": words.gettext(
            "The sale price holds for a period only: the full price is taken."
        ),
    }
