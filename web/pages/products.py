"""The catalogue at /products: a list, a form for each product, and exports."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from moderation.rules import Rank
from rooms.access import Action, require
from rooms.shop import money
from rooms.shop.catalogue import actions, reads, rules
from rooms.shop.catalogue.imports.export import write_shopify
from rooms.shop.catalogue.imports.found import MOST_ROWS
from rooms.shop.catalogue.imports.own import write_own
from rooms.shop.rules import Product, number
from rooms.shop.stock import actions as stock
from rooms.shop.stock import reads as stock_reads
from server.context import Context
from server.errors import Refused
from server.log import Log
from web.middleware import allow_body
from web.pages.media import MOST_PICTURE, keep_picture
from web.pages.product_words import sentence_of
from web.pages.refusals import STALE, field_errors, read_given, status_of_form
from web.pages.rendering import render, viewer_of, words_of

log = Log(__name__)

A_PAGE = 50
AT_ONCE = 200
"""How many saved products a request tells Redis of; a chore tells it of the others."""
MOST_FILES = 4
MOST_FORM = MOST_FILES * MOST_PICTURE + 256 * 1024
MOST_FIELDS = 1000
HOLDS = (60, 120, 300, 600, 900, 1800, 3600)
NO_STORE = {"Cache-Control": "no-store"}
ROW = ("id", "title", "code", "sku", "price", "was", "total")
"""Fields of a variant in the form, each after `v0-`, `v1-`, …"""

Form = dict[str, str]
Rows = list[dict[str, str]]


def seller(request: Request) -> Response | None:
    """Let hosts and owners in; whoever is not signed in is sent to do so."""
    viewer = viewer_of(request)
    if viewer.rank == Rank.READER:
        return RedirectResponse(f"/sign-in?back={request.url.path}", 303)
    require(viewer, Action.SELL)
    return None


async def mirrored(ctx: Context, products: Iterable[str]) -> None:
    """Tell Redis what was saved; what it cannot take now is brought to it later."""
    for id in islice(products, AT_ONCE):
        try:
            await stock.mirror(ctx, id)
        except Refused as refused:
            log.warning("product_not_mirrored", product=id, error=str(refused))


async def listed(request: Request) -> Response:
    """List products, the newest first; ?q= looks for a name, a code or an item number."""
    if (sent := seller(request)) is not None:
        return sent
    ctx: Context = request.state.ctx
    part = request.query_params.get("q", "")[:100]
    archived = request.query_params.get("archived") == "1"
    skip = _whole(request.query_params.get("skip", "")) or 0
    found = await reads.catalogue(ctx.db, part=part, archived=archived, limit=A_PAGE + 1, skip=skip)
    here, put_away = await reads.counted(ctx.db)
    levels = await stock_reads.left(ctx, [product.id for product in found[:A_PAGE]])
    return render(
        request,
        "products/list.html",
        headers=NO_STORE,
        here="products",
        products=found[:A_PAGE],
        left={
            id: tuple(map(sum, zip((0, 0), *level.variants.values(), strict=True)))
            for id, level in levels.items()
        },
        more=skip + A_PAGE if len(found) > A_PAGE else 0,
        part=part,
        archived=archived,
        count=here,
        count_archived=put_away,
        saved=request.query_params.get("saved", ""),
    )


async def new(request: Request) -> Response:
    """Create a product."""
    if (sent := seller(request)) is not None:
        return sent
    return await _edit(request, None)


async def edit(request: Request) -> Response:
    """Show or change a product."""
    if (sent := seller(request)) is not None:
        return sent
    return await _edit(request, await _product(request))


async def archive(request: Request) -> Response:
    """Take a product off the catalogue, or bring it back."""
    if (sent := seller(request)) is not None:
        return sent
    product = await _product(request)
    if request.method == "GET":
        return RedirectResponse(f"/products/{product.id}", 303)
    form, refused = await read_given(request)
    back = form.get("what") == "back"
    if refused is None:
        ctx: Context = request.state.ctx
        try:
            await actions.archive(ctx, viewer_of(request), {"product": product.id}, back=back)
        except Refused as found:
            refused = found
        else:
            await mirrored(ctx, [product.id])
            return RedirectResponse(f"/products?saved={'back' if back else 'archived'}", 303)
    return await _form(request, product, {}, _rows_of(product), list(product.pictures), refused)


async def export(request: Request) -> Response:
    """Send the whole catalogue as a file: our own JSON, or a CSV as Shopify has it."""
    if (sent := seller(request)) is not None:
        return sent
    ctx: Context = request.state.ctx
    products = await reads.every(ctx.db, MOST_ROWS)
    sources = await reads.sources_of(ctx.db, [product.id for product in products])
    base = str(ctx.settings.public_url).rstrip("/")
    kind = request.path_params["kind"]
    if kind == "json":
        body, media = write_own(products, sources), "application/json"
    elif kind == "csv":
        body, media = write_shopify(products, sources, base), "text/csv; charset=utf-8"
    else:
        raise Refused("not_found", "There is no such export.")
    named = {"Content-Disposition": f'attachment; filename="products.{kind}"'}
    return Response(body, media_type=media, headers={**NO_STORE, **named})


async def _edit(request: Request, product: Product | None) -> Response:
    if request.method == "GET":
        return await _form(
            request, product, {}, _rows_of(product), list(product.pictures if product else ())
        )
    allow_body(request, MOST_FORM)
    await request.form(max_files=MOST_FILES, max_fields=MOST_FIELDS, max_part_size=65_536)
    form, stale = await read_given(request)
    rows, kept = _rows_in(form), _kept_pictures(form)
    if stale is not None or form.get("what") == "rows":
        return await _form(request, product, form, rows, kept, stale, more=3)
    ctx: Context = request.state.ctx
    try:
        kept += await _uploaded(request)
        args = {**_args(form, rows), "pictures": kept}
        if product is None:
            await actions.create(ctx, viewer_of(request), args)
        else:
            known = {"product": product.id, "seen": form.get("seen", "")}
            await actions.change(ctx, viewer_of(request), {**args, **known})
            await mirrored(ctx, [product.id])
    except Refused as refused:
        if "seen" in refused.details:
            form["seen"] = str(refused.details["seen"])
        return await _form(request, product, form, rows, kept, refused)
    return RedirectResponse("/products?saved=1", 303)


async def _form(
    request: Request,
    product: Product | None,
    form: Form,
    rows: Rows,
    pictures: list[str],
    refused: Refused | None = None,
    *,
    more: int = 0,
) -> Response:
    ctx: Context = request.state.ctx
    usual = product.currency if product else await reads.usual_currency(ctx.db)
    hold = _whole(form.get("hold_seconds", "")) or (product.hold_seconds if product else 300)
    blank = dict.fromkeys(ROW, "")
    names = words_of(request).locale.currencies
    room = rules.MOST_VARIANTS - len(rows)
    return render(
        request,
        "products/form.html",
        status=status_of_form(refused),
        headers=NO_STORE,
        here="products",
        product=product,
        given=form,
        rows=[*rows, *[blank] * min(room, more if rows else max(more, 1))],
        sold={variant.id: variant.sold for variant in product.variants} if product else {},
        pictures=pictures,
        seen=form.get("seen") or (rules.fingerprint(product) if product else ""),
        currency=form.get("currency") or usual or "JPY",
        currencies=[(code, names.get(code, code)) for code in sorted(money.CURRENCIES)],
        holds=sorted({*HOLDS, hold}),
        hold=hold,
        errors=_errors(request, refused, rows) if refused else {},
    )


def _args(form: Form, rows: Rows) -> dict[str, Any]:
    """Read the form as the catalogue takes it; Refused with the `place` for a wrong variant."""
    currency = form.get("currency", "")
    money.exponent(currency)
    variants = []
    for place, row in enumerate(rows):
        try:
            variants.append(_variant(row, currency))
        except Refused as refused:
            refused.details["place"] = place
            raise
    return {
        "title": form.get("title", ""),
        "about": form.get("about", ""),
        "code": form.get("code", ""),
        "currency": currency,
        "per_person": _optional(form.get("per_person", ""), "per_person"),
        "checkout": form.get("checkout", ""),
        "checkout_url": form.get("checkout_url", ""),
        "hold_seconds": _optional(form.get("hold_seconds", ""), "hold_seconds"),
        "variants": variants,
    }


def _variant(row: Mapping[str, str], currency: str) -> dict[str, Any]:
    was = row["was"].strip()
    return {
        "id": row["id"] or None,
        "title": row["title"],
        "code": row["code"],
        "sku": row["sku"],
        "price": money.parse(row["price"], currency),
        "was_price": money.parse(was, currency, field="was") if was else None,
        "total": _optional(row["total"], "total"),
    }


def _rows_in(form: Form) -> Rows:
    """Give the variants of the form that hold something and are not ticked to go."""
    rows = []
    for place in range(rules.MOST_VARIANTS + 4):
        row = {name: form.get(f"v{place}-{name}", "") for name in ROW}
        if any(value.strip() for value in row.values()) and f"v{place}-gone" not in form:
            rows.append(row)
    return rows


def _rows_of(product: Product | None) -> Rows:
    if product is None:
        return []

    def written(amount: int | None) -> str:
        return "" if amount is None else f"{money.major(amount, product.currency):f}"

    return [
        {
            "id": v.id,
            "title": v.title,
            "code": v.code,
            "sku": v.sku,
            "price": written(v.price),
            "was": written(v.was_price),
            "total": str(v.total),
        }
        for v in product.variants
    ]


def _kept_pictures(form: Form) -> list[str]:
    """Give the pictures that stay, the chosen one first, and the address that was entered."""
    kept = [form[f"picture-{n}"] for n in range(rules.MOST_PICTURES) if f"picture-{n}" in form]
    first = form.get("first", "")
    kept.sort(key=lambda address: address != first)
    entered = form.get("picture", "").strip()
    return list(dict.fromkeys([*kept, entered] if entered else kept))


async def _uploaded(request: Request) -> list[str]:
    ctx: Context = request.state.ctx
    sent = (await request.form()).getlist("files")
    files = [each for each in sent if isinstance(each, UploadFile) and each.filename]
    kept = []
    for upload in files:
        if upload.size is None or upload.size > MOST_PICTURE:
            raise Refused("invalid", "Too large.", field="pictures", problem="picture_file")
        try:
            name = keep_picture(ctx.settings.data_dir / "media", await upload.read(), "pictures")
        except Refused:
            raise Refused(
                "invalid", "This is no picture.", field="pictures", problem="picture_file"
            ) from None
        kept.append(f"/media/{name}")
    return kept


def _errors(request: Request, refused: Refused, rows: Rows) -> dict[str, str]:
    """Give `{field: sentence}`; that of a variant has its row before it."""
    details = refused.details
    field, place = str(details.get("field", "")), details.get("place")
    word = str(details.get("problem") or field)
    if word == STALE or not word:
        return field_errors(request, refused)
    # Another kind of refusal may name a form's field too, as when a text is too long.
    said = sentence_of(words_of(request), word, details)
    if word == "picture":
        said = sentence_of(words_of(request), "pictures")
    if isinstance(place, int) and place < len(rows):
        return {f"v{place}-{'was' if field == 'was_price' else field}": said}
    return {field: said}


def _optional(text: str, field: str) -> int | None:
    """Read a whole number in any digits; None for nothing."""
    if not text.strip():
        return None
    found = _whole(text)
    if found is None:
        raise Refused("invalid", "This is no whole number.", field=field, problem=field)
    return found


def _whole(text: str) -> int | None:
    folded = "".join(str(unicodedata.decimal(char, char)) for char in text.strip())
    return int(folded) if folded.isascii() and folded.isdigit() and len(folded) < 12 else None


async def _product(request: Request) -> Product:
    ctx: Context = request.state.ctx
    try:
        which = number({"product": request.path_params["id"]}, "product")
    except Refused:
        raise Refused("not_found", "There is no such product.") from None
    return await reads.product(ctx.db, which)


routes = [
    Route("/products", listed, name="products"),
    Route("/products/new", new, methods=["GET", "POST"], name="product_new"),
    Route("/products/export.{kind}", export, name="product_export"),
    Route("/products/{id}/archive", archive, methods=["GET", "POST"], name="product_archive"),
    Route("/products/{id}", edit, methods=["GET", "POST"], name="product"),
]
