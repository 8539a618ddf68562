"""`hiroba doctor`: says what is wrong with configuration, database, Redis and clock."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from server.errors import HirobaError
from server.files_limit import most_files
from server.settings import Settings
from web.cli import doctor_servers
from web.cli.findings import Finding, good, wrong
from web.cli.servers import reachable

LITTLE_DISK = 2**30
"""Bytes below which a disk is about to be full."""


@dataclass(slots=True)
class _Report:
    wrong: int = 0

    def add(self, finding: Finding) -> None:
        self.wrong += not finding.ok
        mark = "ok   " if finding.ok else "WRONG"
        print(f"{mark}  {finding.about:<14}{finding.text}", flush=True)


def run(settings: Settings, _: argparse.Namespace) -> int:
    """Print a line for everything that was looked at; 1 when something is wrong."""
    report = _Report()
    for finding in configuration(settings):
        report.add(finding)
    if not (settings.database_url and settings.redis_url) and not settings.data_dir.exists():
        report.add(good("database", f"nothing was started yet in {settings.data_dir}"))
    else:
        try:
            with reachable(settings) as found:
                asyncio.run(_ask(found, report))
        except HirobaError as error:
            report.add(wrong("servers", str(error)))
    if report.wrong:
        print(f"\n{report.wrong} to mend.", file=sys.stderr)
    return 1 if report.wrong else 0


async def _ask(settings: Settings, report: _Report) -> None:
    for check in (doctor_servers.database, doctor_servers.redis, doctor_servers.clocks):
        async for finding in check(settings):
            report.add(finding)


def configuration(settings: Settings) -> Iterator[Finding]:
    """Judge what no server has to be asked for."""
    yield _address(settings)
    if not settings.is_local:
        yield _proxies(settings)
        yield _files(settings)
    if settings.data_dir.exists():
        free = shutil.disk_usage(settings.data_dir).free
        judge = good if free >= LITTLE_DISK else wrong
        yield judge("disk", f"{free / 2**30:.1f} GiB free for {settings.data_dir}")


def _address(settings: Settings) -> Finding:
    if settings.is_local:
        return good("address", f"{settings.public_url}, for this machine only")
    if not settings.secure:
        return wrong(
            "address",
            f"PUBLIC_URL is {settings.public_url}: passwords would travel unencrypted; put Caddy "
            "or nginx in front and use https",
        )
    return good("address", f"{settings.public_url}, listening on {settings.bind}:{settings.port}")


def _files(settings: Settings) -> Finding:
    limit, needed = most_files(), settings.max_connections + 1000
    if limit < needed:
        return wrong(
            "open files",
            f"{limit:,} are allowed, but {settings.max_connections:,} connections a gateway are "
            f"configured; raise the limit (ulimit -n {needed}) or lower HIROBA_MAX_CONNECTIONS",
        )
    return good("open files", f"{limit:,} are allowed")


def _proxies(settings: Settings) -> Finding:
    if not settings.trusted_proxies:
        return wrong(
            "proxies",
            "TRUSTED_PROXIES is empty: everybody seems to come from the proxy's address and "
            "shares one limit; name the proxy's network, such as 127.0.0.1/32",
        )
    return good("proxies", ", ".join(map(str, settings.trusted_proxies)))
