"""`hiroba serve`: everything on this machine, from the database to the pages."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import replace

from server.embedded import Embedded
from server.migrate import migrate
from server.settings import Settings
from web.cli import listeners
from web.cli.paths import MIGRATIONS
from web.cli.supervisor import Supervisor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `serve`."""
    parser.add_argument("--port", metavar="N", help="port of pages and sockets; 0 takes a free one")
    parser.add_argument("--gateways", metavar="N", help="gateway processes; default one per core")
    parser.add_argument("--no-demo", action="store_true", help="an empty community, to be set up")
    parser.add_argument("--json", action="store_true", help="print one JSON line when ready")


def run(settings: Settings, args: argparse.Namespace) -> int:
    """Start everything and stay until Ctrl-C or SIGTERM; gives the exit status."""
    with ExitStack() as stack:
        sockets = listeners.bind(settings)
        for listener in sockets:
            stack.callback(listener.close)
        settings = settings.with_port(sockets[0].getsockname()[1])
        embedded = _private_servers(settings, stack)
        if embedded is not None:
            embedded.announce(settings.public_url)
            settings = replace(
                settings,
                database_url=settings.database_url or embedded.dsn,
                redis_url=settings.redis_url or embedded.redis_url,
            )
        applied = asyncio.run(migrate(settings.database_url, MIGRATIONS))
        if applied and not args.json:
            print(f"Database brought to {applied[-1].removesuffix('.sql')}.", flush=True)
        supervisor = Supervisor(settings, sockets, embedded)
        announce = _print_json if args.json else _print_list
        status = asyncio.run(supervisor.run(announce))
        if not args.json and not status:
            print("Hiroba has stopped.", flush=True)
        return status


def _private_servers(settings: Settings, stack: ExitStack) -> Embedded | None:
    """Start those servers whose address nobody gave."""
    if settings.database_url and settings.redis_url:
        return None
    embedded = Embedded(
        settings.data_dir, postgres=not settings.database_url, valkey=not settings.redis_url
    )
    stack.callback(embedded.stop)
    embedded.start()
    return embedded


def _print_json(supervisor: Supervisor) -> None:
    settings = supervisor.settings
    line = {
        "ready": True,
        "urls": [settings.public_url],
        "metrics_url": supervisor.metrics_url,
        "pids": {"supervisor": [os.getpid()], **supervisor.pids()},
        "database_url": settings.database_url,
        "redis_url": settings.redis_url,
        "data_dir": str(settings.data_dir),
    }
    print(json.dumps(line), flush=True)


def _print_list(supervisor: Supervisor) -> None:
    settings = supervisor.settings
    rows = [("Open", settings.public_url), ("Metrics", supervisor.metrics_url)]
    if "postgres" in supervisor.pids() or "valkey" in supervisor.pids():
        rows.append(("Data", str(settings.data_dir)))
    print("\nHiroba is running.\n")
    for name, value in rows:
        print(f"  {name:<9}{value}")
    print("\nCtrl-C stops it; what was said stays.", flush=True)
    sys.stdout.flush()
