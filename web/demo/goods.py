"""What the demo sells: its products, their pictures, and the rundown of the show that is on."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import resvg_py

from rooms.shop.catalogue.rules import read_code
from server.database import Transaction, statements
from web.demo.community import texts

SQL = statements(__package__)
DRAWINGS = Path(__file__).with_name("goods")
SIDE = 480


def draw(media: Path) -> None:
    """Draw the pictures that are missing, as the files that pages may show."""
    media.mkdir(parents=True, exist_ok=True)
    for product in texts()["products"]:
        path = media / f"demo-{product['key']}.png"
        if not path.exists():
            svg = (DRAWINGS / f"{product['key']}.svg").read_text(encoding="utf-8")
            path.write_bytes(
                bytes(resvg_py.svg_to_bytes(svg_string=svg, width=SIDE, skip_system_fonts=True))
            )


async def stock_up(
    tx: Transaction, host: int, room: int, broadcast: int, started: datetime, now: datetime
) -> None:
    """Make the products, plan them in the show that is on, and pin the one that is shown."""
    for place, product in enumerate(texts()["products"]):
        made: int = await tx.value(SQL.add_product, *_columns(product), host)
        for at, variant in enumerate(product["variants"]):
            await tx.run(SQL.add_variant, made, at, *_of_variant(variant))
        planned = started + timedelta(minutes=product["minute"])
        await tx.run(SQL.add_to_rundown, broadcast, made, place, planned)
        if product.get("pinned"):
            second = int((now - started).total_seconds())
            await tx.run(SQL.pin, room, broadcast, made, second, now)


def _columns(product: dict[str, Any]) -> tuple[Any, ...]:
    key = product["key"]
    return (
        product["title"],
        product["about"],
        read_code(product["code"]),
        [f"/media/demo-{key}.png"],
        product.get("per_person"),
        f"own:demo-{key}",
    )


def _of_variant(variant: dict[str, Any]) -> tuple[Any, ...]:
    return (
        variant.get("title", ""),
        read_code(variant.get("code", "")),
        variant["sku"],
        variant["price"],
        variant.get("was"),
        variant["stock"],
    )
