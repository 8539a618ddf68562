"""The table of what the search reaches, printed at the end of the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.search.sets import SETS, Pool, pool
from tests.servers import Shared

HEADING = (
    "MRR@10",
    *("stock PG", "BM25", "tantivy ngram", "ours", "reach"),
    *("mixed pool", "two typos"),
)
measured: dict[str, dict[str, float]] = {name: {} for name in SETS}


@pytest.fixture(scope="session")
def mixed(shared_servers: Shared, data_folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of one database with every set in it, and the documents by message ids."""
    names: dict[str, str] = {}

    async def load() -> str:
        url = await shared_servers.create()
        async with pool(url, names) as opened:
            for name in SETS:
                await opened.load(data_folder, name)
            await opened.analyse()
        return url

    url = asyncio.run(load())
    yield url, names
    asyncio.run(shared_servers.drop(url))


@pytest.fixture
async def own_pool(database_url: str) -> AsyncIterator[Pool]:
    """An empty pool."""
    async with pool(database_url, {}) as opened:
        yield opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not any(measured.values()):
        return
    write = terminalreporter.write_line
    write("")
    write("| " + " | ".join(HEADING) + " |")
    write("|" + "---|" * len(HEADING))
    for name, known in SETS.items():
        ours = measured[name]
        cells = [known.stock, known.bm25, known.ngram, ours.get("own"), f"≥ {known.reach:.2f}"]
        cells += [ours.get("mixed"), f"{ours['typos']:.0%}" if "typos" in ours else None]
        write(f"| {name} | " + " | ".join(map(_cell, cells)) + " |")


def _cell(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.3f}"
