"""Files of products, whole and hostile: what is read, what is refused, and in which row."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import Any

import pytest

from rooms.shop.catalogue.imports.export import guarded, write_shopify
from rooms.shop.catalogue.imports.found import MOST_FILE, Found
from rooms.shop.catalogue.imports.html_text import words_of_html
from rooms.shop.catalogue.imports.own import write_own
from rooms.shop.catalogue.imports.plan import Known, plan
from rooms.shop.catalogue.imports.reading import read
from rooms.shop.rules import Product, Variant
from server.errors import Refused

HEAD = (
    "Handle,Title,Body (HTML),Option1 Name,Option1 Value,Variant SKU,Variant Price,"
    "Variant Compare At Price,Variant Inventory Qty,Image Src,Status"
)
SERUM = "serum,なぎさ 美容液,<p>しっとり</p>,Title,Default Title,S-1,3960,4950,12,https://a.example/1.png,active"


def shopify(*rows: str, currency: str = "JPY", **more: Any) -> Found:
    return read("\n".join((HEAD, *rows)).encode(), currency=currency, **more)


def google(*items: str) -> Found:
    head = '<rss xmlns:g="http://base.google.com/ns/1.0"><channel>'
    feed = f'<?xml version="1.0"?>{head}{"".join(items)}</channel></rss>'
    return read(feed.encode(), currency="JPY")


def own(*products: dict[str, Any], **more: Any) -> Found:
    tree = {"format": "hiroba-products", "version": 1, "products": products, **more}
    return read(json.dumps(tree).encode(), currency="JPY")


def refused(data: bytes, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        read(data, **{"currency": "JPY", **more})
    return str(caught.value.details["problem"])


def words(found: Found) -> list[tuple[int, str]]:
    return [(problem.row, problem.word) for problem in found.problems]


def test_a_product_of_several_rows_has_its_variants_and_pictures() -> None:
    found = shopify(
        "shirt,Shirt,<p>Soft &amp; light</p><script>x()</script>,Size,S,A-S,39.60,,3,https://a.example/1.png,active",
        "shirt,,,,M,A-M,39.60,49.50,,https://a.example/2.png,",
        "shirt,,,,,,,,,https://a.example/3.png,",
        ",,,,,,,,,,",
        "mug,Mug,,Title,Default Title,B,5,4,0,,active",
        currency="USD",
    )

    shirt, mug = found.items
    assert found.problems == [] and (found.format, found.encoding) == ("shopify", "utf-8")
    assert (shirt.source, shirt.fields["title"]) == ("shopify:shirt", "Shirt")
    assert shirt.fields["about"] == "Soft & light"
    assert [p[-5] for p in shirt.fields["pictures"]] == ["1", "2", "3"]
    assert [(v["title"], v["price"], v["was_price"], v["quantity"]) for v in shirt.variants] == [
        ("S", 3960, None, 3),
        ("M", 3960, 4950, None),
    ]
    assert (mug.variants[0]["title"], mug.variants[0]["was_price"], mug.row) == ("", None, 6)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,A,,,,,x,,1,,", (2, "not_a_price")),
        ("a,A,,,,,,,1,,", (2, "empty")),
        ('a,A,,,,,"3.960",,1,,', (2, "ambiguous")),
        ('a,A,,,,,"12 34",,1,,', (2, "grouping")),
        ("a,A,,,,,-5,,1,,", (2, "negative")),
        ("a,A,,,,,5 USD,,1,,", (2, "other_currency")),
        ("a,A,,,,,5.999,,1,,", (2, "ambiguous")),
        ("a,A,,,,,5,,-1,,", (2, "negative")),
        ("a,A,,,,,5,,many,,", (2, "quantity")),
        ("a,,,,,,5,,1,,", (2, "no_title")),
        (",A,,,,,5,,1,,", (2, "no_handle")),
        ('a,"A,,,,,5,,1,,', (2, "quotes")),
        (f"a,{'A' * 70_000},,,,,5,,1,,", (2, "field_too_long")),
    ],
)
def test_a_row_that_is_wrong_is_refused_with_its_reason_and_the_others_are_read(
    row: str, said: tuple[int, str]
) -> None:
    good = "b,B,,,,,5.00,,1,,"

    found = shopify(row, currency="EUR") if "quotes" in said else shopify(row, good, currency="EUR")

    assert said in words(found)
    assert [item.source for item in found.items] == ([] if "quotes" in said else ["shopify:b"])


@pytest.mark.parametrize("text", ["1.234,50 €", "1,234.50", "1 234,50", "１２３４．５０"])
def test_a_price_with_one_meaning_is_understood(text: str) -> None:
    found = shopify(f'a,A,,,,,"{text}",,1,,', currency="EUR")

    assert [v["price"] for item in found.items for v in item.variants] == [123450]


def test_duplicate_handles_and_skus_are_refused() -> None:
    found = shopify(
        "a,A,,,,X,5,,1,,", "b,B,,,,Y,5,,1,,", "a,A,,,,Z,5,,1,,", "c,C,,,,Y,5,,1,,", "d,D,,,,,5,,1,,"
    )

    assert [item.source for item in found.items] == ["shopify:b", "shopify:d"]
    assert (4, "duplicate") in words(found) and (5, "duplicate") in words(found)


def test_a_product_before_a_broken_row_is_not_taken_in_part() -> None:
    found = shopify("a,A,,Size,S,1,5,,1,,", f"a,,,,M,2,5,,1,{'x' * 70_000},", "b,B,,,,,5,,1,,")

    assert [item.source for item in found.items] == ["shopify:b"]
    assert (2, "rows_broken") in words(found)


def test_drafts_of_the_other_shop_are_left_out_and_said() -> None:
    found = shopify("a,A,,,,,5,,1,,draft", SERUM)

    assert [item.source for item in found.items] == ["shopify:serum"]
    assert [(p.word, p.fatal) for p in found.problems] == [("left_out", False)]


@pytest.mark.parametrize(
    ("codec", "chosen", "name"),
    [
        ("utf-8", "", "utf-8"),
        ("utf-8-sig", "", "utf-8"),
        ("utf-16", "", "utf-16"),
        ("utf-16-le", "", "utf-16"),
        ("cp932", "", "shift_jis"),
        ("cp932", "shift_jis", "shift_jis"),
    ],
)
def test_an_encoding_is_recognised_and_said(codec: str, chosen: str, name: str) -> None:
    data = f"{HEAD}\n{SERUM}".encode(codec)

    found = read(data, currency="JPY", encoding=chosen)

    assert found.encoding == name
    assert found.items[0].fields["title"] == "なぎさ 美容液"


def test_an_encoding_that_cannot_be_told_is_asked_for_and_never_guessed() -> None:
    data = f"{HEAD}\ncreme,Crème brûlée à l'été,,,,,5,,1,,".encode("cp1252")

    assert refused(data) == "encoding_unknown"
    assert refused(data, encoding="utf-8") == "encoding"
    found = read(data, currency="EUR", encoding="windows-1252")
    assert found.items[0].fields["title"] == "Crème brûlée à l'été"


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty_file"),
        (b" \r\n", "empty_file"),
        (b"x" * (MOST_FILE + 1), "large_file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        (b"Handle,Title\na,A", "columns"),
        (b"name,cost\na,1", "columns"),
        (HEAD.encode() + b"\n" + b"a,A,,,,,5,,1,,\n" * 5001, "many_rows"),
        (b"{", "json"),
        (b"[" * 100_000, "json"),
        (b'{"products": []}', "not_ours"),
        (b'{"format": "hiroba-products", "version": 2, "products": []}', "not_ours"),
        (b"<rss><channel><item>", "xml"),
        (b"<rss><channel><g:item/></channel></rss>", "xml"),
        (b"<a>" * 20_000, "too_deep"),
        (b'<?xml version="1.0" encoding="Shift_JIS"?><rss>\x82\xa0</rss>', "encoding"),
        (b"<rss>" + b"<item/>" * 5001 + b"</rss>", "many_rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(data: bytes, word: str) -> None:
    assert refused(data) == word


def test_a_feed_with_entities_or_a_document_type_is_refused() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><rss>&l9;</rss>'
    reader = '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><rss>&f;</rss>'

    assert refused(bomb.encode()) == refused(reader.encode()) == "doctype"
    assert refused(b'<!DOCTYPE r SYSTEM "http://a.example/r.dtd"><rss/>') == "doctype"
    assert refused(bomb.encode("utf-16")) == "doctype"
    assert refused(b"<rss>&l9;</rss>") == "xml"


def test_a_feed_in_rss_is_read_with_its_groups_and_sale_prices() -> None:
    found = google(
        "<item><g:id>1</g:id><title>Serum</title><g:price>39.60 USD</g:price>"
        "<g:sale_price>29.60 USD</g:sale_price><g:availability>in stock</g:availability>"
        "<description>&lt;b&gt;Soft&lt;/b&gt;</description>"
        "<g:image_link>https://a.example/1.png</g:image_link></item>",
        "<item><g:id>2</g:id><g:item_group_id>T</g:item_group_id><title>Tee</title>"
        "<g:size>S</g:size><g:price>1980 JPY</g:price></item>",
        "<item><g:id>3</g:id><g:item_group_id>T</g:item_group_id><title>Tee</title>"
        "<g:size>M</g:size><g:price>JPY 1,980</g:price>"
        "<g:availability>out_of_stock</g:availability></item>",
    )

    serum, tee = found.items
    assert found.problems == []
    assert (serum.source, serum.fields["currency"], serum.fields["about"]) == (
        "google:1",
        "USD",
        "Soft",
    )
    assert [(v["title"], v["price"], v["was_price"]) for v in serum.variants] == [("", 2960, 3960)]
    assert (tee.source, [(v["title"], v["price"], v["quantity"]) for v in tee.variants]) == (
        "google:group:T",
        [("S", 1980, None), ("M", 1980, 0)],
    )


def test_a_feed_in_atom_is_read() -> None:
    feed = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">'
        "<title>Shop</title><entry><g:id>1</g:id><title>Serum</title>"
        "<g:price>1.250 KWD</g:price></entry></feed>"
    )

    (item,) = read(feed.encode(), currency="JPY").items

    assert (item.fields["title"], item.fields["currency"]) == ("Serum", "KWD")
    assert item.variants[0]["price"] == 1250


@pytest.mark.parametrize(
    ("inner", "word"),
    [
        ("<title>A</title><g:price>5 USD</g:price>", "no_id"),
        ("<g:id>1</g:id><g:price>5 USD</g:price>", "no_title"),
        ("<g:id>1</g:id><title>A</title>", "empty"),
        ("<g:id>1</g:id><title>A</title><g:price>5</g:price>", "no_currency"),
        ("<g:id>1</g:id><title>A</title><g:price>3.960 EUR</g:price>", "ambiguous"),
        (f"<g:id>1</g:id><title>{'A' * 70_000}</title><g:price>5 USD</g:price>", "field_too_long"),
        (
            "<g:id>1</g:id><title>A</title><g:price>5 USD</g:price>"
            "<g:sale_price>4 EUR</g:sale_price>",
            "other_currency",
        ),
    ],
)
def test_an_entry_of_a_feed_that_is_wrong_is_refused_with_its_reason(inner: str, word: str) -> None:
    good = "<item><g:id>9</g:id><title>B</title><g:price>5 USD</g:price></item>"

    found = google(f"<item>{inner}</item>", good)

    assert words(found) == [(1, word)]
    assert [item.source for item in found.items] == ["google:9"]


def test_entries_of_one_id_or_of_two_currencies_are_refused() -> None:
    entry = "<item><g:id>{}</g:id><title>A</title>{}<g:price>5 {}</g:price></item>"
    group = "<g:item_group_id>G</g:item_group_id>"

    found = google(
        entry.format(1, "", "USD"),
        entry.format(1, "", "USD"),
        entry.format(2, group, "USD"),
        entry.format(3, group, "EUR"),
    )

    assert words(found) == [(2, "duplicate"), (4, "other_currency")]


def product(**more: Any) -> Product:
    values: dict[str, Any] = {
        "id": "7",
        "title": '=HYPERLINK("http://a.example")',
        "about": "Soft & <b>light</b>\n+cmd",
        "code": "12",
        "currency": "USD",
        "pictures": ("https://a.example/1.png", "/media/own.png"),
        "per_person": 2,
        "checkout": "community",
        "checkout_url": "",
        "stopped": False,
        "version": 1,
        "variants": (
            Variant("1", "@SUM(A1)", "m", 3960, 4950, 12, 5, "-1"),
            Variant("2", "'=x", "l", 3960, None, 3, 0, "S,2"),
        ),
    }
    return Product(**{**values, **more})


def test_what_is_exported_as_json_is_read_back_as_it_was() -> None:
    found = read(write_own([product()], {"7": "own:abc"}), currency="JPY")

    (item,) = found.items
    assert (found.problems, item.source, item.counts) == ([], "own:abc", "total")
    assert item.fields["title"] == product().title
    assert [(v["title"], v["code"], v["price"], v["quantity"]) for v in item.variants] == [
        ("@SUM(A1)", "m", 3960, 12),
        ("'=x", "l", 3960, 3),
    ]


def test_an_export_as_csv_holds_no_formula_and_is_read_back_as_it_was() -> None:
    data = write_shopify([product()], {"7": "shopify:serum"}, "https://live.example")

    fields = [f for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for f in row]
    found = read(data, currency="USD")

    assert [f for f in fields if f[:1] in set("=+-@\t\r＝＋－＠")] == []
    (item,) = found.items
    assert (found.problems, item.source) == ([], "shopify:serum")
    assert (item.fields["title"], item.fields["about"]) == (product().title, product().about)
    assert item.fields["pictures"][1] == "https://live.example/media/own.png"
    assert [(v["title"], v["sku"], v["price"], v["quantity"]) for v in item.variants] == [
        ("@SUM(A1)", "-1", 3960, 7),
        ("'=x", "S,2", 3960, 3),
    ]


def test_a_product_made_here_keeps_its_sign_through_a_csv() -> None:
    data = write_shopify([product()], {"7": "own:abc"}, "")

    assert read(data, currency="USD").items[0].source == "own:abc"


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|' /C calc'!A0", "-1", "@SUM(A1)", "\t=1", "＝1", "'=1"]
)
def test_a_formula_is_kept_from_running(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert guarded("A+B") == "A+B"


def test_our_own_format_names_what_is_wrong_with_an_entry() -> None:
    found = own(
        {"source": "own:1", "title": "A"},
        {"title": "B", "variants": []},
        {"source": "own:1", "title": "C", "variants": []},
        {"source": "evil\u0000", "variants": []},
    )

    assert words(found) == [(1, "no_variant"), (2, "no_id"), (3, "duplicate"), (4, "no_id")]
    assert found.problems[3].value == "evil"


SPLINTERS = (b'"', b",", b"\n", b"\x00", b"\xff", b"<", b">", b"&", b"{", b"]", b"-1", b"1e400")
SPLINTERS += (
    b"null",
    b"9" * 30,
    b"\xe2\x80\xae",
    b"=1",
    b"'",
    b"\\u0000",
    b"\\ud800",
    b";",
    b"1.5",
)


def test_no_broken_file_does_more_than_be_refused() -> None:
    feed = "<rss xmlns:g='http://base.google.com/ns/1.0'><item><g:id>1</g:id><title>A</title>"
    feed += "<g:price>5 USD</g:price><g:size>S</g:size></item></rss>"
    whole = (
        f"{HEAD}\n{SERUM}".encode(),
        feed.encode(),
        write_own([product()], {"7": "own:abc"}),
    )
    chance = random.Random(4)
    read_anyway = 0

    for _ in range(1500):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randint(0, 8)] = chance.choice((b"", *SPLINTERS))
        try:
            made = plan(read(bytes(data), currency="JPY"), Known({}, {}))
        except Refused:
            continue
        read_anyway += len(made.entries)
        assert "\x00" not in "".join(str(said) for said in (*made.entries, *made.problems))

    assert read_anyway > 100


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One</p><p>Two<br>Three</p>", "One\nTwo\nThree"),
        ("a<script>alert(1)</script>b<style>p{}</style>c", "abc"),
        ("3 < 5 &amp; 7 > 6", "3 < 5 & 7 > 6"),
        ("<!-- no -->x<img src=x onerror=y>", "x"),
        ("<" * 50_000, "<" * 50_000),
        ("<script>", ""),
    ],
)
def test_html_becomes_words(source: str, text: str) -> None:
    assert words_of_html(source) == text
