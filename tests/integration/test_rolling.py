"""Processes give way to fresh ones while people watch and write, and nobody misses anything."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import httpx
import psutil
import pytest

from loadtest import api
from server.client import Client, Item, Missing, Received, Refused
from tests.integration import channels
from tests.running import ROOT, Running, clean_environ, running

VIEWERS = 60
PATIENCE = 90.0
LIMITS = {
    "HIROBA_DRAIN_SECONDS": "1",
    "HIROBA_POST_RATE": "1000/1s",
    "HIROBA_CONNECT_RATE": "10000/1s",
}


@pytest.fixture(scope="module")
def hiroba() -> Iterator[Running]:
    with (
        tempfile.TemporaryDirectory(prefix="hiroba-rolling-") as folder,
        running(Path(folder), "--gateways", "2", "--no-demo", environ=LIMITS) as hiroba,
    ):
        yield hiroba


class Viewer:
    """Somebody who keeps everything that came, in the order in which it came."""

    def __init__(self, url: str, room: str) -> None:
        self.items: list[Item] = []
        self.client = Client(url)
        self.channel = self.client.channel(f"room:{room}", feed="full", handler=self.items.append)

    @property
    def posted(self) -> list[int]:
        return [item.offset for item in self.items if isinstance(item, Received)]


class Evening:
    """A room with people who watch and one who writes all the time."""

    def __init__(self, hiroba: Running, room: str) -> None:
        self.hiroba = hiroba
        self.room = room
        self.viewers: list[Viewer] = []
        self.offsets: list[int] = []
        self.over = asyncio.Event()

    async def write(self, client: Client) -> None:
        """Post until it is over; what got no answer is posted again as the same."""
        for number in count():
            if self.over.is_set():
                return
            args = {"room": self.room, "text": f"line {number}", "client_message_id": f"c{number}"}
            while True:
                try:
                    self.offsets.append((await client.call("comment.post", args))["offset"])
                    break
                except Refused as refused:
                    assert refused.code in ("unavailable", "room_busy"), refused
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.01)


def create_room(hiroba: Running, slug: str) -> str:
    servers = {
        "DATABASE_URL": hiroba.facts["database_url"],
        "REDIS_URL": hiroba.facts["redis_url"],
    }
    options = ["--kind", "live", "--slug", slug, "--title", slug, "--json"]
    made = subprocess.run(
        [sys.executable, "-m", "web.cli", "room", "create", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**clean_environ(), **servers},
        timeout=60,
        check=True,
    )
    return str(json.loads(made.stdout)["id"])


@asynccontextmanager
async def evening(hiroba: Running, slug: str) -> AsyncIterator[Evening]:
    """Open a room, let people in, and write until the end of the block; then check them all."""
    made = Evening(hiroba, create_room(hiroba, slug))
    async with AsyncExitStack() as stack:
        async with api.client(hiroba.url) as http:
            token = await api.visitor_token(http, slug)
        writer = await stack.enter_async_context(Client(hiroba.url, token=token))
        for _ in range(VIEWERS):
            viewer = Viewer(hiroba.url, made.room)
            await stack.enter_async_context(viewer.client)
            await viewer.channel.subscribed()
            made.viewers.append(viewer)
        writing = asyncio.create_task(made.write(writer))
        await until(lambda: len(made.offsets) > 5)
        yield made
        made.over.set()
        await writing
        last = max(made.offsets)
        await until(lambda: all(v.posted and v.posted[-1] == last for v in made.viewers))


async def until(condition: Callable[[], object]) -> None:
    await channels.until(condition, PATIENCE)


async def metrics_until(hiroba: Running, condition: Callable[[], object]) -> list[str]:
    """Give the pages of metrics as they were until a condition held."""
    pages: list[str] = []
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as http:
        while not condition():
            pages.append((await http.get(hiroba.facts["metrics_url"])).text)
            await asyncio.sleep(0.1)
    return pages


def gateways(hiroba: Running) -> set[int]:
    """Give the gateways that run, those that drain too."""
    found = set()
    for child in psutil.Process(hiroba.process.pid).children():
        # One that has just ended has no command line.
        with suppress(psutil.Error):
            if "gateway" in child.cmdline():
                found.add(child.pid)
    return found


def sockets(pid: int) -> int:
    """Count the established connections of a process."""
    connections = psutil.Process(pid).net_connections("tcp")
    return sum(c.status == psutil.CONN_ESTABLISHED for c in connections)


async def test_a_rolling_restart_changes_every_gateway_and_nobody_misses_or_repeats_anything(
    hiroba: Running,
) -> None:
    before = gateways(hiroba)
    async with evening(hiroba, "roll") as one:
        places = Counter({pid: sockets(pid) for pid in before})
        hiroba.process.send_signal(signal.SIGHUP)
        shown = await metrics_until(hiroba, lambda: "rolling.done" in hiroba.log())
        written = len(one.offsets)
        await until(lambda: len(one.offsets) > written + 5)
        after = {pid: sockets(pid) for pid in gateways(hiroba)}

    assert any('hiroba_draining{process="gateway-1-leaving"} 1.0' in page for page in shown)
    assert len(before) == len(after) == 2
    assert not before & after.keys()
    assert all(viewer.client.connections >= 2 for viewer in one.viewers)
    for viewer in one.viewers:
        assert viewer.posted == list(range(viewer.posted[0], one.offsets[-1] + 1))
        assert [item for item in viewer.items if isinstance(item, Missing)] == []
    assert sorted(set(one.offsets)) == one.offsets
    # Each successor was given what its predecessor sent away.
    assert min(places.values()) > 0
    assert min(after.values()) >= min(places.values()) - VIEWERS // 10
    assert "process.died" not in hiroba.log()
    assert "process.killed" not in hiroba.log()


async def test_a_gateway_that_is_told_to_end_has_a_successor_before_it_has_ended(
    hiroba: Running,
) -> None:
    async with evening(hiroba, "term") as one:
        before = gateways(hiroba)
        told = min(before)
        os.kill(told, signal.SIGTERM)
        await until(lambda: len(gateways(hiroba)) == 3)
        await until(lambda: told not in gateways(hiroba))

    assert len(gateways(hiroba)) == 2
    for viewer in one.viewers:
        assert viewer.posted == list(range(viewer.posted[0], one.offsets[-1] + 1))
