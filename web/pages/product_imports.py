"""Importing products at /products/import: a file, what it would do, and whether to do it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from rooms.shop import money
from rooms.shop.catalogue import reads
from rooms.shop.catalogue.imports import actions
from rooms.shop.catalogue.imports.decode import ENCODINGS
from rooms.shop.catalogue.imports.found import MOST_FILE
from rooms.shop.catalogue.imports.plan import STOCK
from server.context import Context
from server.errors import Refused
from web.middleware import allow_body
from web.pages.product_words import sentence_of
from web.pages.products import NO_STORE, Form, mirrored, seller
from web.pages.refusals import STALE, field_errors, read_given, status_of_form
from web.pages.rendering import render, viewer_of, words_of

A_PAGE = 100
STATES = ("refused", "new", "changed", "unchanged", "note")


async def upload(request: Request) -> Response:
    """Take a file and go on to what it would do."""
    if (sent := seller(request)) is not None:
        return sent
    if request.method == "GET":
        return await _form(request, {})
    allow_body(request, MOST_FILE + 64 * 1024)
    form, refused = await _given(request)
    if refused is None:
        ctx: Context = request.state.ctx
        try:
            name, data = await _file(request)
            made = await actions.prepare(ctx, viewer_of(request), data, {**form, "name": name})
        except Refused as found:
            refused = found
        else:
            return RedirectResponse(f"/products/import/{made}", 303)
    return await _form(request, form, refused)


async def preview(request: Request) -> Response:
    """Show what an import would do, or did; a POST does it."""
    if (sent := seller(request)) is not None:
        return sent
    ctx: Context = request.state.ctx
    viewer, which = viewer_of(request), {"import": request.path_params["id"]}
    refused: Refused | None = None
    if request.method == "POST":
        _, refused = await read_given(request)
        if refused is None:
            await mirrored(ctx, (await actions.confirm(ctx, viewer, which)).products)
            return RedirectResponse(f"/products/import/{which['import']}", 303)
    try:
        kept = await actions.kept(ctx.db, viewer, which)
    except Refused as found:
        raise Refused("not_found", found.message) if found.code == "invalid" else found from None
    return _preview(request, kept, refused)


def _preview(request: Request, kept: actions.Kept, refused: Refused | None) -> Response:
    plan, words = kept.plan, words_of(request)
    lists: dict[str, list[Any]] = {state: [] for state in STATES}
    for entry in plan.entries:
        lists[entry.state].append(entry)
    for problem in plan.problems:
        lists["refused" if problem.fatal else "note"].append(problem)
    counts = {state: len(found) for state, found in lists.items()}
    shown = request.query_params.get("show", "")
    if shown not in STATES:
        shown = next((state for state in STATES if counts[state]), "new")
    asked = request.query_params.get("skip", "")
    skip = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0
    return render(
        request,
        "products/preview.html",
        status=status_of_form(refused),
        headers=NO_STORE,
        here="import",
        kept=kept,
        counts=counts,
        shown=shown,
        entries=list(islice(lists[shown], skip, skip + A_PAGE)),
        more=skip + A_PAGE if counts[shown] > skip + A_PAGE else 0,
        said=lambda problem: sentence_of(words, problem.word, {"sold": 0}),
        errors=field_errors(request, refused) if refused else {},
    )


async def _form(request: Request, form: Form, refused: Refused | None = None) -> Response:
    ctx: Context = request.state.ctx
    names = words_of(request).locale.currencies
    return render(
        request,
        "products/import.html",
        status=status_of_form(refused),
        headers=NO_STORE,
        here="import",
        given=form,
        currency=form.get("currency") or await reads.usual_currency(ctx.db) or "JPY",
        currencies=[(code, names.get(code, code)) for code in sorted(money.CURRENCIES)],
        stock=form.get("stock") or "left",
        stocks=list(STOCK),
        encodings=list(ENCODINGS),
        errors=_errors(request, refused) if refused else {},
    )


async def _given(request: Request) -> tuple[Form, Refused | None]:
    """Read the form; a file that is far too large is a refusal of that field like any other."""
    try:
        return await read_given(request)
    except Refused as refused:
        if refused.code != "too_large":
            raise
    return {}, Refused("too_large", "The file is too large.", field="file", problem="large_file")


async def _file(request: Request) -> tuple[str, bytes]:
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        raise Refused("invalid", "There is no file.", field="file", problem="no_file")
    if sent.size is None or sent.size > MOST_FILE:
        raise Refused("too_large", "The file is too large.", field="file", problem="large_file")
    return sent.filename, await sent.read()


def _errors(request: Request, refused: Refused) -> dict[str, str]:
    word = str(refused.details.get("problem") or refused.details.get("field", ""))
    if word == STALE or not word:
        return field_errors(request, refused)
    field = str(refused.details.get("field", ""))
    return {field: sentence_of(words_of(request), word, refused.details)}


routes = [
    Route("/products/import", upload, methods=["GET", "POST"], name="product_import"),
    Route("/products/import/{id}", preview, methods=["GET", "POST"], name="product_preview"),
]
