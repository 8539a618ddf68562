"""What all tests share: servers, settings, and what happens where a tool or data is absent."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from server.database import Database
from server.settings import Settings
from tests import servers
from tests.clock import FakeClock

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium() -> str | None:
    """Give the path of an installed Chromium or Chrome."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def find_data() -> Path | None:
    """Give the folder that HIROBA_TEST_DATA names, if it is there."""
    folder = Path(os.environ.get("HIROBA_TEST_DATA") or "/nonexistent")
    return folder if folder.is_dir() else None


def find_axe() -> Path | None:
    """Give the script of axe-core, where NODE_PATH has it."""
    path = Path(os.environ.get("NODE_PATH") or "/nonexistent") / "axe-core/axe.min.js"
    return path if path.is_file() else None


FINDERS = {
    "browser": (find_chromium, "Chromium is not installed"),
    "node": (lambda: shutil.which("node"), "Node.js is not installed"),
    "axe": (find_axe, "axe-core is not in NODE_PATH"),
    "data": (find_data, "HIROBA_TEST_DATA does not name a folder"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright's synchronous interface keeps a loop running in this thread, and under it no other
    # test could run one: browsers come last, one module after another. The modules with real data
    # take longest: they come first, so that no process is left alone with one at the end.
    def turn(item: pytest.Item) -> int:
        return 2 if item.get_closest_marker("browser") else not item.get_closest_marker("data")

    items.sort(key=turn)


def pytest_runtest_setup(item: pytest.Item) -> None:
    required = os.environ.get("HIROBA_REQUIRE", "").split(",")
    for marker, (find, problem) in FINDERS.items():
        if item.get_closest_marker(marker) is None or find() is not None:
            continue
        if marker in required:
            pytest.fail(f"{problem}, and HIROBA_REQUIRE names {marker}", pytrace=False)
        pytest.skip(problem)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # Counted from the reports, which also come from processes beside this one.
    reports = terminalreporter.stats.get("skipped", [])
    for marker, (find, problem) in FINDERS.items():
        count = sum(marker in report.keywords for report in reports) if find() is None else 0
        if count:
            text = f"!!! {count} {marker} tests were SKIPPED: {problem} !!!"
            terminalreporter.write_line(text, yellow=True, bold=True)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser; for tests marked `browser`."""
    path = find_chromium()
    assert path is not None
    return path


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data sets; for tests marked `data`."""
    folder = find_data()
    assert folder is not None
    return folder


@pytest.fixture(scope="session")
def shared_servers() -> Iterator[servers.Shared]:
    """One PostgreSQL and one Valkey for the whole session."""
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-tests-") as folder,
        servers.shared(Path(folder) / "data") as shared,
    ):
        yield shared


@pytest.fixture
async def database_url(shared_servers: servers.Shared) -> AsyncIterator[str]:
    """The address of a migrated database that only this test uses."""
    dsn = await shared_servers.create()
    yield dsn
    await shared_servers.drop(dsn)


@pytest.fixture
async def empty_database_url(shared_servers: servers.Shared) -> AsyncIterator[str]:
    """The address of a database without a table."""
    dsn = await shared_servers.create(migrated=False)
    yield dsn
    await shared_servers.drop(dsn)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open, migrated database that only this test uses."""
    database = await Database.connect(database_url, size=5)
    yield database
    await database.close()


@pytest.fixture
async def redis_url(shared_servers: servers.Shared) -> str:
    """The address of a Valkey that was emptied for this test."""
    async with Redis.from_url(shared_servers.redis_url) as client:
        await client.flushall()
        await client.script_flush()
    return shared_servers.redis_url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the emptied Valkey."""
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still."""
    return FakeClock()


@pytest.fixture
async def settings(database_url: str, redis_url: str) -> Settings:
    """Settings with this test's database and Valkey."""
    return Settings.for_tests(database_url=database_url, redis_url=redis_url)


@pytest.fixture
def own_servers() -> Iterator[servers.Own]:
    """Servers for this test alone, which it may kill, freeze and restart."""
    with tempfile.TemporaryDirectory(prefix="hiroba-own-") as folder:
        own = servers.Own(Path(folder) / "data")
        try:
            yield own
        finally:
            own.close()
