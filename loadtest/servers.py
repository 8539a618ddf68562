"""A Hiroba started for a load test: two gateways on a data directory of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from loadtest.errors import CannotRun

START_SECONDS = 120.0
STOP_SECONDS = 60.0
ROOT = Path(__file__).resolve().parent.parent


class NotStarted(CannotRun):
    """The servers did not start; the text says why."""


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are, and which processes they are; running ones tell no processes."""

    urls: list[str]
    processes: Mapping[str, list[int]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """What commands on the same data need."""
    metrics_url: str = ""
    data: Path = Path()


@asynccontextmanager
async def started(
    limits: Mapping[str, str], gateways: int, beside: Servers | None = None
) -> AsyncIterator[Servers]:
    """Start servers with raised limits on a temporary data directory, and stop them at the end.

    With `beside` they share the databases of servers that run already.
    """
    with tempfile.TemporaryDirectory(prefix="hiroba-load-") as folder:
        log = Path(folder) / "log"
        environment = {**_clean_environment(), **limits, **_databases(beside)}
        options = ["--json", "--no-demo", "--port", "0", "--gateways", str(gateways)]
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "web.cli", "serve", *options, "--data", f"{folder}/data"),
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env=environment,
            )
        try:
            facts = await _ready(process, log)
            yield Servers(
                urls=facts["urls"],
                processes=_named(facts["pids"]),
                environment={
                    **environment,
                    "DATABASE_URL": facts["database_url"],
                    "REDIS_URL": facts["redis_url"],
                },
                metrics_url=facts["metrics_url"],
                data=Path(facts["data_dir"]),
            )
        finally:
            await _stop(process)


async def _ready(process: asyncio.subprocess.Process, log: Path) -> dict[str, Any]:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        raise NotStarted(f"not ready after {START_SECONDS:.0f} s") from None
    if not line:
        raise NotStarted(_end_of(log))
    facts: dict[str, Any] = json.loads(line)
    return facts


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]


def _named(pids: Mapping[str, list[int]]) -> dict[str, list[int]]:
    """Give each gateway a name of its own, and the supervisor only itself."""
    named: dict[str, list[int]] = {}
    for role, numbers in pids.items():
        for number, pid in enumerate(numbers, 1):
            named[f"{role}-{number}" if len(numbers) > 1 else role] = [pid]
    return named


def _databases(servers: Servers | None) -> dict[str, str]:
    names = ("DATABASE_URL", "REDIS_URL")
    return {} if servers is None else {name: servers.environment[name] for name in names}


def _clean_environment() -> dict[str, str]:
    """Give our environment without settings of another Hiroba."""
    bare = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "TRUSTED_PROXIES")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in bare and not name.startswith("HIROBA_")
    }


async def metrics_page(servers: Servers) -> str:
    """Read what the servers tell Prometheus."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        return (await http.get(servers.metrics_url)).text


async def new_room(servers: Servers, name: str) -> str:
    """Make a live room in which everybody may comment; gives its id."""
    if not servers.environment:
        raise NotStarted("for running servers name a room with --room")
    made = await command(
        servers,
        "room",
        "create",
        "--kind",
        "live",
        "--slug",
        name,
        "--title",
        name.title(),
        "--json",
    )
    return str(json.loads(made)["id"])


async def new_member(servers: Servers, name: str, role: str) -> str:
    """Make a member with a role; gives the token of a bot that speaks for it."""
    made = await command(servers, "member", "create", name, "--role", role)
    return (await command(servers, "member", "token", made.split()[0])).strip()


async def command(servers: Servers, *arguments: str) -> str:
    """Run a command of Hiroba on the data of these servers; gives what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "web.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=dict(servers.environment),
    )
    out, errors = await process.communicate()
    if process.returncode:
        said = errors.decode(errors="replace")
        raise NotStarted(f"`{' '.join(arguments)}` was not possible: {said}")
    return out.decode()
