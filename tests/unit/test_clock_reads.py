"""Whatever has to be the same in all processes goes by the time of Redis, not of the machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
READS = re.compile(r"\btime\.time(_ns)?\(|\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(")
ALLOWED = {
    "server/context.py": "where Context.clock comes from in tests",
    "web/i18n.py": "whether a date needs its year",
    "web/pages/wording.py": "how long ago, until the browser writes it anew",
    "web/cli/archive.py": "when a backup was made",
    "web/cli/doctor_servers.py": "it compares the clocks",
}


def reads(text: str) -> bool:
    return READS.search(text) is not None


def test_the_clock_of_the_machine_is_read_only_where_nothing_depends_on_it() -> None:
    packages = ("server", "moderation", "rooms", "web")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]

    found = {str(path.relative_to(ROOT)) for path in files if reads(path.read_text("utf-8"))}

    assert len(files) > 100
    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    "line", ["time.time() * 1000", "x = time.time_ns()", "datetime.now(UTC)", "date.today()"]
)
def test_the_search_would_find_them(line: str) -> None:
    assert reads(line)


@pytest.mark.parametrize("line", ["loop.time()", "time.monotonic()", "datetime.fromtimestamp(0)"])
def test_clocks_that_cannot_be_wrong_are_let_through(line: str) -> None:
    assert not reads(line)
