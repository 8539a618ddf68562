"""`hiroba member`: accounts, roles, links and bot tokens from the command line."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from argparse import ArgumentParser

import pytest

from moderation.rules import Rank
from server.database import Database
from server.errors import Refused
from server.identity import Claims, Keyring
from server.settings import Settings
from tests.running import ROOT, clean_environ
from web.cli import people


@pytest.fixture
def member(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(settings, capsys)


class Command:
    def __init__(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        self.settings = settings
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        parser = ArgumentParser()
        people.add_arguments(parser)
        assert people.run(self.settings, parser.parse_args(arguments)) == 0
        return self._capsys.readouterr().out.strip()

    def ask(self, sql: str) -> object:
        return asyncio.run(self._ask(sql))

    def claims(self, token: str) -> Claims:
        return asyncio.run(self._claims(token))

    async def _ask(self, sql: str) -> object:
        database = await Database.connect(self.settings.database_url, size=1)
        try:
            return await database.value(sql)
        finally:
            await database.close()

    async def _claims(self, token: str) -> Claims:
        database = await Database.connect(self.settings.database_url, size=1)
        try:
            keyring = await Keyring.load(database)
            now = await database.value("SELECT (extract(epoch FROM now()) * 1000)::bigint")
            return keyring.verify(token, now)
        finally:
            await database.close()


def test_a_member_is_created_with_a_link_that_sets_the_password(member: Command) -> None:
    person, link = member("create", "広場の人", "--role", "host").splitlines()

    assert person == "m1"
    assert link.startswith(f"{member.settings.public_url}/reset/")
    assert member.ask("SELECT name FROM members") == "広場の人"
    assert member.ask("SELECT rank FROM members") == Rank.HOST


def test_a_role_is_changed(member: Command) -> None:
    member("create", "Aki")

    assert member("role", "m1", "moderator") == "m1 is moderator now"

    assert member.ask("SELECT rank FROM members") == Rank.MODERATOR


def test_a_token_for_a_bot_speaks_for_its_member(member: Command) -> None:
    member("create", "Robot")

    claims = member.claims(member("token", "m1"))

    assert (claims.kind, claims.publisher, claims.name) == ("bearer", "m1", "Robot")


def test_a_new_link_is_given_to_who_forgot_the_password(member: Command) -> None:
    member("create", "Aki")

    assert "/reset/" in member("link", "m1")


@pytest.mark.parametrize(
    "arguments", [("role", "m9", "host"), ("token", "m9"), ("link", "m9"), ("token", "nobody")]
)
def test_somebody_who_is_not_there_is_refused(member: Command, arguments: tuple[str, ...]) -> None:
    with pytest.raises(Refused):
        member(*arguments)


def test_a_name_that_is_taken_is_refused(member: Command) -> None:
    member("create", "Aki")

    with pytest.raises(Refused):
        member("create", "aki")


def test_the_data_directory_may_be_named_anywhere() -> None:
    with tempfile.TemporaryDirectory(prefix="hiroba-member-") as folder:
        data = f"{folder}/data"
        migrated = hiroba("migrate", "--data", data)
        created = hiroba("member", "create", "Aki", "--role", "host", "--data", data)
        changed = hiroba("member", "--data", data, "role", "m1", "moderator")

    assert migrated.returncode == 0
    assert created.stdout.startswith("m1\nhttp://127.0.0.1:8000/reset/")
    assert changed.stdout == "m1 is moderator now\n"


def hiroba(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "web.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environ(),
        timeout=120,
    )
