"""The measuring scenarios, small, on one shared server: what they count must be right."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import pytest_asyncio

import loadtest.__main__
from loadtest import hall as hall_module
from loadtest.native.build import compiler
from loadtest.report import Report, table, write
from loadtest.scenarios import hotroom, idle, publish
from loadtest.servers import Servers, new_room, started

pytestmark = pytest.mark.asyncio(loop_scope="module")
needs_compiler = pytest.mark.skipif(
    compiler() is None, reason="!!! there is no C compiler: nothing is compared with C !!!"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[tuple[Servers, str]]:
    """One server with one room for all scenarios."""
    async with started(hall_module.limits(100), 1) as servers:
        yield servers, await new_room(servers, "load")


@pytest.fixture
def on_running(running: tuple[Servers, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every scenario find that server and its room instead of making its own."""
    servers, room = running

    @asynccontextmanager
    async def found(
        limits: Mapping[str, str], gateways: int, beside: Servers | None = None
    ) -> AsyncIterator[Servers]:
        yield servers

    async def found_room(servers: Servers, name: str) -> str:
        return room

    monkeypatch.setattr(idle, "STEADY_SECONDS", 0.2)
    for module in (hall_module, idle):
        monkeypatch.setattr(module, "new_room", found_room)
    for module in (hall_module, hotroom, idle, publish):
        monkeypatch.setattr(module, "started", found)


async def run(*words: str) -> Report:
    options = loadtest.__main__._parser().parse_args(words)
    return await loadtest.__main__.SCENARIOS[options.scenario].run(options)


def checked(report: Report, folder: Path) -> list[dict[str, Any]]:
    """Write the report; gives its rows."""
    assert report.problems == []
    assert table(report).endswith(f"{report.scenario}: passed")
    write(report, folder)
    ElementTree.parse(folder / f"{report.scenario}.svg")
    rows: list[dict[str, Any]] = json.loads((folder / "report.json").read_text())
    return rows


@needs_compiler
async def test_fanout_compares_frames_and_comments_with_send(
    on_running: None, tmp_path: Path
) -> None:
    small = ("--viewers", "12", "--rounds", "2", "--seconds", "0.3", "--rate", "100")

    report = await run("fanout", "--writer", "auto", *small)

    rows = checked(report, tmp_path)
    for encoding in ("msgpack", "json"):
        ours = [row for row in rows if row["encoding"] == encoding]
        assert {"C send()", "Hiroba as it is"} <= {row["name"] for row in ours}
        works = [row["work"] for row in ours if "work" in row]
        assert works == ["paced frames", "busy comments"]
        assert all(row["cpu_us_per_delivery"] > 0 for row in ours)
        assert all(row["ratio_to_c_send"] > 0 and row["viewers"] == 12 for row in ours)
    assert rows[0]["name"] == "C send()" and rows[0]["ratio_to_c_send"] == 1


async def test_hotroom_delivers_everything_and_samples_latency(
    on_running: None, tmp_path: Path
) -> None:
    small = ("--viewers", "15", "--rate", "60", "--seconds", "0.5")

    report = await run("hotroom", "--entrance", "own", *small)

    (row,) = checked(report, tmp_path)
    assert row["viewers"] == 15
    assert row["deliveries_per_second"] > 0
    assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"] <= row["latency_ms"]["p99"]


async def test_idle_viewers_all_come_in(on_running: None, tmp_path: Path) -> None:
    report = await run("idle", "--viewers", "20", "--rounds", "1")

    row = checked(report, tmp_path)[0]
    assert (row["name"], row["viewers"]) == ("Hiroba idle", 20)
    assert row["cpu_us_per_connect"] > 0
    assert row["rss_mb_full"] >= row["rss_mb_at_0"] > 0
    assert "rss_kb_per_connection" in row


async def test_publish_has_every_comment_acknowledged(on_running: None, tmp_path: Path) -> None:
    small = ("--authors", "3", "--rate", "40", "--flood", "60", "--rounds", "1", "--seconds", "0.5")

    report = await run("publish", "--readers", "10", *small)

    rows = checked(report, tmp_path)
    assert [row["name"] for row in rows[:2]] == ["Hiroba, paced", "Hiroba, full speed"]
    for row in rows[:2]:
        assert row["cpu_us_per_comment"] > 0 and row["valkey_cpu_us"] > 0
        assert row["posts_per_second"] > 0


async def test_more_viewers_than_files_are_refused_before_anything_starts() -> None:
    with pytest.raises(loadtest.__main__.CannotRun, match="open files"):
        await run("idle", "--viewers", "2000000000")


async def test_a_setting_of_the_server_is_found_in_its_help() -> None:
    assert await hall_module.knows_setting(hall_module.WRITER)


async def test_a_writer_that_the_server_does_not_know_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unknown(name: str) -> bool:
        return False

    monkeypatch.setattr(hall_module, "knows_setting", unknown)

    with pytest.raises(loadtest.__main__.CannotRun, match="HIROBA_FAN_OUT"):
        await run("fanout", "--writer", "ring")
    assert await hall_module.writers("both") == ["auto"]


async def test_a_replay_over_two_servers_with_the_same_databases_is_whole(
    running: tuple[Servers, str], tmp_path: Path
) -> None:
    first, _ = running
    # Whoever comes in is given the newest, so nobody may have spoken here before.
    room = await new_room(first, "replayed")
    log = tmp_path / "log.jsonl"
    lines = [{"ms": n * 20, "user": f"viewer{n % 4}", "text": f"text {n}"} for n in range(40)]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))

    async with started(hall_module.limits(100), 1, beside=first) as second:
        urls = ("--url", first.urls[0], "--url", second.urls[0])
        report = await run("replay", str(log), *urls, "--room", room, "--viewers", "4")
        gateways = {*first.processes["gateway"], *second.processes["gateway"]}

    assert report.problems == []
    assert len(gateways) == 2 and first.urls[0] != second.urls[0]
    # Authors and viewers take turns at the servers, so half of all deliveries crossed over.
    assert report.facts["deliveries"] == 4 * 40
    assert report.facts["acknowledged"] == 40
