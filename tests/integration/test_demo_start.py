"""The demo opens with everything that it promises, and never meets a real community."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from server.database import Database
from server.errors import HirobaError, SettingsError
from server.settings import DATA, Settings
from tests.running import ROOT, clean_environ, running
from web.cli import demo, paths
from web.cli.paths import located

COMMAND = [sys.executable, "-m", "web.cli", "serve", "--no-demo", "--port", "0"]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hiroba-demo-") as folder:
        yield Path(folder)


def test_the_demo_opens_with_sign_ins_and_its_clip(folder: Path) -> None:
    with running(folder, "--gateways", "1") as hiroba:
        facts = hiroba.facts
        clip = Path(facts["data_dir"]) / "media" / "demo.mp4"

        assert {person["role"] for person in facts["sign_ins"]} >= {"viewer", "host", "moderator"}
        assert facts["setup_url"] is None
        assert len(facts["pids"]["demo"]) == 1
        assert clip.stat().st_size > 10_000
        assert asyncio.run(members(facts["database_url"])) > 3
        assert "<h1>" in asyncio.run(front_of_shop(facts["database_url"]))

    again = subprocess.run(
        [*COMMAND, "--data", str(folder / "data")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=clean_environ(),
        timeout=60,
    )
    assert again.returncode == 1
    assert "this data holds the demo" in again.stderr


async def front_of_shop(dsn: str) -> str:
    """Wait until the example shop is connected, and open its front page."""
    database = await Database.connect(dsn, size=1)
    try:
        async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as http:
            while True:
                url = await database.value("SELECT checkout_url FROM shop_settings")
                if url:
                    return (await http.get(url.removesuffix("checkout"))).text
                await asyncio.sleep(0.1)
    finally:
        await database.close()


async def members(dsn: str) -> int:
    database = await Database.connect(dsn, size=1)
    try:
        return int(await database.value("SELECT count(*) FROM members"))
    finally:
        await database.close()


async def test_a_community_is_never_filled_with_the_demo(database: Database) -> None:
    await demo.refuse_other_kind(database, demo=True)
    await demo.refuse_other_kind(database, demo=False)
    await database.run("INSERT INTO members (name, name_key) VALUES ('Aki', 'aki')")

    await demo.refuse_other_kind(database, demo=False)
    with pytest.raises(HirobaError, match="holds a community"):
        await demo.refuse_other_kind(database, demo=True)


@pytest.mark.parametrize(
    "public", [{"public_url": "https://a.example"}, {"bind": "0.0.0.0", "public_url": "http://h"}]
)
def test_the_demo_is_refused_where_strangers_come(public: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="add --no-demo"):
        demo.refuse_for_strangers(Settings.for_tests(**public))

    demo.refuse_for_strangers(Settings.for_tests())


def test_demo_and_community_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "DATA", tmp_path)
    settings = Settings.for_tests(data_dir=tmp_path)

    assert located(settings, True).data_dir == tmp_path / "demo"
    assert located(settings, False).data_dir == tmp_path / "community"
    assert located(settings, None).data_dir == tmp_path / "community"
    (tmp_path / "demo").mkdir()
    assert located(settings, None).data_dir == tmp_path / "demo"
    (tmp_path / "community").mkdir()
    assert located(settings, None).data_dir == tmp_path / "community"


def test_a_chosen_folder_is_kept(tmp_path: Path) -> None:
    settings = Settings.for_tests(data_dir=tmp_path)

    assert located(settings, True) == settings
    assert located(replace(settings, data_dir=DATA), True).data_dir == DATA / "demo"
