"""Plans an import, keeps what was shown, and carries out exactly that once it is confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import asyncpg

from rooms.access import Action, require
from rooms.actions import member_number
from rooms.shop.catalogue import actions
from rooms.shop.catalogue import reads as catalogue
from rooms.shop.catalogue.imports.found import Problem, shortened
from rooms.shop.catalogue.imports.plan import STOCK, Change, Entry, Known, Plan, plan
from rooms.shop.catalogue.imports.reading import read
from rooms.shop.catalogue.rules import fingerprint, read_code, read_draft
from rooms.shop.rules import number
from server.context import Context, Viewer
from server.database import Queries, statements
from server.errors import Refused
from server.outbox import Durable, durable

SQL = statements(__package__)
PIECE = 100
"""How many products are written in one transaction."""
_LONG = 20.0
"""Seconds for a statement that moves a whole plan."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An import as it is kept: what was shown, and what became of it once confirmed."""

    id: str
    name: str
    plan: Plan
    result: Result | None


@dataclass(slots=True)
class Result:
    """What a confirmed import did; `left` is what was not done, with the reason as a word."""

    created: int = 0
    changed: int = 0
    left: list[Problem] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    """Those that were changed, for Redis to learn of."""


async def prepare(ctx: Context, viewer: Viewer, data: bytes, args: Mapping[str, Any]) -> str:
    """Read a file {name?, currency, stock?, encoding?} and keep what it would do; gives the id.

    Raises Refused with a `problem` for a file that cannot be read; nothing is kept then.
    """
    require(viewer, Action.SELL)
    stock = args.get("stock") or "left"
    if stock not in STOCK:
        raise Refused("invalid", "Stock is left, total or keep.", field="stock", problem="stock")
    currency, encoding = str(args.get("currency", "")), str(args.get("encoding") or "")
    found = await asyncio.to_thread(read, data, currency=currency, encoding=encoding)
    sources = await catalogue.sources(ctx.db, [item.source for item in found.items])
    products = {p.id: p for p in await catalogue.many(ctx.db, sources.values())}
    named = [_code_of(item.fields.get("code")) for item in found.items]
    known = Known(
        {source: products[str(id)] for source, id in sources.items() if str(id) in products},
        await catalogue.codes(ctx.db, [code for code in named if code]),
        str(ctx.settings.public_url or "").rstrip("/"),
    )
    planned = await asyncio.to_thread(plan, found, known, stock)
    stored = {
        "entries": [entry.stored() for entry in planned.entries],
        "problems": [asdict(problem) for problem in planned.problems],
    }
    member = member_number(viewer)
    async with ctx.db.transaction() as tx:
        await tx.run(SQL.forget_old, member)
        made = await tx.value(
            SQL.keep,
            member,
            shortened(args.get("name", ""), 200),
            planned.format,
            planned.encoding,
            planned.rows,
            stored,
            timeout=_LONG,
        )
    return str(made)


async def kept(db: Queries, viewer: Viewer, args: Mapping[str, Any]) -> Kept:
    """Give one's own import {import}; `not_found` for any other."""
    require(viewer, Action.SELL)
    row = await db.one(SQL.kept, number(args, "import"), member_number(viewer), timeout=_LONG)
    if row is None:
        raise Refused("not_found", "There is no such import, or it is too old.")
    return _kept(row)


async def confirm(ctx: Context, viewer: Viewer, args: Mapping[str, Any]) -> Result:
    """Do what an import {import} showed, once; what changed meanwhile is left, and said.

    The caller has `stock.actions.mirror` tell Redis of `products`.
    """
    found = await kept(ctx.db, viewer, args)
    if found.result is not None:
        return found.result
    entries = [entry for entry in found.plan.entries if entry.state != "unchanged"]
    # In one order for everybody, or two imports could wait for each other.
    entries.sort(key=lambda entry: (entry.state, int(entry.product or 0), entry.source))
    for _ in range(len(entries) // PIECE + 1):
        result, is_all = await write_piece(ctx, viewer, int(found.id), entries)
        if is_all:
            break
    return result


async def write_piece(
    ctx: Context, viewer: Viewer, which: int, entries: Sequence[Entry]
) -> tuple[Result, bool]:
    """Write the next products of an import; gives the result so far, and whether that was all.

    Each piece is a transaction of its own: while a long import runs, orders for what it changes
    wait for a piece and not for all of it. Who confirms again goes on where it ended.
    """
    async with durable(ctx) as d:
        row = await d.one(SQL.progress, which, timeout=_LONG)
        if row is None:
            raise Refused("not_found", "There is no such import, or it is too old.")
        result = _result(row["result"]) or Result()
        if row["confirmed_at"] is not None:
            return result, True
        until = row["done"] + PIECE
        for entry in entries[row["done"] : until]:
            await _carry_out(d, viewer, entry, result, ctx.clock())
        is_all = until >= len(entries)
        await d.run(SQL.carried_out, which, until, asdict(result), is_all, timeout=_LONG)
    return result, is_all


async def _carry_out(d: Durable, viewer: Viewer, entry: Entry, result: Result, at: int) -> None:
    """Write one product, or leave it and say why; the others are written all the same."""
    await d.run("SAVEPOINT product")
    try:
        draft = read_draft(entry.args)
        if entry.product is None:
            await actions.insert(d, draft, source=entry.source, viewer=viewer)
            result.created += 1
        else:
            before = await actions.locked(d, int(entry.product))
            if fingerprint(before) != entry.seen:
                raise Refused("duplicate_conflict", problem="changed_meanwhile")
            after = await actions.update(d, before, draft)
            await actions.announce(d, after, at)
            result.changed += 1
            result.products.append(after.id)
        await d.run("RELEASE SAVEPOINT product")
    except (Refused, asyncpg.UniqueViolationError) as error:
        if isinstance(error, Refused) and error.code == "unavailable":
            raise
        await d.run("ROLLBACK TO SAVEPOINT product")
        details = error.details if isinstance(error, Refused) else {}
        word = str(details.get("problem", "changed_meanwhile"))
        result.left.append(Problem(entry.row, word, name=shortened(entry.title)))


def _code_of(value: object) -> str:
    try:
        return read_code(value)
    except Refused:
        return ""


def _kept(row: Any) -> Kept:
    planned = row["planned"]
    entries = [
        Entry(**{**entry, "changes": tuple(Change(**c) for c in entry["changes"])})
        for entry in planned["entries"]
    ]
    problems = [Problem(**problem) for problem in planned["problems"]]
    return Kept(
        str(row["id"]),
        row["name"],
        Plan(row["format"], row["encoding"], entries, problems, row["rows"]),
        _result(row["result"]) if row["confirmed_at"] else None,
    )


def _result(stored: Mapping[str, Any] | None) -> Result | None:
    if stored is None:
        return None
    return Result(**{**stored, "left": [Problem(**problem) for problem in stored["left"]]})
