"""`hiroba room create` on real servers."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from dataclasses import replace

import pytest

from server.database import Database
from server.errors import Refused
from server.settings import Settings
from web.cli import room


def create(settings: Settings, *options: str) -> int:
    parser = ArgumentParser()
    room.add_arguments(parser)
    return room.run(settings, parser.parse_args(["create", *options]))


LIVE = ("--kind", "live", "--slug", "summer", "--title", "夏のライブ")


def test_the_operator_makes_a_room_in_an_empty_database(
    settings: Settings, empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = replace(settings, database_url=empty_database_url)

    assert create(empty, *LIVE, "--json") == 0

    line = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(line) == {"id": "1", "slug": "summer"}


async def test_the_room_is_what_was_asked_for(settings: Settings, database: Database) -> None:
    await asyncio.to_thread(create, settings, *LIVE, "--mode", "members")

    row = await database.one("SELECT kind, slug, title FROM rooms")
    assert row is not None
    assert tuple(row) == ("live", "summer", "夏のライブ")


def test_a_short_name_that_is_taken_is_refused(settings: Settings, empty_database_url: str) -> None:
    empty = replace(settings, database_url=empty_database_url)
    create(empty, *LIVE)

    with pytest.raises(Refused, match="short name"):
        create(empty, *LIVE)
