"""rooms/schema.sql says what the migrations add up to."""

from __future__ import annotations

from tests.schema import SCHEMA, dump


def test_the_schema_file_equals_the_migrations(database_url: str) -> None:
    assert SCHEMA.read_text(encoding="utf-8") == dump(database_url), (
        "run `python -m tests.schema` and commit rooms/schema.sql"
    )
