"""Writes rooms/schema.sql, what the migrations add up to: `python -m tests.schema`."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

from server.embedded import Embedded
from server.embedded_place import wheel_postgres
from server.migrate import migrate
from tests.servers import MIGRATIONS

SCHEMA = MIGRATIONS.parent / "schema.sql"
HEAD = """\
-- What the migrations add up to, to be read in one piece. Nothing loads it; a test compares it.
-- Written by `python -m tests.schema` after a change of the migrations.

"""


def dump(dsn: str) -> str:
    """Give the schema of a migrated database, without what pg_dump adds for itself."""
    command = [str(wheel_postgres() / "bin" / "pg_dump"), "--schema-only", "--no-owner"]
    done = subprocess.run(
        [*command, "--no-privileges", "--exclude-table=migrations", dsn],
        capture_output=True,
        text=True,
        check=True,
    )
    noise = re.compile(r"--|SET |SELECT pg_catalog|\\(un)?restrict ")
    lines = [line for line in done.stdout.splitlines() if not noise.match(line)]
    text = "\n".join(lines).replace("public.", "")
    return HEAD + re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def main() -> None:
    """Write the file from a database that was migrated for this."""
    with tempfile.TemporaryDirectory(prefix="hiroba-schema-") as folder:
        embedded = Embedded(Path(folder) / "data", fast=True)
        embedded.start()
        try:
            asyncio.run(migrate(embedded.dsn, MIGRATIONS))
            SCHEMA.write_text(dump(embedded.dsn), encoding="utf-8")
        finally:
            embedded.stop()
    print(SCHEMA)


if __name__ == "__main__":
    main()
