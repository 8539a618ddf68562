"""SQL lives in named files, each statement with its name and a description."""

from __future__ import annotations

import pytest

from server.database import parse_statements, statements
from server.errors import HirobaError

TEXT = """
-- find_room --
-- By its address.
SELECT * FROM rooms WHERE slug = $1;

-- close_room --
-- Nobody writes there any more.
-- It stays readable.
UPDATE rooms
SET closed_at = now() -- the time of the database
WHERE id = $1
"""


def test_a_statement_is_an_attribute() -> None:
    found = parse_statements("rooms/queries.sql", TEXT)

    assert found.find_room == "SELECT * FROM rooms WHERE slug = $1"
    assert found.close_room.startswith("UPDATE rooms\nSET closed_at = now() --")
    assert list(found) == ["find_room", "close_room"]


def test_a_missing_name_tells_the_file() -> None:
    found = parse_statements("rooms/queries.sql", TEXT)

    with pytest.raises(AttributeError, match=r"no statement `open_room` in rooms/queries\.sql"):
        _ = found.open_room


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT 1;", "text before"),
        ("-- a --\nSELECT 1;", "needs a line of description"),
        ("-- a --\n-- Nothing follows.\n", "needs a line of description"),
        (TEXT + TEXT, "`find_room` stands there twice"),
    ],
)
def test_a_file_that_is_not_in_order_is_refused(text: str, problem: str) -> None:
    with pytest.raises(HirobaError, match=problem):
        parse_statements("x.sql", text)


def test_a_package_is_needed() -> None:
    with pytest.raises(HirobaError, match="package"):
        statements(None)
